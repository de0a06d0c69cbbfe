// One camera on the wall: its live picture, what is read on the largest face, and how old what you see is.

import { clockTime, duration, h, milliseconds, percent, rate, setText } from "./dom.js";
import { colourOf, iconOf, largestFace, shownReading } from "./emotions.js";
import { link } from "./router.js";
import { Screen } from "./screen.js";

/** So long without a picture, and results are shown without one. */
const ALONE_MS = 1000;

export class Tile {
  #screen;
  #state = h("span", { class: "state" }, "connecting");
  #facts = { rate: fact("frames/s"), latency: fact("latency"), age: fact("age"), faces: fact("faces") };
  #bars = h("ol", { class: "bars", "aria-label": "Largest face" });
  #status = null;

  constructor(camera, app) {
    this.camera = camera;
    this.#screen = new Screen(camera, app, (result) => this.#showReading(result));
    this.link = h("a", { href: link(`/camera/${camera}`) }, camera);
    this.element = h(
      "article",
      { class: "tile", "data-camera": camera, "data-state": "connecting", "aria-label": `Camera ${camera}` },
      h("header", {}, h("h2", {}, this.link), this.#state),
      this.#screen.element,
      h("dl", { class: "facts" }, ...Object.values(this.#facts).map((entry) => entry.element)),
      this.#bars,
    );
  }

  /** Take the camera's part of the status; null: the stack is out of reach, and nothing is live any more. */
  update(status) {
    this.#status = status;
    this.tick();
  }

  result(result) {
    this.#screen.result(result);
    if (this.#screen.idleMs > ALONE_MS) this.#showReading(result);
  }

  picture(picture) {
    this.#screen.picture(picture);
  }

  /** Bring up to date what changes by time alone. */
  tick() {
    const age = this.#screen.ageSeconds;
    setText(this.#facts.rate.value, rate(this.#screen.rate));
    setText(this.#facts.age.value, age === null ? "–" : duration(age));
    const shown = this.#screen.tick(this.#status);
    this.element.dataset.state = shown;
    this.element.toggleAttribute("data-late", this.#screen.late);
    setText(this.#state, stateText(this.#status, shown));
  }

  #showReading(result) {
    setText(this.#facts.latency.value, milliseconds(result.latency_ms));
    setText(this.#facts.faces.value, String(result.faces.length));
    const face = largestFace(result);
    this.#bars.classList.toggle("nobody", !face);
    if (!face) return;
    const shares = Object.entries(face.smoothed);
    if (this.#bars.children.length !== shares.length) this.#bars.replaceChildren(...shares.map(bar));
    const { emotion, certain } = shownReading(face);
    shares.forEach(([label, share], index) => {
      const item = this.#bars.children[index];
      item.style.setProperty("--share", share);
      item.classList.toggle("best", certain && label === emotion);
      setText(item.querySelector("b"), percent(share));
    });
  }
}

/** Write a camera's state: live, connecting, paused, or lost or ended and since when; shown: what its screen says. */
export function stateText(status, shown) {
  if (shown === "stale") return "no picture";
  const { state, since_ns: since } = status ?? { state: "connecting", since_ns: 0 };
  return ["lost", "ended"].includes(state) && since ? `${state} since ${clockTime(since)}` : state;
}

/** Make one named value of a list of facts. */
export function fact(name) {
  const value = h("dd", {}, "–");
  return { value, element: h("div", {}, h("dt", {}, name), value) };
}

function bar([label], index) {
  const item = h("li", {}, h("b", {}, ""), h("i", {}), h("span", { title: label }, iconOf(label), " ", h("span", {}, label)));
  item.style.setProperty("--colour", colourOf(label, index));
  return item;
}
