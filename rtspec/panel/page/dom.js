// Elements in one line each, and the small things that every part of the page needs.

export function h(tag, attributes = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name || "div");
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key in made && typeof value !== "string") made[key] = value;
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

export function s(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const clamp = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));

const SHORT = { semitones: "st", "dB/octave": "dB/oct" }; // what a knob's figure has no room for

/** A number as a player reads it: three figures, no noise. */
export function shown(value, unit = "") {
  const size = Math.abs(value);
  const text = size >= 1000 ? value.toFixed(0) : size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : value.toFixed(2);
  const plain = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return `${plain === "-0" ? "0" : plain}${unit ? ` ${SHORT[unit] ?? unit}` : ""}`;
}

/** What was typed: nothing, a number, or words. */
export const parsed = (text) => (text.trim() === "" ? null : Number.isFinite(Number(text)) ? Number(text) : text.trim());

/** A parameter's name as words, without the unit that stands beside its value. */
export const words = (name) => name.replace(/_(db|ms|s|hz|cents|semitones|seconds)(_per_octave)?$/, "").replaceAll("_", " ");

/** A canvas as large as its box in device pixels; true where its size has just changed. */
export function fit(canvas) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(canvas.clientWidth * scale));
  const height = Math.max(1, Math.round(canvas.clientHeight * scale));
  if (canvas.width === width && canvas.height === height) return false;
  canvas.width = width;
  canvas.height = height;
  return true;
}

/** The same for one that is drawn again and again: its box is asked for only once it has changed, since a browser that is
 * asked lays out the page at once. */
export function fitter(canvas) {
  let ratio = 0;
  new ResizeObserver(() => { ratio = 0; }).observe(canvas);
  return () => {
    if (ratio === window.devicePixelRatio) return;
    fit(canvas);
    ratio = window.devicePixelRatio;
  };
}

/** A font for canvases that grows with the page, at `scale` device pixels a pixel. */
export const font = (rem, scale) => `${rem * parseFloat(getComputedStyle(document.documentElement).fontSize) * scale}px system-ui, sans-serif`;

export function icon(name) {
  const paths = {
    power: "M12 4v8M7.5 6.8a7 7 0 1 0 9 0",
    close: "M6 6l12 12M18 6L6 18",
    grip: "M9 6h.01M15 6h.01M9 12h.01M15 12h.01M9 18h.01M15 18h.01",
    plus: "M12 5v14M5 12h14",
    undo: "M9 4L4 9l5 5M4 9h10a5.5 5.5 0 0 1 0 11h-3",
    redo: "M15 4l5 5-5 5M20 9H10a5.5 5.5 0 0 0 0 11h3",
    play: "M8 5l11 7-11 7z",
    pause: "M8 5v14M16 5v14",
    sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.5 1.5M17.5 17.5L19 19M5 19l1.5-1.5M17.5 6.5L19 5",
    folder: "M3 7h6l2 2h10v10H3z",
  };
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, s("path", { d: paths[name] }));
}

/** Children by key: those that are there stay the same elements, so that a finger or the focus on one keeps it. */
export function keyed(home, keys, make) {
  const known = new Map([...home.children].map((child) => [child.dataset.key, child]));
  const wanted = keys.map((key) => {
    const child = known.get(String(key)) ?? make(key);
    child.dataset.key = key;
    return child;
  });
  arranged(home, wanted);
  return wanted;
}

/** Let these be the children; none that stays is taken out on the way. */
export function arranged(home, wanted) {
  for (const child of [...home.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((child, i) => { if (home.children[i] !== child) home.insertBefore(child, home.children[i] ?? null); });
}

/** Places for what is said: a free one or the oldest for each line, so that no element comes or goes with it. */
export class Places {
  constructor(home, n, make) {
    this.all = Array.from({ length: n }, make);
    this.said = 0;
    for (const place of this.all) place.hidden = true;
    home.append(...this.all);
  }

  next() {
    const beyond = this.all[this.all.findLastIndex((one) => !one.hidden) + 1]; // first: it moves none that shows
    const place = beyond ?? this.all.find((one) => one.hidden) ?? this.all.reduce((a, b) => (a.number < b.number ? a : b));
    place.number = ++this.said;
    place.hidden = false;
    return place;
  }
}

/** A list's entries, and which of them is chosen; `none` is the entry of no choice. */
export function options(select, names, chosen, none) {
  const texts = new Map([...(none ? [["", none]] : []), ...names.map((name) => [name, name])]);
  const entries = keyed(select, [...texts.keys()], (value) => h("option", { value }));
  for (const entry of entries) if (entry.textContent !== texts.get(entry.value)) entry.textContent = texts.get(entry.value);
  const value = texts.has(chosen ?? "") ? chosen ?? "" : entries[0]?.value;
  if (entries.length && select.value !== value) select.value = value;
}

export function section(title, name, open, ...content) {
  return h("details.section", { open, "data-section": name }, h("summary", {}, title), h("div.inside", {}, content));
}

export function button(label, content, press, extra = {}) {
  return h("button", { type: "button", "aria-label": label, title: label, onclick: press, ...extra }, content);
}
