// The pipeline as a picture: each service with its rate and load, and the queue in front of it.

import { count, duration, h, percent, rate } from "../dom.js";
import { meter } from "./card.js";

/** Return the elements of the picture, from capture to recorder. */
export function pipelinePicture(pipeline) {
  return pipeline.flatMap((stage) => [stage.queue ? queueArrow(stage.queue) : null, stageBox(stage)]).filter(Boolean);
}

/** Load, as the API says it → how it looks, and what is said of it. */
const LOADS = { absent: ["bad", "not there"], over: ["bad", "overloaded"], near: ["warn", "nearly full"], fine: ["good", ""] };

function stageBox({ service, workers, per_second: perSecond, busy, demand, load }) {
  const [level, word] = LOADS[load];
  const unit = service === "capture" ? "frames/s" : "jobs/s";
  return h(
    "div",
    { class: "stage", "data-level": level, "data-service": service, role: "listitem" },
    h("h3", {}, service, " ", h("span", { class: "number", title: `mien_workers{service="${service}"}` }, `×${workers}`)),
    h("p", { class: "rate" }, h("b", {}, rate(perSecond)), ` ${unit}`),
    demand === null ? null : meter(`demand ${demand.toFixed(2)}`, demand, `mien_demand_ratio{service="${service}"}`),
    busy === null ? null : meter(`busy ${percent(busy)}`, busy, "mien_busy_seconds_total"),
    word ? h("p", { class: "pill", "data-level": level }, word) : null,
  );
}

function queueArrow({ queue, depth, oldest_seconds: oldest, arrivals_per_second: arrivals }) {
  const title = `mien_queue_depth{queue="${queue}"}, mien_queue_oldest_seconds{queue="${queue}"}`;
  return h(
    "div",
    { class: "queue", title, "data-queue": queue, role: "listitem" },
    h("span", {}, `${queue} queue`),
    h("b", {}, `${count(depth)} waiting`),
    h("small", {}, `oldest ${duration(oldest)}`),
    h("small", {}, `${rate(arrivals)}/s in`),
  );
}
