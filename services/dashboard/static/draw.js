// Draws a frame with its faces on a canvas: picture, boxes, labels.

import { percent } from "./dom.js";
import { UNCERTAIN_COLOUR, colourOf, inkOn, shownReading } from "./emotions.js";

/** Draw a picture and, if there is one, the result of that very frame, at the canvas's size on screen. */
export function drawFrame(canvas, picture, result, size) {
  fit(canvas, size);
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const scale = canvas.width / size.width;
  const taken = [];
  for (const face of result?.faces ?? []) drawFace(context, face, scale, taken);
}

/** Give the canvas as many pixels as the screen shows, in the frame's proportions. */
function fit(canvas, size) {
  const width = Math.max(1, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.max(1, Math.round((width * size.height) / size.width));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.style.aspectRatio = `${size.width} / ${size.height}`;
    canvas.width = width;
    canvas.height = height;
  }
}

function drawFace(context, face, scale, taken) {
  const [x, y, width, height] = face.box.map((value) => value * scale);
  const { emotion, share, certain } = shownReading(face);
  const colour = certain ? colourOf(emotion) : UNCERTAIN_COLOUR;
  const line = Math.max(1.5, 2 * devicePixelRatio);
  context.setLineDash(certain ? [] : [3 * line, 2 * line]);
  context.lineJoin = "round";
  for (const [style, thickness] of [["rgb(0 0 0 / 55%)", line + 2 * devicePixelRatio], [colour, line]]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.strokeRect(x, y, width, height);
  }
  context.setLineDash([]);
  const reading = `${emotion} ${percent(share)}`;
  const text = certain ? reading : `uncertain · ${reading}`;
  drawLabel(context, text, colour, x, y, height, taken);
}

/** Write a label above its box, or where it would cover another one or leave the picture, below it. */
function drawLabel(context, text, colour, x, y, boxHeight, taken) {
  const size = Math.round(13 * devicePixelRatio);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const width = context.measureText(text).width + size;
  const height = Math.round(size * 1.6);
  const left = Math.min(Math.max(0, x), Math.max(0, context.canvas.width - width));
  const covers = (top) => taken.some((o) => left < o.right && left + width > o.left && Math.abs(top - o.top) < height);
  const places = [y - height - 2, y + boxHeight + 2, y + 2];
  const top = places.find((at) => at >= 0 && at + height <= context.canvas.height && !covers(at)) ?? places[2];
  taken.push({ left, right: left + width, top });
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, top, width, height, height / 4);
  context.fill();
  context.fillStyle = inkOn(colour);
  context.fillText(text, left + size / 2, top + height / 2 + 1);
}
