"""What a noise sensor stores, third-octave levels eight times a second, as sound; ``udp:9100`` plays a live one."""

import tempfile
from pathlib import Path

import numpy as np

import rtspec
from rtspec.processors.inversion.level_tables import read_levels

BANDS_HZ = [1000 * 2 ** (k / 3) for k in range(-9, 12)]
with tempfile.TemporaryDirectory() as folder:
    table = Path(folder) / "levels.csv"
    passing = 55 + 15 * np.exp(-((np.arange(40) - 20.0) ** 2) / 40)  # something comes nearer and goes
    rows = [[i / 8, *(level - 0.8 * np.arange(len(BANDS_HZ)))] for i, level in enumerate(passing)]
    np.savetxt(table, rows, "%.2f", ",", header=",".join(["time_s", *(f"{hz:.0f}" for hz in BANDS_HZ)]), comments="")
    print(f"{read_levels(table).seconds:g} s of levels")
    heard = rtspec.SpectralInversion(levels=table)(np.zeros(5 * 48000, np.float32), 48000)
quiet, loud = (20 * np.log10(np.std(heard[part])) for part in (slice(0, 24000), slice(108000, 132000)))
print(f"level from {quiet:.0f} to {loud:.0f} dB")
