// What adds to the chain: a menu of the catalogue, and a model's file.

import { button, clamp, h, icon, keyed } from "./dom.js";

export class Adder {
  constructor(panel) {
    this.panel = panel;
    this.list = h("div.menu", { role: "menu", hidden: true, onkeydown: (e) => this.key(e) });
    // It opens as soon as a finger is down, since cards may move beneath it; by keys at the click that they make.
    this.opener = button("Add to the chain", [icon("plus"), h("span", {}, "Add")], (e) => { if (e.detail === 0) this.open(this.list.hidden); }, { "aria-expanded": "false", "aria-haspopup": "menu", onpointerdown: (e) => { if (e.button === 0) this.open(this.list.hidden); } });
    const file = h("input", { type: "file", accept: ".onnx", hidden: true, onchange: () => { if (file.files[0]) panel.drop(file.files[0]); file.value = ""; } });
    const model = button("Drop a model here, or choose its file", [icon("folder"), h("span", {}, "Model file…")], () => file.click(), { class: "quiet" });
    this.element = h("div.adder", {}, this.opener, model, file, this.list);
    panel.store.on("catalogue", (rows) => this.offer(rows));
    document.addEventListener("pointerdown", (e) => { if (!this.element.contains(e.target)) this.open(false); });
    window.addEventListener("resize", () => this.open(false));
  }

  /** The menu stands where it opened, wherever the cards go. */
  open(on) {
    if (this.list.hidden === !on) return;
    this.list.hidden = !on;
    this.opener.setAttribute("aria-expanded", String(on));
    if (!on) return;
    const opener = this.opener.getBoundingClientRect(), menu = this.list.getBoundingClientRect();
    const within = (at, size, room) => clamp(at, 8, Math.max(8, room - size - 8));
    this.list.style.left = `${within(opener.right - menu.width, menu.width, document.documentElement.clientWidth)}px`;
    this.list.style.top = `${within(opener.bottom + 6, menu.height, window.innerHeight)}px`;
  }

  key(event) {
    const way = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const entries = [...this.list.children];
    if (way) entries[(entries.indexOf(document.activeElement) + way + entries.length) % entries.length].focus();
    else if (event.key === "Escape") { this.open(false); this.opener.focus(); }
    else return;
    event.preventDefault();
  }

  offer(rows) {
    const texts = new Map(rows.map((row) => [row.spec, row.text]));
    keyed(this.list, [...texts.keys()], (spec) => h("button", { type: "button", role: "menuitem", "data-spec": spec, onclick: () => { this.open(false); this.panel.send("add", { spec, at: null }); } }, h("b", {}, spec), h("span", {}, texts.get(spec))));
  }
}
