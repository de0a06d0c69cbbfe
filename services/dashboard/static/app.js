// Wiring: one connection feeds the wall of cameras and the system strip.

import { Connection } from "./connection.js";
import { showHealth, showSystem } from "./system.js";
import { setUpTheme } from "./theme.js";
import { Wall } from "./wall.js";

const wall = new Wall(document.getElementById("wall"), document.getElementById("empty"), (cameras) =>
  connection.watch(cameras),
);

const connection = new Connection({
  hello: (message) => wall.setObjective(message.objective_seconds),
  status: (message) => {
    if (message.error) {
      showHealth({ error: message.error });
      return;
    }
    wall.update(message.status);
    showSystem(message.status);
  },
  result: (message) => wall.result(message.result),
  picture: (header, jpeg) => wall.picture(header, jpeg),
  closed: () => {
    wall.disconnected();
    showHealth({ error: "No connection to the dashboard; trying again." });
  },
});

setUpTheme(document.getElementById("theme"));
connection.open();
