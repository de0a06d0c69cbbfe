// The timeline: how moods moved, all cameras under each other on one axis; a stretch can be selected and exported.

import { drawAxis, stretch } from "../axis.js";
import { UNCERTAIN } from "../emotions.js";
import { h, setText } from "../dom.js";
import { moodsTable } from "../moods_table.js";
import { describe, isFewAt, sum, together } from "../moods.js";
import { MoodSource } from "../mood_source.js";
import { Ribbon, hatchings } from "../ribbon.js";
import { link } from "../router.js";
import { Controls, legend } from "../timeline_controls.js";

export const title = "Timeline";

export function open(root, parameters, app) {
  const timeline = new Timeline(root, parameters, app);
  return () => timeline.close();
}

class Timeline {
  #app;
  #asked;
  #source;
  #controls;
  #ribbons = new Map();
  #cursor = null;
  /** Where a selection by keys began. */
  #anchor = null;
  #selection = null;
  #width = 0;
  #problem = h("p", { class: "problem", role: "alert", hidden: "" });
  #legend = h("ul", { class: "legend", "aria-label": "Colours" });
  #summary = h("p", { class: "mood-summary", "aria-live": "polite" });
  #actions = h("div", { class: "mood-actions" });
  #rows = h("div", { class: "moods" });
  #axis = h("div", { class: "axis", "aria-hidden": "true" });
  #tables = h("div", {});
  #details = h("details", { class: "mood-tables" }, h("summary", {}, "As tables"), this.#tables);
  #resized = new ResizeObserver(() => this.#draw());

  constructor(root, parameters, app) {
    this.#app = app;
    const { from = "1h", to = "", cameras = "", zone = "" } = parameters;
    this.#asked = { from, to, cameras, zone };
    this.#source = new MoodSource(app.api, (isNew) => this.#loaded(isNew), (problem) => this.#complain(problem));
    this.#controls = new Controls(app, this.#asked, (changes) => this.#ask(changes));
    root.append(
      h("h1", {}, title),
      this.#controls.element,
      this.#problem,
      h("section", { class: "card mood-card" }, hatchings(), this.#legend, this.#rows, this.#axis),
      h("section", { class: "card mood-chosen", "aria-label": "Selection" }, this.#summary, this.#actions),
      this.#details,
    );
    this.#details.addEventListener("toggle", () => this.#fillTables());
    this.#resized.observe(this.#rows);
    this.#source.follow(this.#asked);
  }

  close() {
    this.#resized.disconnect();
    this.#source.close();
    this.#controls.close();
  }

  /** Show another stretch, other cameras or another zone, and put that into the address. */
  #ask(changes) {
    this.#asked = { ...this.#asked, ...changes };
    history.replaceState(history.state, "", link("/timeline", this.#asked));
    this.#controls.show(this.#asked);
    this.#source.follow(this.#asked);
  }

  #complain(problem) {
    this.#problem.hidden = !problem;
    setText(this.#problem, problem);
  }

  #loaded(isNew) {
    if (isNew) this.#choose(null);
    if (isNew || this.#cursor < this.#source.range.since) this.#cursor = null;
    const names = [...this.#source.cameras.keys()];
    for (const name of [...this.#ribbons.keys()].filter((known) => !names.includes(known))) {
      this.#ribbons.get(name).element.remove();
      this.#ribbons.delete(name);
    }
    for (const name of names.filter((unknown) => !this.#ribbons.has(unknown))) {
      const ribbon = new Ribbon(name, {
        point: (start) => this.#point(start),
        step: (steps, extend) => this.#step(steps, extend),
        select: (since, until) => this.#select([since, until]),
        clear: () => this.#select(null),
      });
      this.#ribbons.set(name, ribbon);
    }
    const rows = names.map((name) => this.#ribbons.get(name).element);
    if (rows.length === 0) rows.push(h("p", { class: "empty" }, "No camera is attached."));
    const stay = rows.length === this.#rows.children.length && rows.every((row, at) => row === this.#rows.children[at]);
    if (!stay) this.#rows.replaceChildren(...rows); // what is put there again loses the focus
    this.#draw();
    this.#fillTables();
  }

  #draw() {
    this.#width = this.#rows.clientWidth;
    const { range, cameras } = this.#source;
    if (!range || this.#width === 0) return;
    const all = [...cameras.values()].flatMap((buckets) => [...buckets.values()]);
    const most = Math.max(1, ...all.map((bucket) => bucket.faces));
    this.#legend.replaceChildren(...legend(this.#labels(), most));
    for (const [name, ribbon] of this.#ribbons) ribbon.draw(cameras.get(name), range, this.#labels(), most, this.#width);
    drawAxis(this.#axis, range, this.#width);
    this.#mark();
  }

  #labels() {
    const found = new Set();
    for (const buckets of this.#source.cameras.values()) {
      for (const bucket of buckets.values()) Object.keys(bucket.emotions).forEach((label) => found.add(label));
    }
    return [...[...found].sort(), UNCERTAIN];
  }

  #point(start) {
    if (start === this.#cursor) return;
    this.#cursor = start;
    this.#mark();
  }

  #step(steps, extend) {
    if (!this.#source.range) return;
    const { since, until, step } = this.#source.range;
    const from = this.#cursor ?? (steps < 0 ? until : since - step);
    const to = Math.min(Math.max(from + steps * step, since), until - step);
    const anchor = extend ? (this.#anchor ?? Math.min(Math.max(from, since), until - step)) : null;
    if (extend) this.#choose([Math.min(anchor, to), Math.max(anchor, to) + step]);
    this.#anchor = anchor;
    this.#cursor = to;
    this.#mark();
  }

  #select(selection) {
    this.#choose(selection);
    this.#mark();
  }

  /** While a stretch is selected the picture stands still: what is said, exported and linked is that stretch. */
  #choose(selection) {
    this.#selection = selection;
    this.#anchor = null;
    this.#source.hold(selection);
  }

  #mark() {
    const { range, cameras } = this.#source;
    if (!range) return;
    const [since, until] = this.#selection ?? [range.since, range.until];
    const within = (buckets) => sum([...buckets.values()].filter(({ start }) => since <= start && start < until));
    for (const [name, ribbon] of this.#ribbons) {
      const buckets = cameras.get(name);
      const text = this.#cursor === null ? describe(within(buckets)) : this.#atCursor(buckets, range.step);
      ribbon.mark(this.#cursor, this.#selection, text);
    }
    const all = together([...cameras.values()].map(within));
    const which = this.#selection ? "Selected" : "Shown";
    setText(this.#summary, `${which}: ${stretch(since, until, range.step)} · ${describe(all)}`);
    this.#offer(since, until);
  }

  #atCursor(buckets, step) {
    const few = isFewAt(buckets, step, this.#cursor);
    return `${stretch(this.#cursor, this.#cursor + step, step)}: ${describe(buckets.get(this.#cursor), few)}`;
  }

  /** Offer what can be done with a stretch: export, link. */
  #offer(from, to) {
    const { cameras, zone } = this.#asked;
    const file = (form, rows) =>
      `/api/export?${new URLSearchParams({ from, to, format: form, rows, zone, ...(cameras ? { cameras } : {}) })}`;
    const kept = from >= this.#source.fullFrom;
    const download = (text, href, hint) => h("a", { class: "quiet", href, download: "", title: hint }, text);
    const faces = kept
      ? [
          download("CSV, a row a face", file("csv", "faces"), "Every face of every frame"),
          download("JSON lines", file("jsonl", "faces"), "Every face of every frame, as results have it"),
        ]
      : [h("span", { class: "hint" }, "Single faces are no longer kept for this stretch.")];
    this.#actions.replaceChildren(
      ...faces,
      download("CSV, a row a minute", file("csv", "minutes"), "Face-seconds by emotion, and people"),
      h("a", { class: "quiet", href: link("/timeline", { from, to, cameras, zone }) }, "Link to this stretch"),
    );
  }

  #fillTables() {
    if (!this.#details.open || !this.#source.range) return;
    const { cameras, range } = this.#source;
    this.#tables.replaceChildren(
      ...[...cameras].map(([name, buckets]) => moodsTable(name, buckets, range.step, this.#labels())),
    );
  }
}
