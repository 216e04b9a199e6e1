// What the server has told: parts of the state and values, and who wants to know of them.

export class Store {
  constructor() {
    this.state = {};
    this.values = new Map();
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

  tell(state) {
    for (const [part, content] of Object.entries(state)) {
      this.state[part] = content;
      if (part === "chain") this.index(content);
    }
    for (const part of Object.keys(state)) for (const then of this.parts.get(part) ?? []) then(state[part]);
  }

  index(chain) {
    this.parameters = new Map(chain.flatMap((card) => card.parameters.map((p) => [p.address, p])));
    for (const axis of ["x", "y"]) this.parameters.set(`pad/${axis}`, PAD(axis));
  }

  move(values) {
    for (const [address, value] of Object.entries(values)) this.put(address, value);
  }

  put(address, value) {
    this.values.set(address, value);
    for (const then of this.watched.get(address) ?? []) then(value);
  }
}

const PAD = (axis) => ({ address: `pad/${axis}`, name: axis, unit: "", minimum: 0, maximum: 1, default: 0, curve: "linear", text: "place between presets" });
