// The chain as cards, in the order of the sound: dragged to reorder, bypassed, removed, added.

import { Adder } from "./adder.js";
import { Card } from "./card.js";
import { h } from "./dom.js";

const EDGE = 0.18; // of the window's height
const ROLL = 12; // pixels a frame

export class Chain {
  constructor(panel, home) {
    Object.assign(this, { panel, home, cards: new Map() });
    this.row = h("div.cards");
    this.adder = new Adder(panel).element;
    home.append(this.row);
    panel.store.on("chain", (chain) => this.build(chain));
  }

  build(chain) {
    for (const [name, card] of this.cards) {
      if (!chain.some((now) => now.name === name)) { card.stop(); this.cards.delete(name); }
    }
    const found = chain.map((told) => {
      const known = this.cards.get(told.name);
      const card = known ?? new Card(this.panel, told.name);
      this.cards.set(told.name, card);
      if (!known) this.letDrag(card.element, card.grip, told.name);
      card.hear(told);
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

  letDrag(element, grip, name) {
    let held = null;
    const carry = () => {
      element.style.transform = `translate(${held.at.clientX - held.x}px, ${held.at.clientY + scrollY - held.y}px)`;
      this.hint(this.under(held.at, element));
    };
    const turn = () => {
      if (!held) return;
      if (this.roll(held.at.clientY)) carry();
      requestAnimationFrame(turn);
    };
    grip.addEventListener("pointerdown", (e) => {
      grip.setPointerCapture(e.pointerId);
      held = { x: e.clientX, y: e.clientY + scrollY, at: null };
      e.preventDefault();
      grip.focus({ preventScroll: true });
    });
    grip.addEventListener("pointermove", (e) => {
      if (!held) return;
      if (!held.at) requestAnimationFrame(turn);
      held.at = e;
      element.classList.add("dragged");
      carry();
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
    for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) grip.addEventListener(kind, end);
    grip.addEventListener("keydown", (e) => {
      const way = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[e.key];
      if (!way) return;
      e.preventDefault();
      this.panel.send("shift", { card: name, by: way }); // from where it is by then: quick presses add up
    });
  }

  /** A card at the window's edge scrolls the page as far as there are cards; whether it has. */
  roll(y) {
    const before = scrollY, edge = innerHeight * EDGE, { top, bottom } = this.row.getBoundingClientRect();
    if (y < edge && top < edge) scrollBy(0, -ROLL);
    else if (y > innerHeight - edge && bottom > innerHeight - edge) scrollBy(0, ROLL);
    return scrollY !== before;
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
