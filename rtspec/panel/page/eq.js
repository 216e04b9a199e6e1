// An equalizer: faders under the curve that they make, on one axis of decibels; what is added automatically is drawn with it.
// Where a window has no room for all of them side by side they stand in rows.

import { arranged, clamp, fit, h, shown } from "./dom.js";
import { Knob } from "./knob.js";

const INSET = 0.31; // rem: half a fader's thumb, by which its travel is shorter than the screen
const LEAST = 1.9, AXIS = 2.2; // rem: a fader with its name; what the axis takes

export function equalizer(panel, part) {
  const faders = part.addresses.map((address) => fader(panel, address));
  const { minimum: low, maximum: high } = faders[0].p;
  const element = h("div.equalizer");
  const rows = [];
  let automatic = [];
  const arrange = () => {
    const room = element.clientWidth / rem() - AXIS;
    const n = room > LEAST ? clamp(Math.ceil((LEAST * faders.length) / room), 1, faders.length) : 1; // not yet on the page
    if (n === rows.length) return;
    while (rows.length < n) rows.push(row(high, low));
    rows.length = n;
    arranged(element, rows.map((one) => one.element));
    rows.forEach((one, i) => {
      one.range = [i, i + 1].map((k) => Math.round((k * faders.length) / n));
      arranged(one.faders, faders.slice(...one.range).map((fader) => fader.element));
    });
  };
  const draw = () => {
    arrange();
    for (const { canvas, range } of rows) drawCurve(canvas, faders, automatic, low, high, range);
  };
  let due = false;
  const soon = () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; draw(); }); } };
  const ends = part.addresses.map((address) => panel.store.watch(address, soon));
  const observer = new ResizeObserver(soon);
  observer.observe(element);
  const hear = (all) => {
    const found = Object.entries(all[part.place] ?? {}).filter(([name]) => /^curve_.*_hz_db$/.test(name)).map(([, db]) => db);
    if (found.length || automatic.length) { automatic = found; soon(); }
  };
  ends.push(panel.store.on("readings", hear));
  document.addEventListener("themechange", soon);
  const stop = () => {
    observer.disconnect();
    document.removeEventListener("themechange", soon);
    [...ends, ...faders.map((one) => one.stop)].forEach((end) => end());
    for (const one of faders) if (panel.knobs.get(one.p.address) === one) panel.knobs.delete(one.p.address);
  };
  arrange();
  return { element, stop };
}

const rem = () => parseFloat(getComputedStyle(document.documentElement).fontSize);

function row(high, low) {
  const canvas = h("canvas.eqcurve", { role: "img", "aria-label": "Curve of the equalizer" });
  const ticks = [high, high / 2, 0, low / 2, low].map((db) => h("span", {}, shown(db)));
  const faders = h("div.faders");
  return { canvas, faders, range: [0, 0], element: h("div.eqscreen", {}, canvas, h("div.dbs", { "aria-hidden": "true" }, ticks, h("small", {}, "dB")), faders) };
}

function fader(panel, address) {
  const parameter = panel.store.parameters.get(address);
  const made = new Knob(panel, parameter, "fader");
  const hz = Number(parameter.name.replace(/^gain_|_hz$/g, "").replace("_", "."));
  made.title.textContent = hz >= 1000 ? `${hz / 1000}k` : String(hz);
  panel.knobs.set(address, made);
  return made;
}

/** The part of the curve that is above the faders from `first` until `last`. */
function drawCurve(canvas, faders, automatic, low, high, [first, last]) {
  fit(canvas);
  const c = canvas.getContext("2d");
  const { width, height } = canvas;
  const style = getComputedStyle(canvas);
  const inset = INSET * rem() * (width / Math.max(1, canvas.clientWidth));
  const y = (db) => inset + (height - 2 * inset) * (1 - (Math.min(high, Math.max(low, db)) - low) / (high - low));
  const x = (i, n) => (width * (((i + 0.5) * faders.length) / n - first)) / (last - first);
  c.clearRect(0, 0, width, height);
  c.strokeStyle = style.getPropertyValue("--line");
  c.lineWidth = 1;
  c.beginPath();
  for (const db of [high, high / 2, 0, low / 2, low]) { c.moveTo(0, y(db)); c.lineTo(width, y(db)); }
  c.stroke();
  if (automatic.length) trace(c, automatic.map((db, i) => [x(i, automatic.length), y(db)]), y(0), style.getPropertyValue("--cool"), width);
  trace(c, faders.map((one, i) => [x(i, faders.length), y(one.value)]), y(0), style.getPropertyValue("--accent"), width);
}

/** A smooth line through points, and the ground between it and zero. */
function trace(c, points, zero, colour, width) {
  const path = new Path2D();
  path.moveTo(0, points[0][1]);
  path.lineTo(...points[0]);
  for (let i = 1; i < points.length; i++) {
    const half = (points[i][0] - points[i - 1][0]) / 2;
    path.bezierCurveTo(points[i - 1][0] + half, points[i - 1][1], points[i][0] - half, points[i][1], ...points[i]);
  }
  path.lineTo(width, points.at(-1)[1]);
  c.strokeStyle = c.fillStyle = colour;
  c.lineWidth = 2;
  c.stroke(path);
  path.lineTo(width, zero);
  path.lineTo(0, zero);
  c.globalAlpha = 0.16;
  c.fill(path);
  c.globalAlpha = 1;
}
