// Addresses within the page, such as `#/camera/door?kiosk=1`, and the view that each one opens.

import { confirmLoss } from "./control/dialog.js";
import { h } from "./dom.js";

const LOSS = "What you changed or drew and did not save is lost.";
const nothing = () => false;

/** Return what a hash says: the view's name, and its parameters; a path's rest is the parameter `name`. */
export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/").map(decode);
  const parameters = Object.fromEntries(new URLSearchParams(query));
  return { name, parameters: rest.length ? { ...parameters, name: rest.join("/") } : parameters };
}

/** Return the address of a path such as `/camera/door`; who is in the kiosk view stays there. */
export function link(path, parameters = {}) {
  const kiosk = parse(location.hash).parameters.kiosk;
  const query = new URLSearchParams({ ...(kiosk ? { kiosk } : {}), ...parameters });
  for (const [name, value] of [...query]) if (value === "" || value === "null") query.delete(name);
  return `#${path}${query.size ? `?${query}` : ""}`;
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export class Router {
  #root;
  #views;
  #app;
  #close = () => {};
  #shown = 0;
  /** Place of the open view among the addresses that this tab has been at. */
  #at = history.state?.at ?? 0;
  #isUnsaved = nothing;
  #asking = false;
  #started = false;

  /** root: element that views fill; views: see views/index.js; app: what each of them is given. */
  constructor(root, views, app) {
    this.#root = root;
    this.#views = views;
    this.#app = app;
    history.replaceState({ at: this.#at }, ""); // from the first address on, each has its place
    addEventListener("hashchange", () => this.#moved());
    addEventListener("beforeunload", (event) => {
      if (this.#isUnsaved()) event.preventDefault();
    });
  }

  start() {
    this.#started = true;
    return this.show();
  }

  /** Ask before the open view is left, whichever way, while `isUnsaved()`; returns what ends that. */
  keep(isUnsaved) {
    this.#isUnsaved = isUnsaved;
    return () => {
      if (this.#isUnsaved === isUnsaved) this.#isUnsaved = nothing;
    };
  }

  /** Resolve to whether the open view may be left; asks, if something in it is not saved. */
  async mayLeave() {
    if (!this.#isUnsaved()) return true;
    this.#asking = true;
    const leave = await confirmLoss("Leave without saving?", LOSS, "Leave", "Go on editing");
    this.#asking = false;
    if (leave) this.#isUnsaved = nothing;
    return leave;
  }

  /** Follow the address; it is put back while it is asked whether what is not saved may be lost. */
  async #moved() {
    const to = history.state?.at ?? this.#at + 1;
    history.replaceState({ at: to }, "");
    const by = to - this.#at;
    if (by === 0) return;
    if (this.#isUnsaved()) {
      history.go(-by);
      if (!this.#asking && (await this.mayLeave())) history.go(by);
      return;
    }
    this.#at = to;
    if (!this.#started) return;
    await this.show();
    if (!this.#root.contains(document.activeElement)) this.#root.focus({ preventScroll: true });
  }

  /** Show what the address says; who has to log in is asked to at every address. */
  async show() {
    const address = parse(location.hash);
    const parameters = address.parameters;
    const name = this.#app.role ? address.name : "login";
    const number = ++this.#shown;
    const view = this.#views.find((candidate) => candidate.name === name);
    const module = view ? await view.load().catch(() => this.#unloaded) : NOTHING;
    if (number !== this.#shown) return;
    this.#close();
    this.#isUnsaved = nothing;
    this.#app.watch([]);
    this.#root.replaceChildren();
    this.#root.dataset.view = name || "wall";
    document.documentElement.toggleAttribute("data-kiosk", parameters.kiosk === "1");
    document.title = `${module.title} · Mien`;
    scrollTo(0, 0);
    this.#close = module.open(this.#root, parameters, this.#app);
    this.#app.emit("view", { name, parameters });
  }

  /** Stands in for a view that the dashboard did not give, be it away or of another version; tries again by itself. */
  #unloaded = {
    title: "Not loaded",
    open: (root) => {
      const reload = h("button", { type: "button", class: "button" }, "Reload");
      reload.addEventListener("click", () => location.reload());
      root.append(h("p", { class: "empty", role: "alert" }, "This view could not be loaded. ", reload));
      return this.#app.on("hello", () => this.show());
    },
  };
}

const NOTHING = {
  title: "Not found",
  open(root) {
    const back = h("a", { href: "#/" }, "Back to the cameras");
    root.append(h("p", { class: "empty" }, "There is nothing at this address. ", back));
    return () => {};
  },
};
