// Every process of the stack: where it runs, with what, and how busy it is.

import { count, h, milliseconds, percent, rate, table } from "../dom.js";
import { meter } from "./card.js";

const HEADS = ["process", "state", "host", "with", "batch", "busy", "jobs/s", "per job"];

/** Return the table of processes. */
export function workersTable(workers) {
  return table(HEADS, workers.map(row));
}

/** Return each host with its cores, their load, and its clock. */
export function hostsTable(workers) {
  const hosts = [...new Set(workers.map((worker) => worker.host))].map((host) => {
    const here = workers.filter((worker) => worker.host === host);
    const busy = Math.min(...here.map((worker) => worker.host_busy));
    const [{ cores, clock_offset_seconds: offset }] = here;
    return [host, count(here.length), cores ? count(cores) : "–", meter(percent(busy), busy, "of all its cores"), clock(offset)];
  });
  return table(["host", "processes", "cores", "in use", "clock"], hosts);
}

const clock = (offset) => h("span", { title: "mien_clock_offset_seconds" }, offset ? `${(-offset).toFixed(3)} s` : "broker's");

function row(worker) {
  const { instance, state, host, facts, busy, jobs_per_second: jobs, seconds_per_job: each, batch_size: batch } = worker;
  return [
    instance,
    h("span", { class: "pill", "data-level": state === "working" ? "good" : "warn" }, state),
    host,
    h("span", { class: "notes" }, uses(facts), facts.provisional ? " " : null, facts.provisional ? provisional() : null),
    batch === null ? "–" : h("span", { title: "mien_batch_size" }, rate(batch)),
    busy === null ? "–" : meter(percent(busy), busy, "mien_busy_seconds_total"),
    h("span", { title: "mien_jobs_total" }, rate(jobs)),
    each ? milliseconds(each * 1000) : "–",
  ];
}

/** Say what a process works with: device, model, detector, and whatever else it tells. */
function uses({ device, model, backend, detector, provisional: _, remedy: __, url, ...others }) {
  const rest = Object.entries(others)
    .filter(([, value]) => (typeof value === "string" && value) || typeof value === "number")
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "number" ? count(value) : value}`);
  const named = [device, model && `model ${model}`, backend, detector && `detector ${detector}`, url];
  return [...named.filter(Boolean), ...rest].join(" · ");
}

const provisional = () => h("span", { class: "pill", "data-level": "warn" }, "provisional model");
