// Every view of the page, in the order of the navigation: a view joins by one line here.
//
// A view `name` is at `#/name`, its module exports `title` and `open(root, parameters, app)`, which fills `root`
// and returns a function that closes the view. `label` is what the navigation calls it (none: not listed there).

export const VIEWS = [
  { name: "", label: "Wall", load: () => import("./wall.js") },
  { name: "timeline", label: "Timeline", load: () => import("./timeline.js") },
  { name: "cameras", label: "Cameras", load: () => import("./cameras.js") },
  { name: "settings", label: "Settings", load: () => import("./settings.js") },
  { name: "camera", load: () => import("./camera.js") },
  { name: "system", label: "System", load: () => import("./system.js") },
  { name: "notice", load: () => import("./notice.js") },
  { name: "login", load: () => import("./login.js") },
];
