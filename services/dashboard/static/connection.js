// The WebSocket: parses what comes, repeats what was said last, and connects again when it is lost.

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 8000;
/** The server speaks every second. After so many in which this page ran, was seen and heard nothing, the line is dead,
 *  though nobody has said so: a cable was pulled, a machine on the way fell asleep. */
const SILENT_TICKS = 10;
const TICK_MS = 1000;
const ANSWER_MS = 40;
const REFUSED = 1008; // RFC 6455: against the server's policy

export class Connection {
  #handlers;
  #socket = null;
  #said = {};
  #openedAt = Infinity;
  #ticker = 0;
  #silentTicks = 0;
  #retryMs = RETRY_FIRST_MS;
  #pictures = 0;
  #answering = false;
  #wanted = false;

  /** handlers: opened (), closed (whether it may have been refused), picture (header, Blob), and one for each type
   *  of text message (message). */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  open() {
    this.#wanted = true;
    if (this.#socket) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket.binaryType = "arraybuffer";
    this.#openedAt = Infinity;
    this.#silentTicks = 0;
    this.#ticker = setInterval(() => this.#listen(), TICK_MS);
    this.#socket.onopen = () => {
      this.#openedAt = performance.now();
      this.#pictures = 0;
      this.tell({ ...this.#said, taken: 0 });
      this.#handlers.opened();
    };
    this.#socket.onmessage = (event) => this.#take(event.data);
    this.#socket.onclose = ({ code }) => this.#lose(code === REFUSED);
  }

  /** Stay closed, until it is opened again. */
  close() {
    this.#wanted = false;
    this.#drop();
  }

  #drop() {
    clearInterval(this.#ticker);
    if (!this.#socket) return;
    Object.assign(this.#socket, { onopen: null, onmessage: null, onclose: null });
    this.#socket.close();
    this.#socket = null;
  }

  /** Go on without this connection, and try another one, after longer and longer waits unless it had held. */
  #lose(isRefusal) {
    const heldMs = performance.now() - this.#openedAt;
    this.#drop();
    this.#retryMs = heldMs > RETRY_MOST_MS ? RETRY_FIRST_MS : this.#retryMs;
    setTimeout(() => this.#wanted && this.open(), this.#retryMs * (0.5 + Math.random()));
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MOST_MS);
    this.#handlers.closed(isRefusal || heldMs < 0);
  }

  #listen() {
    if (document.hidden) return;
    this.#silentTicks += 1;
    if (this.#silentTicks >= SILENT_TICKS) this.#lose(false);
  }

  /** Say something that holds until it is said otherwise, on later connections too. */
  send(object) {
    Object.assign(this.#said, object);
    this.tell(object);
  }

  /** Say something once, if there is a connection. */
  tell(object) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(object));
  }

  #take(data) {
    this.#silentTicks = 0;
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.#handlers[message.type]?.(message);
      return;
    }
    this.#answer();
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    if (header.type) this.#handlers[header.type]?.({ ...header, pixels: new Uint8Array(data, 4 + length) });
    else this.#handlers.picture(header, new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
  }

  /** Say how many pictures have come: a page that is slow to take them is then sent fewer. */
  #answer() {
    this.#pictures += 1;
    if (this.#answering) return;
    this.#answering = true;
    setTimeout(() => {
      this.#answering = false;
      this.tell({ taken: this.#pictures });
    }, ANSWER_MS);
  }
}
