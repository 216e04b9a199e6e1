"""A toy processor that keeps the contract of all processors, and breaks one rule of it where it is told to."""

import numpy as np

from rtspec.buffers.memory import aligned
from rtspec.buffers.record import Record
from rtspec.buffers.step import Stage, step
from rtspec.buffers.views import float_rows
from rtspec.chain.program import STRIDE
from rtspec.processors.sample_processor import SampleProcessor

LAG = 1500
"""By how many samples it delays, which it declares."""

BLOCKS, LEAKS, HUMS, ALLOCATES, MUTES = 1, 2, 3, 4, 5
KERNEL_FAULTS = {"blocks": BLOCKS, "state": LEAKS, "silence": HUMS, "allocation": ALLOCATES, "mute": MUTES}
FAULTS = (*KERNEL_FAULTS, "latency", "layout", "length", "type", "channels")

TOY = Record("Toy", counts="channels lag fault at=0", arrays="line:f4[channels,lag]", shared="leak:f4[1]")


@step
def delay(state, x, n, y):
    """Half of `n` samples of planar float32, `lag` later."""
    s = TOY(state)
    came, go, gain, at = float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE), np.float32(0.5), s.at
    hum = np.float32(1e-3 if s.fault == HUMS else 0.0)
    if s.fault == BLOCKS:  # another gain in every block of another size
        gain += np.float32(n) * np.float32(1e-4)
    if s.fault == LEAKS:  # what a reset does not reach
        gain += s.leak[0]
        s.leak[0] += np.float32(1e-3)
    if s.fault == ALLOCATES:
        gain += np.float32(np.zeros(n + 1).sum())
    if s.fault == MUTES:
        gain = np.float32(0.0)
    for c in range(s.channels):
        at = s.at
        for i in range(n):
            sample, go[c, i] = came[c, i], s.line[c, at] + hum
            s.line[c, at] = gain * sample
            at = at + 1 if at + 1 < s.lag else 0
    s.at = at
    return n


class Toy(SampleProcessor):
    """Half the sound, :data:`LAG` samples later.

    Parameters
    ----------
    fault : str
        One of :data:`FAULTS`, or "" for none.
    **values
        Starting values of parameters.
    """

    def __init__(self, fault: str = "", **values: float):
        self._fault, self._leak = fault, aligned(1)
        super().__init__([], values)

    def latency(self, sample_rate: float) -> dict[str, int]:
        return {"line": LAG - 700 if self._fault == "latency" else LAG}

    def make_stages(self, sample_rate: float, channels: int) -> list[Stage]:
        fault, line = KERNEL_FAULTS.get(self._fault, 0), aligned((channels, LAG))
        return [Stage(delay, TOY, delay=LAG, channels=channels, lag=LAG, fault=fault, line=line, leak=self._leak)]

    def process(self, input_array, sample_rate: float, buffer_size: int = 8192, reset: bool = True) -> np.ndarray:
        """As every processor does, but for its fault."""
        out = super().process(input_array, sample_rate, buffer_size, reset)
        if self._fault == "layout" and out.ndim == 2 and len(out) > out.shape[1]:
            return np.ascontiguousarray(out.T)  # channels first, whatever came
        if self._fault == "length":
            return out[..., :-1]
        if self._fault == "channels" and out.ndim == 2 and len(out) == 2:
            return np.broadcast_to(out.mean(axis=0), out.shape).copy()
        return out.astype(np.float64) if self._fault == "type" else out

    __call__ = process
