// The map of controllers as a table. A row stays the same element for as long as it is there, whatever is told of it; a field
// in which somebody types keeps what is typed, and catches up when that is sent or left.

import { arranged, button, h, options, parsed, section, words } from "./dom.js";

const HEADS = { control: "control", channel: "channel", curve: "curve", minimum: "from", maximum: "to", take_over: "take-over", toggle: "toggle" };
const FIELDS = ["parameter", ...Object.keys(HEADS)];

const plain = (row) => Object.fromEntries(FIELDS.map((key) => [key, row[key]]));
const isSame = (one, other) => FIELDS.every((key) => one[key] === other[key]);

export function map(panel) {
  const { store, send } = panel;
  const body = h("tbody");
  const name = h("input", { type: "text", placeholder: "name", maxlength: 64, "aria-label": "Name of the map" });
  const save = h("form.inline", { onsubmit: (e) => { e.preventDefault(); if (name.value.trim()) send("save_map", { name: name.value.trim() }); } }, name, h("button", { type: "submit" }, "Save map"));
  const load = h("select", { "aria-label": "Load a map", onchange: () => { if (load.value) send("load_map", { name: load.value }); load.value = ""; } });
  store.on("presets", ({ maps }) => options(load, maps, load.value, "Load…"));
  let lines = [];
  store.on("map", ({ rows, curves }) => {
    lines = matched(lines, rows).map((line, i) => line ?? new Line(panel, rows[i]));
    lines.forEach((line, i) => line.hear(rows[i], curves));
    arranged(body, lines.map((line) => line.element));
    panel.mapChanged();
  });
  store.on("acted", () => lines.forEach((line) => line.show()));
  const head = h("thead", {}, h("tr", {}, ["parameter", ...Object.values(HEADS), ""].map((title) => h("th", { scope: "col" }, title))));
  return section("Map of controllers", "map", false, h("table.map", {}, head, body), h("div.inline", {}, save, load));
}

/** The line of each row: the one that shows it, else one of its parameter and control, else of its parameter. */
function matched(lines, rows) {
  const free = new Set(lines);
  const found = rows.map(() => null);
  const ways = [isSame, (a, b) => a.parameter === b.parameter && a.control === b.control, (a, b) => a.parameter === b.parameter];
  for (const way of ways) {
    rows.forEach((row, i) => {
      const line = found[i] ? null : [...free].find((each) => way(each.row, row));
      if (line) { found[i] = line; free.delete(line); }
    });
  }
  return found;
}

class Line {
  constructor(panel, row) {
    Object.assign(this, { panel, row, told: row, asked: 0, leaving: 0 });
    const field = (key, width) => h("input", { type: "text", size: width, oninput: (e) => { e.target.dataset.typed = ""; }, onchange: (e) => this.change(e.target), onblur: (e) => this.leave(e.target), onkeydown: (e) => { if (e.key === "Escape") this.leave(e.target); } });
    const tick = () => h("input", { type: "checkbox", onchange: (e) => this.change(e.target) });
    this.parts = { control: field("control", 8), channel: field("channel", 2), minimum: field("minimum", 5), maximum: field("maximum", 5), take_over: tick(), toggle: tick(), curve: h("select", { onchange: (e) => this.change(e.target) }) };
    for (const [key, part] of Object.entries(this.parts)) part.setAttribute("aria-label", `${key} of ${row.parameter}`);
    this.remover = button("Remove", "✕", () => this.remove(), { class: "small" });
    this.element = h("tr", {}, h("th", { scope: "row" }, words(row.parameter)), Object.entries(HEADS).map(([key, title]) => h("td", { "data-label": title }, this.parts[key])), h("td", { "data-label": "" }, this.remover));
  }

  hear(row, curves) {
    this.told = row;
    this.curves = ["", ...curves];
    this.show();
  }

  /** What was told, once what was sent is answered. */
  show() {
    if (!this.panel.store.answered(this.asked)) return;
    const row = (this.row = this.told);
    this.element.classList.toggle("unused", !row.address);
    const removing = `Remove ${row.control} from ${row.parameter}`;
    if (this.remover.title !== removing) for (const name of ["title", "aria-label"]) this.remover.setAttribute(name, removing);
    options(this.parts.curve, this.curves.slice(1), row.curve, "own");
    for (const key of ["take_over", "toggle"]) this.parts[key].checked = row[key];
    for (const key of ["control", "channel", "minimum", "maximum"]) {
      const text = row[key] === null ? "" : String(row[key]);
      if (!("typed" in this.parts[key].dataset) && this.parts[key].value !== text) this.parts[key].value = text;
    }
  }

  leave(field) {
    delete field.dataset.typed;
    this.show();
  }

  change(field) {
    delete field.dataset.typed;
    const { parts } = this;
    const numeric = (key) => parsed(parts[key].value); // what is no number is refused there, in a line
    const made = { control: parts.control.value, channel: numeric("channel"), minimum: numeric("minimum"), maximum: numeric("maximum"), curve: parts.curve.value || null, take_over: parts.take_over.checked, toggle: parts.toggle.checked };
    this.asked = this.panel.send("assign", { row: plain(this.row), ...made });
    if (this.asked) this.row = { ...this.row, ...made };
    else this.show();
  }

  remove() {
    if (this.panel.store.answered(this.leaving)) this.leaving = this.panel.send("unassign", { row: plain(this.row) });
  }
}
