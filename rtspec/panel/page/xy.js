// A square on which fingers move dots: presets' pad and timbre's map. Paths are recorded and looped.

import { button, clamp, h } from "./dom.js";

const MOST_POINTS = 500;

export class Square {
  /**
   * `move(x, y)` gets places from 0 to 1, y upwards; `path(points)` gets [seconds, x, y] when a path was drawn; `where()`
   * says where the dot is when no finger is on it.
   */
  constructor(label, { move, path, tap, stop, where }) {
    Object.assign(this, { move, path, tap, where, stopLoop: stop, at: [0, 0], points: null, armed: false, looping: false });
    this.dot = h("span.dot");
    this.canvas = h("canvas");
    this.field = h("div.field", { tabindex: 0, role: "application", "aria-label": `${label}: arrow keys move`, "aria-roledescription": "two-dimensional slider" }, this.canvas, this.dot);
    this.arm = button("Record a path: draw it, it plays again and again", "Path", () => this.toggle(), { class: "small", "aria-pressed": "false" });
    this.end = button("Stop the path", "Stop path", () => this.stopLoop(), { class: "small", hidden: true });
    this.tools = h("div.tools", {}, this.arm, this.end);
    this.element = h("div.square", {}, this.field, this.tools);
    this.field.addEventListener("pointerdown", (e) => this.press(e));
    this.field.addEventListener("pointermove", (e) => this.drag(e));
    for (const end of ["pointerup", "pointercancel"]) this.field.addEventListener(end, (e) => this.release(e));
    this.field.addEventListener("keydown", (e) => this.key(e));
  }

  toggle() {
    this.armed = !this.armed;
    this.arm.setAttribute("aria-pressed", String(this.armed));
  }

  loops(on) {
    this.looping = on;
    this.end.hidden = !on;
    this.element.classList.toggle("looping", on);
  }

  /** A hand takes the dot from the path that moves it. */
  grab() {
    if (this.looping) this.stopLoop();
    this.looping = false;
  }

  place(event) {
    const box = this.field.getBoundingClientRect();
    return [clamp((event.clientX - box.left) / box.width), clamp(1 - (event.clientY - box.top) / box.height)];
  }

  press(event) {
    if (event.button > 0) return;
    this.grab();
    this.field.focus({ preventScroll: true });
    this.field.setPointerCapture(event.pointerId);
    this.pointer = event.pointerId;
    this.start = [event.clientX, event.clientY];
    this.moved = false;
    if (this.tap?.(...this.place(event))) { this.pointer = null; return; }
    this.points = this.armed ? [] : null;
    this.began = event.timeStamp;
    this.go(...this.place(event), event.timeStamp);
    event.preventDefault();
  }

  drag(event) {
    if (this.pointer !== event.pointerId) return;
    this.go(...this.place(event), event.timeStamp);
  }

  release(event) {
    if (this.pointer !== event.pointerId) return;
    this.pointer = null;
    this.follow();
    if (!this.points) return;
    const drawn = thinned(this.points);
    this.points = null;
    this.toggle();
    if (drawn.length > 1 && drawn.at(-1)[0] > 0.15) this.path(drawn);
  }

  go(x, y, at_ms) {
    if (this.points) this.points.push([(at_ms - this.began) / 1000, x, y]);
    this.show(x, y);
    this.move(x, y);
    this.follow();
  }

  /** Go where the engine is, unless a finger holds the dot. */
  follow() {
    if (!this.touched) this.show(...this.where());
  }

  key(event) {
    const step = event.shiftKey ? 0.002 : 0.02;
    const ways = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const way = ways[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    this.grab();
    this.go(clamp(this.at[0] + way[0]), clamp(this.at[1] + way[1]));
  }

  show(x, y) {
    this.at = [x, y];
    this.dot.style.left = `${100 * clamp(x)}%`;
    this.dot.style.bottom = `${100 * clamp(y)}%`;
    this.field.setAttribute("aria-valuetext", `${Math.round(100 * x)} %, ${Math.round(100 * y)} %`);
  }

  get touched() {
    return this.pointer !== null && this.pointer !== undefined;
  }
}

function thinned(points) {
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
