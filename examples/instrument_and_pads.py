"""An instrument: notes with pedalboard's signature, a place between four timbres, presets. Live: ``midi="auto"``."""

import mido
import numpy as np

import rtspec
from rtspec.control.bank import Bank
from rtspec.control.pad import Pad

synth = rtspec.TimbreSynth("flute")
pad = Pad(synth)
pad.set_corners([Bank(synth).get(name) for name in ("flute", "brass", "strings", "organ")])
pad["x"].value, pad["y"].value = 0.5, 0.25  # between all four; CC 12 and 13 move it live

notes = [mido.Message(kind, note=60, time=at) for kind, at in (("note_on", 0.0), ("note_off", 1.0))]
played = synth(notes, duration=2.0, sample_rate=48000)  # float32, (2, 96000)
print(f"{played.shape[1] / 48000:g} s, peak {np.abs(played).max():.2f}")
