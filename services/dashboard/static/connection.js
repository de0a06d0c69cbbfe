// The WebSocket: parses what comes, repeats what was said last, and connects again when it is lost.

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 8000;
const ANSWER_MS = 40;
const REFUSED = 1008; // RFC 6455: against the server's policy

export class Connection {
  #handlers;
  #socket = null;
  #said = {};
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
    if (this.#socket && this.#socket.readyState !== WebSocket.CLOSED) return;
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket.binaryType = "arraybuffer";
    let opened = false;
    this.#socket.onopen = () => {
      opened = true;
      this.#retryMs = RETRY_FIRST_MS;
      this.#pictures = 0;
      this.tell({ ...this.#said, taken: 0 });
      this.#handlers.opened();
    };
    this.#socket.onmessage = (event) => this.#take(event.data);
    this.#socket.onclose = ({ code }) => {
      this.#handlers.closed(!opened || code === REFUSED);
      setTimeout(() => this.#wanted && this.open(), this.#retryMs * (0.5 + Math.random()));
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MOST_MS);
    };
  }

  /** Stay closed, until it is opened again. */
  close() {
    this.#wanted = false;
    this.#socket?.close();
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
