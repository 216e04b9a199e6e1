// The socket: it says who we are, gives messages to whoever listens, and comes back by itself.

const PAUSES = [250, 500, 1000, 2000, 4000];
const REFUSED = 4401;
const HELD_MS = 100; // by when what is told is shown, though no picture is: a hidden page draws none

export class Link {
  constructor(hear) {
    this.hear = hear;
    this.tries = 0;
    this.open = false;
    this.sent = this.before = this.acted = 0;
    this.secret = location.hash.length > 1 ? { token: location.hash.slice(1) } : null;
    if (!this.secret) {
      const kept = sessionStorage.getItem("password");
      this.secret = kept ? { password: kept } : null;
    }
  }

  connect() {
    if (!this.secret) return this.hear.locked("");
    const socket = (this.socket = new WebSocket(`ws://${location.host}/socket`));
    socket.binaryType = "arraybuffer";
    socket.onopen = () => socket.send(JSON.stringify(this.secret));
    socket.onmessage = ({ data }) => this.heard(data);
    socket.onclose = (event) => this.closed(event);
  }

  heard(data) {
    if (!this.open) {
      this.open = true;
      this.tries = 0;
      this.before = this.sent; // each connection counts anew: what an earlier one has taken is answered by now
      this.hear.connected(true);
      this.hold();
    }
    if (typeof data !== "string") {
      this.hear.picture(data);
      if (this.texts) requestAnimationFrame(() => setTimeout(this.release));
    } else if (this.texts) this.texts.push(data);
    else this.told(data);
  }

  /** What is told waits until the first picture shows, since the page takes several frames to build. */
  hold() {
    const texts = (this.texts = []);
    this.release = () => {
      if (this.texts !== texts) return;
      this.texts = null;
      this.hear.ready();
      for (const text of texts) this.told(text);
    };
    setTimeout(this.release, HELD_MS);
  }

  told(data) {
    const told = JSON.parse(data);
    this.hear.message(told, this.before);
    if (told.acted !== undefined) this.acted = Math.max(this.acted, this.before + told.acted);
  }

  closed(event) {
    const was = this.open;
    this.open = false;
    this.texts = null;
    if (was) this.hear.connected(false);
    if (event.code === REFUSED && !was) {
      sessionStorage.removeItem("password");
      return this.hear.locked(event.reason);
    }
    setTimeout(() => this.connect(), PAUSES[Math.min(this.tries++, PAUSES.length - 1)]);
  }

  unlock(password) {
    sessionStorage.setItem("password", password);
    this.secret = { password };
    this.connect();
  }

  /** Send a message; its number, up to which the server says that it has acted, or 0 where nobody takes it. */
  send(verb, fields = {}) {
    if (!this.open || this.socket.readyState !== WebSocket.OPEN) return 0;
    this.socket.send(JSON.stringify({ do: verb, ...fields }));
    return ++this.sent;
  }

  /** Send a file in pieces, as long as nobody says no and no other comes; false where the connection went on the way. */
  async sendFile(file) {
    const piece = 128 << 10, { socket } = this;
    const stands = () => this.open && this.socket === socket;
    this.stopSending();
    const sending = (this.sending = { on: true });
    const number = this.send("drop", { name: file.name, size: file.size });
    while (stands() && sending.on && this.acted < number) await new Promise((done) => setTimeout(done, 10)); // for a refusal
    for (let at = 0; at < file.size && stands() && sending.on; at += piece) {
      const content = await file.slice(at, at + piece).arrayBuffer();
      if (sending.on && stands()) socket.send(content);
      while (stands() && socket.bufferedAmount > 1 << 20) await new Promise((done) => setTimeout(done, 10));
    }
    if (sending.on && !stands()) return false;
    if (sending.on) this.send("dropped", { at: null });
    sending.on = false;
    return true;
  }

  /** What is being sent was refused. */
  stopSending() {
    if (this.sending) this.sending.on = false;
  }
}
