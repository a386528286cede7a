// The websocket to the server: opened again whenever it closes, for as long as the page is open.

import { decodeUpdate } from "./decode.js";

const FIRST_PAUSE = 0.5;
const LONGEST_PAUSE = 5;
// A server that says nothing for so long is gone, though the system may not know it; status comes twice a second.
const SILENCE = 5;

export class Connection {
  // `handlers`: text(message), update(update), state(isOpen, since), problem(sentence).
  constructor(url, handlers) {
    this.url = url;
    this.handlers = handlers;
    this.pause = FIRST_PAUSE;
    this.isOpen = false;
    this.heardAt = performance.now();
    this.open();
    setInterval(() => this.watch(), 1000);
  }

  open() {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.opened();
    socket.onmessage = (event) => this.received(socket, event.data);
    socket.onclose = () => this.closed(socket);
    this.socket = socket;
    this.heardAt = performance.now();
  }

  opened() {
    this.isOpen = true;
    this.handlers.state(true);
  }

  closed(socket) {
    if (socket !== this.socket) return;
    this.isOpen = false;
    this.socket = null;
    this.handlers.state(false);
    setTimeout(() => this.open(), this.pause * 1000);
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE);
  }

  watch() {
    if (this.socket === null || performance.now() - this.heardAt < SILENCE * 1000) return;
    const silent = this.socket;
    silent.close();
    this.closed(silent); // a dead connection can take minutes to close by itself
  }

  received(socket, data) {
    if (socket !== this.socket) return;
    this.heardAt = performance.now();
    this.pause = FIRST_PAUSE;
    try {
      if (typeof data === "string") this.handlers.text(JSON.parse(data));
      else this.draw(decodeUpdate(data));
    } catch (error) {
      this.handlers.problem(`What the server sent cannot be shown: ${error.message}`);
    }
  }

  draw(update) {
    try {
      this.handlers.update(update);
    } finally {
      // Answered also when drawing failed, else the page would stay as it is for ever.
      requestAnimationFrame(() => this.drawn(update));
    }
  }

  drawn(update) {
    update.drawnAt = Date.now() / 1000;
    this.send({ type: "drawn", sequence: update.sequence });
    this.handlers.drawn(update);
  }

  // False when nobody is there to hear it.
  send(message) {
    if (!this.isOpen) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }
}
