// Small helpers to build elements and to write numbers for people.

/** Make an element: `h("p", { class: "hint", title: "…" }, "text", child)`. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make a table of head cells and rows of cells (text or nodes); the first column heads its row. */
export function table(heads, rows) {
  const cell = (content, index) => (index === 0 ? h("th", { scope: "row" }, content) : h("td", {}, content));
  return h(
    "table",
    {},
    h("thead", {}, h("tr", {}, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, ...rows.map((row) => h("tr", {}, ...row.map(cell)))),
  );
}

/** Set an element's text only where it changes: spares layout, and screen readers. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const whole = new Intl.NumberFormat("en");

export const count = (value) => whole.format(value);
export const percent = (share) => `${Math.round(share * 100)} %`;
export const rate = (value) => (value === null || value === undefined ? "–" : value.toFixed(value < 10 ? 1 : 0));
export const milliseconds = (value) => (value === null || value === undefined ? "–" : `${Math.round(value)} ms`);

/** Write a duration in seconds: 80 ms, 2.4 s, 3 min, 2 h, 5 d. */
export function duration(seconds) {
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.floor(seconds / 3600)} h` : `${Math.floor(seconds / 86400)} d`;
}

export const clockTime = (ns) => new Date(ns / 1e6).toLocaleTimeString();
