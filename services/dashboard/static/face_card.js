// One face of the large view: what is read on it, all shares raw and smoothed, and its last minute.

import { h, percent, setText } from "./dom.js";
import { UNCERTAIN, UNCERTAIN_COLOUR, colourOf, iconOf, shownReading } from "./emotions.js";
import { History } from "./history.js";

export class FaceCard {
  #title = h("h3", {});
  #hint = h("p", { class: "hint" });
  #rows;
  #history;
  #shown = "";

  /** face: as in a result; its track and labels stay the same. */
  constructor(face) {
    const labels = Object.keys(face.probabilities);
    this.#history = new History(labels);
    const shares = sharesTable(labels);
    this.#rows = shares.rows;
    this.element = h(
      "article",
      { class: "card face", "data-track": face.track },
      h("header", {}, this.#title, this.#hint),
      shares.element,
      this.#history.element,
    );
  }

  /** Put readings that were recorded before in front: [seconds since 1970, shares] in order. */
  recall(past) {
    this.#history.recall(past);
  }

  /** Show a reading; seconds since 1970. */
  show(face, seconds) {
    this.#history.add(seconds, face.smoothed);
    this.seenAt = seconds;
    const { emotion, share, certain } = shownReading(face);
    const text = certain ? emotion : `uncertain · perhaps ${emotion}`;
    if (text !== this.#shown) {
      this.#shown = text;
      this.#title.replaceChildren(iconOf(certain ? emotion : UNCERTAIN), ` ${text} `);
      this.element.style.setProperty("--colour", certain ? colourOf(emotion) : UNCERTAIN_COLOUR);
      this.element.toggleAttribute("data-uncertain", !certain);
    }
    const [width, height] = face.box.slice(2).map(Math.round);
    setText(this.#hint, `${percent(share)} · face ${face.track} · ${width}×${height} px · found ${percent(face.score)}`);
    Object.values(face.probabilities).forEach((raw, index) => this.#rows[index].raw(raw));
    Object.values(face.smoothed).forEach((smoothed, index) => this.#rows[index].smoothed(smoothed));
  }

  /** Draw the history as it looks now; a face that has left fades. */
  tick(now) {
    this.#history.draw(now);
    this.element.toggleAttribute("data-gone", now - this.seenAt > 1);
  }
}

/** Return a table of these emotions' shares: its element, and a row each with `raw` and `smoothed`, which show one. */
export function sharesTable(labels) {
  const rows = labels.map(shareRow);
  const heads = ["emotion", "this frame", "smoothed"].map((text) => h("th", { scope: "col" }, text));
  const body = h("tbody", {}, ...rows.map((row) => row.element));
  return { rows, element: h("table", {}, h("thead", {}, h("tr", {}, ...heads)), body) };
}

function shareRow(label, index) {
  const [raw, smoothed] = [meter(label, index), meter(label, index)];
  const name = h("th", { scope: "row" }, iconOf(label), ` ${label}`);
  return { element: h("tr", {}, name, raw.element, smoothed.element), raw: raw.show, smoothed: smoothed.show };
}

function meter(label, index) {
  const text = h("span", {});
  const fill = h("i", {});
  fill.style.setProperty("--colour", colourOf(label, index));
  const show = (share) => {
    fill.style.setProperty("--share", share);
    setText(text, percent(share));
  };
  return { element: h("td", {}, fill, text), show };
}
