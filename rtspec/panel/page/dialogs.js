// Dialogues: a password, a bare model's guesses, how a controller shall move a parameter.

import { button, h, parsed } from "./dom.js";

const box = () => document.getElementById("dialog");

function open(title, body, actions, submit) {
  const dialog = box();
  const form = h("form", { method: "dialog", onsubmit: (e) => { e.preventDefault(); submit(new FormData(form)); } }, h("h2", {}, title), body, h("div.buttons", {}, actions));
  dialog.replaceChildren(form);
  if (!dialog.open) dialog.showModal();
  return dialog;
}

export const close = () => box().close();

export function askPassword(reason, unlock) {
  const word = h("input", { type: "password", name: "password", autocomplete: "current-password", required: true, "aria-label": "Password" });
  open("This panel is locked", [h("p", {}, reason || "Give its password, or open the address that rtspec printed."), word], h("button.main", { type: "submit" }, "Open"), (data) => { close(); unlock(data.get("password")); });
}

/** A bare network: what is known, what is guessed, what nobody said. */
export function askModel(found, send) {
  const row = (name, field) => h("label.row", {}, h("span", {}, name), field);
  const like = h("select", { name: "like", "aria-label": "Recipe" }, h("option", { value: "" }, "no recipe"), found.recipes.map((recipe) => h("option", { value: recipe, selected: recipe === found.like }, recipe)));
  const fields = Object.entries(found.fields).map(([name, value]) => row(name, h("input", { type: "text", name, value: value === null || value === undefined ? "" : String(value), class: found.missing.includes(name) ? "asked" : null, "aria-label": name })));
  const streaming = h("input", { type: "checkbox", name: "streaming", checked: found.streaming, "aria-label": "Offline network" });
  const lines = [...found.found.map((line) => h("li", {}, line)), ...found.doubts.map((line) => h("li.bad", {}, line))];
  open(`${found.name}: no package yet`, [h("p", {}, "rtspec has looked at the network. What is marked no graph says: give what it was trained with."), row("like", like), fields, h("label.row", {}, h("span", {}, "an offline network: make it frame by frame"), streaming), h("ul.lines", {}, lines)],
    [button("Do not use this model", "Cancel", close), h("button.main", { type: "submit" }, "Adopt and play")],
    (data) => {
      const given = Object.keys(found.fields).map((name) => [name, parsed(data.get(name))]).filter(([, value]) => value !== null);
      send("adopt", { like: data.get("like") || null, fields: Object.fromEntries(given), at: null, streaming: data.get("streaming") !== null });
      close();
    });
}

/** How a controller shall move a parameter, before it is learnt. */
export function askLearn(knob, how, curves, learn) {
  const row = (name, field) => h("label.row", {}, h("span", {}, name), field);
  const number = (name, value) => h("input", { type: "text", inputmode: "decimal", name, value: value ?? "", placeholder: String(knob.p[name]), "aria-label": name });
  open(`Learn ${knob.label}`, [row("from", number("minimum", how.minimum)), row("to", number("maximum", how.maximum)), row("curve", h("select", { name: "curve", "aria-label": "curve" }, ["", ...curves].map((curve) => h("option", { value: curve, selected: curve === (how.curve ?? "") }, curve || "its own")))), row("take-over", h("input", { type: "checkbox", name: "take_over", checked: how.take_over, "aria-label": "take-over" })), row("toggle", h("input", { type: "checkbox", name: "toggle", checked: how.toggle, "aria-label": "toggle" }))],
    [button("Cancel", "Cancel", close), h("button.main", { type: "submit" }, "Learn: move a controller")],
    (data) => { close(); learn({ channel: null, minimum: parsed(data.get("minimum")), maximum: parsed(data.get("maximum")), curve: data.get("curve") || null, take_over: data.get("take_over") !== null, toggle: data.get("toggle") !== null }); });
}
