// Three steps from nothing to a live camera: where it is, a look through it, its name.

import { h } from "../dom.js";
import { link } from "../router.js";
import { KINDS, NAME, fieldsOf, sourceField, suggestName } from "./camera_fields.js";
import { DevicePreview } from "./device_preview.js";
import { checkForm, field, formError, showError, valueOf } from "./fields.js";
import { shownTest } from "./found.js";

const STEPS = ["Where is the camera?", "A look through it", "Its name"];

/** Fill `root` with the steps; return a function that closes them. */
export function openAdd(root, parameters, app) {
  const steps = new AddCamera(app);
  root.append(
    h("div", { class: "view-head" }, h("h1", {}, "Add a camera"), h("a", { class: "button", href: link("/cameras") }, "Cancel")),
    steps.element,
  );
  if (parameters.add in KINDS) steps.choose(parameters.add);
  const unkeep = app.keep(() => steps.isBegun);
  return () => {
    unkeep();
    steps.close();
  };
}

class AddCamera {
  #app;
  /** Whether something was typed that would be lost. */
  isBegun = false;
  #kind = "";
  #settings = {};
  #device = null;
  #progress = h("ol", { class: "progress" });
  #step = h("div", { class: "card step" });

  constructor(app) {
    this.#app = app;
    this.element = h("div", { class: "add-camera" }, this.#progress, this.#step);
    this.element.addEventListener("input", () => (this.isBegun = true));
    this.#showKinds();
  }

  /** Go on with this kind of source. */
  choose(kind) {
    this.#kind = kind;
    this.#settings = {};
    this.#showLook();
  }

  close() {
    this.#device?.close();
    this.#device = null;
  }

  #enter(number, ...content) {
    const entry = (text, index) =>
      h("li", { "aria-current": index === number ? "step" : null, class: index < number ? "done" : null }, text);
    this.#progress.replaceChildren(...STEPS.map(entry));
    const heading = h("h2", { class: "visually-hidden", tabindex: "-1" }, STEPS[number]);
    this.#step.replaceChildren(heading, ...content);
    heading.focus({ preventScroll: true });
  }

  #showKinds() {
    this.close();
    this.isBegun = false;
    const choice = ([kind, { label, text }]) => {
      const button = h("button", { type: "button", class: "kind", "data-kind": kind }, h("strong", {}, label), h("span", {}, text));
      button.addEventListener("click", () => this.choose(kind));
      return button;
    };
    this.#enter(0, h("div", { class: "kinds" }, ...Object.entries(KINDS).map(choice)));
  }

  #showLook() {
    this.close();
    if (this.#kind === "browser") this.#showDevice();
    else this.#showSource();
  }

  #showDevice() {
    const next = this.#button("Next", () => this.#showName(), "primary");
    this.#device = new DevicePreview(this.#app, (isOpen) => (next.disabled = !isOpen));
    this.#enter(1, this.#device.element, this.#actions(() => this.#showKinds(), this.#device.lookButton, next));
    this.#device.open();
  }

  #showSource() {
    const { source, ...rest } = this.#settings;
    const specs = fieldsOf(this.#kind).reading;
    const values = { loop: this.#kind === "file", rotate: 0, transport: "tcp", pace: "auto", group: "default", ...rest };
    const shown = h("div", { class: "test" });
    const test = h("button", { class: "button primary" }, "Show a picture");
    const next = this.#button("Next", () => this.#takeSource(form, specs) && this.#showName(), "");
    const form = h(
      "form",
      { novalidate: "" },
      field(sourceField(this.#kind), source),
      h("details", {}, h("summary", {}, "How it is read"), h("div", { class: "fields" }, ...specs.map((spec) => field(spec, values[spec.name])))),
      formError(),
      shown,
      this.#actions(() => this.#showKinds(), test, next),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (this.#takeSource(form, specs)) await this.#test(form, test, next, shown);
    });
    this.#enter(1, form);
    form.elements.source.focus();
  }

  #takeSource(form, specs) {
    if (!checkForm(form)) return false;
    const source = form.elements.source.value.trim();
    this.#settings = { source, ...Object.fromEntries(specs.map((spec) => [spec.name, valueOf(spec, form)])) };
    return true;
  }

  async #test(form, test, next, shown) {
    test.disabled = true;
    shown.replaceChildren(h("p", { class: "hint", role: "status" }, "Opening it; this can take some seconds."));
    try {
      shown.replaceChildren(await shownTest(await this.#app.api("POST", "/api/cameras/test", this.#settings)));
      test.classList.remove("primary");
      next.classList.add("primary");
      next.focus();
    } catch (error) {
      shown.replaceChildren();
      showError(form, error.message, "source");
    } finally {
      test.disabled = false;
    }
  }

  #showName() {
    const source = this.#settings.source ?? "browser";
    const taken = (this.#app.status?.cameras ?? []).map((camera) => camera.camera);
    const add = h("button", { class: "button primary" }, "Add it");
    const form = h(
      "form",
      { novalidate: "" },
      field(NAME, suggestName(this.#kind, source, taken)),
      this.#kind === "browser" ? h("p", { class: "hint" }, "From now on a bar at the page's end says that this camera is on.") : null,
      formError(),
      this.#actions(() => (this.#device ? this.#showKinds() : this.#showSource()), add),
    );
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!checkForm(form)) return;
      add.disabled = true;
      await this.#add(form);
      add.disabled = false;
    });
    this.#enter(2, form);
    form.elements.name.select();
  }

  async #add(form) {
    const name = form.elements.name.value.trim();
    if (this.#device && !this.#device.isOpen) {
      showError(form, "This device's camera is gone. Go back and open it again.");
      return;
    }
    try {
      await this.#app.api("POST", "/api/cameras", { name, ...this.#settings, ...(this.#device?.settings ?? {}) });
      this.isBegun = false;
      await this.#device?.handOver(name);
    } catch (error) {
      showError(form, error.message);
      return;
    }
    this.#app.notify(`${name} is attached. Under Cameras you can draw its masks and zones.`);
    this.#app.navigate("/");
  }

  #button(text, act, kind) {
    const button = h("button", { type: "button", class: `button ${kind}` }, text);
    button.addEventListener("click", act);
    return button;
  }

  #actions(back, ...buttons) {
    return h("div", { class: "actions" }, this.#button("Back", back, ""), ...buttons);
  }
}
