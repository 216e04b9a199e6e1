// A knob, a fader or a switch for one parameter: pointer, touch, wheel, keys, typed values; an ARIA slider.

import { clamp, h, keyed, s, shown, words } from "./dom.js";
import { toPosition, toValue } from "./curves.js";

const TRAVEL = 220; // pixels from end to end
const DOUBLE_MS = 350;
const STEP = 0.01, FINE = 0.1, PAGE = 0.1;

export class Knob {
  /** `panel`: { store, send, learn }. `kind`: "knob", "fader" or "switch". */
  constructor(panel, parameter, kind = kindOf(parameter)) {
    Object.assign(this, { panel, p: parameter, kind, held: null, tapped: 0 });
    this.dial = kind === "switch" ? this.makeSwitch() : kind === "choice" ? this.makeChoice() : this.makeDial();
    this.figure = h("button.figure", { type: "button", tabindex: -1, onclick: () => this.type() });
    this.mark = h("button.learn", { type: "button", tabindex: -1, title: "Learn: click, then move a controller", onclick: (e) => panel.learn(this, e) });
    this.title = h("span.name");
    this.element = h(`div.control.${kind}`, { "data-address": parameter.address }, this.mark, this.dial, this.title, this.figure);
    this.describe();
    this.element.addEventListener("contextmenu", (e) => { e.preventDefault(); panel.learnMenu(this); });
    const ends = [panel.store.watch(parameter.address, (value) => this.show(value)), panel.store.watch(`${parameter.address}~`, (share) => this.sway(share))];
    this.stop = () => ends.forEach((end) => end());
  }

  /** What is told of its parameter now; false where that needs a control of another kind. */
  hear(parameter) {
    if (kindOf(parameter) !== this.kind) return false;
    const same = JSON.stringify(parameter) === JSON.stringify(this.p);
    this.p = parameter;
    if (same) return true;
    this.describe();
    this.show(this.value);
    return true;
  }

  describe() {
    const { p } = this;
    this.label = [p.of, p.label || words(p.name)].filter(Boolean).join(" ");
    this.title.textContent = this.label;
    if (p.text) this.element.title = p.text;
    this.dial.setAttribute("aria-label", this.label);
    this.figure.setAttribute("aria-label", `Type a value for ${this.label}`);
    this.mark.setAttribute("aria-label", `Learn ${this.label}`);
    if (this.kind === "choice") this.offer(p.choices);
    else if (this.kind !== "switch") for (const end of ["min", "max"]) this.dial.setAttribute(`aria-value${end}`, p[`${end}imum`]);
  }

  makeDial() {
    const drawing = this.kind === "knob" ? this.drawKnob() : this.drawFader();
    const dial = h("div.dial", { tabindex: 0, role: "slider", "aria-orientation": "vertical" }, drawing);
    dial.addEventListener("pointerdown", (e) => this.press(e));
    dial.addEventListener("pointermove", (e) => this.drag(e));
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) dial.addEventListener(end, (e) => this.release(e));
    dial.addEventListener("wheel", (e) => this.wheel(e), { passive: false });
    dial.addEventListener("keydown", (e) => this.key(e));
    return dial;
  }

  /** It acts as soon as a finger is down: after a drag, browsers take the next tap to end a fling, and make no click of it. */
  makeSwitch() {
    const flip = () => this.send(this.position >= 0.5 ? this.p.minimum : this.p.maximum);
    return h("button.dial", { type: "button", role: "switch", "aria-checked": "false", onpointerdown: (e) => { if (e.button === 0) flip(); }, onclick: (e) => { if (e.detail === 0) flip(); }, onkeydown: (e) => asksToLearn(e) && this.panel.learn(this, e) }, h("span.thumb"));
  }

  makeChoice() {
    return h("select.dial", { onchange: (e) => this.send(this.p.minimum + Number(e.target.value)) });
  }

  offer(choices) {
    const entries = keyed(this.dial, choices.map((_, i) => i), (i) => h("option", { value: String(i) }));
    entries.forEach((entry, i) => { if (entry.textContent !== choices[i]) entry.textContent = choices[i]; });
  }

  drawKnob() {
    const arc = "M 13.5 38.5 A 18 18 0 1 1 38.5 38.5";
    this.arc = s("path", { d: arc, class: "value", pathLength: 100 });
    this.ring = s("path", { d: arc, class: "sway", pathLength: 100, visibility: "hidden" });
    this.needle = s("line", { x1: 26, y1: 19, x2: 26, y2: 12.5, class: "needle" });
    return s("svg", { viewBox: "0 0 52 48", "aria-hidden": "true" }, s("path", { d: arc, class: "track" }), this.arc, this.ring, s("circle", { cx: 26, cy: 26, r: 12.5, class: "cap" }), this.needle);
  }

  drawFader() {
    this.fill = h("span.fill");
    this.thumb = h("span.thumb");
    this.ring = h("span.sway", { hidden: true });
    return h("span.slot", {}, this.fill, this.ring, this.thumb);
  }

  get value() {
    return this.panel.store.values.get(this.p.address) ?? this.p.default;
  }

  get position() {
    return toPosition(this.p, this.value);
  }

  /** Modulation: by what share of the travel it is away from where the hand put it. */
  sway(share) {
    this.away = share;
    if (!this.ring) return;
    const at = clamp(this.position + share);
    if (this.arc) {
      this.ring.setAttribute("visibility", share ? "visible" : "hidden");
      const [from, to] = [Math.min(at, this.position), Math.max(at, this.position)];
      this.ring.setAttribute("stroke-dasharray", `0 ${100 * from} ${Math.max(0.5, 100 * (to - from))} 200`);
    } else {
      this.ring.hidden = !share;
      this.ring.style.bottom = `${100 * at}%`;
    }
  }

  show(value) {
    if (this.held && this.held.moved && !this.held.own) return;
    const at = toPosition(this.p, value);
    if (this.arc) {
      const zero = this.p.minimum < 0 && this.p.maximum > 0 ? toPosition(this.p, 0) : 0;
      const [from, to] = at < zero ? [at, zero] : [zero, at];
      this.arc.setAttribute("stroke-dasharray", `0 ${100 * from} ${100 * (to - from)} 200`);
      this.needle.setAttribute("transform", `rotate(${-135 + 270 * at} 26 26)`);
    } else if (this.fill) {
      this.thumb.style.bottom = `${100 * at}%`;
      const zero = this.p.minimum < 0 && this.p.maximum > 0 ? toPosition(this.p, 0) : 0;
      this.fill.style.bottom = `${100 * Math.min(at, zero)}%`;
      this.fill.style.height = `${100 * Math.abs(at - zero)}%`;
    } else if (this.kind === "choice") this.dial.value = String(Math.round(value - this.p.minimum));
    else this.dial.setAttribute("aria-checked", String(at >= 0.5));
    if (this.away) this.sway(this.away);
    const text = this.kind === "switch" ? (at >= 0.5 ? "on" : "off") : this.kind === "choice" ? "" : shown(value, this.p.unit);
    if (this.figure.firstChild?.nodeName !== "INPUT") this.figure.textContent = this.kind === "fader" ? shown(value) : text; // its axis has the unit
    if (this.kind === "knob" || this.kind === "fader") {
      this.dial.setAttribute("aria-valuenow", String(Number(value.toPrecision(6))));
      this.dial.setAttribute("aria-valuetext", text);
    }
  }

  send(value) {
    const to = clamp(value, this.p.minimum, this.p.maximum);
    this.move(to, "set", { address: this.p.address, value: to });
  }

  move(to, verb, fields) {
    if (this.held) this.held.own = true;
    this.panel.move({ [this.p.address]: to }, verb, fields);
    if (this.held) this.held.own = false;
    if (!this.held) this.show(this.value); // also where nobody takes it: a list shows what was chosen by itself
  }

  turn(steps) {
    this.send(toValue(this.p, clamp(this.position + steps)));
  }

  press(event) {
    if (event.button > 0) return;
    this.dial.focus({ preventScroll: true });
    this.dial.setPointerCapture(event.pointerId);
    this.held = { id: event.pointerId, x: event.clientX, y: event.clientY, at: this.position, moved: false };
    this.element.classList.add("held");
    event.preventDefault();
  }

  drag(event) {
    const held = this.held;
    if (!held || held.id !== event.pointerId) return;
    const way = event.clientX - held.x + held.y - event.clientY;
    if (!held.moved && Math.abs(way) < 3) return;
    held.moved = true;
    const travel = this.kind === "fader" ? Math.max(60, this.dial.clientHeight) : TRAVEL;
    held.at = clamp(held.at + (way / travel) * (event.shiftKey ? FINE : 1));
    [held.x, held.y] = [event.clientX, event.clientY];
    this.send(toValue(this.p, held.at));
  }

  release(event) {
    const held = this.held;
    if (!held || held.id !== event.pointerId) return;
    this.held = null;
    this.element.classList.remove("held");
    if (held.moved) return this.show(this.value); // where others have moved it meanwhile
    const now = event.timeStamp;
    if (now - this.tapped < DOUBLE_MS) this.reset();
    this.tapped = now;
  }

  reset() {
    this.move(this.p.default, "reset", { address: this.p.address });
  }

  /** Only where a hand has been before: a page that is scrolled moves no knob that it brings beneath the pointer. */
  wheel(event) {
    if (document.activeElement !== this.dial) return;
    event.preventDefault();
    this.turn(-Math.sign(event.deltaY || event.deltaX) * 2 * STEP * (event.shiftKey ? FINE : 1));
  }

  key(event) {
    const step = STEP * (event.shiftKey ? FINE : 1);
    const moves = { ArrowUp: step, ArrowRight: step, ArrowDown: -step, ArrowLeft: -step, PageUp: PAGE, PageDown: -PAGE, Home: -1, End: 1 };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) this.turn(moves[event.key]);
    else if (event.key === "Enter") this.type();
    else if (event.key === "Delete" || event.key === "Backspace") this.reset();
    else if (asksToLearn(event)) this.panel.learn(this, event);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  type() {
    if (this.kind === "switch") return this.dial.click();
    if (this.kind === "choice") return this.dial.focus();
    const first = String(Number(this.value.toPrecision(5)));
    const field = h("input", { type: "text", inputmode: "decimal", value: first, "aria-label": `${this.label}${this.p.unit ? ` in ${this.p.unit}` : ""}` });
    const done = (keep) => {
      const typed = Number(field.value.replace(",", "."));
      this.figure.replaceChildren();
      if (keep && field.value !== first && field.value.trim() && Number.isFinite(typed)) this.send(typed); // a look moves nothing
      this.show(this.value);
    };
    field.addEventListener("keydown", (e) => {
      e.stopPropagation();
      if (e.key === "Enter" || e.key === "Escape") { field.onblur = null; done(e.key === "Enter"); this.dial.focus(); }
    });
    field.onblur = () => done(true);
    this.figure.replaceChildren(field);
    field.select();
  }

  /** Show which controller moves it, and whether it waits for one. */
  mapped(control, waiting) {
    this.mark.classList.toggle("mapped", Boolean(control));
    this.mark.classList.toggle("waiting", waiting);
    this.mark.title = waiting ? "Move a controller; click to cancel" : control ? `${control}; click to learn another` : "Learn: click, then move a controller";
  }
}

/** With shift: the letter alone is a key of the keyboard, which is played while knobs are turned. */
const asksToLearn = (event) => event.shiftKey && event.key.toLowerCase() === "l";

function kindOf(parameter) {
  if (parameter.curve === "switch") return "switch";
  return parameter.choices?.length ? "choice" : "knob";
}
