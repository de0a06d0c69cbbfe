// Modal dialogs: a question before something is lost, and a frame for whatever else needs one.

import { h } from "../dom.js";

/** Open a dialog with this content; it closes with Esc and its buttons, and leaves nothing behind. */
export function openDialog(heading, ...content) {
  const title = h("h2", { id: "dialog-title" }, heading);
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, title, ...content);
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Ask before something is lost; see `confirm`. */
export function confirmLoss(heading, text, action, keep = "Keep as it is") {
  return confirm(heading, text, action, keep, "danger");
}

/** Ask whether to go on; kind: "primary" or "danger". Resolves to true if the person does.
 *  The harmless answer has the focus. */
export function confirm(heading, text, action, keep = "Cancel", kind = "primary") {
  const yes = h("button", { type: "button", class: `button ${kind}` }, action);
  const no = h("button", { type: "button", class: "button", autofocus: "" }, keep);
  const dialog = openDialog(heading, h("p", {}, text), h("div", { class: "actions" }, no, yes));
  yes.addEventListener("click", () => dialog.close("yes"));
  no.addEventListener("click", () => dialog.close());
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"));
  });
}
