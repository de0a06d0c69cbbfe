// The wall: a tile per camera; only those on screen are watched.

import { Tile } from "./tile.js";

const TICK_MS = 250;

export class Wall {
  #tiles = new Map();
  #visible = new Set();
  #watched = "";
  #offsetNs = 0;
  #observer = new IntersectionObserver((entries) => this.#seen(entries), { rootMargin: "150px" });

  /** watch: called with the names of the cameras whose tiles can be seen, whenever they change. */
  constructor(element, empty, watch) {
    this.element = element;
    this.empty = empty;
    this.watch = watch;
    setInterval(() => this.#tiles.forEach((tile) => tile.tick()), TICK_MS);
    document.addEventListener("visibilitychange", () => this.#announce());
  }

  setObjective(seconds) {
    this.element.dataset.objectiveMs = Math.round(seconds * 1000);
  }

  update(status) {
    this.#offsetNs = status.at_ns - Date.now() * 1e6;
    const wanted = new Set(status.cameras.map((camera) => camera.camera));
    for (const name of [...this.#tiles.keys()].filter((known) => !wanted.has(known))) this.#remove(name);
    for (const camera of status.cameras) {
      if (!this.#tiles.has(camera.camera)) this.#add(camera.camera);
      this.#tiles.get(camera.camera).update(camera);
    }
    this.empty.hidden = wanted.size > 0;
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

  #add(name) {
    const tile = new Tile(name, () => Date.now() * 1e6 + this.#offsetNs);
    this.#tiles.set(name, tile);
    this.element.append(tile.element);
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
    const cameras = document.hidden ? [] : [...this.#visible].sort();
    if (cameras.join() === this.#watched) return;
    this.#watched = cameras.join();
    this.watch(cameras);
  }
}
