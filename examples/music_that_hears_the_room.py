"""A room grows loud, and the music stays audible: a scene equalizer beside the same curve as automation."""

from pathlib import Path

import numpy as np

import rtspec

RATE, SECONDS = 48000, 12
rng = np.random.default_rng(0)
music = (0.03 * rng.standard_normal((2, RATE * SECONDS))).astype(np.float32)
room = (0.1 * rng.standard_normal(RATE * SECONDS)).astype(np.float32)
room[: RATE * 4] *= 0.01  # a still room, until a train comes

eq = rtspec.SceneEqualizer(max_rise_db=6)
heard = eq(music, RATE, sensor=room)
print(f"noise {eq.noise_db[17]:.1f} dB and music {eq.music_db[17]:.1f} dB at 1 kHz: {eq.curve_db[17]:+.1f} dB")
print(f"the music rose by {20 * np.log10(heard[:, RATE * 8 :].std() / music[:, RATE * 8 :].std()):.1f} dB")

Path("out").mkdir(exist_ok=True)
print(eq.write_curve("out/curve.csv"), "lines of automation in out/curve.csv")

# The same, played live: sensor=3 is the third channel of the input device, or name another device.
with rtspec.AudioStream(
    plugins=eq, source=music[:, : RATE * 2], sensor=room[-RATE * 2 :], devices=rtspec.Devices(virtual=True)
) as stream:
    stream.wait()
    print(stream.statistics.underruns, "underruns")

# And a matrix: an LFO moves the equalizer's own gain about the user's.
board = rtspec.Pedalboard([rtspec.Equalizer()])
board.modulation.add("lfo:0.5", "gain_1000_hz", 0.2)
board(music[:, :RATE], RATE)
