"""The table of methods that need the whole spectrogram."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .choices import CHOICES
from .griffin_lim import Progress, griffin_lim
from .methods import METHODS, phase_stage
from .pghi import pghi


@dataclass(frozen=True)
class OfflineMethod:
    """A way to find phases for all frames at once: ``run(frames, plan, **options)``, frames (n_frames, n_bins)."""

    name: str
    run: Callable[..., np.ndarray]
    summary: str

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Names of the options that it takes."""
        return tuple(inspect.signature(self.run).parameters)[2:]


def stream_all(frames: np.ndarray, plan: FramePlan, method: str, input_spectrum=None, **options) -> np.ndarray:
    """All frames, float32 (n_frames, n_bins), through a fresh stage of a streaming method; silence follows the last,
    the delay is removed."""
    spectrum = None if input_spectrum is None else np.ascontiguousarray(input_spectrum, np.complex64)
    stage = phase_stage(method, plan, input_spectrum=spectrum, **options)
    padded = np.concatenate([frames, np.zeros((stage.delay, plan.n_bins), np.float32)])
    out = np.empty(padded.shape, np.complex64)
    stage.run(padded, len(frames), out)
    if spectrum is not None:
        np.copyto(spectrum, 0)
    for t in range(len(frames), len(padded) if len(frames) else 0):  # one by one: the input may have fewer frames
        stage.run(padded[t:], 1, out[t:])
    return out[stage.delay :]


def _started(frames: np.ndarray, plan: FramePlan, start: str, seed: int) -> np.ndarray:
    """First complex frames, by PGHI or by any streaming method or choice that needs no input."""
    if start == "pghi":
        return pghi(frames, plan, seed=seed)
    starts = [name for name in (*METHODS, *CHOICES) if name != "input"]
    if start not in starts:
        raise InvalidValue(f"start={start!r} is not possible here; choose one of pghi, {', '.join(starts)}")
    seeded = {"seed": seed} if start in CHOICES or "seed" in METHODS[start].options else {}
    return stream_all(frames, plan, start, **seeded)


def _iterated(together: bool, default_momentum: float, default_start: str):
    """Griffin-Lim or a relative, with its own defaults."""

    def run(
        frames: np.ndarray,
        plan: FramePlan,
        iterations: int = 100,
        momentum: float = default_momentum,
        start: str = default_start,
        seed: int = 0,
        tolerance: float = 0.0,
        progress: Progress | bool | None = None,
    ) -> np.ndarray:
        settings = {"iterations": iterations, "momentum": momentum, "tolerance": tolerance, "progress": progress}
        return griffin_lim(_started(frames, plan, start, seed), frames, plan, together=together, **settings)

    return run


OFFLINE: dict[str, OfflineMethod] = {
    m.name: m
    for m in (
        OfflineMethod("pghi", pghi, "phase gradients integrated from the loudest bin on"),
        OfflineMethod("griffin-lim", _iterated(True, 0.0, "random"), "all frames refined together"),
        OfflineMethod("fast-griffin-lim", _iterated(True, 0.99, "random"), "the same with momentum"),
        OfflineMethod("pghi-fgla", _iterated(True, 0.99, "pghi"), "the same, started from PGHI"),
        OfflineMethod("sweeps", _iterated(False, 0.5, "pghi"), "frames refined one after the other, over and over"),
        OfflineMethod("rtisi-fgla", _iterated(True, 0.99, "best"), 'fast Griffin-Lim, started from "best"'),
    )
}
"""Methods for :func:`rtspec.phase.reconstruct` alone, by name."""
