// The look through this device's camera before it becomes a camera of the stack.

import { h } from "../dom.js";
import { deviceCamera, listDeviceCameras, openDeviceCamera } from "./device.js";
import { field, valueOf } from "./fields.js";

const RATE = {
  name: "fps",
  label: "Frames a second",
  kind: "number",
  min: 0.5,
  max: 30,
  step: "any",
  empty: 10,
  help: "5 to 10 is enough to follow a face. A slow line sends fewer.",
};
const WIDTH = {
  name: "width",
  label: "Picture width",
  kind: "select",
  numeric: true,
  options: [[320, "320 pixels"], [640, "640 pixels"], [1280, "1280 pixels"]],
};

export class DevicePreview {
  #app;
  #stream = null;
  #video = h("video", { class: "test-picture", playsinline: "", muted: "", "aria-label": "What this device's camera sees" });
  #problem = h("p", { class: "field-error", role: "alert" });
  #cameras = h("select", { id: "device-camera" });
  #choice = h("div", { class: "field", hidden: "" }, h("label", { for: "device-camera" }, "Camera"), this.#cameras);
  #form = h("form", { class: "fields" }, this.#choice, field(RATE, 10), field(WIDTH, 640));

  constructor(app) {
    this.#app = app;
    this.#video.muted = true;
    this.#cameras.addEventListener("change", () => this.open(this.#cameras.value));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    const where = "Nothing leaves this device until you add it. Pictures are shown live and never stored.";
    this.element = h("div", {}, this.#problem, this.#video, h("p", { class: "hint" }, where), this.#form);
  }

  /** What the camera's settings get from here. */
  get settings() {
    return { source: "browser", fps: valueOf(RATE, this.#form), width: valueOf(WIDTH, this.#form) };
  }

  /** Ask for the camera and show it; resolves to whether it is there. */
  async open(deviceId = "") {
    this.close();
    this.#problem.textContent = "";
    try {
      this.#stream = await openDeviceCamera(deviceId);
    } catch (error) {
      this.#problem.textContent = error.message;
      this.#video.hidden = this.#form.hidden = true;
      return false;
    }
    this.#video.srcObject = this.#stream;
    await this.#video.play();
    await this.#offerOthers();
    return true;
  }

  /** Send from now on as this camera. */
  async handOver(name) {
    const stream = this.#stream;
    this.#stream = null;
    const { fps, width } = this.settings;
    await deviceCamera.start(name, stream, { fps, width });
  }

  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }

  async #offerOthers() {
    const cameras = await listDeviceCameras();
    const current = this.#stream.getVideoTracks()[0].getSettings().deviceId;
    this.#choice.hidden = cameras.length < 2;
    this.#cameras.replaceChildren(...cameras.map(([id, label]) => h("option", { value: id }, label)));
    this.#cameras.value = current;
  }
}
