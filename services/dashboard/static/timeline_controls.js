// What of the timeline is shown: how far back, which cameras, which zone; and what its colours mean.

import { h } from "./dom.js";
import { iconOf } from "./emotions.js";
import { FEW_SECONDS } from "./moods.js";
import { fillOf } from "./ribbon.js";
import { svg } from "./svg.js";

const RANGES = [
  { from: "5m", label: "5 minutes" },
  { from: "1h", label: "Hour" },
  { from: "1d", label: "Day" },
  { from: "all", label: "All" },
];

export class Controls {
  element = h("div", { class: "mood-controls" });
  #ask;
  #asked;
  #ranges;
  #zone = h("select", { id: "zone" });
  #zoneLabel = h("label", { hidden: "" }, "Zone ", this.#zone);
  #cameras = h("div", { class: "choices" });
  #known = [];
  #off;

  /** asked: { from, to, cameras, zone }; ask: called with what changes of it. */
  constructor(app, asked, ask) {
    this.#ask = ask;
    this.#ranges = RANGES.map(({ from, label }) => {
      const button = h("button", { type: "button", class: "quiet", "data-from": from }, label);
      button.addEventListener("click", () => ask({ from, to: "" }));
      return button;
    });
    this.#zone.addEventListener("change", () => ask({ zone: this.#zone.value }));
    const cameras = h("details", { class: "mood-cameras" }, h("summary", {}, "Cameras"), this.#cameras);
    this.element.append(
      h("div", { class: "choices", role: "group", "aria-label": "How far back" }, ...this.#ranges),
      cameras,
      this.#zoneLabel,
    );
    this.show(asked);
    this.#off = app.on("status", (status) => this.#list(status));
    if (app.status) this.#list(app.status);
    app.api("GET", "/api/cameras").then((known) => this.#listZones(known), () => {});
  }

  close() {
    this.#off();
  }

  /** Mark what is shown. */
  show(asked) {
    this.#asked = asked;
    for (const button of this.#ranges) {
      button.setAttribute("aria-pressed", !asked.to && button.dataset.from === asked.from);
    }
    for (const box of this.#cameras.querySelectorAll("input")) box.checked = this.#isChosen(box.value);
    this.#zone.value = asked.zone;
  }

  #isChosen(name) {
    return !this.#asked.cameras || this.#asked.cameras.split(",").includes(name);
  }

  #list(status) {
    const names = status.cameras.map((camera) => camera.camera);
    if (names.join() === this.#known.join()) return;
    this.#known = names;
    this.#cameras.replaceChildren(
      ...names.map((name) => {
        const box = h("input", { type: "checkbox", value: name });
        box.checked = this.#isChosen(name);
        box.addEventListener("change", () => this.#choose());
        return h("label", {}, box, ` ${name}`);
      }),
    );
  }

  #choose() {
    const chosen = [...this.#cameras.querySelectorAll("input:checked")].map((box) => box.value);
    this.#ask({ cameras: chosen.length === this.#known.length ? "" : chosen.join(",") });
  }

  #listZones(cameras) {
    const names = [...new Set(cameras.flatMap((camera) => Object.keys(camera.zones ?? {})))].sort();
    if (this.#asked.zone && !names.includes(this.#asked.zone)) names.unshift(this.#asked.zone);
    this.#zoneLabel.hidden = names.length === 0;
    const option = (value, text) => h("option", { value }, text);
    this.#zone.replaceChildren(option("", "everywhere"), ...names.map((name) => option(name, name)));
    this.#zone.value = this.#asked.zone;
  }
}

/** Return the legend's entries; labels: all, in order; most: faces at the top of the band above. */
export function legend(labels, most) {
  const square = (look) => svg("rect", { width: 14, height: 14, rx: 3, ...look });
  const swatch = (...looks) => svg("svg", { width: 14, height: 14, "aria-hidden": "true" }, ...looks.map(square));
  return [
    ...labels.map((label, index) => h("li", {}, swatch({ fill: fillOf(label, index) }), iconOf(label), label)),
    h("li", {}, swatch({ class: "swatch" }, { fill: "url(#hatch-few)" }), `few faces: under ${FEW_SECONDS} face-seconds, in a minute or longer`),
    h("li", { class: "faces-key" }, `above: faces, up to ${most.toFixed(1)}`),
  ];
}
