// The list of views in the page's head.

import { h } from "./dom.js";
import { link } from "./router.js";

/** List the views that have a label, and mark the one that is open. */
export function showNavigation(list, views, open) {
  const listed = views.filter((view) => view.label);
  const entry = (view) =>
    h("li", {}, h("a", { href: link(`/${view.name}`), "aria-current": view.name === open ? "page" : null }, view.label));
  list.replaceChildren(...listed.map(entry));
}
