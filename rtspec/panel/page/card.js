// One card. It stays the same element for as long as its plugins are in the chain, and so do its knobs: whatever is told of
// it, a finger, the focus and what is being typed stay where they are.

import { arranged, button, h, icon, keyed, words } from "./dom.js";
import { Knob } from "./knob.js";
import { PARTS } from "./parts.js";

const MAIN_LATENTS = 4;

export class Card {
  constructor(panel, name) {
    Object.assign(this, { panel, name, knobs: new Map(), parts: new Map() });
    this.power = button("", icon("power"), () => panel.send("bypass", { card: name, on: null }), { class: "power", "aria-pressed": "true" });
    this.grip = button("", icon("grip"), () => {}, { class: "grip" });
    this.remover = button("", icon("close"), () => panel.send("remove", { card: name }), { class: "remove" });
    this.title = h("h2");
    this.main = h("div.knobs");
    this.body = h("div.body", {}, this.main);
    this.folds = h("div.folds");
    this.element = h("article.card", { "data-card": name }, h("header", {}, this.grip, this.title, this.power, this.remover), this.body, this.folds);
  }

  hear(told) {
    this.element.classList.toggle("bypassed", told.bypassed);
    this.power.setAttribute("aria-pressed", String(!told.bypassed));
    const form = JSON.stringify({ ...told, bypassed: false });
    if (form === this.form) return;
    this.form = form;
    this.element.setAttribute("aria-label", told.title);
    const title = words(told.label).replaceAll("-", " ");
    if (this.title.textContent !== title) this.title.textContent = title;
    const texts = [[this.power, `Bypass ${told.title}`], [this.grip, `Move ${told.title}: drag, or arrow keys`], [this.remover, `Remove ${told.title}`]];
    for (const [element, text] of texts) for (const key of ["title", "aria-label"]) element.setAttribute(key, text);
    this.hearParts(told);
    this.hearKnobs(told);
  }

  hearParts(told) {
    const wanted = told.parts.filter((part) => part.kind in PARTS).map((part) => [JSON.stringify([part, ownParameters(part, told)]), part]);
    for (const [form, part] of this.parts) if (!wanted.some(([now]) => now === form)) { part.stop(); this.parts.delete(form); }
    for (const [form, part] of wanted) if (!this.parts.has(form)) this.parts.set(form, PARTS[part.kind](this.panel, part));
    arranged(this.body, [...wanted.map(([form]) => this.parts.get(form).element), this.main]);
    this.element.classList.toggle("wide", wanted.length > 0);
    this.element.classList.toggle("full", inParts(told).size > 12);
  }

  hearKnobs(told) {
    const own = inParts(told);
    const shown = told.parameters.filter((p) => p.name !== "bypass" && !own.has(p.address));
    const { main, folded } = grouped(shown, told);
    for (const [address, knob] of this.knobs) if (!shown.some((p) => p.address === address)) this.drop(address, knob);
    const elements = (list) => list.map((p) => this.knob(named(p, told)).element);
    arranged(this.main, elements(main));
    this.main.hidden = !main.length;
    const folds = keyed(this.folds, folded.map(([name]) => name), (name) => h("details", {}, h("summary", {}, name), h("div.knobs")));
    folds.forEach((fold, i) => arranged(fold.lastChild, elements(folded[i][1])));
    this.folds.hidden = !folded.length;
  }

  /** The knob of a parameter: the one that is there, unless it has become one of another kind. */
  knob(p) {
    const known = this.knobs.get(p.address);
    if (known?.hear(p)) return known;
    if (known) this.drop(p.address, known);
    const knob = new Knob(this.panel, p);
    this.knobs.set(p.address, knob);
    this.panel.knobs.set(p.address, knob);
    return knob;
  }

  drop(address, knob) {
    knob.stop();
    knob.element.remove();
    this.knobs.delete(address);
    if (this.panel.knobs.get(address) === knob) this.panel.knobs.delete(address);
  }

  stop() {
    for (const [address, knob] of this.knobs) this.drop(address, knob);
    for (const part of this.parts.values()) part.stop();
    this.element.remove();
  }
}

/** What a parameter is called: with its unit, where others of its plugin have the same name in another one. */
function named(p, told) {
  const alike = told.parameters.filter((other) => other.of === p.of && words(other.name) === words(p.name));
  return alike.length > 1 && p.unit && !p.of ? { ...p, label: `${words(p.name)} ${p.unit}` } : p;
}

/** Addresses that an equalizer's curve has faders for. */
const inParts = (told) => new Set(told.parts.filter((part) => part.kind === "eq-curve").flatMap((part) => part.addresses));

const ownParameters = (part, told) => (part.kind === "eq-curve" ? told.parameters.filter((p) => part.addresses.includes(p.address)) : []);

/** What is played with in front, what is set up once behind a fold. */
function grouped(parameters, told) {
  const latents = new Set(told.parts.filter((part) => part.kind === "latent-map").flatMap((part) => part.addresses.slice(MAIN_LATENTS)));
  const main = [], setup = [], more = [], modulation = [];
  for (const p of parameters) {
    if (p.setup) setup.push(p);
    else if (latents.has(p.address)) more.push(p);
    else if (told.instrument && /_(depth|axis|cents)$|^lfo_|_db$/.test(p.name) && p.name !== "output_db") modulation.push(p);
    else main.push(p);
  }
  return { main, folded: [["More latents", more], ["Modulation", modulation], ["Setup", setup]].filter(([, list]) => list.length) };
}
