// What stands beside the chain: presets and their pad, latency, the map, devices, messages.

import { Places, button, h, keyed, options, section } from "./dom.js";
import { map } from "./map.js";
import { Square } from "./xy.js";

const COLOURS = { device: 1, block: 2, worker: 3, resampler: 4, window: 5, model: 6, phase: 7, plugins: 8, reserve: 9 };

export function buildSide(panel, home) {
  home.append(presets(panel), latency(panel), map(panel), devices(panel), messages(panel));
}

function presets(panel) {
  const { store, send } = panel;
  const list = h("div.presets", { role: "group", "aria-label": "Presets" });
  const name = h("input", { type: "text", placeholder: "name", maxlength: 64, "aria-label": "Name of the preset" });
  const save = () => { if (name.value.trim()) send("save", { name: name.value.trim(), program: null, replace: store.state.presets.saved.includes(name.value.trim()) }); };
  const corners = [0, 1, 2, 3].map((i) => h("select.corner", { "aria-label": `Preset in corner ${i + 1}`, onchange: () => choose() }));
  const choose = () => {
    const names = corners.map((corner) => corner.value);
    const used = names.every(Boolean) ? names : names[0] && names[1] && !names[2] && !names[3] ? names.slice(0, 2) : null;
    if (used) asked = send("corners", { names: used });
  };
  let asked = 0;
  const square = new Square("Pad of presets", {
    move: (x, y) => panel.place({ "pad/x": x, "pad/y": y }),
    path: (points) => send("loop", { addresses: ["pad/x", "pad/y"], points }),
    stop: () => send("unloop", { address: "pad/x" }),
    where: () => ["pad/x", "pad/y"].map((address) => store.values.get(address) ?? 0),
  });
  for (const address of ["pad/x", "pad/y"]) store.watch(address, () => square.follow());
  store.on("loops", (playing) => square.loops(playing.includes("pad/x")));
  store.on("presets", ({ names, corners: chosen }) => {
    keyed(list, names, (preset) => h("button", { type: "button", onclick: () => send("load", { name: preset }) }, preset));
    square.element.classList.toggle("empty", !chosen.length);
    corners.forEach((corner, i) => options(corner, names, (store.answered(asked) && chosen[i]) || corner.value, "—"));
  });
  const frame = h("div.padframe", {}, h("div.ends", {}, corners[2], corners[3]), square.element, h("div.ends", {}, corners[0], corners[1]));
  return section("Presets and pad", "presets", true, list, h("form.inline", { onsubmit: (e) => { e.preventDefault(); save(); } }, name, h("button", { type: "submit" }, "Save")), frame);
}

function latency(panel) {
  const bar = h("div.budget", { role: "img" });
  const list = h("ul.items");
  const counts = h("dl.counts");
  let key = "";
  panel.store.on("stream", (stream) => {
    const { items, total_samples: total, total_ms: ms, sample_rate: rate } = stream.latency;
    const s = stream.statistics;
    rows(counts, { "callback p99": `${s.callback_us.p99.toFixed(0)} µs`, "engine p99": `${s.frame_us.p99.toFixed(0)} µs`, "late events": s.late_events, concealed: s.concealed_frames, governor: s.governor_level ? `1/${2 ** s.governor_level} of iterations` : "full", ...(stream.guard ? { howls: s.howls, limited: s.limited_samples } : {}) });
    if (key === JSON.stringify(items)) return;
    key = JSON.stringify(items);
    const present = Object.entries(items).filter(([, n]) => n > 0);
    bar.setAttribute("aria-label", `${ms.toFixed(1)} ms: ${present.map(([name, n]) => `${name} ${n} samples`).join(", ")}`);
    const names = present.map(([name]) => name);
    keyed(bar, names, (name) => h(`span.item${COLOURS[name]}`)).forEach((part, i) => {
      part.title = `${names[i]}: ${items[names[i]]} samples`;
      part.style.flexGrow = items[names[i]];
    });
    const entries = keyed(list, [...names, "total"], (name) => h("li", { class: name === "total" ? "total" : null }, h(`span.swatch${name === "total" ? "" : `.item${COLOURS[name]}`}`), h("span", {}, name), h("b")));
    entries.forEach((entry, i) => { entry.lastChild.textContent = i < names.length ? `${((1000 * items[names[i]]) / rate).toFixed(1)} ms` : `${ms.toFixed(1)} ms · ${total}`; });
  });
  return section("Latency", "latency", true, bar, list, counts);
}

function rows(list, entries) {
  const cells = keyed(list, Object.keys(entries).flatMap((name) => [`of ${name}`, name]), (key) => (key in entries ? h("dd") : h("dt", {}, key.slice(3))));
  Object.values(entries).forEach((value, i) => {
    const cell = cells[2 * i + 1];
    if (cell.textContent !== String(value)) cell.textContent = String(value);
  });
}

function devices(panel) {
  const { store, send } = panel;
  const make = (label) => h("select", { "aria-label": label });
  const [output, input, block, midi] = ["Output", "Input", "Block", "MIDI input"].map(make);
  let asked = 0;
  const apply = () => { asked = send("device", { output: output.value, input: input.value || null, block: block.value ? Number(block.value) : null }); };
  for (const select of [output, input, block]) select.addEventListener("change", apply);
  midi.addEventListener("change", () => { asked = send("listen", { port: midi.value || null }); });
  const show = () => {
    const { devices: found, stream } = store.state;
    if (!found || !stream || !store.answered(asked)) return;
    options(output, [...new Set([stream.output, ...found.outputs])], stream.output);
    options(input, found.inputs, stream.input, stream.source ? "the source" : "none");
    options(block, [...new Set([stream.block, ...stream.blocks])].sort((a, b) => a - b).map(String), String(stream.block), "the device's own");
    options(midi, [...new Set([...(stream.midi ? [stream.midi] : []), ...found.midi])], stream.midi, "none");
  };
  store.on("devices", show);
  store.on("stream", show);
  const row = (label, select) => h("label.row", {}, h("span", {}, label), select);
  return section("Devices", "devices", false, row("Output", output), row("Input", input), row("Block", block), row("MIDI", midi), button("Look for devices again", "Look again", () => send("look"), { class: "small" }));
}

function messages(panel) {
  const list = h("ol.messages", { "aria-live": "polite" });
  const lines = new Places(list, 60, () => h("li", {}, h("time"), h("span")));
  const follow = () => { list.scrollTop = list.scrollHeight; };
  let n = 0;
  panel.hear = (text, bad) => {
    const line = lines.next();
    line.firstChild.textContent = new Date().toTimeString().slice(0, 8);
    line.lastChild.textContent = text;
    line.classList.toggle("bad", Boolean(bad));
    line.style.order = ++n; // beneath the others, which stay where they are
    follow();
  };
  const made = section("Messages", "messages", true, list);
  made.addEventListener("toggle", follow);
  return made;
}

