// The list of cameras: state, source, and for admins what can be done with each.

import { h, setText } from "../dom.js";
import { link } from "../router.js";
import { pauseCamera, removeCamera } from "./camera_actions.js";
import { deviceCamera, openDeviceCamera } from "./device.js";

/** Fill `root` with the list; return a function that closes it. */
export function openList(root, parameters, app) {
  const list = h("ul", { class: "cameras" });
  const add = h("a", { class: "button primary", href: link("/cameras", { add: "1" }) }, "Add a camera");
  const empty = h("p", { class: "empty", hidden: "" }, "No camera is attached yet.");
  const canChange = app.role === "admin";
  const hint = canChange ? null : h("p", { class: "hint" }, "You may look; changing cameras needs an admin's login.");
  root.append(h("div", { class: "view-head" }, h("h1", {}, "Cameras"), canChange ? add : null), hint ?? "", empty, list);
  const rows = new Map();
  let known = "";

  const load = async () => {
    try {
      const cameras = await app.api("GET", "/api/cameras");
      empty.hidden = cameras.length > 0;
      rows.clear();
      for (const camera of cameras) rows.set(camera.name, new Row(camera, app, canChange, load));
      list.replaceChildren(...[...rows.values()].map((row) => row.element));
      if (app.status) tell(app.status);
    } catch (error) {
      app.notify(error.message, "bad");
    }
  };
  const tell = (status) => {
    for (const camera of status.cameras) rows.get(camera.camera)?.update(camera);
  };
  const take = (status) => {
    const now = JSON.stringify(status.cameras.map(({ camera, source, state }) => [camera, source, state === "paused"]));
    if (now !== known) load();
    known = now;
    tell(status);
  };
  const offs = [app.on("status", take)];
  const onDevice = () => rows.forEach((row) => row.showSending());
  deviceCamera.addEventListener("change", onDevice);
  load();
  return () => {
    deviceCamera.removeEventListener("change", onDevice);
    offs.forEach((off) => off());
  };
}

class Row {
  #camera;
  #app;
  #state = h("span", { class: "state" }, "connecting");
  #facts = h("span", { class: "hint" });
  #send = null;

  constructor(camera, app, canChange, reload) {
    this.#camera = camera;
    this.#app = app;
    const name = h("a", { href: link(`/camera/${camera.name}`) }, camera.name);
    const isBrowser = camera.source === "browser";
    const source = isBrowser ? "a device's camera, sent by its browser" : camera.source;
    this.element = h(
      "li",
      { class: "card camera", "data-camera": camera.name, "data-state": camera.paused ? "paused" : "connecting" },
      h("div", { class: "camera-head" }, h("h2", {}, name), this.#state),
      h("p", { class: "camera-source" }, source),
      this.#facts,
      canChange ? h("div", { class: "actions" }, ...this.#actions(isBrowser, reload)) : null,
    );
  }

  /** Take the camera's part of the status. */
  update({ state, detail, width, height, captured_per_second: rate }) {
    this.element.dataset.state = state;
    setText(this.#state, state);
    const size = width ? `${width} × ${height}, ${rate.toFixed(1)} frames/s` : "";
    setText(this.#facts, state === "live" ? size : detail || size);
  }

  /** Say on the button whether this device sends this camera. */
  showSending() {
    if (!this.#send) return;
    const sends = deviceCamera.isOn && deviceCamera.facts.camera === this.#camera.name;
    setText(this.#send, sends ? "Stop sending" : "Send from this device");
  }

  #actions(isBrowser, reload) {
    const { name, paused } = this.#camera;
    const button = (text, label, act, kind = "") => {
      const element = h("button", { type: "button", class: `button ${kind}`, "aria-label": label }, text);
      element.addEventListener("click", act);
      return element;
    };
    if (isBrowser) this.#send = h("button", { type: "button", class: "button" });
    this.#send?.addEventListener("click", () => this.#toggleSending());
    this.showSending();
    const pause = async () => {
      if (await pauseCamera(this.#app, name, !paused)) reload();
    };
    const remove = async () => {
      if (await removeCamera(this.#app, name)) reload();
    };
    return [
      this.#send,
      h("a", { class: "button", href: link(`/cameras/${name}`), "aria-label": `Edit ${name}` }, "Edit"),
      button(paused ? "Resume" : "Pause", `${paused ? "Resume" : "Pause"} ${name}`, pause),
      button("Remove…", `Remove ${name}`, remove, "danger"),
    ];
  }

  async #toggleSending() {
    const { name, fps, width } = this.#camera;
    if (deviceCamera.isOn && deviceCamera.facts.camera === name) {
      deviceCamera.stop();
      return;
    }
    try {
      const stream = await openDeviceCamera();
      await deviceCamera.start(name, stream, { fps: fps ?? undefined, width: width ?? undefined });
    } catch (error) {
      this.#app.notify(error.message, "bad");
    }
  }
}
