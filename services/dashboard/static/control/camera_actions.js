// What can be done to a camera from several places: pausing it and removing it.

import { deviceCamera } from "./device.js";
import { confirmLoss } from "./dialog.js";

/** Pause a camera or resume it; say so, or why not. Resolves to whether it is done. */
export async function pauseCamera(app, name, paused) {
  try {
    await app.api("PATCH", `/api/cameras/${name}`, { paused });
  } catch (error) {
    app.notify(error.message, "bad");
    return false;
  }
  app.notify(paused ? `${name} is paused: nothing is read from it.` : `${name} is read again.`);
  return true;
}

/** Ask, and remove a camera. Resolves to whether it is gone. */
export async function removeCamera(app, name) {
  const text =
    "Its settings, masks and zones are lost, and it disappears from the wall for everybody. " +
    "Results that were recorded stay for the time that is set for them.";
  if (!(await confirmLoss(`Remove camera ${name}?`, text, "Remove", "Keep it"))) return false;
  try {
    await app.api("DELETE", `/api/cameras/${name}`);
  } catch (error) {
    app.notify(error.message, "bad");
    return false;
  }
  if (deviceCamera.facts.camera === name) deviceCamera.stop();
  app.notify(`${name} is removed.`);
  return true;
}
