// Keys: arrows move between the things of a grid, Esc is told to the view that is open.

/** Move the focus among `elements`, which lie in the rows of `grid`, by the arrow keys, Home and End. */
export function moveByArrows(event, elements, grid) {
  const at = elements.indexOf(document.activeElement);
  if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
  const columns = getComputedStyle(grid).gridTemplateColumns.split(" ").length;
  const last = elements.length - 1;
  const to = {
    ArrowRight: at + 1,
    ArrowLeft: at - 1,
    ArrowDown: at + columns,
    ArrowUp: at - columns,
    Home: 0,
    End: last,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  if (to < 0 || to > last) return;
  elements[to].focus({ preventScroll: true });
  elements[to].closest("article")?.scrollIntoView({ block: "nearest" });
}

/** Call `onEscape` for Esc, and `onStep` with -1 or 1 for the left and right arrow, outside of fields. */
export function listenForKeys(onEscape, onStep) {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.target.closest("input, select, textarea, dialog, [role=slider]")) return;
    if (event.key === "Escape") onEscape();
    if (event.key === "ArrowLeft") onStep(-1);
    if (event.key === "ArrowRight") onStep(1);
  });
}
