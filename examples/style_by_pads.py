"""A sound in the texture of others: pads 36 to 51 choose which, velocity how much. Live: ``midi="auto"``."""

import tempfile
from pathlib import Path

import mido
import numpy as np

import rtspec
from rtspec.audio.files import read, write

live = rtspec.StyleTransfer("rain")
print(f"{len(live.styles)} styles, among them {live.styles[live.styles.index('rain')]} and bells")

pads = mido.MidiFile(tracks=[mido.MidiTrack()])
bells = 36 + live.styles.index("bells")
pads.tracks[0].append(mido.Message("note_on", note=bells, velocity=127, time=2 * 480 * 2))  # at 2 s
with tempfile.TemporaryDirectory() as folder:
    moves, target = Path(folder) / "pads.mid", Path(folder) / "out.flac"
    pads.save(moves)
    start = read("examples/audio/speech.flac", 48000)[0][:, : 3 * 48000]
    write(Path(folder) / "in.wav", start, 48000)
    record = rtspec.render(live, Path(folder) / "in.wav", target, automation=moves)
    made = read(target)[0]
    print(f"{record.seconds:g} s, peak {np.abs(made).max():.2f}")
