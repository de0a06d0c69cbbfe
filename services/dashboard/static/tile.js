// One camera on the wall: its live picture, what is read on the largest face, and how old what you see is.

import { clockTime, duration, h, milliseconds, percent, rate, setText } from "./dom.js";
import { drawFrame } from "./draw.js";
import { colourOf, largestFace, shownReading } from "./emotions.js";

const RATE_WINDOW_MS = 3000;
const STALE_SECONDS = 2;
/** So long without a picture, and results are shown without one. */
const ALONE_MS = 1000;

export class Tile {
  #canvas = h("canvas", { class: "frame", role: "img", width: 640, height: 360 });
  #cover = h("p", { class: "cover" });
  #state = h("span", { class: "state" }, "connecting");
  #facts = { rate: fact("frames/s"), latency: fact("latency"), age: fact("age"), faces: fact("faces") };
  #bars = h("ol", { class: "bars" });
  #status = null;
  #result = null;
  #shown = { capturedNs: 0, times: [] };
  #clock;

  /** clock: gives the stack's wall clock in ns. */
  constructor(camera, clock) {
    this.camera = camera;
    this.#clock = clock;
    this.element = h(
      "article",
      { class: "tile", "data-camera": camera, "data-state": "connecting" },
      h("header", {}, h("h3", {}, camera), this.#state),
      h("div", { class: "picture" }, this.#canvas, this.#cover),
      h("dl", { class: "facts" }, ...Object.values(this.#facts).map((entry) => entry.element)),
      this.#bars,
    );
    this.#canvas.setAttribute("aria-label", `Live picture of camera ${camera}`);
  }

  /** Take the camera's part of the status. */
  update(status) {
    this.#status = status;
    this.tick();
  }

  /** Take a result; its picture, if there is one, comes right behind it, and both are shown together. */
  result(result) {
    this.#result = result;
    if (performance.now() - (this.#shown.times.at(-1) ?? 0) > ALONE_MS) this.#showReading(result);
  }

  /** Decode and draw a picture, with the result of that very frame if it is known. */
  async picture(header, jpeg) {
    const newest = this.#result;
    const matches = newest && newest.run === header.run && newest.sequence === header.sequence;
    const bitmap = await createImageBitmap(jpeg);
    if (header.captured_ns >= this.#shown.capturedNs) this.#draw(bitmap, header, matches ? newest : null);
    bitmap.close();
  }

  #draw(bitmap, header, result) {
    drawFrame(this.#canvas, bitmap, result, header);
    const boxes = (result?.faces ?? []).map((face) => face.box.join(" "));
    Object.assign(this.#canvas.dataset, { run: header.run, sequence: header.sequence, boxes: boxes.join(";") });
    this.#shown.capturedNs = header.captured_ns;
    this.#shown.times.push(performance.now());
    if (result) this.#showReading(result);
    this.tick();
  }

  /** Bring up to date what changes by time alone. */
  tick() {
    const now = performance.now();
    this.#shown.times = this.#shown.times.filter((time) => now - time < RATE_WINDOW_MS);
    const { capturedNs, times } = this.#shown;
    const age = capturedNs ? (this.#clock() - capturedNs) / 1e9 : null;
    setText(this.#facts.rate.value, rate((times.length * 1000) / RATE_WINDOW_MS));
    setText(this.#facts.age.value, age === null ? "–" : duration(age));
    const reason = this.#reason(age);
    setText(this.#cover, reason);
    this.element.dataset.state = reason && this.#stateName() === "live" ? "stale" : this.#stateName();
    setText(this.#state, this.#stateText());
  }

  /** The stack is out of reach: nothing shown is live any more. */
  disconnected() {
    this.#status = null;
    this.tick();
  }

  #stateName() {
    return this.#status?.state ?? "connecting";
  }

  #stateText() {
    const { state, since_ns: since } = this.#status ?? { state: "connecting", since_ns: 0 };
    return ["lost", "ended"].includes(state) && since ? `${state} since ${clockTime(since)}` : state;
  }

  /** Return why what is seen is not live, empty if it is. */
  #reason(age) {
    const state = this.#stateName();
    if (state !== "live") return this.#status?.detail || this.#stateText();
    const slowest = Math.max(STALE_SECONDS, 3 / (this.#status.captured_per_second || 1));
    if (age === null) return "waiting for the first picture";
    return age > slowest ? `no new picture for ${duration(age)}` : "";
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

function fact(name) {
  const value = h("dd", {}, "–");
  return { value, element: h("div", {}, h("dt", {}, name), value) };
}

function bar([label], index) {
  const item = h("li", {}, h("b", {}, ""), h("i", {}), h("span", {}, label));
  item.style.setProperty("--colour", colourOf(label, index));
  return item;
}
