// The WebSocket: parses what comes, repeats what was said last, and connects again when it is lost.

const RETRY_FIRST_MS = 500;
const RETRY_MOST_MS = 8000;

export class Connection {
  #handlers;
  #socket = null;
  #said = {};
  #retryMs = RETRY_FIRST_MS;

  /** handlers: closed (), picture (header, Blob), and one for each type of text message (message). */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  open() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.#socket = new WebSocket(`${scheme}://${location.host}/ws`);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => {
      this.#retryMs = RETRY_FIRST_MS;
      this.#write(this.#said);
    };
    this.#socket.onmessage = (event) => this.#take(event.data);
    this.#socket.onclose = () => {
      this.#handlers.closed();
      setTimeout(() => this.open(), this.#retryMs * (0.5 + Math.random()));
      this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MOST_MS);
    };
  }

  /** Say something that holds until it is said otherwise, on later connections too. */
  send(object) {
    Object.assign(this.#said, object);
    this.#write(object);
  }

  #write(object) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(object));
  }

  #take(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      this.#handlers[message.type]?.(message);
      return;
    }
    const length = new DataView(data).getUint32(0);
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
    this.#handlers.picture(header, new Blob([new Uint8Array(data, 4 + length)], { type: "image/jpeg" }));
  }
}
