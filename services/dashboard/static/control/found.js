// A picture with the faces that were found on it, each with its width.

import { h } from "../dom.js";

const COLOUR = "#56b4e9";

/** Draw a picture on a canvas, as many pixels as it has. */
export function drawPicture(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
}

/** Outline faces on a canvas; `scale` is canvas pixels per pixel that boxes are measured in. */
export function outlineFaces(canvas, faces, scale = 1) {
  const context = canvas.getContext("2d");
  const unit = canvas.width / Math.max(1, canvas.clientWidth || canvas.width);
  context.font = `600 ${13 * unit}px system-ui, sans-serif`;
  context.textBaseline = "bottom";
  for (const { box } of faces) {
    const [x, y, width, height] = box.map((value) => value * scale);
    for (const [style, line] of [["rgb(0 0 0 / 60%)", 4], [COLOUR, 2]]) {
      context.strokeStyle = style;
      context.lineWidth = line * unit;
      context.strokeRect(x, y, width, height);
    }
    const text = `${Math.round(box[2])} px`;
    const top = y > 20 * unit ? y - 3 * unit : y + height + 18 * unit;
    context.lineWidth = 4 * unit;
    context.strokeStyle = "rgb(0 0 0 / 75%)";
    context.strokeText(text, x, top);
    context.fillStyle = "#ffffff";
    context.fillText(text, x, top);
  }
}

/** Return what a test of a source found, for a person to see. */
export async function shownTest({ picture, ...facts }) {
  const image = new Image();
  image.src = picture;
  await image.decode();
  const canvas = document.createElement("canvas");
  drawPicture(canvas, image);
  return shownFaces(canvas, facts);
}

/** Return a picture with its faces, its size, and the advice. width, height: what the boxes are measured in. */
export function shownFaces(canvas, { width, height, fps, faces, advice }) {
  const count = faces.length === 0 ? "no face" : faces.length === 1 ? "1 face" : `${faces.length} faces`;
  const lines = [`${width} × ${height} pixels`, fps ? `${Number(fps.toFixed(1))} frames a second` : "", `${count} found`];
  canvas.className = "test-picture";
  canvas.dataset.faces = faces.length;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `The picture: ${count} found`);
  outlineFaces(canvas, faces, canvas.width / width);
  return h(
    "div",
    { class: "test-result" },
    canvas,
    h("p", { role: "status" }, lines.filter(Boolean).join(" · ")),
    advice.length ? h("ul", { class: "advice" }, ...advice.map((line) => h("li", {}, line))) : null,
  );
}
