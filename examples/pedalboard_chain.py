"""pedalboard's own plugins beside rtspec's, in a row and side by side, over an array and in pieces."""

import numpy as np
import pedalboard

import rtspec

sound = np.random.default_rng(0).standard_normal((2, 48000)).astype(np.float32) / 10
spread = rtspec.Mix([None, [pedalboard.Delay(0.05, mix=1.0), rtspec.BandwidthExtension()]])  # dry beside wet, aligned
board = rtspec.Pedalboard([pedalboard.HighpassFilter(80), spread, pedalboard.Limiter()])

pieces = [board.process(piece, 48000, reset=False) for piece in np.array_split(sound, 7, axis=1)]
joined = np.concatenate([*pieces, board.flush()], axis=1)
whole = board(sound, 48000)
print(f"{board.latency_samples} samples on their way; pieces equal the whole: {np.allclose(joined, whole, atol=1e-6)}")
