// Parts of a card besides knobs, by kind: here a timbre's map. A part is { element, stop }.

import { clamp, fit, font, h } from "./dom.js";
import { equalizer } from "./eq.js";
import { mixture } from "./mixture.js";
import { readings } from "./readings.js";
import { Square } from "./xy.js";

export const PARTS = { "latent-map": latentMap, mixture, "eq-curve": equalizer, readings };

const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

/** The map of a timbre's latent space: the first two latents, or the plane in which the anchors differ most. */
function latentMap(panel, part) {
  const { store, send } = panel;
  const place = () => part.addresses.map((address) => store.values.get(address) ?? 0);
  let plane = "z";
  const flat = (at) => plane === "z" ? [at[0], at[1]] : part.axes.map((axis) => dot(axis, at.map((z, i) => z - part.mean[i])));
  const reach = () => {
    if (plane === "z") return 1;
    return 1.15 * Math.max(0.3, ...Object.values(part.anchors).flatMap((at) => flat(at).map(Math.abs)));
  };
  const toSquare = (xy) => xy.map((v) => 0.5 + v / (2 * reach()));
  const moved = (x, y) => {
    const goal = [x, y].map((v) => (v - 0.5) * 2 * reach());
    const now = place();
    if (plane === "z") return [goal[0], goal[1], ...now.slice(2)];
    const here = flat(now);
    return now.map((z, i) => clamp(z + part.axes.reduce((sum, axis, k) => sum + axis[i] * (goal[k] - here[k]), 0), -1, 1));
  };
  const put = (at) => panel.place(Object.fromEntries(part.addresses.map((address, i) => [address, at[i]]).filter(([, v], i) => plane !== "z" || i < 2 || at.whole)));
  const near = (x, y) => Object.entries(part.anchors).find(([, at]) => {
    const box = square.field.getBoundingClientRect();
    const [ax, ay] = toSquare(flat(at));
    return Math.hypot((ax - x) * box.width, (ay - y) * box.height) < 9;
  });
  const square = new Square("Timbre map", {
    move: (x, y) => put(moved(x, y)),
    tap: (x, y) => {
      const found = near(x, y);
      if (!found || square.armed) return false;
      const at = Object.assign([...found[1]], { whole: true });
      put(at);
      return true;
    },
    path: (points) => send("loop", { addresses: part.addresses.slice(0, plane === "z" ? 2 : undefined), points: points.map(([t, x, y]) => [t, ...(plane === "z" ? moved(x, y).slice(0, 2) : moved(x, y))]) }),
    stop: () => send("unloop", { address: part.addresses[0] }),
    where: () => toSquare(flat(place())),
  });
  const draw = () => {
    fit(square.canvas);
    const c = square.canvas.getContext("2d");
    const { width, height } = square.canvas;
    const style = getComputedStyle(square.field);
    const scale = width / Math.max(1, square.canvas.clientWidth);
    c.clearRect(0, 0, width, height);
    c.strokeStyle = style.getPropertyValue("--line");
    c.beginPath();
    for (const at of [0.25, 0.5, 0.75]) { c.moveTo(at * width, 0); c.lineTo(at * width, height); c.moveTo(0, at * height); c.lineTo(width, at * height); }
    c.stroke();
    const spots = (places, colour, radius) => {
      c.fillStyle = colour;
      for (const at of places) {
        const [x, y] = toSquare(flat(at));
        c.beginPath();
        c.arc(x * width, (1 - y) * height, radius * scale, 0, 7);
        c.fill();
      }
    };
    spots(part.others, style.getPropertyValue("--faint"), 1.5);
    spots(Object.values(part.anchors), style.getPropertyValue("--accent"), 3);
    c.font = font(0.7, scale);
    c.fillStyle = style.getPropertyValue("--soft");
    c.strokeStyle = style.getPropertyValue("--sunk");
    c.lineWidth = 3 * scale;
    c.lineJoin = "round";
    const taken = [];
    for (const [name, at] of Object.entries(part.anchors)) {
      const [x, y] = toSquare(flat(at)).map((v, i) => (i ? (1 - v) * height : v * width));
      const wide = c.measureText(name).width;
      const left = x + wide + 8 * scale > width ? x - wide - 6 * scale : x + 6 * scale;
      const box = [left - 4 * scale, y - 8 * scale, left + wide + 4 * scale, y + 5 * scale];
      if (taken.some((t) => box[0] < t[2] && box[2] > t[0] && box[1] < t[3] && box[3] > t[1])) continue;
      taken.push(box);
      c.strokeText(name, left, y + 3.5 * scale); // no dot stands in a word
      c.fillText(name, left, y + 3.5 * scale);
    }
  };
  const chooser = h("select.small", { "aria-label": "Axes of the map", onchange: (e) => { plane = e.target.value; draw(); square.follow(); } }, h("option", { value: "z" }, "z1 · z2"), h("option", { value: "pca" }, "anchors (PCA)"));
  square.tools.prepend(chooser);
  let due = false;
  const soon = () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; square.follow(); }); } };
  const stops = part.addresses.map((address) => store.watch(address, soon));
  const observer = new ResizeObserver(draw);
  observer.observe(square.field);
  const loops = (playing) => square.loops(playing.includes(part.addresses[0]));
  stops.push(panel.store.on("loops", loops));
  document.addEventListener("themechange", draw);
  return { element: square.element, stop: () => { stops.forEach((end) => end()); observer.disconnect(); document.removeEventListener("themechange", draw); } };
}
