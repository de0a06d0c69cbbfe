// "This device's camera": pictures of the browser's camera go to the stack as a camera of their own.

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 8000;
const REFUSED = 1008;
const JPEG_QUALITY = 0.85;

/** Say why this page may not use a camera, "" if it may. */
function whyNoCamera() {
  if (navigator.mediaDevices?.getUserMedia) return "";
  return window.isSecureContext
    ? "This browser gives no camera to pages."
    : "A browser gives its camera only to pages that it got over HTTPS or from its own machine. " +
        "Open this page as http://localhost there, or serve it over HTTPS.";
}

const PLAIN = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it beside the page's address, then try again.",
  NotFoundError: "This device has no camera.",
  NotReadableError: "The camera could not be read: another program may hold it.",
  OverconstrainedError: "That camera is not there any more. Choose another one.",
};

/** Open the device's camera. Returns its MediaStream; throws an Error with a sentence for a person. */
export async function openDeviceCamera(deviceId = "") {
  const problem = whyNoCamera();
  if (problem) throw new Error(problem);
  const wanted = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { ...wanted, width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    throw new Error(PLAIN[error.name] ?? `The camera can't be opened: ${error.message}`);
  }
}

/** Return the device's cameras as [id, label]; they have labels once the person has allowed one. */
export async function listDeviceCameras() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  const cameras = devices.filter((device) => device.kind === "videoinput" && device.deviceId);
  return cameras.map((device, index) => [device.deviceId, device.label || `Camera ${index + 1}`]);
}

/** Draw a video's picture on a canvas, no wider than `width`; say whether there was one. */
export function grab(video, canvas, width) {
  if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return false;
  const scale = Math.min(1, width / video.videoWidth);
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  canvas.getContext("2d").drawImage(video, 0, 0, canvas.width, canvas.height);
  return true;
}

export const jpegOf = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", JPEG_QUALITY));

/** Sends one camera's pictures at a chosen rate. A picture that can't go at once is skipped, never queued. */
class DeviceCamera extends EventTarget {
  /** What is sent: its camera's name ("" while nothing is), state ("off", "connecting", "sending"), and counts. */
  facts = { camera: "", state: "off", detail: "", sent: 0, skipped: 0 };
  #video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  #canvas = document.createElement("canvas");
  #ticker = null;
  #socket = null;
  #retry = { timer: null, waitMs: RETRY_FIRST_MS };
  #width = 640;
  #isEncoding = false;

  get isOn() {
    return this.facts.state !== "off";
  }

  /** Send a MediaStream's pictures as this camera until `stop`, over lost connections and other views. */
  async start(camera, stream, { fps = 10, width = 640 } = {}) {
    this.stop();
    this.#width = width;
    this.#video.srcObject = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => this.stop("The camera was taken away."));
    this.#tell({ camera, state: "connecting", detail: "", sent: 0, skipped: 0 });
    this.#ticker = new Worker(new URL("ticker.js", import.meta.url));
    this.#ticker.onmessage = () => this.#send();
    this.#ticker.postMessage(1000 / fps);
    this.#connect();
    await this.#video.play();
  }

  /** Stop sending and let go of the device's camera; its light goes out. */
  stop(detail = "") {
    if (!this.isOn) return;
    clearTimeout(this.#retry.timer);
    this.#ticker.terminate();
    this.#socket.onclose = null;
    this.#socket.close(1000);
    for (const track of this.#video.srcObject.getTracks()) track.stop();
    this.#video.srcObject = null;
    this.#tell({ state: "off", detail });
  }

  #connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/ws/camera/${this.facts.camera}`);
    this.#socket = socket;
    socket.onopen = () => {
      this.#retry.waitMs = RETRY_FIRST_MS;
      this.#tell({ state: "sending", detail: "" });
    };
    socket.onclose = (event) => {
      if (event.code === REFUSED) this.stop(event.reason || "The stack does not take these pictures.");
      else this.#connectLater(event.reason || "the stack is out of reach");
    };
  }

  #connectLater(why) {
    this.#tell({ state: "connecting", detail: `${why}; trying again` });
    this.#retry.timer = setTimeout(() => this.#connect(), this.#retry.waitMs);
    this.#retry.waitMs = Math.min(2 * this.#retry.waitMs, RETRY_MOST_MS);
  }

  /** Send the picture of this moment, unless the one before has not left yet: a slow line gets fewer. */
  async #send() {
    const socket = this.#socket;
    if (socket.readyState !== WebSocket.OPEN) return;
    if (this.#isEncoding || socket.bufferedAmount > 0) {
      this.#tell({ skipped: this.facts.skipped + 1 });
      return;
    }
    if (!grab(this.#video, this.#canvas, this.#width)) return;
    this.#isEncoding = true;
    const jpeg = await jpegOf(this.#canvas);
    this.#isEncoding = false;
    if (!jpeg || socket.readyState !== WebSocket.OPEN) return;
    socket.send(jpeg);
    this.#tell({ sent: this.facts.sent + 1 });
  }

  #tell(changes) {
    Object.assign(this.facts, changes);
    this.dispatchEvent(new Event("change"));
  }
}

export const deviceCamera = new DeviceCamera();
