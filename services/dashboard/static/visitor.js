// What the page's head offers to who is here: clear faces where they are allowed, and the way out.

import { setText } from "./dom.js";
import { logOut, session } from "./session.js";

const byId = (id) => document.getElementById(id);
let clear = false;

/** Make the buttons work. Faces are blurred until an admin asks otherwise, anew on each page. */
export function setUpVisitor(app) {
  byId("logout").addEventListener("click", async () => (await app.mayLeave()) && logOut());
  byId("clear").addEventListener("click", () => {
    clear = !clear;
    app.send({ clear });
    show();
  });
}

/** Offer what this role may do; clearAllowed: whether blur is off and every detector lets clear pictures out. */
export function showVisitor(role, clearAllowed) {
  document.documentElement.toggleAttribute("data-anonymous", !role);
  byId("logout").hidden = !role || !session().login;
  byId("clear").hidden = role !== "admin" || !clearAllowed;
  show();
}

function show() {
  byId("clear").setAttribute("aria-pressed", String(clear));
  setText(byId("clear"), clear ? "Faces: clear" : "Faces: blurred");
}
