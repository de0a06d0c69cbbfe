// The editor of masks and zones: the live picture, the tools, and the list of what is drawn.

import { h, setText } from "../dom.js";
import { svg } from "../svg.js";
import { colourOfArea } from "./area_scene.js";
import { AreaSurface } from "./area_surface.js";
import { drawPicture, outlineFaces } from "./found.js";

const HELP =
  "A mask hides a part of the picture: it is not shown, and no face is looked at there. A zone has a name, which the results of " +
  "faces in it carry. Draw with the mouse or a finger; or with the arrow keys (Shift: longer steps), " +
  "Enter for each corner, and Enter on the first corner to finish.";

export class AreaEditor {
  #canvas = h("canvas", { class: "areas-frame", width: 640, height: 360 });
  #waiting = h("p", { class: "areas-waiting" }, "No live picture yet; you can draw all the same.");
  #list = h("ul", { class: "areas-list" });
  #said = h("p", { class: "hint areas-said", role: "status" });
  #buttons;
  #surface;
  #shapes;
  #changed;

  /** shapes: see shapes.js; changed: called after each change. */
  constructor(shapes, changed) {
    this.#shapes = shapes;
    this.#changed = changed;
    const drawn = svg("svg", { class: "areas-drawn", role: "application", "aria-label": "Masks and zones on the picture" });
    this.#surface = new AreaSurface(drawn, shapes, {
      changed: () => this.#show(),
      say: (text) => setText(this.#said, text),
    });
    this.#buttons = this.#tools();
    this.element = h(
      "section",
      { class: "areas", "aria-labelledby": "areas-title" },
      h("h2", { id: "areas-title" }, "Masks and zones"),
      h("p", { class: "hint" }, HELP),
      h("div", { class: "actions", role: "toolbar", "aria-label": "Drawing" }, ...Object.values(this.#buttons)),
      h("div", { class: "areas-picture" }, this.#canvas, drawn, this.#waiting),
      this.#said,
      this.#list,
    );
    this.#show();
  }

  /** Whether a shape has been begun and is not closed yet. */
  get isDrawing() {
    return Boolean(this.#surface.drawing?.points.length);
  }

  /** Show a picture of the frame that `header` describes, with the faces that were found in it. */
  async picture(header, jpeg, faces) {
    const bitmap = await createImageBitmap(jpeg);
    drawPicture(this.#canvas, bitmap);
    outlineFaces(this.#canvas, faces, bitmap.width / header.width);
    bitmap.close();
    this.#waiting.hidden = true;
    if (this.#surface.guides.frameWidth !== header.width) this.guide({ frameWidth: header.width });
  }

  /** Show how large faces may be: { smallest, largest } in pixels of the frame, null: no limit. */
  guide(changes) {
    Object.assign(this.#surface.guides, changes);
    this.#surface.render();
  }

  /** Return whether all names are right; the first wrong one gets the focus. */
  check() {
    const index = this.#shapes.list.findIndex((shape, at) => shape.kind === "zone" && this.#shapes.nameError(at));
    if (index < 0) return true;
    this.#list.children[index].querySelector("input").focus();
    return false;
  }

  #tools() {
    const button = (text, act) => {
      const element = h("button", { type: "button", class: "button" }, text);
      element.addEventListener("click", act);
      return element;
    };
    return {
      zone: button("Draw a zone", () => this.#begin("zone")),
      mask: button("Draw a mask", () => this.#begin("mask")),
      finish: button("Finish shape", () => this.#surface.finish()),
      cancel: button("Cancel shape", () => this.#surface.cancel()),
      undo: button("Undo", () => this.#surface.undo()),
    };
  }

  #begin(kind) {
    this.#surface.begin(kind);
    this.#show();
  }

  #show() {
    const { zone, mask, finish, cancel, undo } = this.#buttons;
    const drawing = Boolean(this.#surface.drawing);
    zone.hidden = mask.hidden = drawing;
    zone.disabled = !this.#shapes.canAdd("zone");
    mask.disabled = !this.#shapes.canAdd("mask");
    finish.hidden = cancel.hidden = !drawing;
    undo.disabled = !drawing && !this.#shapes.canUndo;
    this.#list.replaceChildren(...this.#shapes.list.map((shape, index) => this.#entry(shape, index)));
    this.#changed();
  }

  #entry(shape, index) {
    const swatch = h("span", { class: `swatch ${shape.kind}` });
    swatch.style.setProperty("--colour", colourOfArea(index));
    const title = this.#shapes.titleOf(index);
    const remove = h("button", { type: "button", class: "quiet", "aria-label": `Remove ${title}` }, "Remove");
    remove.addEventListener("click", () => {
      this.#shapes.remove(index);
      this.#surface.select(null);
    });
    const name = shape.kind === "zone" ? this.#nameInput(shape, index) : [h("span", {}, title)];
    const corners = h("span", { class: "hint" }, `${shape.points.length} corners`);
    return h("li", { class: this.#surface.selected === index ? "selected" : null }, swatch, ...name, corners, remove);
  }

  #nameInput(shape, index) {
    const id = `zone-name-${index}`;
    const input = h("input", { id, type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
    input.value = shape.name;
    const error = h("span", { class: "field-error", "aria-live": "polite" });
    const judge = () => {
      setText(error, this.#shapes.nameError(index));
      input.setAttribute("aria-invalid", error.textContent ? "true" : "false");
    };
    input.addEventListener("input", () => {
      this.#shapes.rename(index, input.value.trim());
      judge();
      this.#buttons.undo.disabled = false;
      this.#surface.render();
      this.#changed();
    });
    judge();
    return [h("label", { for: id }, "Zone"), input, error];
  }
}
