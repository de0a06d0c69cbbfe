// The timeline's time axis, and how its moments are written.

import { h } from "./dom.js";

const STEPS = [10, 30, 60, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 432000];
const TICK_PIXELS = 72;
const LAST_PIXELS = 44;
const HOUR = 3600;
const DAY = 86400;

/** Return the moments to label between since and until (seconds since 1970), at whole local times. */
export function ticks(since, until, width) {
  const least = ((until - since) / Math.max(width, 1)) * TICK_PIXELS;
  const step = STEPS.find((candidate) => candidate >= least) ?? STEPS.at(-1);
  const offset = new Date(since * 1000).getTimezoneOffset() * 60;
  const last = until - ((until - since) / Math.max(width, 1)) * LAST_PIXELS;
  const moment = step < HOUR ? (local) => local + offset : momentOf; // clocks change by half hours at the least
  const found = [];
  let local = Math.ceil((since - offset) / step) * step;
  for (let at = moment(local); at <= last; at = moment((local += step))) if (at !== found.at(-1)) found.push(at);
  return { found, step };
}

/** Return when the clock here shows what one at UTC shows at this moment, a whole hour; one that is skipped is the next. */
function momentOf(local) {
  const shown = new Date(local * 1000);
  return new Date(shown.getUTCFullYear(), shown.getUTCMonth(), shown.getUTCDate(), shown.getUTCHours()).getTime() / 1000;
}

const isToday = (second) => new Date(second * 1000).toDateString() === new Date().toDateString();

/** Write a moment; step: seconds that two of them lie apart; withDay: whether to name the day. */
export function clock(second, step, withDay = !isToday(second)) {
  const date = new Date(second * 1000);
  const day = { day: "numeric", month: "short" };
  const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(step < 60 ? { second: "2-digit" } : {}) };
  if (step >= DAY) return date.toLocaleDateString(undefined, day);
  return withDay ? date.toLocaleString(undefined, { ...day, ...time }) : date.toLocaleTimeString(undefined, time);
}

/** Write a stretch of time. */
export function stretch(since, until, step) {
  const withDay = !isToday(since) || !isToday(until);
  return `${clock(since, step, withDay)} – ${clock(until, step, withDay)}`;
}

/** Fill an element with the axis. */
export function drawAxis(element, { since, until }, width) {
  const { found, step } = ticks(since, until, width);
  element.replaceChildren(
    ...found.map((at) => {
      const isMidnight = new Date(at * 1000).getHours() === 0 && step >= 3600;
      const label = h("span", {}, clock(at, isMidnight ? DAY : step, false));
      label.style.left = `${((at - since) / (until - since)) * width}px`;
      return label;
    }),
  );
}
