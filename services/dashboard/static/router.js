// Addresses within the page, such as `#/camera/door?kiosk=1`, and the view that each one opens.

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

  /** root: element that views fill; views: see views/index.js; app: what each of them is given. */
  constructor(root, views, app) {
    this.#root = root;
    this.#views = views;
    this.#app = app;
  }

  start() {
    addEventListener("hashchange", async () => {
      await this.show();
      if (!this.#root.contains(document.activeElement)) this.#root.focus({ preventScroll: true });
    });
    return this.show();
  }

  /** Show what the address says; who has to log in is asked to at every address. */
  async show() {
    const address = parse(location.hash);
    const parameters = address.parameters;
    const name = this.#app.role ? address.name : "login";
    const number = ++this.#shown;
    const view = this.#views.find((candidate) => candidate.name === name);
    const module = view ? await view.load() : { title: "Not found", open: openNothing };
    if (number !== this.#shown) return;
    this.#close();
    this.#app.watch([]);
    this.#root.replaceChildren();
    this.#root.dataset.view = name || "wall";
    document.documentElement.toggleAttribute("data-kiosk", parameters.kiosk === "1");
    document.title = `${module.title} · Mien`;
    scrollTo(0, 0);
    this.#close = module.open(this.#root, parameters, this.#app);
    this.#app.emit("view", { name, parameters });
  }
}

function openNothing(root) {
  const back = document.createElement("a");
  back.href = "#/";
  back.textContent = "Back to the cameras";
  const text = document.createElement("p");
  text.className = "empty";
  text.append("There is nothing at this address. ", back);
  root.append(text);
  return () => {};
}
