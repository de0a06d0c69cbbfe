// The shell: one connection, and an `app` object through which every view hears, asks and moves.
//
// app.on(type, handler) → off(): `status` (the status document), `result` (a result), `picture`
//   ({ header, jpeg: Blob }), `hello`, `crops` (the message), `closed` (the connection is lost), `view` (one opened),
//   `escape` (the key), `step` (-1 or 1: left or right arrow)
// app.status: the last status document or null; app.objectiveSeconds
// app.role: "admin" or "viewer"; null while this browser has to log in; app.loggedIn(): it has
// app.watch(names): whose pictures and results are wanted from now on; none while the page is hidden
// app.send(object): on the WebSocket, repeated when it connects again; app.api(method, path, body?): see api.js
// app.cameFrom: the camera whose large view was open before: coming back to the wall, its tile has the focus
// app.clock: the stack's clock, see clock.js; app.glass: from capture to drawn, see glass.js
// app.navigate(path, parameters?): go to a view; app.notify(text, kind?): see notices.js
// app.keep(isUnsaved) → off(): a view is left only after a question while isUnsaved(); app.mayLeave(): asks it

import { api } from "./api.js";
import { Clock } from "./clock.js";
import { Connection } from "./connection.js";
import { setUpRecordingBar } from "./control/recording.js";
import { Glass } from "./glass.js";
import { showHealth, showSummary } from "./health.js";
import { listenForKeys } from "./keys.js";
import { showNavigation } from "./navigation.js";
import { notify } from "./notices.js";
import { Router, link, parse } from "./router.js";
import { askSession, session } from "./session.js";
import { setUpTheme } from "./theme.js";
import { setUpVisitor, showVisitor } from "./visitor.js";
import { VIEWS } from "./views/index.js";

const byId = (id) => document.getElementById(id);
const handlers = new Map();
const clock = new Clock();
const glass = new Glass(clock, (report) => connection.tell(report));
let watched = [];

const app = {
  status: null,
  role: null,
  objectiveSeconds: null,
  cameFrom: null,
  clock,
  glass,
  api,
  notify,
  on(type, handler) {
    if (!handlers.has(type)) handlers.set(type, new Set());
    handlers.get(type).add(handler);
    return () => handlers.get(type).delete(handler);
  },
  emit(type, message) {
    for (const handler of handlers.get(type) ?? []) handler(message);
  },
  watch(names) {
    watched = names;
    connection.send({ watch: document.hidden ? [] : watched });
  },
  send: (object) => connection.send(object),
  keep: (isUnsaved) => router.keep(isUnsaved),
  mayLeave: () => router.mayLeave(),
  navigate(path, parameters = {}) {
    location.hash = link(path, parameters);
  },
  loggedIn() {
    app.role = session().role;
    showVisitor(app.role, false);
    connection.open();
    if (parse(location.hash).name === "login") app.navigate("/");
    else router.show();
  },
};

const connection = new Connection({
  opened: () => glass.start(),
  glass: (message) => glass.answer(message),
  hello(message) {
    app.objectiveSeconds = message.objective_seconds;
    app.role = message.role ?? app.role;
    app.emit("hello", message);
    navigation();
  },
  status({ status, error, clear }) {
    showVisitor(app.role, clear);
    showHealth({ error, remedies: status?.remedies });
    if (!status) return;
    app.status = status;
    showSummary(status, glass.p95);
    app.emit("status", status);
  },
  result: (message) => app.emit("result", message.result),
  picture: (header, jpeg) => app.emit("picture", { header, jpeg }),
  crops: (message) => app.emit("crops", message),
  closed(refused) {
    showHealth({ error: "No connection to the dashboard; trying again." });
    app.emit("closed");
    if (refused) checkLogin();
  },
});

/** Show the login if the one that there was has ended, or another token counts now. */
async function checkLogin() {
  const { role } = await askSession();
  if (role || !app.role) return;
  app.role = null;
  connection.close();
  showHealth({});
  showVisitor(null, false);
  router.show();
}

const navigation = () => showNavigation(byId("views"), VIEWS, parse(location.hash).name);

app.on("view", navigation);
document.addEventListener("visibilitychange", () => app.watch(watched));
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("view").focus();
});
document.addEventListener("loggedout", checkLogin);
listenForKeys(
  () => app.emit("escape"),
  (by) => app.emit("step", by),
);
setUpTheme(byId("theme"));
setUpRecordingBar(notify);
setUpVisitor(app);

const router = new Router(byId("view"), VIEWS, app);
app.role = (await askSession()).role;
showVisitor(app.role, false);
if (app.role) connection.open();
await router.start();
