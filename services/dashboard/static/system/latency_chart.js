// End-to-end latency over time: p50, p95 and p99 on a logarithmic scale, with the objective drawn in.

import { count, h, milliseconds, setText } from "../dom.js";
import { svg } from "../svg.js";

const HEIGHT = 240;
const MARGIN = { left: 64, right: 40, top: 32, bottom: 24 };
const TICKS = [1, 2, 5, 10, 20, 30, 50, 100, 200, 300, 500, 1000, 2000, 5000];
const LINES = ["p50", "p95", "p99"];
const HINT = "Point at the chart, or go along it with the arrow keys, to read a moment.";

export class LatencyChart {
  #points = [];
  #objectiveMs = 250;
  #chosen = null;
  #width = 600;
  #plot = svg("svg", { class: "latency-chart", role: "img", tabindex: "0", height: HEIGHT });
  #readout = h("p", { class: "hint", "aria-live": "polite" }, HINT);

  constructor() {
    this.element = h("div", {}, this.#plot, this.#readout);
    this.#plot.addEventListener("pointermove", (event) => this.#choose(this.#at(event.offsetX)));
    this.#plot.addEventListener("pointerleave", () => this.#choose(null));
    this.#plot.addEventListener("blur", () => this.#choose(null));
    this.#plot.addEventListener("keydown", (event) => this.#onKey(event));
    this.observer = new ResizeObserver(([entry]) => this.#resize(entry.contentRect.width));
    this.observer.observe(this.element);
  }

  /** points: [{ start, seconds, frames, p50_ms, p95_ms, p99_ms }], oldest first. */
  update(points, objectiveMs) {
    this.#points = points;
    this.#objectiveMs = objectiveMs;
    this.#draw();
  }

  close() {
    this.observer.disconnect();
  }

  #resize(width) {
    if (width && Math.abs(width - this.#width) > 1) {
      this.#width = width;
      this.#draw();
    }
  }

  #x(index) {
    const inner = this.#width - MARGIN.left - MARGIN.right;
    return MARGIN.left + (inner * index) / Math.max(1, this.#points.length - 1);
  }

  #at(x) {
    const inner = this.#width - MARGIN.left - MARGIN.right;
    const index = Math.round(((x - MARGIN.left) / inner) * (this.#points.length - 1));
    return Math.min(Math.max(index, 0), this.#points.length - 1);
  }

  #onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const last = this.#points.length - 1;
    this.#choose(Math.min(Math.max((this.#chosen ?? last + (step < 0 ? 1 : 0)) + step, 0), last));
  }

  #choose(index) {
    this.#chosen = this.#points.length ? index : null;
    const point = this.#points[this.#chosen];
    setText(this.#readout, point ? reading(point) : HINT);
    this.#draw();
  }

  #draw() {
    const values = this.#points.flatMap((point) => LINES.map((line) => point[`${line}_ms`])).filter((ms) => ms !== null);
    const low = Math.min(this.#objectiveMs / 4, ...values) * 0.8;
    const high = Math.max(this.#objectiveMs * 1.6, ...values) * 1.1;
    const inner = HEIGHT - MARGIN.top - MARGIN.bottom;
    const y = (ms) => HEIGHT - MARGIN.bottom - (inner * Math.log(Math.max(ms, low) / low)) / Math.log(high / low);
    this.#plot.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#plot.setAttribute("aria-label", this.#summary());
    this.#plot.replaceChildren(
      ...this.#ground(y, TICKS.filter((ms) => ms >= low && ms <= high)),
      ...LINES.map((line) => svg("path", { class: `line ${line}`, d: this.#path(`${line}_ms`, y) })),
      ...this.#labels(y),
      ...this.#cursor(y),
    );
  }

  #summary() {
    const last = this.#points.findLast((point) => point.p95_ms !== null);
    const says = last ? `last: ${reading(last)}` : "nothing was recorded";
    return `End-to-end latency over time, objective ${milliseconds(this.#objectiveMs)}; ${says}`;
  }

  /** The axes, and the area over the objective. */
  #ground(y, ticks) {
    const [left, right] = [MARGIN.left, this.#width - MARGIN.right];
    const over = { class: "over", x: left, y: MARGIN.top, width: Math.max(0, right - left) };
    const level = y(this.#objectiveMs);
    const text = (name, x, at, words) => svg("text", { class: name, x, y: at }, words);
    const lines = ticks.flatMap((ms) => [
      svg("path", { class: "grid", d: `M${left} ${y(ms)}H${right}` }),
      text("tick", left - 6, y(ms) + 4, milliseconds(ms)),
    ]);
    return [
      svg("rect", { ...over, height: Math.max(0, level - MARGIN.top) }),
      ...lines,
      svg("path", { class: "objective", d: `M${left} ${level}H${right}` }),
      text("objective-name", left + 6, level - 5, `objective ${milliseconds(this.#objectiveMs)}`),
      ...this.#times().map(([x, words]) => text("time", x, HEIGHT - 6, words)),
    ];
  }

  #times() {
    const number = Math.max(2, Math.min(7, Math.floor(this.#width / 110)));
    const last = this.#points.length - 1;
    if (last < 1) return [];
    const indices = [...Array(number).keys()].map((step) => Math.round((last * step) / (number - 1)));
    return indices.map((index) => [this.#x(index), clock(this.#points[index].start)]);
  }

  /** One line; where nothing was recorded it has a gap, and a lonely point is a dot. */
  #path(field, y) {
    const parts = this.#points.map((point, index) => {
      if (point[field] === null) return "";
      const begins = index === 0 || this.#points[index - 1][field] === null;
      return `${begins ? "M" : "L"}${this.#x(index).toFixed(1)} ${y(point[field]).toFixed(1)}${begins ? "h0" : ""}`;
    });
    return parts.join("");
  }

  /** The lines' names at their right ends, kept apart. */
  #labels(y) {
    const last = this.#points.findLast((point) => point.p95_ms !== null);
    if (!last) return [];
    let above = Infinity;
    return LINES.map((line) => {
      above = Math.min(y(last[`${line}_ms`]) + 4, above - 12);
      return svg("text", { class: `name ${line}`, x: this.#width - MARGIN.right + 6, y: above }, line);
    });
  }

  #cursor(y) {
    const point = this.#points[this.#chosen];
    if (!point) return [];
    const x = this.#x(this.#chosen);
    const dots = LINES.filter((line) => point[`${line}_ms`] !== null).map((line) =>
      svg("circle", { class: line, cx: x, cy: y(point[`${line}_ms`]), r: 3.5 }),
    );
    return [svg("path", { class: "cursor", d: `M${x} ${MARGIN.top}V${HEIGHT - MARGIN.bottom}` }), ...dots];
  }
}

const clock = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function reading(point) {
  const values = LINES.map((line) => `${line} ${milliseconds(point[`${line}_ms`])}`).join(" · ");
  return `${clock(point.start)}: ${point.frames ? `${values} · ${count(point.frames)} frames` : "nothing recorded"}`;
}
