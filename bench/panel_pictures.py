"""Pictures of the panel, made by a real Chromium from a stream that plays: python bench/panel_pictures.py [FOLDER].

Writes panel-dark.png, panel-bright.png and panel-phone.png (default: examples/).
"""

import sys
import time
from pathlib import Path
from typing import Any

import rtspec
from rtspec.benchmarks.panel_visitor import arguments, chromium, driver

ROOT = Path(__file__).resolve().parents[1]
SHOTS: dict[str, dict[str, Any]] = {
    "dark": {"viewport": {"width": 1440, "height": 1160}, "color_scheme": "dark"},
    "bright": {"viewport": {"width": 1440, "height": 1160}, "color_scheme": "light"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "device_scale_factor": 2},
}
CORNERS = ["Flute", "Brass", "Strings", "Organ"]
EASE: dict[str, Any] = {"buffer_size": 256, "devices": rtspec.Devices(virtual=True, worker_samples=2048)}
"""A picture needs no short latency, and Chromium is a heavy neighbour."""

FILL_S = 14.0
"""Until the spectrograms are full."""


def played() -> rtspec.AudioStream:
    """Music through an instrument, an equalizer and a model."""
    synth = rtspec.TimbreSynth("violin", mix=0.45)
    equalizer = rtspec.Equalizer(bands="octave")
    for hz, gain in ((63, 3.5), (125, 2.0), (500, -2.5), (2000, 1.5), (4000, 3.0), (8000, 4.5)):
        equalizer.parameters[f"gain_{hz}_hz"].value = gain
    chain = [synth, equalizer, rtspec.OnnxProcessor("tilt-gate")]
    music = ROOT / "examples" / "audio" / "music.ogg"
    return rtspec.AudioStream(
        plugins=chain,
        source=rtspec.Loop(music),
        control=rtspec.Control(panel=True),
        **EASE,
    )


def shoot(browser: Any, url: str, path: Path, options: dict[str, Any]) -> None:
    """One picture, while a chord is held."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".card")
    page.evaluate("(names) => rtspec.panel.send('corners', { names })", CORNERS)
    page.evaluate("rtspec.panel.send('place', { values: { 'pad/x': 0.62, 'pad/y': 0.4 } })")
    time.sleep(FILL_S)
    for key in "adg":
        page.keyboard.down(key)
    time.sleep(1.0)
    page.evaluate("document.getElementById('toasts').replaceChildren()")
    page.screenshot(path=path)
    context.close()
    print(path)


def main() -> None:
    """Make all pictures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples"
    with played() as stream, driver() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        for name, options in SHOTS.items():
            shoot(browser, str(stream.panel_url), folder / f"panel-{name}.png", options)
        browser.close()


if __name__ == "__main__":
    main()
