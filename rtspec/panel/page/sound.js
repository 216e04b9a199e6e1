// What is heard: spectrograms of input and output that scroll, meters with peaks that hold. Drawn once a frame at most.

import { fitter, h } from "./dom.js";

const HEAD = 20, COLUMNS = 400;
const FLOOR = -60, FALL = 0.6, HOLD_MS = 1200;
const LOW_HZ = 30, HIGH_HZ = 20000;

export function readPicture(buffer) {
  const view = new DataView(buffer);
  const n = view.getUint8(1);
  return {
    levels: [view.getFloat32(4, true), view.getFloat32(8, true)],
    load: view.getFloat32(12, true),
    at: view.getFloat32(16, true),
    bands: [new Uint8Array(buffer, HEAD, n), new Uint8Array(buffer, HEAD + n, n)],
  };
}

export class Sound {
  constructor(home) {
    this.views = ["Input", "Output"].map((name, i) => new View(name, i));
    this.pictures = this.drawn = 0;
    this.waiting = [];
    home.append(...this.views.map((view) => view.element));
    document.addEventListener("themechange", () => this.views.forEach((view) => view.recolour()));
    this.views.forEach((view) => view.recolour());
  }

  show(picture) {
    this.pictures++;
    this.waiting.push(picture);
    if (this.waiting.length > COLUMNS) this.waiting.shift(); // a hidden page draws nothing, for hours
    else if (this.waiting.length === 1) requestAnimationFrame(() => this.draw());
  }

  draw() {
    const come = this.waiting.splice(0);
    this.drawn++;
    this.views.forEach((view, i) => view.draw(come, i));
  }
}

class View {
  constructor(name, index) {
    this.name = name;
    this.canvas = h("canvas.spectrogram", { role: "img", "aria-label": `Spectrogram of the ${name.toLowerCase()}` });
    this.meter = h("canvas.meter", { role: "meter", "aria-label": `Level of the ${name.toLowerCase()}`, "aria-valuemin": FLOOR, "aria-valuemax": 0 });
    this.figure = h("span.level", {}, "−∞");
    const ticks = [100, 1000, 10000].map((hz) => {
      const tick = h("span.tick", {}, hz >= 1000 ? `${hz / 1000}k` : String(hz));
      tick.style.bottom = `${(100 * Math.log(hz / LOW_HZ)) / Math.log(HIGH_HZ / LOW_HZ)}%`;
      return tick;
    });
    this.element = h(`figure.view.${index ? "out" : "in"}`, {}, h("figcaption", {}, name, this.figure), h("div.screen", {}, this.canvas, ticks), this.meter);
    [this.fitScreen, this.fitMeter] = [this.canvas, this.meter].map(fitter);
    this.kept = document.createElement("canvas");
    this.kept.width = COLUMNS;
    this.at = 0;
    this.level = FLOOR;
    this.held = FLOOR;
    this.heldAt = 0;
  }

  recolour() {
    const style = getComputedStyle(document.documentElement);
    this.colours = ramp(style.getPropertyValue("--heat").split(",").map((hex) => hex.trim()));
    this.theme = { track: style.getPropertyValue("--sunk"), good: style.getPropertyValue("--good"), warm: style.getPropertyValue("--accent"), hot: style.getPropertyValue("--hot") };
    this.kept.height = this.kept.height;
  }

  draw(pictures, side) {
    const context = this.kept.getContext("2d");
    for (const picture of pictures) {
      const bands = picture.bands[side];
      if (this.kept.height !== bands.length) { this.kept.height = bands.length; this.column = context.createImageData(1, bands.length); }
      this.column ??= context.createImageData(1, bands.length);
      const pixels = new Uint32Array(this.column.data.buffer);
      for (let i = 0; i < bands.length; i++) pixels[bands.length - 1 - i] = this.colours[bands[i]];
      context.putImageData(this.column, this.at, 0);
      this.at = (this.at + 1) % COLUMNS;
      this.fall(picture.levels[side]);
    }
    this.scroll();
    this.drawMeter();
  }

  scroll() {
    this.fitScreen();
    const c = this.canvas.getContext("2d");
    const { width, height } = this.canvas;
    const older = COLUMNS - this.at;
    const cut = (width * older) / COLUMNS;
    c.imageSmoothingEnabled = true;
    if (older) c.drawImage(this.kept, this.at, 0, older, this.kept.height, 0, 0, cut, height);
    if (this.at) c.drawImage(this.kept, 0, 0, this.at, this.kept.height, cut, 0, width - cut, height);
  }

  fall(peak) {
    const now = performance.now();
    const decibels = peak > 0 ? Math.max(FLOOR, 20 * Math.log10(peak)) : FLOOR;
    this.level = Math.max(decibels, this.level - FALL * 2);
    if (decibels >= this.held || now - this.heldAt > HOLD_MS) { this.held = decibels; this.heldAt = now; }
  }

  drawMeter() {
    this.fitMeter();
    const c = this.meter.getContext("2d");
    const { width, height } = this.meter;
    const y = (decibels) => height * (1 - (decibels - FLOOR) / -FLOOR);
    c.fillStyle = this.theme.track;
    c.fillRect(0, 0, width, height);
    for (const [from, to, colour] of [[FLOOR, -12, this.theme.good], [-12, -1, this.theme.warm], [-1, 3, this.theme.hot]]) {
      if (this.level <= from) continue;
      c.fillStyle = colour;
      const top = y(Math.min(this.level, to));
      c.fillRect(0, top, width, y(from) - top);
    }
    c.fillStyle = this.held > -1 ? this.theme.hot : this.theme.warm;
    if (this.held > FLOOR) c.fillRect(0, Math.max(0, y(this.held) - 1), width, 2);
    const text = this.held > FLOOR ? `${this.held.toFixed(1)} dB` : "silent";
    if (this.figure.textContent !== text) this.figure.textContent = text;
    this.meter.setAttribute("aria-valuenow", this.level.toFixed(0));
  }
}

/** 256 colours along a few, as pixels. */
function ramp(stops) {
  const rgb = stops.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = Math.max(0, (i - 24) / 231) * (rgb.length - 1);
    const k = Math.min(rgb.length - 2, Math.floor(at));
    const [r, g, b] = rgb[k].map((v, c) => Math.round(v + (at - k) * (rgb[k + 1][c] - v)));
    return (255 << 24) | (b << 16) | (g << 8) | r;
  });
}
