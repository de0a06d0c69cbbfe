// The emotions' colours (after Okabe and Ito: told apart with any colour vision) and what a face says of them.

const COLOURS = {
  angry: "#d55e00",
  disgust: "#009e73",
  fear: "#cc79a7",
  happy: "#f0c808",
  neutral: "#9aa3ad",
  sad: "#0072b2",
  surprise: "#56b4e9",
};
const OTHERS = ["#7f6df2", "#b38867", "#4c9f9f", "#c2b14a"];
export const UNCERTAIN_COLOUR = "#c3c9d1";

/** Return the colour of a label; models with other labels get the spare ones in turn. */
export function colourOf(label, index = 0) {
  return COLOURS[label] ?? OTHERS[index % OTHERS.length];
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
