"""A processor of your own, compiled like rtspec's: bins below a threshold are left out. A package brings it by
``[project.entry-points."rtspec.processors"] gate = "own_processor:SpectralGate"``; then ``--processor gate``."""

import numpy as np

from rtspec.buffers.memory import aligned, complexes
from rtspec.buffers.record import Record
from rtspec.buffers.step import Stage, step
from rtspec.control.parameters import ParameterSpec
from rtspec.control.smoothing import ramp_stage
from rtspec.frames import FramePlan
from rtspec.frames.analysis import analysis_stage
from rtspec.frames.synthesis import synthesis_stage
from rtspec.processors import FrameProcessor

GATE, THRESHOLD = Record("Gate", counts="n_bins", shared="db:f4[1]"), ParameterSpec("threshold_db", "dB", -120, 0, -60)


@step
def gate(state, x, n, y):
    s = GATE(state)
    bins, kept = complexes(x, n * s.n_bins), complexes(y, n * s.n_bins)
    for k in range(n * s.n_bins):
        kept[k] = bins[k] if abs(bins[k]) > s.n_bins / 2 * 10 ** (s.db[0] / 20) else 0
    return n


class SpectralGate(FrameProcessor):
    def __init__(self, threshold_db=-60.0):
        super().__init__([THRESHOLD], {"threshold_db": threshold_db})

    def plan(self, sample_rate):
        return FramePlan(round(sample_rate), n_fft=1024, hop=256)

    def make_lane(self, plan, hop_in, hop_out):
        spectrum, db = aligned(plan.n_bins, np.complex64), aligned(1)
        ramps = ramp_stage(self.parameters, {"threshold_db": db.ctypes.data}, plan.frame_rate_hz)
        stages = [analysis_stage(plan), ramps, Stage(gate, GATE, n_bins=plan.n_bins, db=db), synthesis_stage(plan)]
        ends = [(hop_in, spectrum), (spectrum, spectrum), (spectrum, spectrum), (spectrum, hop_out)]
        return [stage.row(*each) for stage, each in zip(stages, ends, strict=True)], stages
