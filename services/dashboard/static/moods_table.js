// The timeline as tables: the same figures for screen readers, and for who prefers to read.

import { clock } from "./axis.js";
import { count, h, percent, table } from "./dom.js";
import { faceSeconds, isFewAt, shares } from "./moods.js";

/** Return one camera's table, newest first; labels: all, in order. */
export function moodsTable(camera, buckets, step, labels) {
  const heads = ["from", "people", "face-seconds", "faces", ...labels, "note"];
  const rows = [...buckets.values()].reverse().map((bucket) => {
    const parts = new Map(shares(bucket).map(({ label, share }) => [label, percent(share)]));
    return [
      clock(bucket.start, step),
      count(bucket.tracks),
      faceSeconds(bucket).toFixed(1),
      bucket.faces.toFixed(1),
      ...labels.map((label) => parts.get(label) ?? "–"),
      isFewAt(buckets, step, bucket.start) ? "few faces" : "",
    ];
  });
  const shown = table(heads, rows);
  shown.prepend(h("caption", {}, camera));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `Emotions at ${camera}` }, shown);
}
