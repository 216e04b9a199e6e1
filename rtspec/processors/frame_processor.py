"""Processors of frames: analysed, changed, put together again, at a sample rate of their own where they have one."""

from abc import abstractmethod

import numpy as np

from ..chain.lanes import Lane, lanes_stage
from ..chain.mixing import mix_stage
from ..chain.program import Program, audio_buffer
from ..chain.resampling import Resampling
from ..frames.plan import FramePlan
from .base import Processor


class FrameProcessor(Processor):
    """A processor that works on frames: a subclass says its plan and the frame stages of one channel."""

    @abstractmethod
    def plan(self, sample_rate: float) -> FramePlan:
        """The frames at this sample rate."""

    @abstractmethod
    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray) -> Lane:
        """Rows and stages of one channel: from a hop at `hop_in` to one at `hop_out`, both float32 of shape (hop,)."""

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        """Delays beyond the window in frames, by item ("model", "phase"); none unless a subclass says so."""
        return {}

    def window_samples(self, plan: FramePlan) -> int:
        """Delay of cutting frames and putting them together, in samples: the plan's, unless a subclass needs less."""
        return plan.latency_samples

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """A program of its own state for one driver; it follows this processor's parameters."""
        plan = self.plan(sample_rate)
        x, wet, y = audio_buffer(channels), audio_buffer(channels), audio_buffer(channels)
        stages = lanes_stage(plan, channels, lambda hop_in, hop_out: self.make_lane(plan, hop_in, hop_out))
        rows = [stages[0].row(x, wet)]
        if plan.sample_rate != round(sample_rate):
            inner, resampling = audio_buffer(channels), self._resampling(plan, sample_rate)
            entry, exit_ = resampling.entry_stage(channels), resampling.exit_stage(channels)
            rows = [entry.row(x, inner), stages[0].row(inner, inner), exit_.row(inner, wet)]
            stages = [entry, *stages, exit_]
        latency = self.latency(sample_rate)
        mixer = mix_stage(self._parameters, x, sum(latency.values()), sample_rate)
        return Program([*rows, mixer.row(wet, y)], [*stages, mixer], x, y, latency)

    def latency(self, sample_rate: float) -> dict[str, int]:
        """Delay in samples by item: "window", what :meth:`frame_delays` adds, and "resampler" where the rates
        differ."""
        plan = self.plan(sample_rate)
        items = {"window": self.window_samples(plan), **{k: n * plan.hop for k, n in self.frame_delays(plan).items()}}
        if plan.sample_rate == round(sample_rate):
            return items
        items = {item: round(n * sample_rate / plan.sample_rate) for item, n in items.items()}
        return {**items, "resampler": self._resampling(plan, sample_rate).delay - sum(items.values())}

    def _resampling(self, plan: FramePlan, sample_rate: float) -> Resampling:
        inner_delay = self.window_samples(plan) + plan.hop * sum(self.frame_delays(plan).values())
        return Resampling(round(sample_rate), plan.sample_rate, inner_delay)
