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
  #timer = 0;
  #number = 0;

  /** loaded: called after each answer; complain: called with what is wrong, or "". */
  constructor(api, loaded, complain) {
    this.#api = api;
    this.#loaded = loaded;
    this.#complain = complain;
  }

  /** Read { from, to, cameras, zone } from now on; without `to`, what is new is read as it comes. */
  follow(asked) {
    this.#asked = asked;
    this.range = null;
    this.#read(++this.#number);
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
        if (this.range && answer.step !== this.range.step) {
          this.follow(this.#asked); // after a long sleep the missing stretch comes in longer buckets: they do not mix
          return;
        }
        this.#take(answer);
        this.#loaded();
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
    const part = this.range
      ? { from: Math.max(this.range.until - AGAIN * this.range.step, this.range.since), step: this.range.step }
      : { from, step: LEAST_STEPS[from] ?? 0 };
    const asked = { ...part, to, cameras, zone };
    return new URLSearchParams(Object.entries(asked).filter(([, value]) => value));
  }

  #take(answer) {
    this.fullFrom = answer.full_from;
    if (this.range) this.#add(answer);
    else this.#begin(answer);
  }

  #begin(answer) {
    this.range = { since: answer.from, until: answer.to, step: answer.step };
    this.cameras = new Map(answer.cameras.map(({ camera, buckets }) => [camera, byStart(buckets)]));
  }

  /** Add the newest buckets, and let as many of the oldest go, unless all are wanted. */
  #add(answer) {
    const shift = this.#asked.from === "all" ? 0 : answer.to - this.range.until;
    this.range = { ...this.range, since: this.range.since + shift, until: answer.to };
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

const byStart = (buckets) => new Map(buckets.map((bucket) => [bucket.start, bucket]));
