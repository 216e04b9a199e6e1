"""Processors that go wrong when told to."""

import numpy as np

from rtspec.buffers.atomics import load_double
from rtspec.buffers.clock import now_ns, sleep_until_ns
from rtspec.buffers.memory import aligned
from rtspec.buffers.record import Record
from rtspec.buffers.step import Stage, step
from rtspec.buffers.views import copy, floats, place_of
from rtspec.control.parameters import ParameterSpec
from rtspec.frames.plan import FramePlan
from rtspec.processors.frame_processor import FrameProcessor

FAULT = Record("Fault", counts="hop slept=0", addresses="sleep_ms nan", arrays="timespec:i8[2]")


@step
def fail(state, x, n, y):
    """A wire that sleeps once whenever the time to sleep changes, and gives NaN while asked for it."""
    s = FAULT(state)
    sleep_ms = np.int64(load_double(s.sleep_ms))
    if sleep_ms != s.slept:
        s.slept = sleep_ms
        at = place_of(s.timespec)
        sleep_until_ns(now_ns(at) + 1_000_000 * sleep_ms, at)
    copy(floats(y, n * s.hop), floats(x, n * s.hop))
    if load_double(s.nan) > 0.0:
        floats(y, 1)[0] = np.nan
    return n


class Faulty(FrameProcessor):
    """Passes sound; setting `sleep_ms` makes one frame take that long, `nan` = 1 spoils a sample of every frame."""

    def __init__(self, hop: int = 128):
        self._hop = hop
        super().__init__([ParameterSpec("sleep_ms", "ms", 0.0, 1e6, 0.0), ParameterSpec("nan", "", 0.0, 1.0, 0.0)], {})

    def plan(self, sample_rate: float) -> FramePlan:
        return FramePlan(round(sample_rate), n_fft=2 * self._hop, hop=self._hop)

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        return {}

    def latency(self, sample_rate: float) -> dict[str, int]:
        return {"window": self._hop}

    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray):
        targets = {name: self.parameters.target_address(name) for name in ("sleep_ms", "nan")}
        stage = Stage(fail, FAULT, keep=(self.parameters,), hop=plan.hop, timespec=aligned(2, np.int64), **targets)
        return [stage.row(hop_in, hop_out)], [stage]
