// The text that tells people that cameras hang here.

import { h } from "../dom.js";
import { link } from "../router.js";

/** Return the card. */
export function noticeCard({ notice }) {
  return h(
    "section",
    { class: "card", "data-setting": "notice", "aria-labelledby": "notice-title" },
    h("h2", { id: "notice-title" }, "Notice for the place"),
    h("blockquote", {}, notice),
    h("p", { class: "hint" }, "Hang it up where the cameras are. It is set in mien.yaml, as dashboard.notice."),
    h("div", { class: "actions" }, h("a", { class: "button", href: link("/notice") }, "Show it to print")),
  );
}
