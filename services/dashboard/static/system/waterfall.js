// The waterfall of one frame: a bar for each stage of its road, where the one before it ended.

import { h } from "../dom.js";
import { svg } from "../svg.js";

const NAMES = {
  capture: "capture",
  frames_queue: "wait for a detector",
  detect: "detect",
  faces_queue: "wait for a classifier",
  classify: "classify",
  results_queue: "wait for a recorder",
  record: "record",
  glass: "to the screen",
};
const WIDTH = 1000;
const HEIGHT = 20;

/** Return the waterfall as a table: stage, bar, median, 95th percentile. */
export function waterfallTable(stages, objectiveMs) {
  if (stages.length === 0) return h("p", { class: "hint" }, "No frame was recorded in the last minute.");
  const longest = Math.max(...stages.map((stage) => stage.starts_ms + stage.p95_ms));
  const span = longest * 1.6 > objectiveMs ? Math.max(longest, objectiveMs * 1.02) : longest;
  return h(
    "table",
    { class: "waterfall" },
    h("thead", {}, h("tr", {}, ...["stage", `0 to ${milliseconds(span)} after capture`, "p50", "p95"].map(head))),
    h("tbody", {}, ...stages.map((stage) => row(stage, span, objectiveMs))),
  );
}

const head = (text) => h("th", { scope: "col" }, text);

function row({ stage, starts_ms: starts, p50_ms: p50, p95_ms: p95 }, span, objectiveMs) {
  const title = stage === "glass" ? "mien_glass_seconds" : `mien_stage_seconds{stage="${stage}"}`;
  return h(
    "tr",
    { "data-stage": stage, "data-kind": stage.endsWith("_queue") ? "wait" : "work" },
    h("th", { scope: "row", title }, NAMES[stage] ?? stage),
    h("td", {}, bar(starts, p50, p95, span, objectiveMs)),
    h("td", {}, milliseconds(p50)),
    h("td", {}, milliseconds(p95)),
  );
}

function bar(starts, p50, p95, span, objectiveMs) {
  const x = (ms) => (ms / span) * WIDTH;
  const box = { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true", class: "bar-line" };
  const rect = (name, from, to, top, height) =>
    svg("rect", { class: name, x: x(from), y: top, width: Math.max(x(to - from), 2), height });
  const objective = objectiveMs <= span ? [rect("objective", objectiveMs, objectiveMs, 0, HEIGHT)] : [];
  return svg("svg", box, rect("to-p95", starts, starts + p95, 7, 6), rect("to-p50", starts, starts + p50, 2, 16), ...objective);
}

/** Write milliseconds with a decimal where they are few. */
const milliseconds = (value) => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
