// Draws masks, zones, what is being drawn, and how large faces may be, as SVG over the picture.

import { svg } from "../svg.js";

const COLOURS = ["#56b4e9", "#f0c808", "#cc79a7", "#009e73", "#d55e00", "#9aa3ad"];
const FACE_HEIGHT = 1.25;
const GRIP_PX = 7;
const TOUCH_PX = 16;

/** Return the colour of the shape with this number. */
export const colourOfArea = (index) => COLOURS[index % COLOURS.length];

/** Replace the content of an svg of this size in pixels. */
export function drawScene(surface, size, { shapes, titles, selected, drawing, guides }) {
  surface.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  surface.tabIndex = drawing ? 0 : -1;
  surface.classList.toggle("drawing", Boolean(drawing));
  const pixels = ([x, y]) => [x * size.width, y * size.height];
  const areas = shapes.flatMap((shape, index) => area(shape, index, titles[index], index === selected && !drawing, pixels));
  surface.replaceChildren(...guideBoxes(guides, size), ...areas, ...(drawing ? draft(drawing, pixels) : []));
}

function area(shape, index, title, isSelected, pixels) {
  const points = shape.points.map(pixels);
  const colour = colourOfArea(index);
  const body = svg("polygon", {
    points: points.join(" "),
    class: `area ${shape.kind}${isSelected ? " selected" : ""}`,
    "data-key": `${index}`,
    tabindex: 0,
    role: "button",
    "aria-label": `${title}, ${points.length} corners. Arrow keys move it, Delete removes it, Tab goes to its corners.`,
  });
  body.style.setProperty("--colour", colour);
  const [x, y] = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  const label = svg("text", { x, y, class: "area-name" }, title);
  return [body, label, ...(isSelected ? grips(points, index, title, colour) : [])];
}

function grips(points, index, title, colour) {
  const between = points.map(([x, y], at) => {
    const [nextX, nextY] = points[(at + 1) % points.length];
    const [cx, cy] = [(x + nextX) / 2, (y + nextY) / 2];
    return svg("circle", { cx, cy, r: GRIP_PX - 3, class: "between", "data-key": `${index}/${at}/between` });
  });
  const corners = points.flatMap(([cx, cy], at) => {
    const key = `${index}/${at}`;
    const label = `${title}, corner ${at + 1} of ${points.length}. Arrow keys move it, Delete removes it, plus adds one.`;
    const grip = svg("circle", {
      cx, cy, r: GRIP_PX, class: "grip", "data-key": key, tabindex: 0, role: "button", "aria-label": label,
    });
    grip.style.setProperty("--colour", colour);
    return [svg("circle", { cx, cy, r: TOUCH_PX, class: "touch", "data-key": key }), grip];
  });
  return [...between, ...corners];
}

function draft({ points, cursor }, pixels) {
  const [x, y] = pixels(cursor);
  const corners = points.map(pixels);
  return [
    svg("polyline", { points: [...corners, [x, y]].join(" "), class: "draft" }),
    ...corners.map(([cx, cy], at) => svg("circle", { cx, cy, r: at ? 4 : GRIP_PX, class: "draft-corner" })),
    svg("path", { d: `M${x - 12} ${y}h24M${x} ${y - 12}v24`, class: "crosshair" }),
  ];
}

/** Show how large the smallest and the largest face are, in the picture's corner. */
function guideBoxes({ smallest, largest, frameWidth }, size) {
  if (!frameWidth) return [];
  const scale = size.width / frameWidth;
  return [["largest", largest], ["smallest", smallest]].flatMap(([name, pixels]) => {
    if (!pixels) return [];
    const [width, height] = [pixels * scale, pixels * scale * FACE_HEIGHT];
    const [x, y] = [size.width - width - 8, size.height - height - 8];
    const text = `${name} face ${pixels} px`;
    return [
      svg("rect", { x, y, width, height, class: "guide" }),
      svg("text", { x: x + width, y: Math.max(14, y - 5), class: "guide-name" }, text),
    ];
  });
}
