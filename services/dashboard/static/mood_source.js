// Reads the timeline from the API, and goes on reading its end while it reaches to now.

const LEAST_STEPS = { "5m": 10 };
/** Two buckets are read again: frames of theirs may still be on their way. The one before them only tells who stayed. */
const AGAIN = 3;
const WAIT_MS = [2000, 30_000];

export class MoodSource {
  /** Camera → Map of start → bucket, in order of time. */
  cameras = new Map();
  /** { since, until, step } in seconds since 1970, or null before the first answer. */
  range = null;
  /** Since when results are kept face by face, in seconds since 1970. */
  fullFrom = 0;
  #api;
  #loaded;
  #complain;
  #asked = null;
  #held = null;
  #timer = 0;
  #number = 0;

  /** loaded: called after each answer with whether it begins another range; complain: with what is wrong, or "". */
  constructor(api, loaded, complain) {
    this.#api = api;
    this.#loaded = loaded;
    this.#complain = complain;
  }

  /** Read { from, to, cameras, zone } from now on; without `to`, what is new is read as it comes. */
  follow(asked) {
    this.#asked = asked;
    this.range = this.#held = null;
    this.#read(++this.#number);
  }

  /** Let the range stand still, and read only the end of this stretch ([since, until]) again; null: go on. */
  hold(stretch) {
    const isTurn = Boolean(stretch) !== Boolean(this.#held);
    this.#held = stretch;
    if (isTurn && this.range && !this.#asked.to) this.#read(++this.#number);
  }

  close() {
    this.#number += 1;
    clearTimeout(this.#timer);
  }

  async #read(number) {
    clearTimeout(this.#timer);
    try {
      if (!document.hidden || !this.range) {
        const answer = await this.#api("GET", `/api/timeline?${this.#query()}`);
        if (number !== this.#number) return;
        const isFirst = !this.range;
        const fits = isFirst || answer.step === this.range.step; // what is read late may come in longer buckets
        if (!fits && !this.#held) {
          this.follow(this.#asked);
          return;
        }
        this.fullFrom = answer.full_from;
        if (isFirst) this.#begin(answer);
        else if (fits) this.#add(answer);
        this.#loaded(isFirst);
      }
      this.#complain("");
    } catch (error) {
      if (number !== this.#number) return;
      this.#complain(error.message);
      if (error.status >= 400 && error.status < 500) return;
    }
    if (this.#asked.to) return;
    const wait = Math.min(Math.max(((this.range?.step ?? 0) * 1000) / 2, WAIT_MS[0]), WAIT_MS[1]);
    this.#timer = setTimeout(() => this.#read(number), wait);
  }

  #query() {
    const { from, to, cameras, zone } = this.#asked;
    const asked = { from, to, cameras, zone, step: LEAST_STEPS[from] ?? 0, ...this.#part() };
    return new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  }

  /** What of a range that is known is read again. */
  #part() {
    if (!this.range) return {};
    const { since, until, step } = this.range;
    const end = this.#held?.[1] ?? until;
    return { from: Math.max(end - AGAIN * step, since), step, ...(this.#held ? { to: end } : {}) };
  }

  #begin(answer) {
    this.range = { since: answer.from, until: answer.to, step: answer.step };
    this.cameras = new Map(answer.cameras.map(({ camera, buckets }) => [camera, byStart(buckets)]));
  }

  /** Add the newest buckets, and let as many of the oldest go, unless all are wanted or the range is held. */
  #add(answer) {
    const by = this.#held ? 0 : answer.to - this.range.until;
    const { since, until, step } = this.range;
    this.range = { since: this.#asked.from === "all" ? since : since + by, until: until + by, step };
    this.cameras = new Map(
      answer.cameras.map(({ camera, buckets }) => {
        const known = [...(this.cameras.get(camera)?.values() ?? [])];
        const fresh = buckets.filter((bucket) => bucket.start > answer.from || known.length === 0);
        const merged = byStart([...known, ...fresh]);
        return [camera, byStart([...merged.values()].filter((bucket) => bucket.start >= this.range.since))];
      }),
    );
  }
}

/** Return start → bucket in order of time; of two that start together the later given counts. */
function byStart(buckets) {
  const found = new Map(buckets.map((bucket) => [bucket.start, bucket]));
  return new Map([...found].sort(([one], [other]) => one - other));
}
