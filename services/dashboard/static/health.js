// The page's head on every view: is all well, what to do about it, and the stack in one line.

import { duration, h, milliseconds, rate, setText } from "./dom.js";

const byId = (id) => document.getElementById(id);

/** Show why the stack can't be seen, or what a person should do (nothing: all is well). */
export function showHealth({ error = "", remedies = [] }) {
  const pill = byId("health");
  const texts = error ? [error] : remedies;
  setText(pill, error ? "out of reach" : remedies.length ? `${remedies.length} to look at` : "all well");
  pill.dataset.level = error ? "bad" : remedies.length ? "warn" : "good";
  const section = byId("remedies");
  section.hidden = texts.length === 0;
  const shown = [...section.querySelectorAll("li")].map((item) => item.textContent);
  if (shown.join("\n") !== texts.join("\n")) {
    section.replaceChildren(h("ul", {}, ...texts.map((text) => h("li", {}, text))));
  }
}

/** Show what a status document says in one line, and the age of frames on this screen in seconds (null: none). */
export function showSummary(status, glassSeconds) {
  const live = status.cameras.filter((camera) => camera.state === "live").length;
  const recorded = status.cameras.reduce((sum, camera) => sum + camera.recorded_per_second, 0);
  const parts = [
    `${live} of ${status.cameras.length} cameras live`,
    `${rate(recorded)} frames/s`,
    `p95 ${milliseconds(status.latency.p95_ms)}`,
    ...(glassSeconds === null ? [] : [`on this screen ${duration(glassSeconds)}`]),
  ];
  setText(byId("summary"), parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · "));
}
