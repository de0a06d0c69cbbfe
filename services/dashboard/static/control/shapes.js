// The masks and zones of a camera while they are drawn: points in shares of the picture, and undo.

export const FEWEST_POINTS = 3;
export const MOST_POINTS = 32;
/** Of each kind. */
const MOST_SHAPES = 16;
const DIGITS = 4;

const round = (value) => Number(Math.min(1, Math.max(0, value)).toFixed(DIGITS));
const place = ([x, y]) => [round(x), round(y)];

export class Shapes {
  #past = [];
  #tag = null;

  /** masks: list of polygons; zones: name → polygon; a polygon is a list of [x, y], each 0 to 1. */
  constructor({ masks = [], zones = {} }) {
    this.list = [
      ...masks.map((points) => ({ kind: "mask", name: "", points })),
      ...Object.entries(zones).map(([name, points]) => ({ kind: "zone", name, points })),
    ];
  }

  /** What the API takes. */
  get settings() {
    const masks = this.list.filter((shape) => shape.kind === "mask").map((shape) => shape.points);
    const zones = this.list.filter((shape) => shape.kind === "zone").map((shape) => [shape.name, shape.points]);
    return { masks, zones: Object.fromEntries(zones) };
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  undo() {
    if (this.canUndo) this.list = this.#past.pop();
    this.#tag = null;
  }

  /** Add a polygon; return its index. A zone gets the first free name. */
  add(kind, points) {
    this.#keep();
    this.list.push({ kind, name: kind === "zone" ? this.freeName() : "", points: points.map(place) });
    return this.list.length - 1;
  }

  /** Whether one more of this kind may be drawn. */
  canAdd(kind) {
    return this.list.filter((shape) => shape.kind === kind).length < MOST_SHAPES;
  }

  remove(index) {
    this.#keep();
    this.list.splice(index, 1);
  }

  rename(index, name) {
    this.#keep(`rename ${index}`);
    this.list[index].name = name;
  }

  /** Move one point there. Moves with the same `stroke` are undone together. */
  movePoint(index, at, point, stroke) {
    this.#keep(`move ${index} ${at} ${stroke}`);
    this.list[index].points[at] = place(point);
  }

  /** Move a whole polygon, as far as the picture's edges let it. */
  moveShape(index, [dx, dy], stroke) {
    this.#keep(`shift ${index} ${stroke}`);
    const { points } = this.list[index];
    const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
    const right = Math.min(1 - Math.max(...x), Math.max(-Math.min(...x), dx));
    const down = Math.min(1 - Math.max(...y), Math.max(-Math.min(...y), dy));
    this.list[index].points = points.map((point) => place([point[0] + right, point[1] + down]));
  }

  /** Put a new point half way behind another one; say whether that was possible. */
  insertPoint(index, at) {
    const { points } = this.list[index];
    if (points.length >= MOST_POINTS) return false;
    this.#keep();
    const [from, to] = [points[at], points[(at + 1) % points.length]];
    points.splice(at + 1, 0, place([(from[0] + to[0]) / 2, (from[1] + to[1]) / 2]));
    return true;
  }

  /** Take a point away; say whether that was possible. */
  removePoint(index, at) {
    if (this.list[index].points.length <= FEWEST_POINTS) return false;
    this.#keep();
    this.list[index].points.splice(at, 1);
    return true;
  }

  /** Return what a shape is called, for people: masks are numbered. */
  titleOf(index) {
    const { kind, name } = this.list[index];
    if (kind === "zone") return `Zone ${name}`;
    return `Mask ${this.list.slice(0, index + 1).filter((shape) => shape.kind === "mask").length}`;
  }

  /** Return what is wrong with a zone's name, "" if nothing is. */
  nameError(index) {
    const { name } = this.list[index];
    if (!/^[a-z0-9_-]{1,40}$/.test(name)) return "A name has lower-case letters, digits, - and _ only.";
    const twice = this.list.some((other, at) => at !== index && other.kind === "zone" && other.name === name);
    return twice ? "Another zone has this name." : "";
  }

  freeName() {
    const taken = new Set(this.list.map((shape) => shape.name));
    let number = 1;
    while (taken.has(`zone-${number}`)) number += 1;
    return `zone-${number}`;
  }

  #keep(tag = null) {
    if (tag === null || tag !== this.#tag) this.#past.push(structuredClone(this.list));
    this.#tag = tag;
  }
}
