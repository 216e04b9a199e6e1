// A mixture of several sounds: a place among them on a square, and pads that choose one. Corners stand on a circle; a place
// inside them is that of its shares (Wachspress' coordinates, so that the dot stays where the finger put it).

import { clamp, fit, font, h } from "./dom.js";
import { Square } from "./xy.js";

const FIRST_PAD = 36;
const RADIUS = 0.42;

const area = (a, b, c) => (b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]);

export function mixture(panel, part) {
  const { store, send } = panel;
  const n = part.addresses.length;
  const corners = part.labels.map((_, i) => [0.5 + RADIUS * Math.sin((2 * Math.PI * i) / n), 0.5 + RADIUS * Math.cos((2 * Math.PI * i) / n)]);
  const shares = () => part.addresses.map((address) => store.values.get(address) ?? 0);
  const put = (given) => panel.place(Object.fromEntries(part.addresses.map((address, i) => [address, given[i]])));
  const at = () => {
    const now = shares(), sum = now.reduce((a, b) => a + b, 0);
    return sum > 0 ? [0, 1].map((axis) => now.reduce((total, share, i) => total + share * corners[i][axis], 0) / sum) : [0.5, 0.5];
  };
  const square = new Square("Mixture", {
    move: (x, y) => put(sharesAt(corners, [x, y])),
    path: (points) => send("loop", { addresses: part.addresses, points: points.map(([t, x, y]) => [t, ...sharesAt(corners, [x, y])]) }),
    stop: () => send("unloop", { address: part.addresses[0] }),
    where: at,
  });
  square.element.classList.add("mixture");
  const draw = () => drawCorners(square, corners, part.labels);
  let due = false;
  const soon = () => { if (!due) { due = true; requestAnimationFrame(() => { due = false; square.follow(); }); } };
  const ends = part.addresses.map((address) => store.watch(address, soon));
  ends.push(store.on("loops", (playing) => square.loops(playing.includes(part.addresses[0]))));
  const observer = new ResizeObserver(draw);
  observer.observe(square.field);
  document.addEventListener("themechange", draw);
  const stop = () => { ends.forEach((end) => end()); observer.disconnect(); document.removeEventListener("themechange", draw); };
  return { element: h("div", {}, square.element, part.pads ? pads(panel, part) : null), stop };
}

/** The shares at a place: Wachspress' coordinates; outside the corners those of the nearest place on the way to the middle. */
export function sharesAt(corners, place) {
  const n = corners.length;
  const corner = (i) => corners[(i + n) % n];
  const inside = (p) => corners.every((_, i) => area(p, corner(i + 1), corner(i)) > 1e-6);
  let [low, high] = [0, 1];
  const toward = (k) => place.map((v) => 0.5 + k * (v - 0.5));
  if (!inside(place)) for (let i = 0; i < 20; i++) { const k = (low + high) / 2; if (inside(toward(k))) low = k; else high = k; }
  else low = 1;
  const p = toward(low);
  const raw = corners.map((c, i) => area(corner(i - 1), corner(i + 1), c) / (area(p, c, corner(i - 1)) * area(p, corner(i + 1), c)));
  const sum = raw.reduce((a, b) => a + b, 0);
  return raw.map((w) => clamp(w / sum));
}

function drawCorners(square, corners, labels) {
  fit(square.canvas);
  const c = square.canvas.getContext("2d");
  const { width, height } = square.canvas;
  const scale = width / Math.max(1, square.canvas.clientWidth);
  const style = getComputedStyle(square.field);
  const spot = ([x, y]) => [x * width, (1 - y) * height];
  c.clearRect(0, 0, width, height);
  c.strokeStyle = style.getPropertyValue("--line");
  c.beginPath();
  corners.forEach((corner) => { c.moveTo(width / 2, height / 2); c.lineTo(...spot(corner)); });
  corners.forEach((corner, i) => { c.moveTo(...spot(corner)); c.lineTo(...spot(corners[(i + 1) % corners.length])); });
  c.stroke();
  c.font = font(0.72, scale);
  c.lineJoin = "round";
  c.strokeStyle = style.getPropertyValue("--sunk");
  c.lineWidth = 4 * scale;
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) * scale;
  corners.forEach((corner, i) => {
    const [x, y] = spot(corner);
    c.fillStyle = style.getPropertyValue("--accent");
    c.beginPath();
    c.arc(x, y, 3.5 * scale, 0, 7);
    c.fill();
    c.fillStyle = style.getPropertyValue("--soft");
    c.textAlign = corner[0] > 0.55 ? "right" : corner[0] < 0.45 ? "left" : "center";
    const aside = corner[0] > 0.55 ? -1 : corner[0] < 0.45 ? 1 : 0; // beside the dot, which may stand on any corner
    const at = [labels[i], x + aside * rem, y + (aside ? 0.25 : corner[1] > 0.5 ? 1.5 : -1) * rem];
    c.strokeText(...at); // no line goes through a word
    c.fillText(...at);
  });
}

/** Pads as a drum machine has: several fingers at once, harder further down. */
function pads(panel, part) {
  const strike = (i, velocity) => panel.send("note", { key: FIRST_PAD + i, velocity });
  const made = part.labels.map((label, i) => h("button.pad", {
    type: "button",
    "aria-label": `Pad ${label}`,
    onpointerdown: (e) => {
      if (e.button > 0) return;
      e.currentTarget.setPointerCapture(e.pointerId); // wherever it is lifted
      const box = e.currentTarget.getBoundingClientRect();
      strike(i, Math.round(30 + 97 * clamp((e.clientY - box.top) / box.height)));
      e.currentTarget.classList.add("struck");
    },
    onpointerup: (e) => { strike(i, 0); e.currentTarget.classList.remove("struck"); },
    onpointercancel: (e) => { strike(i, 0); e.currentTarget.classList.remove("struck"); },
    onclick: (e) => { if (e.detail === 0) { strike(i, 127); strike(i, 0); } }, // by Enter or the space bar
  }, label));
  return h("div.pads", { role: "group", "aria-label": "Pads" }, made);
}
