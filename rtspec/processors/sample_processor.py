"""Processors of samples: without frames, and without latency unless they say so."""

from abc import abstractmethod

from ..buffers.step import Stage
from ..chain.mixing import mix_stage
from ..chain.program import Program, audio_buffer
from .base import Processor


class SampleProcessor(Processor):
    """A processor that works on samples and not on frames: it has a latency only if it says so."""

    @abstractmethod
    def make_stages(self, sample_rate: float, channels: int) -> list[Stage]:
        """Audio stages in order: each gets `n` samples of planar float32 and gives as many."""

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """A program of its own state for one driver; it follows this processor's parameters."""
        x, wet, y = (audio_buffer(channels) for _ in range(3))
        stages, latency = self.make_stages(sample_rate, channels), self.latency(sample_rate)
        ends = [x, *([wet] * (len(stages) - 1))]
        rows = [stage.row(end, wet) for stage, end in zip(stages, ends, strict=True)]
        mixer = mix_stage(self._parameters, x, sum(latency.values()), sample_rate)
        return Program([*rows, mixer.row(wet, y)], [*stages, mixer], x, y, latency)

    def latency(self, sample_rate: float) -> dict[str, int]:
        """Delay in samples by item; none unless a subclass says so."""
        return {}
