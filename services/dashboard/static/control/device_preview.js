// The look through this device's camera before it becomes a camera of the stack.

import { h } from "../dom.js";
import { deviceCamera, grab, jpegOf, listDeviceCameras, openDeviceCamera } from "./device.js";
import { field, valueOf } from "./fields.js";
import { shownFaces } from "./found.js";

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

const WHERE =
  "Nothing leaves this device until you look for faces or add the camera. Pictures are shown live and never stored.";
const NEEDED_PX = 48;

export class DevicePreview {
  #app;
  #tell;
  #stream = null;
  /** Counts openings and closings: a camera that comes too late is turned off again. */
  #turn = 0;
  #video = h("video", { class: "test-picture", playsinline: "", muted: "", "aria-label": "What this device's camera sees" });
  #problem = h("p", { class: "field-error", role: "alert" });
  #cameras = h("select", { id: "device-camera" });
  #choice = h("div", { class: "field", hidden: "" }, h("label", { for: "device-camera" }, "Camera"), this.#cameras);
  #form = h("form", { class: "fields" }, this.#choice, field(RATE, 10), field(WIDTH, 640));
  #look = h("button", { type: "button", class: "button", disabled: "" }, "Look for faces");
  #found = h("div", { class: "test" });

  /** tell: called with whether there is a camera, each time that this changes. */
  constructor(app, tell) {
    this.#app = app;
    this.#tell = tell;
    this.#video.muted = true;
    this.#cameras.addEventListener("change", () => this.open(this.#cameras.value));
    this.#form.addEventListener("submit", (event) => event.preventDefault());
    this.#look.addEventListener("click", () => this.#lookForFaces());
    this.element = h("div", {}, this.#problem, this.#video, h("p", { class: "hint" }, WHERE), this.#form, this.#found);
  }

  /** The button that shows which faces are found. */
  get lookButton() {
    return this.#look;
  }

  /** What the camera's settings get from here. */
  get settings() {
    return { source: "browser", fps: valueOf(RATE, this.#form), width: valueOf(WIDTH, this.#form) };
  }

  /** Whether there are pictures: nobody has unplugged the camera. */
  get isOpen() {
    return Boolean(this.#stream?.active);
  }

  /** Ask for the camera and show it. */
  async open(deviceId = "") {
    this.close();
    this.#tell(false);
    this.#look.disabled = true;
    this.#problem.textContent = "";
    const turn = this.#turn;
    let stream;
    try {
      stream = await openDeviceCamera(deviceId);
    } catch (error) {
      if (turn !== this.#turn) return;
      this.#problem.textContent = error.message;
      this.#video.hidden = this.#look.hidden = true;
      this.#form.hidden = this.#choice.hidden;
      return;
    }
    if (turn !== this.#turn) {
      turnOff(stream);
      return;
    }
    this.#stream = stream;
    this.#video.hidden = this.#form.hidden = this.#look.hidden = false;
    this.#video.srcObject = stream;
    await this.#video.play().catch(() => {}); // it is interrupted where the view is left at once
    await this.#offerOthers(stream);
    if (turn !== this.#turn) return;
    this.#look.disabled = false;
    this.#tell(true);
  }

  /** Send from now on as this camera. */
  async handOver(name) {
    const stream = this.#stream;
    this.#stream = null;
    const { fps, width } = this.settings;
    await deviceCamera.start(name, stream, { fps, width });
  }

  /** Let the stack look for faces in one picture, which it does not keep. */
  async #lookForFaces() {
    const canvas = document.createElement("canvas");
    if (!grab(this.#video, canvas, this.settings.width)) return;
    this.#look.disabled = true;
    this.#found.replaceChildren(h("p", { class: "hint", role: "status" }, "Looking for faces."));
    try {
      const { pictures } = await this.#app.api("POST", "/api/analyze", await jpegOf(canvas));
      const { width, height, faces, error } = pictures[0];
      if (error) throw new Error(error);
      this.#found.replaceChildren(shownFaces(canvas, { width, height, faces, advice: adviceOn(faces) }));
    } catch (error) {
      this.#found.replaceChildren(h("p", { class: "field-error", role: "alert" }, error.message));
    }
    this.#look.disabled = false;
  }

  close() {
    this.#turn += 1;
    turnOff(this.#stream);
    this.#stream = null;
  }

  async #offerOthers(stream) {
    const cameras = await listDeviceCameras();
    const current = stream.getVideoTracks()[0].getSettings().deviceId;
    this.#choice.hidden = cameras.length < 2;
    this.#cameras.replaceChildren(...cameras.map(([id, label]) => h("option", { value: id }, label)));
    this.#cameras.value = current;
  }
}

function turnOff(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Return what the API advises for other sources, too. */
function adviceOn(faces) {
  if (faces.length === 0) return [`no face found; it should look towards the camera and be ${NEEDED_PX} px wide or more`];
  const widest = Math.round(Math.max(...faces.map((face) => face.box[2])));
  return widest < NEEDED_PX ? [`faces ${widest} px; ${NEEDED_PX} needed: come closer, or choose a wider picture`] : [];
}
