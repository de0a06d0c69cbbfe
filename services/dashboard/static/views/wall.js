// The wall: a tile per camera; only those on screen are watched.

import { h } from "../dom.js";
import { link } from "../router.js";
import { Tile } from "../tile.js";

export const title = "Cameras";

const TICK_MS = 250;

export function open(root, parameters, app) {
  const wall = new Wall(root, app);
  const offs = [
    app.on("status", (status) => wall.update(status)),
    app.on("result", (result) => wall.result(result)),
    app.on("picture", ({ header, jpeg }) => wall.picture(header, jpeg)),
    app.on("closed", () => wall.disconnected()),
  ];
  if (app.status) wall.update(app.status);
  return () => {
    offs.forEach((off) => off());
    wall.close();
  };
}

class Wall {
  #app;
  #tiles = new Map();
  #visible = new Set();
  #watched = "";
  #offsetNs = 0;
  #grid = h("div", { class: "wall" });
  #invitation = h("a", { class: "button primary", href: link("/cameras", { add: "1" }) }, "Add a camera");
  #empty = h(
    "p",
    { class: "empty", hidden: "" },
    "No camera is attached yet. ",
    this.#invitation,
    " Or attach one with ",
    h("code", {}, "mien camera add door rtsp://…"),
    " or ",
    h("code", {}, "mien camera add desk 0"),
    " for the first webcam.",
  );
  #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "150px" });
  #timer = setInterval(() => this.#tiles.forEach((tile) => tile.tick()), TICK_MS);

  constructor(root, app) {
    this.#app = app;
    root.append(h("h1", { class: "visually-hidden" }, title), this.#empty, this.#grid);
  }

  update(status) {
    this.#offsetNs = status.at_ns - Date.now() * 1e6;
    const wanted = new Set(status.cameras.map((camera) => camera.camera));
    for (const name of [...this.#tiles.keys()].filter((known) => !wanted.has(known))) this.#remove(name);
    for (const camera of status.cameras) {
      if (!this.#tiles.has(camera.camera)) this.#add(camera.camera);
      this.#tiles.get(camera.camera).update(camera);
    }
    this.#empty.hidden = wanted.size > 0;
    this.#invitation.hidden = this.#app.role !== "admin";
  }

  result(result) {
    this.#tiles.get(result.camera)?.result(result);
  }

  picture(header, jpeg) {
    this.#tiles.get(header.camera)?.picture(header, jpeg);
  }

  disconnected() {
    this.#tiles.forEach((tile) => tile.disconnected());
  }

  close() {
    clearInterval(this.#timer);
    this.#observer.disconnect();
  }

  #add(name) {
    const tile = new Tile(name, () => Date.now() * 1e6 + this.#offsetNs);
    this.#tiles.set(name, tile);
    this.#grid.append(tile.element);
    this.#observer.observe(tile.element);
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
