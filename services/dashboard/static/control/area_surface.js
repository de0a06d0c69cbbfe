// The picture on which masks and zones are drawn: mouse, touch and keyboard do the same to the same shapes.

import { FEWEST_POINTS, MOST_POINTS } from "./shapes.js";
import { drawScene } from "./area_scene.js";

/** How exactly a person points: so near (pixels) counts as on the first corner, or as on the last one. */
const POINTING = { first: 14, last: 4 };
const STEPPING = { first: 0.5, last: 0.5 };
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 0.01;
const LONG_STEP = 0.05;

const whole = (share) => `${Math.round(share * 100)} %`;
const where = ([x, y]) => `${whole(x)} from the left, ${whole(y)} from the top`;
const clip = (value) => Math.min(1, Math.max(0, value));

export class AreaSurface {
  /** The polygon being drawn: { kind, points, cursor }, or null. */
  drawing = null;
  selected = null;
  /** Widths of faces in pixels of the frame, and the frame's own width. */
  guides = { smallest: null, largest: null, frameWidth: 0 };
  #svg;
  #shapes;
  #changed;
  #say;
  #drag = null;
  #strokes = 0;
  #size = { width: 1, height: 1 };

  /** svg: lies over the picture; changed: called after each change; say: tells it in words. */
  constructor(svg, shapes, { changed, say }) {
    this.#svg = svg;
    this.#shapes = shapes;
    this.#changed = changed;
    this.#say = say;
    svg.addEventListener("pointerdown", (event) => this.#press(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => this.#release());
    svg.addEventListener("keydown", (event) => this.#key(event));
    svg.addEventListener("focusin", (event) => this.#focus(event));
    new ResizeObserver(() => this.#resize()).observe(svg);
  }

  begin(kind) {
    this.drawing = { kind, points: [], cursor: [0.5, 0.5] };
    this.selected = null;
    this.render();
    this.#svg.focus();
    this.#say("Click the corners; click the first one again to finish. Or move with the arrow keys and press Enter.");
  }

  /** Close the polygon being drawn. */
  finish() {
    const { kind, points } = this.drawing;
    if (points.length < FEWEST_POINTS) {
      this.#say(`A shape needs at least ${FEWEST_POINTS} corners; it has ${points.length}.`);
      return;
    }
    this.drawing = null;
    this.selected = this.#shapes.add(kind, points);
    this.#say(`The ${kind} is closed, with ${points.length} corners.`);
    this.#done();
  }

  cancel() {
    this.drawing = null;
    this.#say("Nothing was drawn.");
    this.#done();
  }

  undo() {
    if (this.drawing?.points.length) this.drawing.points.pop();
    else if (this.drawing) this.drawing = null;
    else this.#shapes.undo();
    if (this.selected !== null && this.selected >= this.#shapes.list.length) this.selected = null;
    this.#say("Undone.");
    this.#done();
  }

  select(index) {
    this.selected = index;
    this.#done();
  }

  render() {
    const focused = document.activeElement?.dataset?.key;
    const shapes = this.#shapes.list;
    const titles = shapes.map((_, index) => this.#shapes.titleOf(index));
    drawScene(this.#svg, this.#size, { ...this, shapes, titles });
    if (focused) this.#svg.querySelector(`[tabindex][data-key="${focused}"]`)?.focus({ preventScroll: true });
  }

  #resize() {
    this.#size = { width: this.#svg.clientWidth || 1, height: this.#svg.clientHeight || 1 };
    this.render();
  }

  #done() {
    this.render();
    this.#changed();
  }

  #at(event) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return [clip((event.clientX - left) / width), clip((event.clientY - top) / height)];
  }

  #distance([x, y], [otherX, otherY]) {
    return Math.hypot((x - otherX) * this.#size.width, (y - otherY) * this.#size.height);
  }

  #press(event) {
    if (event.button !== 0) return;
    const point = this.#at(event);
    if (this.drawing) {
      event.preventDefault();
      this.#put(point, POINTING);
      return;
    }
    const key = keyOf(event.target);
    if (!key) return;
    if (key.between && !this.#shapes.insertPoint(key.shape, key.at)) return;
    const at = key.between ? key.at + 1 : key.at;
    this.selected = key.shape;
    this.#drag = { shape: key.shape, at, last: point, stroke: `drag ${++this.#strokes}` };
    this.#svg.setPointerCapture(event.pointerId);
    this.#done();
  }

  #move(event) {
    const point = this.#at(event);
    if (this.drawing) {
      this.drawing.cursor = point;
      this.render();
    } else if (this.#drag) {
      const { shape, at, last, stroke } = this.#drag;
      if (at === null) this.#shapes.moveShape(shape, [point[0] - last[0], point[1] - last[1]], stroke);
      else this.#shapes.movePoint(shape, at, point, stroke);
      this.#drag.last = point;
      this.#done();
    }
  }

  #release() {
    this.#drag = null;
  }

  /** Put a corner where the person points, or close the shape if that is the first one or the last one again. */
  #put(point, near) {
    const { points } = this.drawing;
    const closes = points.length >= FEWEST_POINTS && this.#distance(point, points[0]) <= near.first;
    const repeats = points.length > 0 && this.#distance(point, points.at(-1)) <= near.last;
    if (closes || (repeats && points.length >= FEWEST_POINTS)) {
      this.finish();
    } else if (points.length >= MOST_POINTS) {
      this.#say(`A shape has at most ${MOST_POINTS} corners; finish it.`);
    } else if (!repeats) {
      points.push(point);
      this.#say(`Corner ${points.length}: ${where(point)}.`);
      this.#done();
    }
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) {
      if (event.key !== "z") return;
      this.undo();
    } else if (!(this.drawing ? this.#keyDrawing(event) : this.#keyShape(event))) {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #keyDrawing({ key, shiftKey }) {
    const { cursor } = this.drawing;
    if (key in STEPS) {
      const step = shiftKey ? LONG_STEP : STEP;
      this.drawing.cursor = cursor.map((value, axis) => clip(value + STEPS[key][axis] * step));
      this.#say(where(this.drawing.cursor));
      this.render();
    } else if (key === "Enter" || key === " ") this.#put(cursor, STEPPING);
    else if (key === "Backspace") this.undo();
    else if (key === "Escape") this.cancel();
    else return false;
    return true;
  }

  #keyShape({ key, shiftKey, target }) {
    const grip = keyOf(target);
    if (!grip) return false;
    const { shape, at } = grip;
    if (key in STEPS) {
      const by = STEPS[key].map((direction) => direction * (shiftKey ? LONG_STEP : STEP));
      const point = at === null ? null : this.#shapes.list[shape].points[at];
      if (at === null) this.#shapes.moveShape(shape, by, "keys");
      else this.#shapes.movePoint(shape, at, [point[0] + by[0], point[1] + by[1]], "keys");
      if (at !== null) this.#say(where(this.#shapes.list[shape].points[at]));
    } else if (key === "Delete" || key === "Backspace") this.#delete(shape, at);
    else if ((key === "+" || key === "Insert") && at !== null) this.#shapes.insertPoint(shape, at);
    else return false;
    this.#done();
    return true;
  }

  #delete(shape, at) {
    if (at === null) {
      this.#shapes.remove(shape);
      this.selected = null;
      this.#say("Removed; undo brings it back.");
    } else if (!this.#shapes.removePoint(shape, at)) {
      this.#say(`A shape needs at least ${FEWEST_POINTS} corners.`);
    }
  }

  #focus(event) {
    const key = keyOf(event.target);
    if (key && !this.drawing && this.selected !== key.shape) this.select(key.shape);
  }
}

/** Return what an element of the scene stands for: { shape, at (null: the whole shape), between }. */
function keyOf(element) {
  const [shape, at, between] = (element.dataset?.key ?? "").split("/");
  if (!shape) return null;
  return { shape: Number(shape), at: at ? Number(at) : null, between: Boolean(between) };
}
