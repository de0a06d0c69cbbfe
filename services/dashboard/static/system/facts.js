// Redis, the models in use, and the versions of everything.

import { count, duration, h } from "../dom.js";
import { meter } from "./card.js";

const MEBIBYTE = 2 ** 20;

/** Return the facts as a list of names and values. */
export function factsList({ redis, models, versions }) {
  const entries = [
    ...(redis ? redisFacts(redis) : [["Redis", "does not tell (no INFO)"]]),
    ...models.map(modelFact),
    ...Object.entries(versions).map(([name, version]) => [`version of ${name}`, version]),
  ];
  return h("dl", { class: "fact-list" }, ...entries.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function redisFacts(redis) {
  const used = `${count(Math.round(redis.used_bytes / MEBIBYTE))} MB`;
  const limit = redis.limit_bytes;
  const memory = limit
    ? meter(`${used} of ${count(Math.round(limit / MEBIBYTE))} MB`, redis.used_bytes / limit, "used_memory of maxmemory")
    : `${used}, no limit`;
  return [
    ["Redis memory", memory],
    ["when full", redis.policy || "unknown"],
    ["keys", count(redis.keys)],
    ["clients", count(redis.clients)],
    ["up", duration(redis.up_seconds)],
  ];
}

function modelFact({ sha256, backend, provisional, workers }) {
  const where = `${backend}, in ${workers} classifier${workers === 1 ? "" : "s"}`;
  return ["model", h("span", { title: "mien_model_info" }, h("code", {}, sha256), ` ${where}${provisional ? " (provisional)" : ""}`)];
}
