// Draws a frame with its faces on a canvas: picture, boxes, labels.

import { percent } from "./dom.js";
import { UNCERTAIN, UNCERTAIN_COLOUR, colourOf, iconPath, inkOn, shownReading } from "./emotions.js";

/** On a canvas narrower than this many pixels of the page a label is an icon and a share. */
const NARROW = 260;

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
  const narrow = context.canvas.clientWidth < NARROW;
  const reading = narrow ? percent(share) : `${emotion} ${percent(share)}`;
  const text = certain || narrow ? reading : `uncertain · ${reading}`;
  drawLabel(context, { text, icon: certain ? emotion : UNCERTAIN, colour }, { x, y, height }, taken);
}

/** Write a label above its box, or where it would cover another one or leave the picture, below it. */
function drawLabel(context, { text, icon, colour }, box, taken) {
  const size = Math.round(Math.min(13, Math.max(10, context.canvas.clientWidth / 20)) * devicePixelRatio);
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const height = Math.round(size * 1.6);
  const width = context.measureText(text).width + height + size * 0.6;
  const left = Math.min(Math.max(0, box.x), Math.max(0, context.canvas.width - width));
  const covers = (top) => taken.some((o) => left < o.right && left + width > o.left && Math.abs(top - o.top) < height);
  const places = [box.y - height - 2, box.y + box.height + 2, box.y + 2];
  const top = places.find((at) => at >= 0 && at + height <= context.canvas.height && !covers(at)) ?? places[2];
  taken.push({ left, right: left + width, top });
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(left, top, width, height, height / 4);
  context.fill();
  context.fillStyle = context.strokeStyle = inkOn(colour);
  context.fillText(text, left + height, top + height / 2 + 1);
  drawIcon(context, icon, left + height * 0.15, top + height * 0.14, height * 0.72);
}

function drawIcon(context, label, x, y, side) {
  context.save();
  context.translate(x, y);
  context.scale(side / 16, side / 16);
  context.lineWidth = 1.7;
  context.lineCap = "round";
  context.stroke(new Path2D(iconPath(label)));
  context.restore();
}
