// The emotions' colours (after Okabe and Ito: told apart with any colour vision) and icons, and what a face says.

import { svg } from "./svg.js";

const COLOURS = {
  angry: "#d55e00",
  disgust: "#009e73",
  fear: "#cc79a7",
  happy: "#f0c808",
  neutral: "#9aa3ad",
  sad: "#0072b2",
  surprise: "#56b4e9",
};
/** Strokes of a face in 16 x 16: eyes, brows, mouth. */
const ICONS = {
  angry: "M4.5 7.8v.1M11.5 7.8v.1M2.8 4.8l3.7 1.7M13.2 4.8l-3.7 1.7M5 12.6q3-2.6 6 0",
  disgust: "M4.5 6.8v.1M11.5 6.8v.1M3 4.6l3.6.8M13 4.6l-3.6.8M4 11.5q2-2.4 4 0t4 0",
  fear: "M4.5 6.8v.1M11.5 6.8v.1M2.8 5l3.4-2M13.2 5l-3.4-2M4.5 12l1.7-1.6L8 12l1.8-1.6L11.5 12",
  happy: "M4.5 6v.1M11.5 6v.1M3.5 9.5q4.5 5.5 9 0",
  neutral: "M4.5 6.5v.1M11.5 6.5v.1M4.5 11.5h7",
  sad: "M4.5 7.3v.1M11.5 7.3v.1M2.8 5.6l3.6-1.8M13.2 5.6l-3.6-1.8M4.5 13q3.5-4 7 0",
  surprise: "M4.5 6.5v.1M11.5 6.5v.1M2.8 4q1.7-2 3.4 0M9.8 4q1.7-2 3.4 0M8 9.5a2 2.4 0 1 1-.01 0z",
};
const UNKNOWN = "M5.5 5.5q.2-2.5 2.5-2.5t2.5 2.3q0 1.5-2.5 3.2v1.2M8 12.9v.1";
const OTHERS = ["#7f6df2", "#b38867", "#4c9f9f", "#c2b14a"];
/** Label of a face whose highest share is below the model's threshold. */
export const UNCERTAIN = "uncertain";
export const UNCERTAIN_COLOUR = "#c3c9d1";

/** Return the colour of a label; models with other labels get the spare ones in turn. */
export function colourOf(label, index = 0) {
  return COLOURS[label] ?? OTHERS[index % OTHERS.length];
}

/** Return an emotion's icon as strokes in 16 x 16 (an SVG path); a question mark for `UNCERTAIN` and new labels. */
export function iconPath(label) {
  return ICONS[label] ?? UNKNOWN;
}

/** Return an emotion's icon as an element; the label beside it says the same, so readers skip it. */
export function iconOf(label) {
  const strokes = svg("path", { d: iconPath(label) });
  return svg("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" }, strokes);
}

/** Return black or white, whichever reads better on a `#rrggbb` colour. */
export function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  return red * 0.299 + green * 0.587 + blue * 0.114 > 110 ? "#111418" : "#ffffff";
}

/** Return what a face is shown with: the smoothed reading, which a person can follow; it counts as certain
 *  where the frame's own reading is certain and says the same. */
export function shownReading(face) {
  const emotion = face.smoothed_emotion;
  return { emotion, share: face.smoothed[emotion], certain: face.certain && face.emotion === emotion };
}

/** Return the largest face of a result, or null. */
export function largestFace(result) {
  const area = (face) => face.box[2] * face.box[3];
  return result.faces.reduce((best, face) => (best && area(best) >= area(face) ? best : face), null);
}
