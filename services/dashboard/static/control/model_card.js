// Which model reads the faces.

import { h, percent } from "../dom.js";

/** Return the card; models: as the API lists them. */
export function modelCard(settings, { models, change, canChange }) {
  const form = h("form", {}, ...models.map((model, index) => choice(model, index, canChange)));
  const use = h("button", { class: "button primary", disabled: "" }, "Use this model");
  const chosen = () => models[Number(form.elements.model.value)];
  form.addEventListener("change", () => (use.disabled = chosen().wanted));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { path, name } = chosen();
    change({ model: path }, `Classifiers change to ${name}, one after the other; no frame is lost.`);
  });
  if (canChange) form.append(h("div", { class: "actions" }, use));
  return h(
    "section",
    { class: "card", "data-setting": "model", "aria-labelledby": "model-title" },
    h("h2", { id: "model-title" }, "Model"),
    form,
  );
}

function choice(model, index, canChange) {
  const isGood = model.state === "good";
  const id = `model-${index}`;
  const input = h("input", { type: "radio", name: "model", id, value: index, disabled: canChange && isGood ? null : "" });
  input.checked = model.wanted;
  const facts = [
    model.accuracy === null ? "" : `${percent(model.accuracy)} of validation pictures read right`,
    model.provisional ? "provisional" : "",
    model.configured ? "as configured" : "",
    isGood ? "" : model.state,
  ];
  const label = h("label", { for: id }, h("strong", {}, model.name), h("span", { class: "hint" }, facts.filter(Boolean).join(" · ")));
  return h("div", { class: "choice" }, input, label, model.note ? h("p", { class: "hint" }, model.note) : null);
}
