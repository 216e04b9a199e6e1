"""Native pedalboard plugins as stages of a live chain. They need the GIL at their step; what is around them does
not."""

import ctypes
import time

import numpy as np

from ..buffers.step import Stage
from .program import MAX_BLOCK, Program, audio_buffer

_STEP = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
_EMPTY = np.dtype([("unused", "i8")])
_LONGEST_LATENCY_S = 4.0


class NativeStep:
    """Calls one plugin from the engine's thread, counting what that costs.

    Attributes
    ----------
    calls, seconds : int, float
        How often it ran and how long it took, waiting for the GIL included.
    errors : int
        Blocks that the plugin refused; they pass unprocessed.
    """

    def __init__(self, plugin, sample_rate: float, channels: int):
        self.plugin, self.sample_rate = plugin, sample_rate
        self.calls, self.seconds, self.errors = 0, 0.0, 0
        self._x, self._y = audio_buffer(channels), audio_buffer(channels)
        self._latency = prime(plugin, sample_rate, channels)
        self._entry = _STEP(self._run)

    def program(self) -> Program:
        """The plugin as a program of its own, primed for streaming."""
        entry = ctypes.cast(self._entry, ctypes.c_void_p).value or 0
        stage = Stage(entry, _EMPTY, keep=(self,), delay=self._latency)
        return Program([stage.row(self._x, self._y)], [stage], self._x, self._y, {"plugins": self._latency})

    def cost(self) -> dict[str, float]:
        """Calls, mean time of a call in µs, and errors so far."""
        mean = 1e6 * self.seconds / self.calls if self.calls else 0.0
        return {"calls": self.calls, "mean_us": round(mean, 1), "errors": self.errors}

    def _run(self, state: int, x: int, n: int, y: int) -> int:
        start = time.perf_counter()
        block = np.ascontiguousarray(self._x[:, :n])
        try:
            out = self.plugin.process(block, self.sample_rate, buffer_size=n, reset=False)
        except Exception:
            # An exception cannot leave a C callback: the block passes dry, and the count tells.
            out, self.errors = block, self.errors + 1
        missing = n - out.shape[-1]
        self._y[:, :missing], self._y[:, missing:n] = 0.0, out
        self.calls, self.seconds = self.calls + 1, self.seconds + time.perf_counter() - start
        return n


def prime(plugin, sample_rate: float, channels: int, block: int = MAX_BLOCK) -> int:
    """Warm a plugin with silence, reset it, and tell its latency in samples.

    Without this its first block differs from what it gives inside a native chain.
    """
    silence = np.zeros((channels, block), np.float32)
    latency = 0
    for _ in range(int(_LONGEST_LATENCY_S * sample_rate / block) + 1):
        missing = block - plugin.process(silence, sample_rate, buffer_size=block, reset=False).shape[-1]
        latency += missing
        if missing == 0:
            break
    plugin.reset()
    return latency
