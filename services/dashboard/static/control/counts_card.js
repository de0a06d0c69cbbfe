// How many workers of each kind there are.

import { h } from "../dom.js";
import { confirmLoss } from "./dialog.js";
import { checkForm, field, formError } from "./fields.js";

const NUMBER = { kind: "number", min: 0, step: 1, required: true };
const SPECS = [
  { ...NUMBER, name: "detectors", label: "Detectors", help: "They find the faces." },
  { ...NUMBER, name: "classifiers", label: "Classifiers", help: "They read the emotions." },
  { ...NUMBER, name: "recorders", label: "Recorders", help: "They write the results to Redis." },
];
const NONE = "Without them no result comes from any camera, and live frames are lost until there is one again.";
const ELSEWHERE =
  "No supervisor runs this stack, so this page can't start or stop its processes. Change their number where they " +
  "were started, or start the stack with mien up.";

/** Return the card: a form where the supervisor runs the stack, else what there is and what to do. */
export function countsCard(settings, { change, canChange }) {
  const can = canChange && settings.supervised;
  return h(
    "section",
    { class: "card", "data-setting": "counts", "aria-labelledby": "counts-title" },
    h("h2", { id: "counts-title" }, "Workers"),
    can ? countsForm(settings, change) : countsList(settings),
    settings.supervised || !canChange ? null : h("p", { class: "hint" }, ELSEWHERE),
  );
}

function countsList(settings) {
  const entry = ({ name, label }) => h("div", {}, h("dt", {}, label), h("dd", {}, String(settings[name])));
  return h("dl", { class: "counts" }, ...SPECS.map(entry));
}

function countsForm(settings, change) {
  const save = h("button", { class: "button primary", disabled: "" }, "Change");
  const form = h(
    "form",
    { novalidate: "" },
    h("div", { class: "fields" }, ...SPECS.map((spec) => field({ ...spec, max: settings.most[spec.name] }, settings[spec.name]))),
    formError(),
    h("div", { class: "actions" }, save),
  );
  const changes = () => {
    const now = SPECS.map(({ name }) => [name, Number(form.elements[name].value)]);
    return Object.fromEntries(now.filter(([name, count]) => count !== settings[name]));
  };
  form.addEventListener("input", () => (save.disabled = Object.keys(changes()).length === 0));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!checkForm(form)) return;
    const stopped = Object.keys(changes()).filter((name) => changes()[name] === 0);
    if (stopped.length && !(await confirmLoss(`Run no ${stopped.join(", no ")}?`, NONE, "Stop them"))) return;
    await change(changes(), "The supervisor starts and stops processes; no frame is lost.");
  });
  return form;
}
