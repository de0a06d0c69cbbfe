// One camera large: its picture, every face with all its shares and its last minute, and what it costs.

import { isCameraName } from "../control/camera_fields.js";
import { clockTime, duration, h, milliseconds, rate, setText } from "../dom.js";
import { FaceCard } from "../face_card.js";
import { link } from "../router.js";
import { Screen } from "../screen.js";
import { fact, stateText } from "../tile.js";
import { explain } from "../why.js";

export const title = "Camera";

const TICK_MS = 250;
const KEPT_SECONDS = 3;
const MOST_CARDS = 12;
const PAST = "30s";

export function open(root, { name = "" }, app) {
  const view = new CameraView(root, name, app);
  document.title = `${name} · Mien`;
  app.cameFrom = name;
  app.watch(isCameraName(name) ? [name] : []); // the dashboard hangs up on who watches what can be no camera
  const offs = [
    app.on("status", () => view.update()),
    app.on("result", (result) => result.camera === name && view.result(result)),
    app.on("picture", (picture) => picture.header.camera === name && view.screen.picture(picture)),
    app.on("closed", () => view.disconnected()),
    app.on("escape", () => app.navigate("/")),
    app.on("step", (by) => view.step(by)),
  ];
  return () => {
    offs.forEach((off) => off());
    view.close();
  };
}

class CameraView {
  #name;
  #app;
  #state = h("span", { class: "state" });
  #facts = Object.fromEntries(
    ["frames/s", "latency", "on screen", "age", "faces"].map((label) => [label, fact(label)]),
  );
  #stage;
  #faces = h("div", { class: "faces" });
  #nobody = h("p", { class: "hint" }, "No face is seen.");
  #notes = h("p", { class: "hint" });
  #cards = new Map();
  #readings = new Map();
  #past = new Map();
  #shownAt = 0;
  #shownSeconds = 0;
  #known = true;
  #timer = setInterval(() => this.#tick(), TICK_MS);

  constructor(root, name, app) {
    this.#name = name;
    this.#app = app;
    this.screen = new Screen(name, app, (result) => this.#show(result));
    this.#stage = h(
      "section",
      { class: "tile large", "data-camera": name, "data-state": "connecting", "aria-label": `Camera ${name}` },
      this.screen.element,
      h("dl", { class: "facts" }, ...Object.values(this.#facts).map((entry) => entry.element)),
    );
    const side = h("section", { "aria-label": "Faces" }, h("h2", {}, "Faces"), this.#nobody, this.#faces);
    root.append(this.#head(), h("div", { class: "camera" }, h("div", {}, this.#stage, this.#notes), side));
    this.update();
    if (isCameraName(name)) this.#recall();
  }

  update() {
    const camera = this.#camera();
    this.#known = Boolean(camera) || !this.#app.status;
    if (camera) setText(this.#notes, notesOf(camera));
    this.#tick();
  }

  result(result) {
    this.screen.result(result);
    if (this.screen.idleMs > 1000) this.#show(result);
  }

  disconnected() {
    this.#known = true;
    this.#tick(null);
  }

  /** Go to the camera that is so many places further on the wall. */
  step(by) {
    const names = (this.#app.status?.cameras ?? []).map((camera) => camera.camera);
    const at = names.indexOf(this.#name);
    if (at >= 0 && names.length > 1) this.#app.navigate(`/camera/${names.at((at + by) % names.length)}`);
  }

  close() {
    clearInterval(this.#timer);
  }

  #head() {
    const button = (text, label, by) => {
      const made = h("button", { class: "quiet", type: "button", "aria-label": label, title: label }, text);
      made.addEventListener("click", () => this.step(by));
      return made;
    };
    return h(
      "div",
      { class: "toolbar" },
      h("a", { class: "chip", href: link("/"), title: "Esc" }, "← All cameras"),
      h("h1", {}, this.#name),
      this.#state,
      h("span", { class: "steps" }, button("‹", "Camera before (left arrow)", -1), button("›", "Next camera (right arrow)", 1)),
    );
  }

  #camera() {
    return this.#app.status?.cameras.find((camera) => camera.camera === this.#name) ?? null;
  }

  /** Fill the faces' histories with what was recorded before this view was open. */
  async #recall() {
    const path = `/api/cameras/${encodeURIComponent(this.#name)}/results?from=${PAST}&limit=1000`;
    const { results } = await this.#app.api("GET", path).catch(() => ({ results: [] }));
    for (const { captured_ns: capturedNs, faces } of results) {
      for (const { track, smoothed } of faces) {
        if (!this.#past.has(track)) this.#past.set(track, []);
        this.#past.get(track).push([capturedNs / 1e9, smoothed]);
      }
    }
    for (const [track, card] of this.#cards) card.recall(this.#past.get(track) ?? []);
  }

  #show(result) {
    const seconds = result.captured_ns / 1e9;
    this.#shownAt = this.#app.clock.now() / 1000;
    this.#shownSeconds = seconds;
    setText(this.#facts.latency.value, milliseconds(result.latency_ms));
    setText(this.#facts.faces.value, String(result.faces.length));
    for (const face of result.faces) {
      const card = this.#cardOf(face);
      if (card) this.#readings.set(face.track, { face, result });
      card?.show(face, seconds);
    }
  }

  #cardOf(face) {
    if (!this.#cards.has(face.track) && this.#cards.size < MOST_CARDS) {
      const card = new FaceCard(face);
      card.recall(this.#past.get(face.track) ?? []);
      card.element.querySelector("header").append(this.#whyButton(face.track));
      this.#cards.set(face.track, card);
      this.#faces.append(card.element);
    }
    return this.#cards.get(face.track);
  }

  #whyButton(track) {
    const button = h("button", { class: "quiet", type: "button" }, "Why this?");
    button.addEventListener("click", () => {
      const { face, result } = this.#readings.get(track);
      explain(this.#app, this.#name, face, result);
    });
    return button;
  }

  #tick(camera = this.#camera()) {
    const now = this.#app.clock.now() / 1000;
    for (const [track, card] of this.#cards) {
      if (now - this.#shownAt > KEPT_SECONDS || this.#shownSeconds - card.seenAt > KEPT_SECONDS) {
        card.element.remove();
        this.#cards.delete(track);
        this.#readings.delete(track);
      } else card.tick(now);
    }
    this.#nobody.hidden = this.#cards.size > 0;
    const age = this.screen.ageSeconds;
    setText(this.#facts["frames/s"].value, rate(this.screen.rate));
    setText(this.#facts.age.value, age === null ? "–" : duration(age));
    setText(this.#facts["on screen"].value, this.screen.glassMs === null ? "–" : duration(this.screen.glassMs / 1000));
    const shown = this.#known ? camera : { state: "unknown", detail: `there is no camera ${this.#name}`.trim() };
    const seen = this.screen.tick(shown);
    this.#stage.dataset.state = seen;
    this.#stage.toggleAttribute("data-late", this.screen.late);
    this.#state.dataset.state = seen;
    setText(this.#state, stateText(shown, seen));
  }
}

function notesOf(camera) {
  const since = camera.since_ns ? `${camera.state} since ${clockTime(camera.since_ns)}` : camera.state;
  const size = camera.width ? `${camera.width}×${camera.height}` : "size unknown";
  const reconnects = camera.reconnects ? ` · opened again ${camera.reconnects} times` : "";
  const rates = `captures ${rate(camera.captured_per_second)} and records ${rate(camera.recorded_per_second)} frames/s`;
  return `${since} · ${size} · ${rates} · p95 ${milliseconds(camera.latency.p95_ms)}${reconnects} · group ${camera.group}`;
}
