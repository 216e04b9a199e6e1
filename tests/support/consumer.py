"""What another project writes: each name that it takes from rtspec has a type that its checker knows."""

from typing import assert_type

import numpy as np

import rtspec
from rtspec import AudioStream, BandwidthExtension, Pedalboard, TimbreSynth, render
from rtspec.style import Transferred, transfer

sound = np.zeros((2, 48000), np.float32)
board = Pedalboard([BandwidthExtension(), rtspec.OnnxProcessor("tilt-gate", gate_db=-40.0)])
wide = board(sound, 48000)
synth = TimbreSynth("flute")
played = synth([((0x90, 60, 100), 0.0)], duration=1.0, sample_rate=48000)
record = render(board, "in.wav", "out.flac")
made = transfer(sound, played, 48000, domain="sound")
with AudioStream(None, None, board, 48000, 128, source=sound, devices=rtspec.Devices(virtual=True)) as stream:
    stream.wait()
    late = stream.statistics.late_callbacks

assert_type(wide, np.ndarray)
assert_type(played, np.ndarray)
assert_type(made, Transferred)
assert_type(stream, AudioStream)
assert_type(late, int)
assert_type(record.seconds, float)
assert_type(board.latency_samples, int)
