// Whether faces are blurred in the pictures that are relayed.

import { h } from "../dom.js";
import { confirmLoss } from "./dialog.js";

const CLEAR =
  "Faces then show as they are, to those who may see them, on each camera whose detector allows it. " +
  "Make sure that the people before the cameras know.";

/** Return the card; change(changes, done): stores changes and says so. */
export function blurCard({ blur }, { change, canChange }) {
  const toggle = async () => {
    if (blur && !(await confirmLoss("Show faces clearly?", CLEAR, "Show them", "Keep them blurred"))) return;
    await change({ blur: !blur }, blur ? "Faces may be shown clearly." : "Faces are blurred.");
  };
  const action = blur ? "Show faces clearly…" : "Blur faces";
  const button = h("button", { type: "button", class: `button ${blur ? "danger" : "primary"}` }, action);
  button.addEventListener("click", toggle);
  const state = blur ? "Faces are blurred before a picture leaves its detector." : "Faces may be shown clearly.";
  return h(
    "section",
    { class: "card", "data-setting": "blur", "aria-labelledby": "blur-title" },
    h("h2", { id: "blur-title" }, "Faces in pictures"),
    h("p", {}, state),
    h("p", { class: "hint" }, "A detector whose setting is preview: blurred never sends a clear picture."),
    canChange ? h("div", { class: "actions" }, button) : null,
  );
}
