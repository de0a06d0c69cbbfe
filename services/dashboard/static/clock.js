// The stack's clock as this browser reckons it: its own, corrected by answers of the server.

export class Clock {
  #offsetMs = null;
  #quickestMs = Infinity;

  /** The browser's own clock in ms since 1970; it never jumps. */
  own() {
    return performance.timeOrigin + performance.now();
  }

  /** The stack's clock in ms since 1970. */
  now() {
    return this.own() + (this.#offsetMs ?? 0);
  }

  /** Whether the offset has been measured. */
  get known() {
    return this.#quickestMs < Infinity;
  }

  /** Take an answer: `sentMs` of our clock met `atMs` of the stack's. The quickest round trip is the best. */
  measure(sentMs, atMs) {
    const roundTripMs = this.own() - sentMs;
    if (roundTripMs <= this.#quickestMs) {
      this.#offsetMs = atMs - (sentMs + roundTripMs / 2);
      this.#quickestMs = Math.max(roundTripMs, 0.1);
    }
    this.#quickestMs *= 1.05; // clocks drift: old measurements fade
  }
}
