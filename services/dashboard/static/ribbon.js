// One camera's ribbon: shares of emotions stacked over time, the number of faces above, drawn as SVG.

import { UNCERTAIN, UNCERTAIN_COLOUR, colourOf } from "./emotions.js";
import { h, setText } from "./dom.js";
import { faceSeconds, isFewAt, shares } from "./moods.js";
import { svg } from "./svg.js";

const FACES_HEIGHT = 26;
const GAP = 4;
const RIBBON_HEIGHT = 54;
const HEIGHT = FACES_HEIGHT + GAP + RIBBON_HEIGHT;
const DRAG_PIXELS = 4;

/** The hatchings that ribbons and their legend are filled with, by `url(#…)`; once in a page. */
export function hatchings() {
  const hatching = (id, angle, ...strokes) =>
    svg("pattern", { id, width: 7, height: 7, patternUnits: "userSpaceOnUse", patternTransform: `rotate(${angle})` }, ...strokes);
  return svg(
    "svg",
    { width: 0, height: 0, class: "hatchings", "aria-hidden": "true" },
    hatching(
      "hatch-uncertain",
      -45,
      svg("rect", { width: 7, height: 7, fill: UNCERTAIN_COLOUR }),
      svg("path", { d: "M0 0v7", stroke: "#5d6670", "stroke-width": 3 }),
    ),
    hatching("hatch-few", 45, svg("path", { d: "M0 0v7", class: "few-stroke" })),
  );
}

/** What a label is filled with. */
export const fillOf = (label, index) => (label === UNCERTAIN ? "url(#hatch-uncertain)" : colourOf(label, index));

export class Ribbon {
  #svg = svg("svg", { class: "ribbon", height: HEIGHT, role: "slider", tabindex: 0, "aria-valuemin": 0 });
  #marks = svg("g", {});
  #readout = h("p", { class: "readout" });
  #hear;
  #shown = null;
  #dragged = null;

  /** hear: { point(start | null), step(buckets, extend), select(since, until), clear() } */
  constructor(camera, hear) {
    this.camera = camera;
    this.#hear = hear;
    const heading = h("h2", { id: `mood-${camera}` }, camera);
    this.element = h("section", { class: "mood", "data-camera": camera }, h("div", { class: "mood-head" }, heading, this.#readout));
    this.element.append(this.#svg);
    this.#svg.setAttribute("aria-label", `Emotions at ${camera}; arrow keys go through time, with Shift they select`);
    this.#listen();
  }

  /** Draw. buckets: Map of start → bucket; range: { since, until, step }; labels: all, in order; most: faces. */
  draw(buckets, range, labels, most, width) {
    this.#shown = { range, width };
    const paths = Object.fromEntries(labels.map((label) => [label, ""]));
    let [few, faces, seen] = ["", "", ""];
    for (const bucket of buckets.values()) {
      const left = this.#x(bucket.start);
      const wide = this.#x(bucket.start + range.step) - left;
      seen += box(left, HEIGHT - 1, wide, 1);
      faces += box(left, FACES_HEIGHT * (1 - bucket.faces / most), wide, (FACES_HEIGHT * bucket.faces) / most);
      let bottom = HEIGHT;
      for (const { label, share } of shares(bucket)) {
        bottom -= share * RIBBON_HEIGHT;
        paths[label] += box(left, bottom, wide, share * RIBBON_HEIGHT);
      }
      const isFew = faceSeconds(bucket) > 0 && isFewAt(buckets, range.step, bucket.start);
      if (isFew) few += box(left, HEIGHT - RIBBON_HEIGHT, wide, RIBBON_HEIGHT);
    }
    this.#svg.setAttribute("width", width);
    this.#svg.setAttribute("aria-valuemax", Math.round((range.until - range.since) / range.step) - 1);
    this.#svg.replaceChildren(
      svg("rect", { class: "ground", y: FACES_HEIGHT + GAP, width, height: RIBBON_HEIGHT }),
      svg("path", { class: "faces", d: faces }),
      svg("path", { class: "seen", d: seen }),
      ...labels.map((label, index) => svg("path", { d: paths[label], fill: fillOf(label, index), "data-label": label })),
      svg("path", { d: few, fill: "url(#hatch-few)", "data-label": "few" }),
      this.#marks,
    );
  }

  /** Mark one bucket (its start, or null) and a selection ([since, until], or null); say `text`. */
  mark(cursor, selection, text) {
    setText(this.#readout, text);
    const { range, width } = this.#shown;
    const marks = [];
    if (selection) {
      const [left, right] = selection.map((second) => this.#x(second));
      marks.push(svg("rect", { class: "outside", width: Math.max(left, 0), height: HEIGHT }));
      marks.push(svg("rect", { class: "outside", x: right, width: Math.max(width - right, 0), height: HEIGHT }));
    }
    if (cursor !== null) {
      const left = this.#x(cursor);
      marks.push(svg("rect", { class: "cursor", x: left, width: this.#x(cursor + range.step) - left, height: HEIGHT }));
    }
    this.#marks.replaceChildren(...marks);
    this.#svg.setAttribute("aria-valuenow", cursor === null ? 0 : Math.round((cursor - range.since) / range.step));
    this.#svg.setAttribute("aria-valuetext", text);
  }

  #x(second) {
    const { range, width } = this.#shown;
    return ((second - range.since) / (range.until - range.since)) * width;
  }

  /** Return the start of the bucket under a pointer. */
  #startAt(event) {
    const { range, width } = this.#shown;
    const share = (event.clientX - this.#svg.getBoundingClientRect().left) / width;
    const number = Math.floor((Math.min(Math.max(share, 0), 0.9999) * (range.until - range.since)) / range.step);
    return range.since + number * range.step;
  }

  #listen() {
    const svg = this.#svg;
    svg.addEventListener("pointerdown", (event) => {
      svg.setPointerCapture(event.pointerId);
      this.#dragged = { x: event.clientX, start: this.#startAt(event), moved: false };
    });
    svg.addEventListener("pointermove", (event) => {
      const start = this.#startAt(event);
      this.#hear.point(start);
      if (!this.#dragged) return;
      this.#dragged.moved ||= Math.abs(event.clientX - this.#dragged.x) >= DRAG_PIXELS;
      if (!this.#dragged.moved) return;
      const ends = [start, this.#dragged.start];
      this.#hear.select(Math.min(...ends), Math.max(...ends) + this.#shown.range.step);
    });
    svg.addEventListener("pointerup", () => {
      if (this.#dragged && !this.#dragged.moved) this.#hear.clear();
      this.#dragged = null;
    });
    svg.addEventListener("pointercancel", () => (this.#dragged = null));
    svg.addEventListener("pointerleave", () => this.#hear.point(null));
    svg.addEventListener("blur", () => this.#hear.point(null));
    svg.addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity }[event.key];
    if (steps !== undefined) this.#hear.step(steps, event.shiftKey);
    else if (event.key === "Escape") this.#hear.clear();
    else return;
    event.preventDefault();
  }
}

function box(left, top, wide, high) {
  return high > 0 ? `M${left.toFixed(2)} ${top.toFixed(2)}h${wide.toFixed(2)}v${high.toFixed(3)}h${(-wide).toFixed(2)}z` : "";
}
