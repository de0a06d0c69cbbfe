// Makes SVG elements.

const SPACE = "http://www.w3.org/2000/svg";

/** Make an SVG element: `svg("rect", { width: 4 }, child)`; attributes that are null are left out. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SPACE, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}
