// From capture to glass: how old each frame was when it had been drawn; told to the server every second.

const REPORT_MS = 1000;
const KEPT = 400;
const MOST_PER_REPORT = 128;
const MOST_SECONDS = 60;

export class Glass {
  #clock;
  #send;
  #seconds = {};
  #timer = null;
  #recent = [];

  /** clock: see clock.js; send: puts a report on the WebSocket. */
  constructor(clock, send) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Report from now on; called again at each new connection. */
  start() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#report(), REPORT_MS);
    this.#report();
  }

  /** Take the server's answer to a report. */
  answer({ sent_ms: sentMs, at_ms: atMs }) {
    this.#clock.measure(sentMs, atMs);
  }

  /** Note that a frame has been drawn and is on the screen; returns its age in seconds. */
  drawn(camera, capturedNs) {
    const seconds = Math.max(0, (this.#clock.now() - capturedNs / 1e6) / 1000);
    if (this.#clock.known && !document.hidden && seconds <= MOST_SECONDS) {
      (this.#seconds[camera] ??= []).push(seconds);
      this.#recent.push(seconds);
      if (this.#recent.length > KEPT) this.#recent.shift();
    }
    return seconds;
  }

  /** The 95th percentile of the last frames in seconds, null if none was drawn. */
  get p95() {
    const sorted = [...this.#recent].sort((one, other) => one - other);
    return sorted.length ? sorted[Math.floor((sorted.length - 1) * 0.95)] : null;
  }

  #report() {
    const seconds = Object.fromEntries(
      Object.entries(this.#seconds).map(([camera, ages]) => [camera, ages.slice(-MOST_PER_REPORT)]),
    );
    this.#seconds = {};
    this.#send({ glass: { sent_ms: this.#clock.own(), seconds } });
  }
}
