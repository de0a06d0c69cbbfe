// The last minute of one face as a small picture: the seven shares over time, stacked to one.

import { colourOf } from "./emotions.js";
import { svg } from "./svg.js";

const SPAN_SECONDS = 60;
const STEP_SECONDS = 0.2;
const GAP_SECONDS = 2;
const [WIDTH, HEIGHT] = [240, 44];

export class History {
  #labels;
  #points = [];
  #areas;

  /** labels: the emotions, in the order in which they are stacked. */
  constructor(labels) {
    this.#labels = labels;
    this.#areas = labels.map((label, index) => svg("path", { fill: colourOf(label, index) }));
    const frame = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
    this.element = svg("svg", { class: "history", ...frame, role: "img", "aria-label": "Last minute" });
    this.element.append(...this.#areas);
  }

  /** Note the shares (smoothed, label → share) at a moment in seconds; more often than 5 times a second is left out. */
  add(seconds, shares) {
    if (seconds - (this.#points.at(-1)?.seconds ?? -Infinity) < STEP_SECONDS) return;
    this.#points.push({ seconds, shares: this.#labels.map((label) => shares[label] ?? 0) });
    const since = seconds - SPAN_SECONDS;
    while (this.#points[0].seconds < since) this.#points.shift();
  }

  /** Put what was recorded before in front: [seconds, shares] in order. */
  recall(past) {
    const seen = this.#points;
    this.#points = [];
    const first = seen[0]?.seconds ?? Infinity;
    for (const [seconds, shares] of past) if (seconds < first) this.add(seconds, shares);
    this.#points.push(...seen);
  }

  /** Draw the minute before `now`. */
  draw(now) {
    const runs = runsOf(this.#points);
    this.#areas.forEach((area, index) => area.setAttribute("d", runs.map((run) => outline(run, index, now)).join("")));
    this.element.setAttribute("aria-label", this.#spoken());
  }

  #spoken() {
    const means = this.#labels.map((label, index) => {
      const sum = this.#points.reduce((total, point) => total + point.shares[index], 0);
      return { label, share: sum / Math.max(this.#points.length, 1) };
    });
    means.sort((one, other) => other.share - one.share);
    const told = means.slice(0, 3).map(({ label, share }) => `${label} ${Math.round(share * 100)} %`);
    return `Last minute, on average: ${told.join(", ")}`;
  }
}

/** Split where the face was away. */
function runsOf(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && point.seconds - run.at(-1).seconds < GAP_SECONDS) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

/** Return the outline of one emotion's share over those stacked below it. */
function outline(run, index, now) {
  const x = (point) => (WIDTH * (1 - (now - point.seconds) / SPAN_SECONDS)).toFixed(1);
  const below = (point, count) => point.shares.slice(0, count).reduce((sum, share) => sum + share, 0);
  const at = (point, count) => `${x(point)},${(HEIGHT * (1 - below(point, count))).toFixed(1)}`;
  const top = run.map((point) => at(point, index + 1));
  const bottom = run.map((point) => at(point, index)).reverse();
  return `M${[...top, ...bottom].join("L")}Z`;
}
