// What buckets of the timeline say: sums and shares, never without the number of people behind them.

import { count, percent } from "./dom.js";
import { UNCERTAIN } from "./emotions.js";

/** Below so many face-seconds a share says little. */
export const FEW_SECONDS = 20;
const JUDGED_SECONDS = 60;
/** Smaller shares are not said: they would read as 0 %. */
const LEAST_SHARE = 0.005;

/** Return the face-seconds of a bucket. */
export function faceSeconds(bucket) {
  return Object.values(bucket.emotions).reduce((sum, seconds) => sum + seconds, bucket.uncertain);
}

const isFew = (bucket) => faceSeconds(bucket) < FEW_SECONDS;

/** Tell whether too little was seen to go by in the bucket (of a Map of start → bucket, each `step` seconds long) that
 *  begins there. One shorter than a minute is judged by the minute around it: a single face could never fill it. */
export function isFewAt(buckets, step, start) {
  const reach = Math.max(0, Math.ceil((JUDGED_SECONDS / step - 1) / 2));
  let seconds = 0;
  for (let by = -reach; by <= reach; by += 1) {
    const near = buckets.get(start + by * step);
    if (near) seconds += faceSeconds(near);
  }
  return seconds < FEW_SECONDS;
}

/** Return [{ label, share }] of what was seen in a bucket, emotions by name and uncertain last; shares sum to 1. */
export function shares(bucket) {
  const total = faceSeconds(bucket);
  const parts = [...Object.entries(bucket.emotions).sort(), [UNCERTAIN, bucket.uncertain]];
  return parts.filter(([, seconds]) => seconds > 0).map(([label, seconds]) => ({ label, share: seconds / total }));
}

/** Return buckets in order as one: everybody counted once, as the API says; null if there are none. */
export function sum(buckets) {
  if (buckets.length === 0) return null;
  const all = { emotions: {}, uncertain: 0, frames: 0, faces: 0, tracks: buckets[0].tracks - buckets[0].arrived };
  for (const bucket of buckets) {
    for (const [label, seconds] of Object.entries(bucket.emotions)) {
      all.emotions[label] = (all.emotions[label] ?? 0) + seconds;
    }
    all.uncertain += bucket.uncertain;
    all.tracks += bucket.arrived;
    all.faces += bucket.faces * bucket.frames;
    all.frames += bucket.frames;
  }
  return { ...all, faces: all.faces / Math.max(all.frames, 1) };
}

/** Return several cameras' sums as one; who passes two cameras is two people. */
export function together(sums) {
  const known = sums.filter(Boolean);
  return sum(known.map((one) => ({ ...one, arrived: one.tracks })));
}

/** Say in one line what a bucket holds; few: whether that is too little to go by. */
export function describe(bucket, few = bucket && isFew(bucket)) {
  if (!bucket) return "not recorded";
  const total = faceSeconds(bucket);
  if (total === 0 && bucket.tracks === 0) return "nobody";
  const people = `${count(bucket.tracks)} ${bucket.tracks === 1 ? "person" : "people"}`;
  const number = `${people}, ${count(total < 10 ? Math.round(total * 10) / 10 : Math.round(total))} face-seconds`;
  const parts = shares(bucket)
    .filter(({ share }) => share >= LEAST_SHARE)
    .sort((one, other) => other.share - one.share)
    .map(({ label, share }) => `${label} ${percent(share)}`);
  return `${few ? "few faces: " : ""}${number}${parts.length ? `; ${parts.join(", ")}` : ""}`;
}
