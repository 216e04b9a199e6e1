"""The phase method of a processor: chosen by name, checked at once, built for each channel."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from ..buffers.memory import aligned
from ..buffers.step import Stage
from ..frames.plan import FramePlan
from ..phase import phase_stage


@dataclass(frozen=True)
class PhaseChoice:
    """A streaming method of :mod:`rtspec.phase` with its options; None leaves an option to the method."""

    method: str
    look_ahead: int | None = None
    iterations: int | None = None

    def stage(self, plan: FramePlan, spectrum: np.ndarray) -> Stage:
        """(n_bins,) float32 magnitudes → (n_bins,) complex64; the input's own frame lies at `spectrum`."""
        options = {"look_ahead": self.look_ahead, "iterations": self.iterations}
        return phase_stage(self.method, plan, input_spectrum=spectrum, **options)

    def delay_frames(self, plan: FramePlan) -> int:
        """Look-ahead in frames; raises what a wrong choice deserves."""
        return _delay(self, plan)


@cache
def _delay(choice: PhaseChoice, plan: FramePlan) -> int:
    return choice.stage(plan, aligned(plan.n_bins, np.complex64)).delay
