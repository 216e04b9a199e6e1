// A keyboard: fingers, mouse and the computer's own keys; velocity by where a key is struck, pressure by moving on it.

import { button, clamp, h } from "./dom.js";

const COMPUTER = "awsedftgyhujkolp";
const BLACK = new Set([1, 3, 6, 8, 10]);
const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];

export class Keyboard {
  constructor(panel, home) {
    Object.assign(this, { panel, home, lowest: 48, velocity: 96, fingers: new Map(), typed: new Map() });
    this.board = h("div.board");
    this.bender = this.strip("Bend", (v) => panel.send("bend", { value: Math.round(clamp(v * 16383 - 8192, -8192, 8191)) }), 0.5);
    this.wheel = this.strip("Mod", (v) => panel.send("controller", { number: 1, value: Math.round(127 * v) }), null);
    const octave = (by) => () => this.shift(by);
    this.range = h("output");
    this.force = h("input", { type: "range", min: 1, max: 127, value: 96, "aria-label": "Velocity of the computer's keys", oninput: () => { this.velocity = Number(this.force.value); } });
    this.hold = button("Hold pedal", "Hold", () => this.pedal(), { class: "small", "aria-pressed": "false" });
    home.append(
      h("div.keytools", {}, button("Octave down", "−", octave(-12), { class: "small" }), this.range, button("Octave up", "+", octave(12), { class: "small" }), this.hold, h("label.force", {}, "velocity", this.force), button("Silence: let all notes go", "Silence", () => this.silence(), { class: "small" })),
      h("div.manual", {}, this.bender, this.wheel, this.board));
    this.board.addEventListener("pointerdown", (e) => this.press(e));
    this.board.addEventListener("pointermove", (e) => this.slide(e));
    for (const end of ["pointerup", "pointercancel"]) this.board.addEventListener(end, (e) => this.lift(e));
    document.addEventListener("keydown", (e) => this.keydown(e));
    document.addEventListener("keyup", (e) => this.keyup(e));
    window.addEventListener("blur", () => this.letGo());
    new ResizeObserver(() => this.build()).observe(this.board);
    panel.store.on("chain", (chain) => { home.hidden = !chain.some((card) => card.instrument); });
  }

  build() {
    const octaves = clamp(Math.floor(this.board.clientWidth / 240), 1, 5);
    if (octaves === this.octaves && this.built === this.lowest) return;
    [this.octaves, this.built] = [octaves, this.lowest];
    const white = 7 * octaves + 1;
    let at = 0;
    const keys = [];
    for (let note = this.lowest; note <= Math.min(127, this.lowest + 12 * octaves); note++) {
      const black = BLACK.has(note % 12);
      const key = h(`span.key.${black ? "black" : "white"}`, { "data-note": String(note), role: "button", "aria-label": `${NAMES[note % 12]}${Math.floor(note / 12) - 1}` }, note % 12 === 0 ? `C${note / 12 - 1}` : "");
      key.style.left = `${(100 * (black ? at - 0.3 : at)) / white}%`;
      key.style.width = `${(100 * (black ? 0.6 : 1)) / white}%`;
      at += black ? 0 : 1;
      keys.push(key);
    }
    this.board.replaceChildren(...keys);
    this.range.textContent = `C${this.lowest / 12 - 1}`;
  }

  strip(label, move, rest) {
    const thumb = h("span.thumb");
    const strip = h("div.strip", { role: "slider", tabindex: 0, "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, thumb, h("span.name", {}, label));
    let at = rest ?? 0;
    const go = (v) => { at = clamp(v); thumb.style.bottom = `${86 * at}%`; strip.setAttribute("aria-valuenow", String(Math.round(100 * at))); move(at); };
    const from = (e) => { const box = strip.getBoundingClientRect(); return 1 - (e.clientY - box.top) / box.height; };
    let held = null;
    strip.addEventListener("pointerdown", (e) => { strip.setPointerCapture(e.pointerId); held = e.pointerId; go(from(e)); e.preventDefault(); });
    strip.addEventListener("pointermove", (e) => { if (held === e.pointerId) go(from(e)); });
    for (const end of ["pointerup", "pointercancel"]) strip.addEventListener(end, () => { held = null; if (rest !== null) go(rest); });
    strip.addEventListener("keydown", (e) => { const way = { ArrowUp: 0.05, ArrowDown: -0.05 }[e.key]; if (way) { e.preventDefault(); go(at + way); } });
    strip.addEventListener("blur", () => { if (rest !== null && at !== rest) go(rest); });
    thumb.style.bottom = `${86 * at}%`;
    return strip;
  }

  shift(by) {
    this.letGo();
    this.lowest = clamp(this.lowest + by, 12, 84);
    this.build();
  }

  pedal() {
    const on = this.hold.getAttribute("aria-pressed") !== "true";
    this.hold.setAttribute("aria-pressed", String(on));
    this.panel.send("controller", { number: 64, value: on ? 127 : 0 });
  }

  silence() {
    this.panel.send("silence");
    this.lose();
  }

  /** What was held is let go by the engine: of whom the connection is lost, too. */
  lose() {
    this.letGo();
    this.hold.setAttribute("aria-pressed", "false");
  }

  keyAt(event) {
    return document.elementFromPoint(event.clientX, event.clientY)?.closest?.("[data-note]");
  }

  press(event) {
    const key = this.keyAt(event);
    if (!key || event.button > 0) return;
    event.preventDefault();
    this.board.setPointerCapture(event.pointerId);
    const box = key.getBoundingClientRect();
    const depth = clamp((event.clientY - box.top) / box.height);
    this.fingers.set(event.pointerId, { key, note: Number(key.dataset.note), y: event.clientY });
    this.down(Number(key.dataset.note), Math.round(30 + 97 * depth), key);
  }

  slide(event) {
    const finger = this.fingers.get(event.pointerId);
    if (!finger) return;
    const key = this.keyAt(event);
    if (key && key !== finger.key) {
      this.up(finger.note, finger.key);
      Object.assign(finger, { key, note: Number(key.dataset.note), y: event.clientY });
      this.down(finger.note, 96, key);
      return;
    }
    const force = event.pointerType === "mouse" || event.pressure === 0 || event.pressure === 0.5 ? Math.abs(event.clientY - finger.y) / 80 : event.pressure;
    const value = Math.round(127 * clamp(force));
    if (value !== finger.pressure) this.panel.send("pressure", { key: finger.note, value: (finger.pressure = value) });
  }

  lift(event) {
    const finger = this.fingers.get(event.pointerId);
    if (!finger) return;
    this.fingers.delete(event.pointerId);
    this.up(finger.note, finger.key);
  }

  keydown(event) {
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || this.home.hidden || isTyping(event.target)) return;
    const letter = event.shiftKey ? event.key : event.key.toLowerCase(); // with Caps Lock on, too
    const step = COMPUTER.indexOf(letter);
    if (letter === "z" || letter === "x") return this.shift(letter === "z" ? -12 : 12);
    if (step < 0 || letter.length !== 1) return;
    const note = this.lowest + step;
    const key = this.board.querySelector(`[data-note="${note}"]`);
    this.typed.set(event.code, [note, key]);
    this.down(note, this.velocity, key);
  }

  keyup(event) {
    const found = this.typed.get(event.code);
    if (!found) return;
    this.typed.delete(event.code);
    this.up(...found);
  }

  letGo() {
    for (const { note, key } of this.fingers.values()) this.up(note, key);
    for (const found of this.typed.values()) this.up(...found);
    this.fingers.clear();
    this.typed.clear();
  }

  down(note, velocity, key) {
    key?.classList.add("down");
    this.panel.send("note", { key: note, velocity });
  }

  up(note, key) {
    key?.classList.remove("down");
    this.panel.send("note", { key: note, velocity: 0 });
  }
}

function isTyping(target) {
  return target.closest?.("input:not([type=range]), textarea, select, dialog") !== null;
}
