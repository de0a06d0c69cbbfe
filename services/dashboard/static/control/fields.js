// Form fields: a label, an input, help in plain words, and the error beside it.

import { h } from "../dom.js";

/** Return a field's element.
 *  spec: name, label, help, kind ("text", "number", "check", "select"), options ([value, text]), and for inputs
 *  placeholder, min, max, step, required, pattern, and what is `wrong` where the pattern does not fit. */
export function field(spec, value) {
  const ids = { input: `field-${spec.name}`, help: `help-${spec.name}`, error: `error-${spec.name}` };
  const input = inputOf(spec, value, ids);
  const label = h("label", { for: ids.input }, spec.label);
  const error = h("p", { class: "field-error", id: ids.error, "aria-live": "polite" });
  const help = spec.help ? h("p", { class: "hint", id: ids.help }, spec.help) : null;
  const head = spec.kind === "check" ? h("div", { class: "check" }, input, label) : label;
  const element = h("div", { class: "field" }, head, spec.kind === "check" ? null : input, help, error);
  input.addEventListener("input", () => setError(input, ""));
  return element;
}

function inputOf(spec, value, ids) {
  const attributes = {
    id: ids.input,
    name: spec.name,
    "aria-describedby": [spec.help ? ids.help : "", ids.error].join(" ").trim(),
    required: spec.required ? "" : null,
  };
  if (spec.kind === "select") {
    const options = spec.options.map(([choice, text]) => h("option", { value: choice }, text));
    return filled(spec, h("select", attributes, ...options), value);
  }
  if (spec.kind === "check") return filled(spec, h("input", { ...attributes, type: "checkbox" }), value);
  const { placeholder, min, max, step, pattern, wrong } = spec;
  const plain = { autocomplete: "off", autocapitalize: "none", spellcheck: "false", "data-wrong": wrong };
  const input = h("input", { ...attributes, ...plain, type: spec.kind, placeholder, min, max, step, pattern });
  return filled(spec, input, value);
}

function filled(spec, input, value) {
  if (spec.kind === "check") input.checked = Boolean(value);
  else input.value = value ?? "";
  return input;
}

/** Show a value, as the API gives it, in a field of a form. */
export function setValue(spec, form, value) {
  filled(spec, form.elements[spec.name], value);
}

/** Return a field's value as the API takes it: numbers as numbers, an empty one as its default. */
export function valueOf(spec, form) {
  const input = form.elements[spec.name];
  if (spec.kind === "check") return input.checked;
  const text = input.value.trim();
  const isNumber = spec.kind === "number" || spec.numeric;
  if (!isNumber) return text || spec.empty || "";
  return text === "" ? (spec.empty ?? null) : Number(text);
}

/** Show an error beside an input, or take it away with "". */
export function setError(input, text) {
  const place = document.getElementById(`error-${input.name}`);
  if (place) place.textContent = text;
  input.setAttribute("aria-invalid", text ? "true" : "false");
}

/** Check what the browser can check, say it beside the fields, and focus the first wrong one. */
export function checkForm(form) {
  const wrong = [...form.elements].filter((input) => input.name && !input.checkValidity());
  for (const input of wrong) {
    setError(input, (input.validity.patternMismatch && input.dataset.wrong) || input.validationMessage);
  }
  wrong[0]?.focus();
  return wrong.length === 0;
}

/** Show an API error ("field: what is wrong") beside its field; one that names none beside `otherwise`, the name
 *  of a field, or at the form's end. */
export function showError(form, message, otherwise = "") {
  const [, name, text] = /^([a-z_]+)[^:\s]*: (.*)$/s.exec(message) ?? [];
  const named = name ? form.elements[name] : null;
  const input = named ?? form.elements[otherwise];
  form.querySelector(".form-error").textContent = input ? "" : message;
  if (!input) return;
  input.closest("details")?.setAttribute("open", "");
  setError(input, named ? text : message);
  input.focus();
}

export const formError = () => h("p", { class: "form-error field-error", role: "alert" });
