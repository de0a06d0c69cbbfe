// The system page: the pipeline with its queues, the ledger, latencies, processes.

import { count, duration, h, milliseconds, rate, table } from "../dom.js";

const STAGES = [
  { service: "capture", after: "frames" },
  { service: "detector", after: "faces" },
  { service: "classifier", after: "results" },
  { service: "recorder", after: null },
];

export const title = "System";

export function open(root, parameters, app) {
  const pipelines = h("div", { id: "pipeline", class: "pipeline" });
  const [ledger, latency, workers] = ["ledger", "latency", "workers"].map(region);
  root.append(
    h("h1", {}, title),
    pipelines,
    h(
      "div",
      { class: "columns" },
      card(ledger, "Ledger", "mien_frames_total", "Every captured frame is accounted for: captured = recorded + dropped + in flight."),
      card(latency, "Latency", "mien_end_to_end_seconds", "From capture to confirmed in Redis, over the last two minutes."),
    ),
    card(workers, "Processes", "mien_workers"),
  );
  const show = (status) => {
    pipelines.replaceChildren(...pipeline(status));
    ledger.replaceChildren(ledgerTable(status));
    latency.replaceChildren(latencyTable(status));
    workers.replaceChildren(workerTable(status));
  };
  if (app.status) show(app.status);
  return app.on("status", show);
}

function region(id) {
  return h("div", { id, class: "scroll", tabindex: "0", role: "region", "aria-labelledby": `${id}-title` });
}

function card(body, name, metric, hint) {
  const heading = h("h2", { id: `${body.id}-title` }, `${name} `, h("code", {}, metric));
  return h("section", { class: "card" }, heading, hint ? h("p", { class: "hint" }, hint) : null, body);
}

function pipeline(status) {
  return STAGES.flatMap(({ service, after }) => {
    const queue = status.queues.find((candidate) => candidate.queue === after);
    return [stage(service, status), queue ? queueArrow(queue) : null];
  }).filter(Boolean);
}

function stage(service, status) {
  const workers = status.workers.filter((worker) => worker.service === service && !worker.facts.camera);
  const jobs = workers.reduce((sum, worker) => sum + (worker.jobs_per_second ?? 0), 0);
  const captured = status.cameras.reduce((sum, camera) => sum + camera.captured_per_second, 0);
  const demand = status.demand[service];
  const level = workers.length === 0 ? "bad" : demand > 1 ? "bad" : demand > 0.8 ? "warn" : "good";
  return h(
    "div",
    { class: "stage", "data-level": level },
    h("h3", {}, service, h("span", { class: "number" }, ` ×${workers.length}`)),
    h("p", {}, `${rate(service === "capture" ? captured : jobs)} /s`),
    demand === undefined ? null : meter("demand", demand, `mien_demand_ratio{service="${service}"}`),
  );
}

function meter(name, share, metric) {
  const fill = h("i", {});
  fill.style.setProperty("--share", Math.min(share, 1));
  return h("p", { class: "meter", title: metric }, h("span", {}, `${name} ${share.toFixed(2)}`.trim()), fill);
}

function queueArrow(queue) {
  return h(
    "div",
    { class: "queue", title: `mien_queue_depth{queue="${queue.queue}"}, mien_queue_oldest_seconds` },
    h("span", {}, queue.queue),
    h("b", {}, count(queue.depth)),
    h("small", {}, `oldest ${duration(queue.oldest_seconds)}`),
  );
}

function ledgerTable(status) {
  const row = (name, ledger) => [
    name,
    count(ledger.captured),
    count(ledger.recorded),
    droppedCell(ledger.dropped),
    count(ledger.in_flight),
  ];
  const rows = status.cameras.map((camera) => row(camera.camera, camera.ledger));
  return table(["camera", "captured", "= recorded", "+ dropped", "+ in flight"], [...rows, row("all", status.ledger)]);
}

function droppedCell(dropped) {
  const reasons = Object.entries(dropped);
  if (reasons.length === 0) return "0";
  const total = reasons.reduce((sum, [, frames]) => sum + frames, 0);
  const list = reasons.map(([reason, frames]) => `${reason} ${count(frames)}`).join(", ");
  return h("span", {}, `${count(total)} `, h("small", {}, list));
}

function latencyTable(status) {
  const row = (name, latency, camera) => [
    name,
    milliseconds(latency.p50_ms),
    milliseconds(latency.p95_ms),
    milliseconds(latency.p99_ms),
    camera ? `${rate(camera.recorded_per_second)} of ${rate(camera.captured_per_second)}` : "",
  ];
  const rows = status.cameras.map((camera) => row(camera.camera, camera.latency, camera));
  const all = row("all", status.latency, null);
  return table(["camera", "p50", "p95", "p99", "recorded/s"], [...rows, all]);
}

function workerTable(status) {
  const rows = status.workers.map((worker) => [
    worker.instance,
    h("span", { class: "pill", "data-level": worker.state === "working" ? "good" : "warn" }, worker.state),
    worker.host,
    worker.busy === null ? "–" : meter("", worker.busy, "mien_busy_seconds_total"),
    rate(worker.jobs_per_second),
    worker.seconds_per_job ? milliseconds(worker.seconds_per_job * 1000) : "–",
    notes(worker.facts),
  ]);
  return table(["process", "state", "host", "busy", "jobs/s", "per job", "with"], rows);
}

/** Say what a process works with; a model that only stands in for the real one is marked. */
function notes(facts) {
  const { provisional, remedy, url, ...shown } = facts;
  const texts = Object.entries(shown)
    .filter(([, value]) => ["string", "number"].includes(typeof value) && value !== "")
    .map(([name, value]) => `${name} ${typeof value === "number" ? count(value) : value}`);
  const mark = provisional ? h("span", { class: "pill", "data-level": "warn" }, "provisional model") : null;
  return h("span", { class: "notes" }, texts.join(" · "), mark ? " " : null, mark);
}
