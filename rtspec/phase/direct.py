"""Phases that need no thought: zero, random, the input's own, and the blend of any method's phase with the input's."""

import numpy as np

from ..buffers.memory import address, aligned, aligned_copy
from ..buffers.record import Record
from ..buffers.step import Stage, call_step, step
from ..buffers.views import complex_rows, copy, doubles, float_rows, floats, part
from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .arithmetic import ONE, SMALLEST, clean, f32, kernel, polar, random_phases

DIRECT = Record(
    "Direct", counts="n_bins draws", arrays="magnitudes:f4[n_bins] phase:f4[n_bins]", constants="centre:f4[n_bins]"
)


@step
def zero(state, x, n, y):
    """`n` magnitude frames → complex64 frames whose phase is zero at the window's middle."""
    s = DIRECT(state)
    magnitudes, frames = float_rows(x, n, s.n_bins), complex_rows(y, n, s.n_bins)
    for t in range(n):
        clean(magnitudes[t], s.magnitudes, s.n_bins)
        polar(s.magnitudes, s.phase, s.centre, frames[t], s.n_bins)
    return n


@step
def random(state, x, n, y):
    """`n` magnitude frames → complex64 frames of independent, evenly spread phases."""
    s = DIRECT(state)
    magnitudes, frames = float_rows(x, n, s.n_bins), complex_rows(y, n, s.n_bins)
    for t in range(n):
        s.draws += 1
        random_phases(s.draws, s.phase, s.n_bins)
        clean(magnitudes[t], s.magnitudes, s.n_bins)
        polar(s.magnitudes, s.phase, s.centre, frames[t], s.n_bins)
    return n


def centre_turns(plan: FramePlan) -> np.ndarray:
    """By how much (turns, float32, (n_bins,)) each bin turns between the window's first sample, where our frames' time
    starts, and its middle."""
    return aligned_copy((np.arange(plan.n_bins) * plan.length / (2 * plan.n_fft)) % 1, np.float32)


def _direct(kernel, plan: FramePlan, seed: int) -> Stage:
    return Stage(
        kernel,
        DIRECT,
        n_bins=plan.n_bins,
        draws=seed << 16,
        magnitudes=aligned(plan.n_bins),
        phase=aligned(plan.n_bins),
        centre=centre_turns(plan),
    )


def zero_stage(plan: FramePlan) -> Stage:
    """Zero phase as a stage: every frame a pulse in the middle of its window. No delay."""
    return _direct(zero, plan, 0)


def random_stage(plan: FramePlan, *, seed: int = 0) -> Stage:
    """Random phase as a stage; equal seeds give equal phases. No delay."""
    return _direct(random, plan, seed)


BLEND = Record(
    "Blend",
    counts="n_bins late first=0",
    addresses="inner_step inner_state blend",
    arrays="history:c8[late+1,n_bins]",
    shared="spectrum:c8[:,n_bins]",
)
"""`first`: which frame of `spectrum` belongs to the first one of a run."""


@kernel
def turn_towards(frame, target, share, n):
    """Turn the complex64 bins of `frame` by `share` (0 to 1) of the way to the phases of `target`; sizes stay, and bins
    where `target` has no phase."""
    ours, theirs = floats(frame, 2 * n), floats(target, 2 * n)
    for m in range(n):
        a, b, c, d = ours[2 * m], ours[2 * m + 1], theirs[2 * m], theirs[2 * m + 1]
        size, reference = np.sqrt(a * a + b * b), np.sqrt(c * c + d * d)
        if size > SMALLEST and SMALLEST < reference < np.inf:
            u = (ONE - share) * a / size + share * c / reference
            v = (ONE - share) * b / size + share * d / reference
            length = max(np.sqrt(u * u + v * v), SMALLEST)
            ours[2 * m], ours[2 * m + 1] = size * u / length, size * v / length


@step
def blend(state, x, n, y):
    """Run the wrapped method on `n` magnitude frames, then turn its phases towards the input's, delayed to match."""
    s = BLEND(state)
    frames, kept = complex_rows(y, n, s.n_bins), s.n_bins * s.late
    call_step(s.inner_step, s.inner_state, x, n, y)
    for t in range(n):
        copy(part(s.history, 0, kept), part(s.history, s.n_bins, kept))
        copy(s.history[s.late], s.spectrum[s.first + t])
        turn_towards(frames[t], s.history[0], f32(doubles(s.blend, 1)[0]), s.n_bins)
    return n


class BlendStage(Stage):
    """A stage that owns the stage it wraps."""

    def __init__(self, inner: Stage, keep: object, **fields):
        super().__init__(blend, BLEND, keep=(inner, keep), delay=inner.delay, **fields)
        self.inner = inner
        self.first_address = address(self.record) + BLEND.offset("first")

    def reset(self) -> None:
        """Back to the state of a fresh object, the wrapped stage too."""
        super().reset()
        self.inner.reset()


def blend_stage(inner: Stage, plan: FramePlan, input_spectrum: np.ndarray, share: int | float) -> Stage:
    """`inner` with its phases turned towards those of the input.

    Parameters
    ----------
    inner : Stage
        Any phase method.
    plan : FramePlan
    input_spectrum : ndarray, complex64, contiguous, shape (n_bins,) or (n_frames, n_bins)
        Where the input's frames lie when the stage runs, as many as it gets magnitude frames.
    share : float or int
        A constant from 0 (ours) to 1 (the input's phase), or the address of a float64 parameter with that range.

    Returns
    -------
    Stage
        As late as `inner`; the input's phases are delayed to match.
    """
    entry, state, *_ = inner.row(0, 0)
    constant = np.array([share], np.float64) if isinstance(share, float) or share in (0, 1) else None
    one = isinstance(input_spectrum, np.ndarray) and input_spectrum.ndim == 1
    return BlendStage(
        inner,
        keep=constant,
        n_bins=plan.n_bins,
        late=inner.delay,
        inner_step=entry,
        inner_state=state,
        spectrum=input_spectrum[None] if one else input_spectrum,
        blend=share if constant is None else address(constant),
        history=aligned((inner.delay + 1, plan.n_bins), np.complex64),
    )


def input_stage(plan: FramePlan, *, input_spectrum: np.ndarray | None) -> Stage:
    """The input's own phase under new magnitudes, as a stage; zero phase where the input is silent. No delay. That
    spectrum is complex64 of shape (n_bins,), refilled for each frame."""
    if input_spectrum is None:
        raise InvalidValue("method 'input' needs the input's phase; pass input_spectrum, or choose another method")
    return blend_stage(zero_stage(plan), plan, input_spectrum, 1.0)
