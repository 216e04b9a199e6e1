// The bar above: what the stream is, how well it is, the source's transport, recording, undo.

import { button, h, icon, shown } from "./dom.js";

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

export class Bar {
  constructor(panel, home) {
    Object.assign(this, { panel, seeking: false, sought: 0, asked: 0, paused: false, pausing: 0 });
    this.lamp = h("span.lamp", { role: "status" }, "connecting");
    this.form = h("span.form");
    this.load = h("meter.load", { min: 0, max: 1, low: 0.6, high: 0.85, optimum: 0.1, "aria-label": "Load of the engine" });
    this.loadText = h("span.figure");
    this.faults = h("span.faults");
    this.latency = h("span.latency");
    this.take = button("Record", [h("span.disc"), h("span.time", {}, "Rec")], () => this.record(), { class: "record", "aria-pressed": "false" });
    this.play = button("Pause the source", icon("pause"), () => this.pause(), { class: "play" });
    this.seek = h("input", { type: "range", min: 0, max: 1, step: 0.01, value: 0, "aria-label": "Place in the source", onpointerdown: () => { this.seeking = true; }, onchange: () => { this.sought = panel.send("seek", { seconds: Math.min(Number(this.seek.value), this.source.seconds - 0.01) }); } });
    for (const end of ["pointerup", "pointercancel"]) this.seek.addEventListener(end, () => setTimeout(() => { this.seeking = false; })); // after what it chose
    this.clock = h("span.clock");
    this.title = h("span.title");
    this.transport = h("div.transport", { hidden: true, role: "group", "aria-label": "Source" }, this.play, this.title, this.seek, this.clock);
    home.append(
      h("h1", {}, h("img", { src: "icon.svg", alt: "" }), "rtspec"),
      h("div.health", {}, this.lamp, this.form, this.latency, h("span.loading", {}, "load", this.load, this.loadText), this.faults),
      this.transport,
      h("div.actions", {}, button("Undo", icon("undo"), () => panel.send("undo")), button("Redo", icon("redo"), () => panel.send("redo")), button("Dark or bright", icon("sun"), () => panel.theme(), { class: "theme" }), this.take));
    panel.store.on("stream", (stream) => this.show(stream));
  }

  connected(on) {
    this.lamp.classList.toggle("off", !on);
    this.lamp.textContent = on ? "live" : "reconnecting";
  }

  show(stream) {
    const s = stream.statistics;
    this.source = stream.source;
    this.lamp.classList.toggle("off", !stream.active);
    this.lamp.textContent = stream.active ? "live" : stream.moving ? "changing device" : "device away";
    this.form.textContent = `${shown(stream.sample_rate / 1000)} kHz · ${stream.block}`;
    this.latency.textContent = `${stream.latency.total_ms.toFixed(1)} ms`;
    const faults = s.underruns + s.late_callbacks + s.overruns;
    this.faults.title = this.faults.textContent = `${s.underruns} underruns${s.late_callbacks ? ` · ${s.late_callbacks} late` : ""}${s.overruns ? ` · ${s.overruns} overruns` : ""}${s.governor_level ? ` · governor 1/${2 ** s.governor_level}` : ""}${s.bad_frames ? ` · ${s.bad_frames} bad frames` : ""}`;
    this.faults.classList.toggle("bad", faults > 0);
    this.take.setAttribute("aria-pressed", String(Boolean(stream.recording)));
    this.take.querySelector(".time").textContent = stream.recording ? clock(stream.recorded_s) : "Rec";
    this.transport.hidden = !stream.source;
    if (this.panel.store.answered(this.asked)) this.asked = 0;
    if (!stream.source) return;
    if (this.panel.store.answered(this.pausing)) this.rest(stream.source.paused);
    this.title.textContent = stream.source.name;
    this.seek.max = String(stream.source.seconds);
  }

  picture({ load, at }) {
    this.load.value = load;
    const text = `${Math.round(100 * load)} %`;
    if (this.loadText.textContent !== text) this.loadText.textContent = text;
    if (!this.source || this.seeking || !this.panel.store.answered(this.sought)) return;
    this.seek.value = String(at);
    const time = `${clock(at)} / ${clock(this.source.seconds)}`;
    if (this.clock.textContent !== time) this.clock.textContent = time;
  }

  /** From what the last press has asked for: presses add up, however late the answers come. */
  pause() {
    const number = this.panel.send("pause", { on: !this.paused });
    if (!number) return;
    this.pausing = number;
    this.rest(!this.paused);
  }

  rest(paused) {
    if (this.paused !== paused) this.play.replaceChildren(icon(paused ? "play" : "pause"));
    this.paused = paused;
    this.play.setAttribute("aria-label", paused ? "Play the source" : "Pause the source");
  }

  /** A second press before the first is answered would ask for the same once more. */
  record() {
    if (this.asked) return;
    const on = this.take.getAttribute("aria-pressed") === "true";
    this.asked = on ? this.panel.send("stop_recording") : this.panel.send("record", { name: "take" });
  }
}
