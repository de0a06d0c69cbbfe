// A card of the system page: a heading with the metric's name, a hint, and a body that may scroll sideways.

import { h } from "../dom.js";

/** Return { element, body }; the body has this id, and can be reached by keyboard as it may scroll. */
export function card(id, heading, metric, hint) {
  const body = h("div", { id, class: "scroll", tabindex: "0", role: "region", "aria-labelledby": `${id}-title` });
  const title = h("h2", { id: `${id}-title` }, `${heading} `, metric ? h("code", {}, metric) : null);
  return { element: h("section", { class: "card" }, title, hint ? h("p", { class: "hint" }, hint) : null, body), body };
}

/** Return a share as a small bar behind its number; title: the metric's name. */
export function meter(text, share, title) {
  const fill = h("i", { "aria-hidden": "true" });
  fill.style.setProperty("--share", Math.max(0, Math.min(share, 1)));
  return h("span", { class: "meter", title }, h("span", {}, text), fill);
}
