// The timeline's time axis, and how its moments are written.

import { h } from "./dom.js";

const STEPS = [10, 30, 60, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000];
const TICK_PIXELS = 90;
const DAY = 86400;

/** Return the moments to label between since and until (seconds since 1970), at whole local times. */
export function ticks(since, until, width) {
  const least = ((until - since) / Math.max(width, 1)) * TICK_PIXELS;
  const step = STEPS.find((candidate) => candidate >= least) ?? STEPS.at(-1);
  const offset = new Date(since * 1000).getTimezoneOffset() * 60;
  const found = [];
  for (let at = Math.ceil((since - offset) / step) * step + offset; at <= until; at += step) found.push(at);
  return { found, step };
}

/** Write a moment; step: seconds that two of them lie apart. */
export function clock(second, step) {
  const date = new Date(second * 1000);
  const day = { day: "numeric", month: "short" };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 ? { second: "2-digit" } : {}) };
  if (step >= DAY) return date.toLocaleDateString(undefined, day);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? date.toLocaleTimeString(undefined, time) : date.toLocaleString(undefined, { ...day, ...time });
}

/** Write a stretch of time. */
export const stretch = (since, until, step) => `${clock(since, step)} – ${clock(until, step)}`;

/** Fill an element with the axis. */
export function drawAxis(element, { since, until }, width) {
  const { found, step } = ticks(since, until, width);
  element.replaceChildren(
    ...found.map((at) => {
      const label = h("span", {}, clock(at, step));
      label.style.left = `${((at - since) / (until - since)) * width}px`;
      return label;
    }),
  );
}
