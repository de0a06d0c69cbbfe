// The bar that says, on every view, that this device's camera is on, and turns it off.

import { h, setText } from "../dom.js";
import { deviceCamera } from "./device.js";

const text = h("span", {});
const stop = h("button", { type: "button", class: "button" }, "Stop");
const bar = h("div", { class: "recording", role: "status", hidden: "" }, h("span", { class: "lamp" }), text, stop);
const counts = h("span", { class: "recording-counts", "aria-hidden": "true" });
stop.before(counts);
stop.addEventListener("click", () => deviceCamera.stop());

/** Put the bar on the page; from then on it shows itself while the camera is on. */
export function setUpRecordingBar(notify) {
  document.body.append(bar);
  window.addEventListener("pagehide", () => deviceCamera.stop());
  deviceCamera.addEventListener("change", () => show(notify));
}

function show(notify) {
  const { camera, state, detail, sent, skipped } = deviceCamera.facts;
  bar.hidden = state === "off";
  bar.dataset.state = state;
  document.body.classList.toggle("is-recording", state !== "off");
  if (state === "off") {
    if (detail) notify(`${camera}: ${detail}`, "bad");
    return;
  }
  setText(text, state === "sending" ? `This device's camera is on: ${camera}` : `${camera}: ${detail || "connecting"}`);
  setText(counts, `${sent} sent${skipped ? `, ${skipped} skipped` : ""}`);
}
