// One camera's settings: how it is read, which faces count, and where in the picture.

import { h } from "../dom.js";
import { link } from "../router.js";
import { AreaEditor } from "./area_editor.js";
import { pauseCamera, removeCamera } from "./camera_actions.js";
import { fieldsOf, kindOf, sourceField } from "./camera_fields.js";
import { checkForm, field, formError, setError, setValue, showError, valueOf } from "./fields.js";
import { shownTest } from "./found.js";
import { Shapes } from "./shapes.js";

/** Fill `root` with the camera's settings; return a function that closes them. */
export function openEdit(root, { name }, app) {
  let editor = null;
  let isClosed = false;
  const large = h("a", { class: "button", href: link(`/camera/${name}`) }, "Large view");
  root.append(h("div", { class: "view-head" }, h("h1", {}, `Camera ${name}`), large));
  const load = async () => {
    const cameras = await app.api("GET", "/api/cameras");
    const camera = cameras.find((candidate) => candidate.name === name);
    if (!camera) throw new Error(`There is no camera ${name}.`);
    if (isClosed) return;
    editor = new CameraEditor(camera, app);
    root.append(editor.element);
  };
  load().catch((error) => root.append(h("p", { class: "empty" }, error.message)));
  return () => {
    isClosed = true;
    editor?.close();
  };
}

class CameraEditor {
  #app;
  #camera;
  #specs;
  #shapes;
  #areas;
  #tested = h("div", { class: "test" });
  #save = h("button", { class: "button primary", disabled: "" }, "Save changes");
  #offs;
  #unkeep;

  constructor(camera, app) {
    this.#app = app;
    this.#camera = camera;
    this.#shapes = new Shapes(structuredClone(camera));
    const kind = kindOf(camera.source);
    const { reading, faces } = fieldsOf(kind);
    const source = kind === "browser" ? [] : [sourceField(kind)];
    this.#specs = [...source, ...reading, ...faces];
    this.#areas = new AreaEditor(this.#shapes, () => this.#judge());
    this.element = this.#page(source, reading, faces);
    this.#judge();
    this.#offs = this.#follow();
    this.#unkeep = app.keep(() => this.#areas.isDrawing || Object.keys(this.#changes()).length > 0);
  }

  close() {
    this.#unkeep();
    this.#offs.forEach((off) => off());
  }

  #page(source, reading, faces) {
    const made = (specs) => specs.map((spec) => field(spec, this.#camera[spec.name]));
    const fields = (specs) => h("div", { class: "fields" }, ...made(specs));
    const card = (heading, ...content) => h("section", { class: "card" }, h("h2", {}, heading), ...content);
    const form = h(
      "form",
      { class: "edit-camera", novalidate: "" },
      h("div", { class: "card" }, this.#areas.element),
      h(
        "div",
        { class: "edit-fields" },
        card("Faces", fields(faces)),
        card("How it is read", ...made(source), fields(reading), this.#tested),
      ),
      h("div", { class: "bar" }, formError(), h("div", { class: "actions" }, ...this.#buttons(source.length > 0))),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#store();
    });
    form.addEventListener("input", () => this.#judge());
    return form;
  }

  #buttons(canTest) {
    const { name, paused } = this.#camera;
    const button = (text, act, kind = "") => {
      const element = h("button", { type: "button", class: `button ${kind}` }, text);
      element.addEventListener("click", () => act(element));
      return element;
    };
    const pause = async (element) => {
      if (!(await pauseCamera(this.#app, name, !this.#camera.paused))) return;
      this.#camera.paused = !this.#camera.paused;
      element.textContent = this.#camera.paused ? "Resume" : "Pause";
    };
    const remove = async () => {
      if (!(await removeCamera(this.#app, name))) return;
      this.#unkeep();
      this.#app.navigate("/cameras");
    };
    return [
      this.#save,
      canTest ? button("Test", (element) => this.#test(element)) : null,
      button(paused ? "Resume" : "Pause", pause),
      button("Remove…", remove, "danger"),
      button("Back to the list", () => this.#app.navigate("/cameras")),
    ];
  }

  /** Show the camera's live pictures behind the shapes. */
  #follow() {
    const { name } = this.#camera;
    let newest = null;
    this.#app.watch([name]);
    return [
      this.#app.on("result", (result) => {
        if (result.camera === name) newest = result;
      }),
      this.#app.on("picture", ({ header, jpeg }) => {
        if (header.camera !== name) return;
        const matches = newest?.run === header.run && newest?.sequence === header.sequence;
        this.#areas.picture(header, jpeg, matches ? newest.faces : []);
      }),
    ];
  }

  /** Return what is changed, as the API takes it. */
  #changes() {
    const now = { ...this.#shapes.settings };
    for (const spec of this.#specs) now[spec.name] = valueOf(spec, this.element);
    const differs = ([key, value]) => JSON.stringify(value) !== JSON.stringify(this.#camera[key]);
    return Object.fromEntries(Object.entries(now).filter(differs));
  }

  #judge() {
    if (!this.element) return;
    const changes = this.#changes();
    this.#save.disabled = Object.keys(changes).length === 0;
    const { min_face: smallest, max_face: largest } = { ...this.#camera, ...changes };
    this.#areas.guide({ smallest, largest });
  }

  #check() {
    if (!checkForm(this.element) || !this.#areas.check()) return false;
    const { min_face: smallest, max_face: largest } = { ...this.#camera, ...this.#changes() };
    if (smallest === null || largest === null || largest >= smallest) return true;
    const input = this.element.elements.max_face;
    setError(input, "The largest face can't be smaller than the smallest.");
    input.focus();
    return false;
  }

  async #store() {
    if (!this.#check()) return;
    const { name } = this.#camera;
    const changes = this.#changes();
    try {
      Object.assign(this.#camera, await this.#app.api("PATCH", `/api/cameras/${name}`, changes));
    } catch (error) {
      showError(this.element, error.message);
      return;
    }
    this.#showStored(changes);
    this.#judge();
    this.#app.notify(`${name} is changed.`);
  }

  /** Show what was stored as the API gives it, without a password, unless something else was typed meanwhile. */
  #showStored(changes) {
    for (const spec of this.#specs) {
      if (valueOf(spec, this.element) === changes[spec.name]) setValue(spec, this.element, this.#camera[spec.name]);
    }
  }

  async #test(button) {
    if (!this.#check()) return;
    button.disabled = true;
    this.#tested.replaceChildren(h("p", { class: "hint", role: "status" }, "Opening it; this can take some seconds."));
    try {
      const answer = await this.#app.api("POST", "/api/cameras/test", { ...this.#camera, ...this.#changes() });
      this.#tested.replaceChildren(await shownTest(answer));
    } catch (error) {
      this.#tested.replaceChildren();
      showError(this.element, error.message, "source");
    }
    button.disabled = false;
  }
}
