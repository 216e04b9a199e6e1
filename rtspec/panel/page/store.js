// What the server has told: parts of the state and values, and who wants to know of them.
//
// A value that a hand moves is shown at once, and told of later. What comes until the server has acted on that very move is
// an echo of an earlier one, or another's: it is kept, and shown when the move is answered, refused ones too. So nothing
// pulls a knob back from beneath a finger, and no knob stays where the engine is not.

export class Store {
  constructor() {
    this.state = {};
    this.values = new Map();
    this.told = new Map();
    this.own = new Map();
    this.parameters = new Map();
    this.parts = new Map();
    this.watched = new Map();
  }

  /** Call `then` with a part of the state whenever it is another; returns what ends it. */
  on(part, then) {
    this.parts.set(part, [...(this.parts.get(part) ?? []), then]);
    if (part in this.state) then(this.state[part]);
    return () => this.parts.set(part, this.parts.get(part).filter((other) => other !== then));
  }

  /** Call `then` with a parameter's value whenever it moves; returns what ends it. */
  watch(address, then) {
    const found = this.watched.get(address) ?? new Set();
    this.watched.set(address, found.add(then));
    if (this.values.has(address)) then(this.values.get(address));
    return () => found.delete(then);
  }

  /** Parts of the state, as they were when so many of our messages had been acted on: the part "acted". */
  tell(parts, acted) {
    const state = { ...parts, acted };
    for (const [part, content] of Object.entries(state)) {
      this.state[part] = content;
      if (part === "chain") this.index(content);
    }
    for (const part of Object.keys(state)) for (const then of this.parts.get(part) ?? []) then(state[part]);
  }

  /** Whether the message of this number shows in what was told of the state. */
  answered(number) {
    return (this.state.acted ?? 0) >= number;
  }

  index(chain) {
    this.parameters = new Map(chain.flatMap((card) => card.parameters.map((p) => [p.address, p])));
    for (const axis of ["x", "y"]) this.parameters.set(`pad/${axis}`, PAD(axis));
    for (const known of [this.values, this.told, this.own]) {
      for (const address of known.keys()) if (!this.parameters.has(address.replace(/~$/, ""))) known.delete(address);
    }
  }

  /** Values as they were when so many of our messages had been acted on. */
  move(values, acted) {
    const news = new Set(Object.keys(values));
    for (const [address, value] of Object.entries(values)) this.told.set(address, value);
    for (const [address, number] of this.own) if (number <= acted) { this.own.delete(address); news.add(address); }
    for (const address of news) if (!this.own.has(address) && this.told.has(address)) this.put(address, this.told.get(address));
  }

  /** A hand has moved these by the message of this number. */
  hold(values, number) {
    for (const [address, value] of Object.entries(values)) {
      this.own.set(address, number);
      this.put(address, value);
    }
  }

  /** The connection is gone, and with it what was not answered. */
  lose() {
    this.move({}, Infinity);
  }

  put(address, value) {
    this.values.set(address, value);
    for (const then of this.watched.get(address) ?? []) then(value);
  }
}

const PAD = (axis) => ({ address: `pad/${axis}`, name: axis, unit: "", minimum: 0, maximum: 1, default: 0, curve: "linear", text: "place between presets" });
