// The ledger as a balance, and the drops by reason.

import { count, h, percent, table } from "../dom.js";

/** Return the balance: captured = recorded + dropped + in flight, as numbers and as one bar. */
export function balance({ captured, recorded, dropped, in_flight: inFlight }) {
  const lost = sum(dropped);
  const parts = [["recorded", recorded], ["dropped", lost], ["in flight", inFlight]];
  const term = (sign, name, frames) =>
    h("div", { "data-part": name }, h("dt", {}, `${sign}${name}`), h("dd", {}, count(frames)));
  const bar = h("div", { class: "balance-bar", "aria-hidden": "true" });
  for (const [name, frames] of parts) {
    const part = h("i", { "data-part": name });
    part.style.flexGrow = frames;
    bar.append(part);
  }
  const [first, ...rest] = parts;
  return [
    h(
      "dl",
      { class: "balance" },
      term("", "captured", captured),
      term("= ", ...first),
      ...rest.map((part) => term("+ ", ...part)),
    ),
    bar,
  ];
}

/** Return the balance of each camera. */
export function ledgerTable(cameras) {
  const rows = cameras.map(({ camera, ledger }) => [
    camera,
    count(ledger.captured),
    count(ledger.recorded),
    count(sum(ledger.dropped)),
    count(ledger.in_flight),
  ]);
  return table(["camera", "captured", "= recorded", "+ dropped", "+ in flight"], rows);
}

/** Return the drops by reason: in all, and of the last minute that somebody looked; outcomes: what each means. */
export function dropsTable(dropped, recent, outcomes) {
  const names = Object.entries(dropped).sort(([, one], [, other]) => other - one);
  if (names.length === 0) return h("p", { class: "hint" }, "No frame was dropped.");
  const lately = recent.seconds < 1 ? "lately" : `in the last ${Math.round(recent.seconds)} s`;
  const rows = names.map(([reason, frames]) => [
    reason,
    count(frames),
    recent.seconds ? lastly(recent, reason) : "–",
    h("small", {}, `the frame ${outcomes[reason]}`),
  ]);
  return table(["reason", "frames", lately, "meaning"], rows);
}

function lastly({ dropped, captured }, reason) {
  const frames = dropped[reason] ?? 0;
  return frames ? `${count(frames)} (${percent(frames / Math.max(1, captured))})` : "0";
}

const sum = (dropped) => Object.values(dropped).reduce((total, frames) => total + frames, 0);
