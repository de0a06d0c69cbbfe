// Cameras: those that are attached, how to add one, and one camera's settings.

import { openAdd } from "../control/add_camera.js";
import { openList } from "../control/camera_list.js";
import { openEdit } from "../control/edit_camera.js";

export const title = "Cameras";

export function open(root, parameters, app) {
  let close = () => {};
  const show = () => {
    close();
    root.replaceChildren();
    close = pageOf(parameters, app.role)(root, parameters, app);
  };
  let { role } = app;
  const off = app.on("hello", () => {
    if (role === app.role) return;
    role = app.role;
    show();
  });
  show();
  return () => {
    off();
    close();
  };
}

/** Who may change nothing gets the list alone. */
function pageOf(parameters, role) {
  if (role !== "admin") return openList;
  if (parameters.name) return openEdit;
  return "add" in parameters ? openAdd : openList;
}
