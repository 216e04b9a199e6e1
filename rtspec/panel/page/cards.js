// The chain as cards, in the order of the sound: dragged to reorder, bypassed, removed, added.

import { Adder } from "./adder.js";
import { button, h, icon, words } from "./dom.js";
import { Knob } from "./knob.js";
import { PARTS } from "./parts.js";

const MAIN_LATENTS = 4;

export class Chain {
  constructor(panel, home) {
    Object.assign(this, { panel, home, cards: new Map() });
    this.row = h("div.cards");
    this.adder = new Adder(panel).element;
    home.append(this.row);
    panel.store.on("chain", (chain) => this.build(chain));
  }

  build(chain) {
    const focused = this.row.contains(document.activeElement) ? document.activeElement : null;
    for (const [name, card] of this.cards) {
      if (!chain.some((now) => now.name === name)) { card.stop(); this.cards.delete(name); }
    }
    const found = chain.map((told) => {
      const form = JSON.stringify({ ...told, bypassed: false });
      let card = this.cards.get(told.name);
      if (!card || card.form !== form) {
        const before = card;
        card = { ...this.makeCard(told), form };
        this.cards.set(told.name, card);
        if (before) takePlace(before, card, focused);
      }
      card.element.classList.toggle("bypassed", told.bypassed);
      card.power.setAttribute("aria-pressed", String(!told.bypassed));
      return card.element;
    });
    this.arrange([...found, this.adder]);
    this.order = chain.map((card) => card.name);
    this.panel.mapChanged();
  }

  /** Put elements in order; one that a hand or the focus is on stays where it is, and the others move around it. */
  arrange(wanted) {
    const held = wanted.indexOf(wanted.find((element) => element.matches(":has(.held), .dragged")) ?? wanted.find((element) => element.contains(document.activeElement)));
    const fixed = wanted[Math.max(held, 0)];
    if (fixed.parentNode !== this.row) this.row.append(fixed);
    const at = wanted.indexOf(fixed);
    wanted.slice(0, at).forEach((element, i) => { if (this.row.children[i] !== element) this.row.insertBefore(element, this.row.children[i]); });
    wanted.slice(at + 1).reduce((last, element) => { if (last.nextElementSibling !== element) last.after(element); return element; }, fixed);
  }

  makeCard(told) {
    const { panel } = this;
    const knobs = [], parts = [];
    const inParts = new Set(told.parts.filter((part) => part.kind === "eq-curve").flatMap((part) => part.addresses));
    const make = (parameter) => {
      const knob = new Knob(panel, parameter);
      knobs.push(knob);
      panel.knobs.set(parameter.address, knob);
      return knob.element;
    };
    for (const part of told.parts) if (part.kind in PARTS) parts.push(PARTS[part.kind](panel, part));
    const shown = told.parameters.filter((p) => p.name !== "bypass" && !inParts.has(p.address));
    const groups = grouped(shown, told);
    const power = button(`Bypass ${told.title}`, icon("power"), () => panel.send("bypass", { card: told.name, on: null }), { class: "power", "aria-pressed": "true" });
    const grip = button(`Move ${told.title}: drag, or arrow keys`, icon("grip"), () => {}, { class: "grip" });
    const remove = button(`Remove ${told.title}`, icon("close"), () => panel.send("remove", { card: told.name }), { class: "remove" });
    const element = h("article.card", { "data-card": told.name, "aria-label": told.title },
      h("header", {}, grip, h("h2", {}, words(told.label).replaceAll("-", " ")), power, remove),
      h("div.body", {}, parts.map((part) => part.element), groups.main.length ? h("div.knobs", {}, groups.main.map(make)) : null),
      groups.folded.length ? h("div.folds", {}, groups.folded.map(([title, list]) => h("details", {}, h("summary", {}, title), h("div.knobs", {}, list.map(make))))) : null);
    if (parts.length) element.classList.add("wide");
    if (inParts.size > 12) element.classList.add("full");
    this.letDrag(element, grip, told.name);
    const stop = () => {
      knobs.forEach((knob) => { knob.stop(); if (panel.knobs.get(knob.p.address) === knob) panel.knobs.delete(knob.p.address); });
      parts.forEach((part) => part.stop());
      element.remove();
    };
    return { element, power, stop };
  }

  letDrag(element, grip, name) {
    let held = null;
    grip.addEventListener("pointerdown", (e) => {
      grip.setPointerCapture(e.pointerId);
      held = { x: e.clientX, y: e.clientY };
      e.preventDefault();
      grip.focus();
    });
    grip.addEventListener("pointermove", (e) => {
      if (!held) return;
      element.classList.add("dragged");
      element.style.transform = `translate(${e.clientX - held.x}px, ${e.clientY - held.y}px)`;
      this.hint(this.under(e, element));
    });
    const end = (e) => {
      if (!held) return;
      held = null;
      element.classList.remove("dragged");
      element.style.transform = "";
      this.hint(null);
      const over = e.type === "pointerup" ? this.under(e, element) : null;
      if (over) this.move(name, this.order.indexOf(over.dataset.card));
    };
    grip.addEventListener("pointerup", end);
    grip.addEventListener("pointercancel", end);
    grip.addEventListener("keydown", (e) => {
      const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
      if (!way) return;
      e.preventDefault();
      this.panel.send("shift", { card: name, by: way }); // from where it is by then: quick presses add up
    });
  }

  under(event, dragged) {
    return [...this.row.querySelectorAll(".card")].find((card) => {
      if (card === dragged) return false;
      const box = card.getBoundingClientRect();
      return event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
    });
  }

  hint(card) {
    for (const other of this.row.querySelectorAll(".over")) other.classList.remove("over");
    card?.classList.add("over");
  }

  move(name, to) {
    if (to >= 0 && to < this.order.length) this.panel.send("move", { card: name, to });
  }
}

/** A card that is made anew stands where the old one stood, its folds as open and what had the focus with it. */
function takePlace(before, card, focused) {
  const folds = (element) => [...element.querySelectorAll("details")];
  folds(card.element).forEach((fold) => {
    fold.open = folds(before.element).some((old) => old.open && old.firstChild.textContent === fold.firstChild.textContent);
  });
  const label = before.element.contains(focused) ? focused.getAttribute("aria-label") : null;
  before.element.after(card.element);
  before.stop();
  if (label) [...card.element.querySelectorAll("[aria-label]")].find((element) => element.getAttribute("aria-label") === label)?.focus({ preventScroll: true });
}

/** What is played with in front, what is set up once behind a fold. */
function grouped(parameters, told) {
  const latents = new Set(told.parts.filter((part) => part.kind === "latent-map").flatMap((part) => part.addresses.slice(MAIN_LATENTS)));
  const main = [], setup = [], more = [], modulation = [];
  for (const p of parameters) {
    if (p.setup) setup.push(p);
    else if (latents.has(p.address)) more.push(p);
    else if (/_(depth|axis|cents)$|^lfo_|_db$/.test(p.name) && parameters.length > 16 && p.name !== "output_db") modulation.push(p);
    else main.push(p);
  }
  return { main, folded: [["More latents", more], ["Modulation", modulation], ["Setup", setup]].filter(([, list]) => list.length) };
}
