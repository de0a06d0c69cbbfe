// A sheet to print and to hang beside a camera: what is read here, and by whom.

import { h } from "../dom.js";

export const title = "Notice";

export function open(root, parameters, app) {
  const sheet = h("article", { class: "card sheet" });
  root.append(sheet);
  app
    .api("GET", "/api/settings")
    .then(({ notice }) => sheet.append(...contents(notice)))
    .catch((failure) => app.notify(failure.message, "bad"));
  return () => {};
}

function contents(notice) {
  const print = h("button", { class: "quiet", type: "button" }, "Print");
  print.addEventListener("click", () => globalThis.print());
  const reminder = h(
    "p",
    { class: "unprinted", role: "note" },
    "Who is responsible, what for, and whom to ask is missing: write it into the setting ",
    h("code", {}, "dashboard.notice"),
    ".",
  );
  return [
    h("h1", {}, "Cameras here read facial expressions"),
    h(
      "p",
      { class: "lead" },
      "You are in view of an emotion recognition system. A program looks for faces in live pictures and estimates " +
        "what each one shows: happy, sad, angry and the like. These are guesses about expressions, not feelings.",
    ),
    notice ? h("p", { class: "notice-text" }, notice) : reminder,
    h(
      "ul",
      {},
      h("li", {}, "It does not find out who you are."),
      h("li", {}, "Pictures are shown live and are not stored; the estimates are kept for a limited time."),
      h("li", {}, "You may ask what is kept, and object."),
    ),
    h("p", { class: "unprinted" }, print),
  ];
}
