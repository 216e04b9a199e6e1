"""Pictures of the panel, by a real Chromium from streams that play: python bench/panel_pictures.py [FOLDER] [NAME …].

Writes panel-NAME.png (default: those of the README, into examples/); `all` as a name makes those of other windows too.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import rtspec
from rtspec.benchmarks.panel_visitor import arguments, chromium, driver

ROOT = Path(__file__).resolve().parents[1]
RATE = 48000
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
    return _stream([synth, equalizer, rtspec.OnnxProcessor("tilt-gate")])


def heard() -> rtspec.AudioStream:
    """Music in a loud street, through an equalizer that hears it and the textures of other sounds."""
    noise = np.fft.rfft(np.random.default_rng(0).standard_normal(20 * RATE))
    street = np.fft.irfft(noise / np.sqrt(np.maximum(1, np.arange(len(noise)))))
    style = rtspec.StyleTransfer("rain", mix=0.5)
    return _stream(
        [rtspec.SceneEqualizer(max_rise_db=6), style], (0.3 * street / np.abs(street).max()).astype(np.float32)
    )


def _stream(plugins: list[Any], sensor: np.ndarray | None = None) -> rtspec.AudioStream:
    music = rtspec.Loop(ROOT / "examples" / "audio" / "music.ogg")
    return rtspec.AudioStream(plugins=plugins, source=music, sensor=sensor, control=rtspec.Control(panel=True), **EASE)


def window(width: int, height: int, scheme: str = "dark", scale: float = 1) -> dict[str, Any]:
    """How a page is looked at."""
    return {
        "viewport": {"width": width, "height": height},
        "color_scheme": scheme,
        "device_scale_factor": scale,
        "has_touch": width < 1200,
    }


Shots = dict[str, tuple[Callable[[], rtspec.AudioStream], dict[str, Any]]]
SHOTS: Shots = {
    "dark": (played, window(1440, 1490)),
    "bright": (played, window(1440, 1490, "light")),
    "phone": (played, window(390, 844, scale=2)),
    "senses": (heard, window(1440, 1490)),
}
OTHERS: Shots = {
    "small": (played, window(360, 740, scale=2)),
    "small-senses": (heard, window(360, 2600, "light")),
    "tablet": (played, window(768, 1024)),
    "tablet-wide": (played, window(1180, 820, "light")),
    "laptop": (played, window(1280, 720)),
    "wide": (played, window(3840, 2160)),
    "wide-senses": (heard, window(3840, 2160, "light")),
}


def shoot(browser: Any, url: str, path: Path, options: dict[str, Any]) -> None:
    """One picture, while a chord is held."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(url)
    page.wait_for_selector(".card")
    known = page.evaluate("rtspec.panel.store.state.presets.names")
    corners = [name for name in CORNERS if name in known] or known[:2]
    page.evaluate("(names) => rtspec.panel.send('corners', { names })", corners)
    page.evaluate("rtspec.panel.send('place', { values: { 'pad/x': 0.62, 'pad/y': 0.4 } })")
    time.sleep(FILL_S)
    for key in "adg":
        page.keyboard.down(key)
    time.sleep(1.0)
    page.evaluate("document.querySelectorAll('.toast').forEach((toast) => { toast.hidden = true; })")
    page.screenshot(path=path)
    context.close()
    print(path)


def main() -> None:
    """Make the pictures that are named."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "examples"
    names, known = sys.argv[2:] or list(SHOTS), {**SHOTS, **OTHERS}
    wanted = {name: known[name] for name in (known if "all" in names else names)}
    with driver() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=arguments())
        for stream_of in (played, heard):
            shots = {name: options for name, (made, options) in wanted.items() if made is stream_of}
            if not shots:
                continue
            with stream_of() as stream:
                for name, options in shots.items():
                    shoot(browser, str(stream.panel_url), folder / f"panel-{name}.png", options)
        browser.close()


if __name__ == "__main__":
    main()
