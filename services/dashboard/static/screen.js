// One camera's live picture: decodes, draws with the result of that very frame, and never lets frames pile up.

import { drawFrame } from "./draw.js";
import { duration, h, percent, setText } from "./dom.js";
import { largestFace, shownReading } from "./emotions.js";

const RATE_WINDOW_MS = 3000;
const LATE_WINDOW = 9;
const SHORTEST_STALE_SECONDS = 0.75;
const SPOKEN_MS = 2000;

export class Screen {
  #camera;
  #app;
  #canvas = h("canvas", { class: "frame", role: "img", width: 640, height: 360 });
  #cover = h("p", { class: "cover" });
  #delay = h("p", { class: "delay" });
  #result = null;
  #waiting = null;
  #busy = false;
  #capturedNs = 0;
  #times = [];
  #ages = [];
  #spokenAt = 0;

  /** onDrawn: called with the result of each frame that has been drawn. */
  constructor(camera, app, onDrawn) {
    this.#camera = camera;
    this.#app = app;
    this.onDrawn = onDrawn;
    this.element = h("div", { class: "picture" }, this.#canvas, this.#cover, this.#delay);
    this.#canvas.setAttribute("aria-label", `Live picture of camera ${camera}`);
  }

  /** Frames drawn a second. */
  get rate() {
    const now = performance.now();
    this.#times = this.#times.filter((time) => now - time < RATE_WINDOW_MS);
    return (this.#times.length * 1000) / RATE_WINDOW_MS;
  }

  /** Age in seconds of the frame that is shown, null if there is none. */
  get ageSeconds() {
    return this.#capturedNs ? Math.max(0, this.#app.clock.now() / 1000 - this.#capturedNs / 1e9) : null;
  }

  /** Median age in ms of the last frames when they had been drawn, null if none was. */
  get glassMs() {
    const sorted = [...this.#ages].sort((one, other) => one - other);
    return sorted.length ? sorted[sorted.length >> 1] * 1000 : null;
  }

  /** Milliseconds since a picture was drawn. */
  get idleMs() {
    return performance.now() - (this.#times.at(-1) ?? 0);
  }

  /** Take a result; its picture, if there is one, comes right behind it, and both are shown together. */
  result(result) {
    this.#result = result;
  }

  /** Take a picture; while one is being drawn, only the newest waits. */
  picture({ header, jpeg }) {
    const newest = this.#result;
    const matches = newest && newest.run === header.run && newest.sequence === header.sequence;
    this.#waiting = { header, jpeg, result: matches ? newest : null };
    if (!this.#busy) this.#work();
  }

  async #work() {
    this.#busy = true;
    while (this.#waiting) {
      const { header, jpeg, result } = this.#waiting;
      this.#waiting = null;
      const bitmap = await createImageBitmap(jpeg).catch(() => null);
      if (!bitmap) continue;
      await new Promise(requestAnimationFrame);
      if (header.captured_ns >= this.#capturedNs) this.#draw(bitmap, header, result);
      bitmap.close();
    }
    this.#busy = false;
  }

  #draw(bitmap, header, result) {
    drawFrame(this.#canvas, bitmap, result, header);
    const boxes = (result?.faces ?? []).map((face) => face.box.join(" "));
    Object.assign(this.#canvas.dataset, { run: header.run, sequence: header.sequence, boxes: boxes.join(";") });
    this.#capturedNs = header.captured_ns;
    this.#times.push(performance.now());
    requestAnimationFrame(() => this.#onGlass(header.captured_ns)); // by then the drawing is on the screen
    if (!result) return;
    this.#speak(result);
    this.onDrawn(result);
  }

  #onGlass(capturedNs) {
    this.#ages.push(this.#app.glass.drawn(this.#camera, capturedNs));
    if (this.#ages.length > LATE_WINDOW) this.#ages.shift();
  }

  /** Say to a screen reader, when it comes by, what is seen. */
  #speak(result) {
    const now = performance.now();
    if (now - this.#spokenAt < SPOKEN_MS) return;
    this.#spokenAt = now;
    const face = largestFace(result);
    const { emotion, share, certain } = face ? shownReading(face) : {};
    const reading = certain ? `${emotion} ${percent(share)}` : `uncertain, perhaps ${emotion} ${percent(share)}`;
    const faces = `${result.faces.length} ${result.faces.length === 1 ? "face" : "faces"}`;
    const text = face ? `${faces}, the largest ${reading}` : "nobody is seen";
    this.#canvas.setAttribute("aria-label", `Live picture of camera ${this.#camera}: ${text}`);
  }

  /** Bring up to date what changes by time alone; status: the camera's part of the status, null if unknown.
   *  Returns "live", "stale" (the picture stands still) or why there is no live picture. */
  tick(status) {
    const state = status?.state ?? "connecting";
    const reason = state === "live" ? this.#standing(status) : status?.detail || state;
    setText(this.#cover, reason);
    const shown = state === "live" && reason ? "stale" : state;
    setText(this.#delay, shown === "live" ? this.#behind() : "");
    return shown;
  }

  /** Whether what is seen is older than the objective allows. */
  get late() {
    return this.#delay.textContent !== "";
  }

  /** Return why a live camera's picture stands still, empty if it does not. */
  #standing(status) {
    const age = this.ageSeconds;
    if (age === null) return "waiting for the first picture";
    const rate = status.captured_per_second || 1;
    const allowed = Math.max(SHORTEST_STALE_SECONDS, this.#objective() + 3 / rate);
    if (age <= allowed || this.idleMs < allowed * 1000) return "";
    return `no new picture for ${duration(age)}: ${this.#missing(status)}`;
  }

  #missing(status) {
    const workers = this.#app.status?.workers ?? [];
    const absent = ["detector", "classifier", "recorder"].find((name) => !workers.some((w) => w.service === name));
    if (absent) return `no ${absent} runs`;
    return status.recorded_per_second > 0 ? "frames are recorded, but none comes here" : "none comes through the pipeline";
  }

  /** Return by how much moving pictures are over the objective and where the time goes, empty if they are not. */
  #behind() {
    const median = (this.glassMs ?? 0) / 1000;
    if (median <= this.#objective()) return "";
    const pipeline = (this.#result?.latency_ms ?? 0) / 1000;
    const blame = pipeline > median / 2 ? "the pipeline takes" : "the way here takes";
    const taken = duration(pipeline > median / 2 ? pipeline : median - pipeline);
    return `${duration(median)} behind, over ${duration(this.#objective())}: ${blame} ${taken}`;
  }

  #objective() {
    return this.#app.objectiveSeconds ?? Infinity;
  }
}
