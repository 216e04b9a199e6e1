// What a plugin finds while it plays: words, numbers, and bands of one name as a row of bars.

import { h, shown, words } from "./dom.js";

const BAND = /^(.*)_[0-9.]+_hz(_db)?$/;
const SHARES = /^scene_/; // probabilities, shown as bars of one row

export function readings(panel, part) {
  const rows = new Map(), bars = new Map();
  const list = h("dl.readings"), figures = h("div.bars");
  const row = (name) => {
    if (!rows.has(name)) {
      rows.set(name, h("dd"));
      list.append(h("dt", {}, words(name)), rows.get(name));
    }
    return rows.get(name);
  };
  const figure = (name, labels) => {
    if (!bars.has(name)) {
      const columns = labels.map((label) => h("span", { title: label }));
      bars.set(name, { columns, range: h("span") });
      figures.append(h("figure.bar", { "aria-label": words(name) }, h("figcaption", {}, words(name), bars.get(name).range), h("div", {}, columns)));
    }
    return bars.get(name);
  };
  const draw = (name, found, low, high, unit) => {
    const { columns, range } = figure(name, found.map(([label]) => label));
    range.textContent = ` ${shown(low)} to ${shown(high)}${unit}`;
    columns.forEach((column, i) => { column.style.height = `${Math.min(100, Math.max(2, (100 * (found[i][1] - low)) / (high - low)))}%`; });
  };
  const show = (all) => {
    const bands = new Map(), shares = [];
    for (const [name, value] of Object.entries(all[part.place] ?? {})) {
      const band = name.match(BAND);
      if (typeof value === "string") tell(row(name), value);
      else if (band) bands.set(band[1], [...(bands.get(band[1]) ?? []), [name.slice(band[1].length + 1).replaceAll("_", " "), value]]);
      else if (SHARES.test(name)) shares.push([words(name.slice(6)), value]);
      else if (name !== "fault") row(name).textContent = shown(value); // the sensor's word says it
    }
    if (shares.length) draw("scenes", shares, 0, 1, "");
    for (const [name, levels] of bands) if (name !== "curve") draw(name, levels, 0, 100, " dB SPL"); // the equalizer draws its curve
  };
  return { element: h("div", {}, list, figures), stop: panel.store.on("readings", show) };
}

function tell(cell, word) {
  if (cell.textContent === word) return;
  cell.textContent = word;
  cell.classList.toggle("bad", word.startsWith("the sensor"));
}
