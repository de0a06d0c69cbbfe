// Short notices: what was done, or what did not work.

import { h } from "./dom.js";

const SHOWN_MS = 8000;

/** Show a line of text for a while; kind: "good", "warn" or "bad". */
export function notify(text, kind = "good") {
  const close = h("button", { class: "quiet", type: "button", "aria-label": "Dismiss" }, "×");
  const notice = h("p", { class: "notice", "data-level": kind }, text, close);
  close.addEventListener("click", () => notice.remove());
  setTimeout(() => notice.remove(), SHOWN_MS);
  document.getElementById("notices").append(notice);
}
