// The wall: a tile per camera; only those on screen are watched.

import { h, setText } from "../dom.js";
import { moveByArrows } from "../keys.js";
import { link } from "../router.js";
import { Tile } from "../tile.js";

export const title = "Cameras";

const TICK_MS = 250;
const PICTURE_SHAPE = 16 / 10;

export function open(root, parameters, app) {
  const wall = new Wall(root, parameters, app);
  const offs = [
    app.on("status", (status) => wall.update(status)),
    app.on("result", (result) => wall.tile(result.camera)?.result(result)),
    app.on("picture", (picture) => wall.tile(picture.header.camera)?.picture(picture)),
    app.on("closed", () => wall.disconnected()),
    app.on("escape", () => leaveKiosk(parameters, app)),
  ];
  if (app.status) wall.update(app.status);
  return () => {
    offs.forEach((off) => off());
    wall.close();
  };
}

function leaveKiosk({ kiosk, ...others }, app) {
  if (!kiosk) return;
  if (document.fullscreenElement) document.exitFullscreen();
  app.navigate("/", { ...others, kiosk: "" });
}

class Wall {
  #app;
  #parameters;
  #tiles = new Map();
  #visible = new Set();
  #watched = "";
  #groups = h("ul", { class: "chips", "aria-label": "Groups" });
  #grid = h("div", { class: "wall" });
  #empty = h("div", { class: "empty", hidden: "" });
  #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "150px" });
  #timer = setInterval(() => this.#tiles.forEach((tile) => tile.tick()), TICK_MS);
  #fit = () => this.#arrange();

  constructor(root, parameters, app) {
    this.#app = app;
    this.#parameters = parameters;
    root.append(h("h1", { class: "visually-hidden" }, title), this.#toolbar(), this.#empty, this.#grid);
    this.#grid.addEventListener("keydown", (event) => moveByArrows(event, this.#links(), this.#grid));
    addEventListener("resize", this.#fit);
  }

  /** Return a camera's tile, undefined if it is not shown. */
  tile(camera) {
    return this.#tiles.get(camera);
  }

  update(status) {
    const { group } = this.#parameters;
    this.#showGroups(status.cameras);
    const shown = status.cameras.filter((camera) => !group || camera.group === group);
    const wanted = new Set(shown.map((camera) => camera.camera));
    for (const name of [...this.#tiles.keys()].filter((known) => !wanted.has(known))) this.#remove(name);
    for (const camera of shown) {
      if (!this.#tiles.has(camera.camera)) this.#add(camera.camera);
      this.#tiles.get(camera.camera).update(camera);
    }
    this.#showEmpty(wanted.size, status.cameras.length);
    this.#arrange();
  }

  disconnected() {
    this.#tiles.forEach((tile) => tile.update(null));
  }

  close() {
    clearInterval(this.#timer);
    removeEventListener("resize", this.#fit);
    this.#observer.disconnect();
  }

  #links() {
    return [...this.#tiles.values()].map((tile) => tile.link);
  }

  #toolbar() {
    const kiosk = h("button", { class: "quiet", type: "button" }, "Kiosk view");
    const leave = h("button", { class: "quiet leave", type: "button" }, "Leave the kiosk view (Esc)");
    kiosk.addEventListener("click", () => {
      document.documentElement.requestFullscreen?.().catch(() => {});
      this.#app.navigate("/", { ...this.#parameters, kiosk: "1" });
    });
    leave.addEventListener("click", () => leaveKiosk(this.#parameters, this.#app));
    return h("div", { class: "toolbar" }, this.#groups, this.#parameters.kiosk ? leave : kiosk);
  }

  #showGroups(cameras) {
    const names = [...new Set(cameras.map((camera) => camera.group))].sort();
    this.#groups.hidden = names.length < 2;
    const shown = ["", ...names];
    if (shown.join() === this.#groups.dataset.names) return;
    this.#groups.dataset.names = shown.join();
    const chosen = this.#parameters.group ?? "";
    const chip = (name) =>
      h("a", { class: "chip", href: link("/", { group: name }), "aria-current": name === chosen ? "true" : null }, name || "all");
    this.#groups.replaceChildren(...shown.map((name) => h("li", {}, chip(name))));
  }

  #showEmpty(shown, all) {
    this.#empty.hidden = shown > 0;
    if (shown) return;
    if (all) setText(this.#empty, "No camera of this group is attached.");
    else if (!this.#empty.querySelector("code")) this.#empty.replaceChildren(...advice(this.#app.role));
  }

  /** Choose columns: by the number of cameras, and in the kiosk so that all of them fit the screen. */
  #arrange() {
    const number = this.#tiles.size;
    this.#grid.dataset.density = number <= 9 ? "few" : number <= 20 ? "many" : "crowd";
    if (!this.#parameters.kiosk) return;
    const columns = Math.ceil(Math.sqrt((number * innerWidth) / innerHeight / PICTURE_SHAPE));
    this.#grid.style.setProperty("--columns", Math.max(1, columns));
    this.#grid.style.setProperty("--rows", Math.max(1, Math.ceil(number / columns)));
  }

  #add(name) {
    const tile = new Tile(name, this.#app);
    this.#tiles.set(name, tile);
    this.#grid.append(tile.element);
    this.#observer.observe(tile.element);
    if (name !== this.#app.cameFrom) return;
    this.#app.cameFrom = null;
    tile.link.focus();
  }

  #remove(name) {
    const tile = this.#tiles.get(name);
    this.#observer.unobserve(tile.element);
    tile.element.remove();
    this.#tiles.delete(name);
    this.#visible.delete(name);
    this.#announce();
  }

  #seen(entries) {
    for (const entry of entries) {
      const name = entry.target.dataset.camera;
      if (entry.isIntersecting) this.#visible.add(name);
      else this.#visible.delete(name);
    }
    this.#announce();
  }

  #announce() {
    const cameras = [...this.#visible].sort();
    if (cameras.join() === this.#watched) return;
    this.#watched = cameras.join();
    this.#app.watch(cameras);
  }
}

/** Say how a camera is attached; only an admin may do it here. */
function advice(role) {
  const add = h("a", { class: "button primary", href: link("/cameras", { add: "1" }) }, "Add a camera");
  return [
    h("p", {}, "No camera is attached yet. ", role === "admin" ? add : ""),
    h(
      "p",
      {},
      "Or attach one with ",
      h("code", {}, "mien camera add door rtsp://…"),
      " or ",
      h("code", {}, "mien camera add desk 0"),
      " for the first webcam.",
    ),
  ];
}
