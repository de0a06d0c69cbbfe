// The system page: where a frame's time goes, what limits the stack, and the figures that show it.

import { h, milliseconds, rate, table } from "../dom.js";
import { link } from "../router.js";
import { card } from "../system/card.js";
import { factsList } from "../system/facts.js";
import { LatencyChart } from "../system/latency_chart.js";
import { balance, dropsTable, ledgerTable } from "../system/ledger.js";
import { pipelinePicture } from "../system/pipeline.js";
import { Verdict } from "../system/verdict.js";
import { waterfallTable } from "../system/waterfall.js";
import { hostsTable, workersTable } from "../system/workers.js";

const REFRESH_MS = 2000;
const SPANS = { "1 h": 60, "6 h": 360, "24 h": 1440 };

export const title = "System";

export function open(root, parameters, app) {
  const page = new SystemPage(root, app, Number(parameters.minutes));
  return () => page.close();
}

class SystemPage {
  #app;
  #minutes;
  #timer = null;
  /** Of the newest reading; the others are not waited for any more. */
  #number = 0;
  #verdict;
  #chart = new LatencyChart();
  #pipeline = h("div", { id: "pipeline", class: "pipeline", role: "list", "aria-label": "Pipeline" });
  #bodies = {};

  constructor(root, app, minutes) {
    this.#app = app;
    this.#minutes = Object.values(SPANS).includes(minutes) ? minutes : SPANS["1 h"];
    this.#verdict = new Verdict(app, () => this.#refresh());
    root.append(h("h1", {}, title), this.#verdict.element, this.#pipeline, ...this.#cards());
    this.#refresh();
  }

  close() {
    this.#number += 1;
    clearTimeout(this.#timer);
    this.#chart.close();
  }

  #cards() {
    const latency = h("div", { class: "latency-over-time" }, this.#spans(), this.#chart.element);
    const over = h("section", { class: "card" }, h("h2", {}, "Latency over time ", h("code", {}, "mien_end_to_end_seconds")), latency);
    return [
      h("div", { class: "columns" }, this.#card("waterfall", "One frame", "mien_stage_seconds", "Where the time of the newest frames went: the bar is the median, the thin line goes to the 95th percentile. Waiting is amber; the red line is the objective, where it fits in."), over),
      h("div", { class: "columns" }, this.#card("ledger", "Ledger", "mien_frames_total", "Every captured frame is accounted for."), this.#card("drops", "Drops", "mien_frames_total")),
      this.#card("workers", "Processes", "mien_workers"),
      h("div", { class: "columns" }, h("div", { class: "stack" }, this.#card("latency", "Latency by camera", "mien_end_to_end_seconds", "From capture to confirmed in Redis, over the last two minutes."), this.#card("hosts", "Hosts")), this.#card("facts", "Redis, model, versions")),
    ];
  }

  #card(id, ...about) {
    const { element, body } = card(id, ...about);
    this.#bodies[id] = body;
    return element;
  }

  /** The buttons that choose how far back the latency goes. */
  #spans() {
    const button = ([name, minutes]) => {
      const element = h("button", { type: "button", class: "quiet", "aria-pressed": String(minutes === this.#minutes) }, name);
      element.addEventListener("click", () => this.#look(minutes, element));
      return element;
    };
    return h("div", { class: "spans", role: "group", "aria-label": "How far back" }, ...Object.entries(SPANS).map(button));
  }

  #look(minutes, button) {
    this.#minutes = minutes;
    for (const other of button.parentElement.children) other.setAttribute("aria-pressed", String(other === button));
    history.replaceState(history.state, "", link("/system", { minutes }));
    this.#refresh();
  }

  async #refresh() {
    clearTimeout(this.#timer);
    const number = ++this.#number;
    try {
      const system = await this.#app.api("GET", `/api/system?minutes=${this.#minutes}`);
      if (system.verdict.action) await this.#askWhoRunsIt();
      if (number !== this.#number) return;
      this.#show(system);
    } catch (error) {
      if (number !== this.#number) return;
      this.#verdict.update({ code: "unreachable", level: "bad", text: error.message });
    }
    this.#timer = setTimeout(() => (document.hidden ? this.#wait() : this.#refresh()), REFRESH_MS);
  }

  async #askWhoRunsIt() {
    const { supervised } = await this.#app.api("GET", "/api/settings");
    this.#verdict.setSupervised(supervised);
  }

  #wait() {
    const number = this.#number;
    document.addEventListener("visibilitychange", () => number === this.#number && this.#refresh(), { once: true });
  }

  #show(system) {
    this.#verdict.update(system.verdict, system.findings);
    const { status } = system;
    if (!status) return;
    const objectiveMs = system.objective_seconds * 1000;
    this.#pipeline.replaceChildren(...pipelinePicture(system.pipeline));
    this.#chart.update(system.history, objectiveMs);
    const shown = {
      waterfall: [waterfallTable(system.waterfall, objectiveMs)],
      ledger: [...balance(status.ledger), ledgerTable(status.cameras)],
      drops: [dropsTable(status.ledger.dropped, system.drops, system.outcomes)],
      workers: [workersTable(status.workers)],
      latency: [latencyTable(status)],
      hosts: [hostsTable(status.workers)],
      facts: [factsList(system)],
    };
    for (const [id, content] of Object.entries(shown)) this.#bodies[id].replaceChildren(...content);
  }
}

function latencyTable({ cameras, latency }) {
  const row = (name, { p50_ms: p50, p95_ms: p95, p99_ms: p99 }, recorded) => [
    name,
    ...[p50, p95, p99].map(milliseconds),
    recorded,
  ];
  const rows = cameras.map((camera) =>
    row(camera.camera, camera.latency, `${rate(camera.recorded_per_second)} of ${rate(camera.captured_per_second)}`),
  );
  return table(["camera", "p50", "p95", "p99", "recorded/s"], [...rows, row("all", latency, "")]);
}
