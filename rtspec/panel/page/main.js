// The panel: it connects, and its parts show what comes and send what hands do.

import { Bar } from "./bar.js";
import { Chain } from "./cards.js";
import { askLearn, askModel, askPassword } from "./dialogs.js";
import { Places, h } from "./dom.js";
import { Keyboard } from "./keys.js";
import { Link } from "./link.js";
import { buildSide } from "./side.js";
import { Sound, readPicture } from "./sound.js";
import { Store } from "./store.js";

const PLAIN = { channel: null, minimum: null, maximum: null, curve: null, take_over: false, toggle: false };
const at = (id) => document.getElementById(id);
const toasts = new Places(at("toasts"), 3, () => h("div.toast"));

const panel = {
  store: new Store(),
  knobs: new Map(),
  hear: () => {},
  said: 0,

  send: (verb, fields) => panel.link.send(verb, fields),

  /** A hand moves these values by a message: shown at once, unless nobody is there to take it. */
  move(values, verb, fields) {
    const number = panel.link.send(verb, fields);
    if (number) panel.store.hold(values, number);
  },

  /** Several at once, of one gesture. */
  place: (values) => panel.move(values, "place", { values }),

  say(text, bad = false) {
    panel.hear(text, bad);
    const toast = toasts.next();
    toast.textContent = text;
    toast.classList.toggle("bad", bad);
    clearTimeout(toast.ends);
    toast.ends = setTimeout(() => { toast.hidden = true; }, bad ? 8000 : 4000);
  },

  /** Lines of the stream, the last of which has this number: those that have not been heard yet stand among the messages. */
  catchUp(lines, number) {
    const known = number < panel.said ? 0 : panel.said; // fewer: another stream
    for (const line of lines.slice(Math.max(0, lines.length - (number - known)))) panel.hear(line, false);
    panel.said = number;
  },

  /** One click: the next controller that moves is this knob's; a second click: never mind. */
  learn(knob, event) {
    event?.stopPropagation();
    if (panel.store.state.learn === knob.p.address) return panel.send("cancel");
    const row = panel.store.state.map?.rows.find((each) => each.address === knob.p.address) ?? PLAIN;
    const how = Object.fromEntries(Object.keys(PLAIN).map((key) => [key, row[key]]));
    panel.send("learn", { address: knob.p.address, ...how, channel: null });
  },

  learnMenu(knob) {
    const row = panel.store.state.map?.rows.find((each) => each.address === knob.p.address) ?? PLAIN;
    askLearn(knob, row, panel.store.state.map?.curves ?? [], (how) => panel.send("learn", { address: knob.p.address, ...how }));
  },

  mapChanged() {
    const rows = panel.store.state.map?.rows ?? [];
    for (const [address, knob] of panel.knobs) {
      const row = rows.find((each) => each.address === address);
      knob.mapped(row?.control ?? null, panel.store.state.learn === address);
    }
  },

  theme() {
    const root = document.documentElement;
    root.dataset.theme = root.dataset.theme === "bright" ? "dark" : "bright";
    localStorage.setItem("theme", root.dataset.theme);
    document.dispatchEvent(new Event("themechange"));
  },

  async drop(file) {
    panel.say(`${file.name} is being looked at`);
    try {
      if (!(await panel.link.sendFile(file))) panel.say(`${file.name} was cut off by the connection; drop it again`, true);
    } catch {
      panel.say(`${file.name} cannot be read; drop it again`, true);
    }
  },
};

function message(told, before) {
  if (told.values) panel.store.move(told.values, before + told.acted); // before the cards that show them
  if (told.state) panel.store.tell(told.state, before + told.acted);
  if (told.past) panel.catchUp(told.past, told.number);
  else if (told.say && !(told.number <= panel.said)) {
    panel.said = told.number ?? panel.said;
    panel.say(told.say);
  }
  if (told.error) {
    panel.link.stopSending();
    panel.say(told.error, true);
  }
  if (told.drop) askModel(told.drop, panel.send);
}

function letDrop() {
  let inside = 0;
  const veil = (on) => { at("veil").hidden = !on; };
  window.addEventListener("dragenter", (e) => { if (e.dataTransfer?.types.includes("Files")) { inside++; veil(true); } });
  window.addEventListener("dragleave", () => { if (--inside <= 0) { inside = 0; veil(false); } });
  window.addEventListener("dragover", (e) => e.preventDefault());
  window.addEventListener("drop", (e) => {
    e.preventDefault();
    inside = 0;
    veil(false);
    if (e.dataTransfer?.files[0]) panel.drop(e.dataTransfer.files[0]);
  });
}

document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: light)").matches ? "bright" : "dark");

const sound = new Sound(at("sound"));
const bar = new Bar(panel, at("bar"));
let keyboard = null;

/** All that stands around the sound: built once that shows. */
function build() {
  if (keyboard) return;
  buildSide(panel, at("side"));
  new Chain(panel, at("chain"));
  keyboard = new Keyboard(panel, at("keys"));
  panel.store.on("learn", () => panel.mapChanged());
}

panel.link = new Link({
  connected: (on) => {
    if (!on) { panel.store.lose(); keyboard?.lose(); }
    bar.connected(on);
    document.body.classList.toggle("away", !on);
  },
  ready: build,
  message,
  picture: (buffer) => {
    const picture = readPicture(buffer);
    sound.show(picture);
    bar.picture(picture);
  },
  locked: (reason) => askPassword(reason, (password) => panel.link.unlock(password)),
});
panel.link.connect();
letDrop();
window.rtspec = { panel, sound };
