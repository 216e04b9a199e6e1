"""Griffin-Lim and its kin: the buffer of :mod:`rtspec.phase.rtisi`, as long as the whole spectrogram.

All frames at once is Griffin-Lim, with momentum fast Griffin-Lim; one after the other, each seeing what the last one
did, is the sweep that RTISI-LA makes through its buffer.

References
----------
.. [1] D. W. Griffin and J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP 32(2),
   1984.
.. [2] N. Perraudin, P. Balazs and P. L. Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
"""

from collections.abc import Callable
from contextlib import nullcontext

import numpy as np
from numba import njit

from .. import checks
from ..buffers.record import Made
from ..buffers.views import floats
from ..frames.plan import FramePlan
from .arithmetic import LOOSE, f32
from .rtisi import RTISI, analyse, buffers, down_to_one, put_back, resynthesise, tables, transforms

Progress = Callable[[int, int, float], None]
"""``progress(iteration, iterations, spectral_convergence_db)``."""


@njit(cache=True, nogil=True)
def _iterate(state):
    """One iteration over all frames."""
    s = RTISI(state)
    for i in range(s.rows):
        place = s.rows - 1 - i
        analyse(s, place, s.windows[0], s.momentum)
        if not s.together:
            put_back(s, place)
    if s.together:
        for place in range(s.rows):
            resynthesise(s, place)


@njit(cache=True, nogil=True)
def _synthesise(state):
    """The signal of the frames as they are, and how far each is brought down."""
    s = RTISI(state)
    for place in range(s.rows):
        s.downs[place] = down_to_one(s.magnitudes[place], s.n_bins)
        resynthesise(s, place)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=LOOSE)
def _misfit(state):
    """Energy of the difference between the magnitudes last analysed and the given ones, and of the latter."""
    s = RTISI(state)
    wrong, right = 0.0, 0.0
    for t in range(s.rows):
        found, target = floats(s.analyses[t], 2 * s.n_bins), s.magnitudes[t]
        missed, total = f32(0), f32(0)
        for m in range(s.n_bins):
            apart = np.sqrt(found[2 * m] * found[2 * m] + found[2 * m + 1] * found[2 * m + 1]) - target[m]
            missed += apart * apart
            total += target[m] * target[m]
        wrong, right = wrong + missed, right + total
    return wrong, right


def convergence_db(state: int) -> float:
    """Spectral convergence of the last iteration's analysis, dB."""
    wrong, right = _misfit(state)
    return 10 * float(np.log10(max(wrong, 1e-30) / right)) if right else -np.inf


class ProgressBar:
    """A :data:`Progress` that draws a bar on the terminal."""

    def __enter__(self):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        self._bar = Progress(*columns)
        self._task = self._bar.add_task("phase")
        self._bar.start()
        return self

    def __call__(self, iteration: int, iterations: int, quality_db: float) -> None:
        self._bar.update(self._task, completed=iteration, total=iterations, description=f"phase {quality_db:.1f} dB")

    def __exit__(self, *exception) -> None:
        self._bar.stop()


def _iterations(state: int, iterations: int, tolerance: float, progress: Progress | None) -> None:
    """Iterate until the end, or until ten iterations gain less than `tolerance` dB."""
    best = 0.0
    for i in range(1, iterations + 1):
        _iterate(state)
        if (i % 10 and i < iterations) or not (tolerance or progress):
            continue
        quality = convergence_db(state)
        if progress:
            progress(i, iterations, quality)
        if best - quality < tolerance:
            return
        best = quality


def _all_frames(plan: FramePlan, spectrum: np.ndarray, magnitude: np.ndarray, **numbers: float) -> Made:
    """A record of :mod:`rtspec.phase.rtisi` whose buffer holds all frames."""
    arrays = tables(plan, 0) | buffers(plan, len(spectrum)) | {"windows": plan.analysis[None]}
    arrays["spectra"][...] = arrays["analyses"][...] = spectrum
    arrays["magnitudes"][...] = magnitude
    sizes = {"n_bins": plan.n_bins, "n_fft": plan.n_fft, "length": plan.length, "hop": plan.hop, "rows": len(spectrum)}
    return RTISI.make(**sizes, **numbers, **transforms(plan), **arrays)


def griffin_lim(
    start: np.ndarray,
    frames: np.ndarray,
    plan: FramePlan,
    *,
    together: bool = True,
    iterations: int = 100,
    momentum: float = 0.0,
    tolerance: float = 0.0,
    progress: Progress | bool | None = None,
) -> np.ndarray:
    """Iterate towards a consistent spectrogram of the given magnitudes.

    Parameters
    ----------
    start, frames : ndarray, complex64 and float32, shape (n_frames, n_bins)
        Where to begin, and the magnitudes.
    plan : FramePlan
    together, iterations : bool, int
        All frames from the same signal (Griffin-Lim), or one after the other (a sweep); and how often.
    momentum : float
        α, 0 (Griffin-Lim) to less than 1.5 (0.99: fast Griffin-Lim); sweeps diverge beyond about 0.6 at high overlap.
    tolerance : float
        dB of spectral convergence: stop when ten iterations gain less; 0 goes on to the end.
    progress : callable or bool, optional
        A :data:`Progress`, called every ten iterations; True draws a bar.

    Returns
    -------
    ndarray, complex64, shape (n_frames, n_bins)
    """
    _check(iterations, momentum, tolerance)
    if not frames.any():
        return np.zeros(frames.shape, np.complex64)
    made = _all_frames(plan, start, frames, together=together, momentum=momentum, iterations=iterations)
    _synthesise(made.address)
    with ProgressBar() if progress is True else nullcontext(progress or None) as shown:
        _iterations(made.address, iterations, tolerance, shown)
    return made.values["spectra"]


def _check(iterations: int, momentum: float, tolerance: float) -> None:
    checks.at_least("iterations", iterations, 1, "try 100")
    if not 0 <= momentum < 1.5:
        checks.fail("momentum", momentum, "must be 0 to less than 1.5", "try 0.99")
    if not tolerance >= 0:
        checks.fail("tolerance", tolerance, "must be at least 0 dB", "try 0.1")
