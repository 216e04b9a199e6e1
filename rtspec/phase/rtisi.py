"""RTISI-LA and GSRTISI-LA: the newest frames are refined until they agree with each other and with what was played.

A buffer holds the frame to be given next and the `look_ahead` frames after it. `total` is the signal that they and
all frames before them make by overlap-add. One iteration takes a frame of that signal, keeps the phases, sets the
magnitudes and puts the frame back. RTISI-LA goes through the buffer from the newest frame to the oldest, each seeing
what the last one did; GSRTISI-LA takes all frames from the same signal.

Windows of unfinished sound. Near the buffer's end the sum lacks the frames to come: where the known ones weigh P = Σ
analysis·synthesis < 1, it is P times too small. The least-squares estimate of a sample whose weight is P, in noise of
weight ε, is total·P/(P² + ε²), so a frame's analysis window becomes window·P/(P² + ε²). This carries the past further
into the newest frame than the published sum of dual windows does, which is worth 2 dB and more. A frame that comes
without a start has no share in the sum at its first analysis: its own weight is left out there. With ε = 0 this is the
energy normalisation of GSRTISI-LA, window/P; on the clips of :mod:`rtspec.benchmarks.phase_recipe`, 16 iterations, it
reaches -26.9 and -33.3 dB (75 and 87.5 % overlap), windows that ignore P -28.1 and -29.2, these -31.9 and -35.6.

Momentum. As in fast Griffin-Lim, phases come from c + α·(c - c'), c' being the same frame's last analysis.

References
----------
.. [1] X. Zhu, G. T. Beauregard and L. Wyse, "Real-time signal estimation from modified short-time Fourier transform
   magnitude spectra", IEEE TASLP 15(5), 2007.
.. [2] V. Gnann and M. Spiertz, "Improving RTISI phase estimation with energy order and phase unwrapping", DAFx 2010.
.. [3] N. Perraudin, P. Balazs and P. L. Søndergaard, "A fast Griffin-Lim algorithm", WASPAA 2013, algorithm 2.
"""

from functools import partial

import numpy as np

from .. import checks
from ..buffers.arithmetic import bits_of, float_of
from ..buffers.memory import aligned, aligned_copy
from ..buffers.record import Record
from ..buffers.step import Stage, call_step, step
from ..buffers.views import clear, complex_rows, copy, float_rows, floats, integers, part, place_of
from ..errors import InvalidValue
from ..frames.fft import execute
from ..frames.plan import FramePlan
from ..frames.transforms import real_fft
from .arithmetic import ZERO, angles, clean, f32, in_order, kernel, sizes
from .direct import BlendStage, centre_turns, input_stage
from .rtpghi import rtpghi_stage
from .spsi import spsi_stage

RTISI = Record(
    "Rtisi",
    counts="n_bins n_fft length hop rows oldest=0 iterations together",
    addresses="start? start_state? start_first? forward forward_plan inverse inverse_plan",
    shared="start_phase:f4[n_bins]?",
    constants="centre:f4[n_bins] origin:c8[n_bins] windows:f4[:,length] first_window:f4[length] synthesis:f4[length]",
    arrays="magnitudes:f4[rows,n_bins] spectra:c8[rows,n_bins] analyses:c8[rows,n_bins] frames:f4[rows,length]"
    " downs:f4[rows] total:f4[length+(rows-1)*hop]",
    transformed="windowed:f4[n_fft] spectrum:c8[n_bins] samples:f4[n_fft]",
    singles="momentum",
)
"""`magnitudes`, `downs` (of :func:`down_to_one`), `spectra`, `analyses` (c' above) and windowed `frames` are rings of
`rows` rows, whose `oldest` is given next. `total` spans all frames of the buffer. `windows`: one a place in the buffer,
oldest first. `together`: GSRTISI-LA. `start`: a step that gives new frames a phase, or 0; `start_phase` the phases that
it goes on from, and `start_first` where it keeps the number of the input's frame, if it has them."""

TWICE, EXPONENT = np.int32(0x7F000000), np.int32(0x7F800000)
"""Of a float32's bits: twice the exponent of 1, and where an exponent stands."""

HINT, TINY, HUGE, QUIETEST = f32(1e-7), f32(1e-37), f32(1e37), f32(2.0**-40)
"""A bin that the signal says nothing of takes the phase of the origin: every bin leans there by `HINT` of its
magnitude, which is less than the rounding of a known phase and costs no branch. `TINY` keeps 0 / 0 away. Frames below
`QUIETEST` are brought up by 240 dB, no further: what lies beside them may be loud."""


@kernel
def down_to_one(magnitudes, n):
    """The power of two that brings the loudest of a frame to between 1 and 2. What is squared lies there then, whatever
    the level, so that neither quiet sound nor loud sound leaves float32, and a power of two in gain changes no bit."""
    loudest = QUIETEST
    for m in range(n):
        loudest = max(loudest, magnitudes[m])
    return float_of(TWICE - (bits_of(loudest) & EXPONENT))


@in_order
def of_length(size, u, v, down):
    """The complex number (u, v) with another absolute value; brought down before it is squared, not after. A
    square that is not finite, beside a frame by 600 dB louder, counts as finite, lest silence become NaN."""
    u, v = u * down, v * down
    scale = size / np.sqrt(min(u * u + v * v + TINY, HUGE))
    return u * scale, v * scale


@kernel
def keep_phase(spectrum, last, magnitude, down, origin, momentum, out, n):
    """Complex64 bins of these magnitudes, with the phases of ``spectrum + momentum·(spectrum - last)``; `last` becomes
    `spectrum`, and `spectrum` what comes out. `down` is :func:`down_to_one` of the magnitudes."""
    new, old, size = floats(spectrum, 2 * n), floats(last, 2 * n), magnitude
    rest, frame = floats(origin, 2 * n), floats(out, 2 * n)
    for m in range(n):
        a, b, lean = new[2 * m], new[2 * m + 1], HINT * size[m]
        u = a + momentum * (a - old[2 * m]) + lean * rest[2 * m]
        v = b + momentum * (b - old[2 * m + 1]) + lean * rest[2 * m + 1]
        old[2 * m], old[2 * m + 1] = a, b
        u, v = of_length(size[m], u, v, down)
        frame[2 * m], frame[2 * m + 1] = u, v
        new[2 * m], new[2 * m + 1] = u, v


@kernel
def cut(total, window, out, n):
    """`n` samples of the signal, windowed."""
    for i in range(n):
        out[i] = total[i] * window[i]


@kernel
def exchange(total, frame, samples, window, n):
    """Replace a frame's share in the signal by these samples, windowed."""
    for i in range(n):
        value = samples[i] * window[i]
        total[i] += value - frame[i]
        frame[i] = value


@kernel
def analyse(s, place, window, momentum):
    """New phases for the frame at this place of the buffer, from the signal."""
    row = (s.oldest + place) % s.rows
    cut(part(s.total, s.hop * place, s.length), window, s.windowed, s.length)
    execute(s.forward, s.forward_plan, s.windowed, s.spectrum)
    last, size, down = s.analyses[row], s.magnitudes[row], s.downs[row]
    keep_phase(s.spectrum, last, size, down, s.origin, momentum, s.spectra[row], s.n_bins)


@kernel
def resynthesise(s, place):
    """Put the frame at this place back into the signal."""
    copy(s.spectrum, s.spectra[(s.oldest + place) % s.rows])
    put_back(s, place)


@kernel
def put_back(s, place):
    """The same for the frame that was just analysed, whose bins are still there."""
    row = (s.oldest + place) % s.rows
    execute(s.inverse, s.inverse_plan, s.spectrum, s.samples)
    exchange(part(s.total, s.hop * place, s.length), s.frames[row], s.samples, s.synthesis, s.length)


@kernel
def make_room(s):
    """The oldest frame leaves the buffer and its row serves the newest; the signal moves on by a hop."""
    kept, row = s.length + (s.rows - 2) * s.hop, s.oldest
    s.oldest = (s.oldest + 1) % s.rows
    copy(part(s.total, 0, kept), part(s.total, s.hop, kept))
    clear(part(s.total, kept, s.hop))
    clear(s.frames[row])


@kernel
def take_started(s, x):
    """Take the newest frame with a phase by the start method, which goes on from the refined frame before it."""
    row, before = (s.oldest + s.rows - 1) % s.rows, (s.oldest + 2 * s.rows - 2) % s.rows
    if s.start_phase.size > 0:
        angles(s.spectra[before], s.centre, s.start_phase, s.n_bins)
    call_step(s.start, s.start_state, place_of(x), 1, place_of(s.spectra[row]))
    sizes(s.spectra[row], s.magnitudes[row], s.n_bins)
    s.downs[row] = down_to_one(s.magnitudes[row], s.n_bins)
    resynthesise(s, s.rows - 1)


@kernel
def iterate(s, first):
    """One iteration over the buffer; at the `first`, a newest frame without a start gets its phases from the past
    alone."""
    newest = s.rows - 1
    for i in range(s.rows):
        place = newest - i
        fresh = first and i == 0 and s.start == 0
        window = s.first_window if fresh else s.windows[place]
        analyse(s, place, window, ZERO if first and i == 0 else s.momentum)
        if not s.together:
            put_back(s, place)
    if s.together:
        for place in range(s.rows):
            resynthesise(s, place)


@step
def rtisi(state, x, n, y):
    """`n` frames of n_bins float32 magnitudes → `n` frames of n_bins complex64, `look_ahead` frames late."""
    s = RTISI(state)
    magnitudes, frames = float_rows(x, n, s.n_bins), complex_rows(y, n, s.n_bins)
    for t in range(n):
        make_room(s)
        if s.start:
            take_started(s, magnitudes[t])
        else:
            row = (s.oldest + s.rows - 1) % s.rows
            clean(magnitudes[t], s.magnitudes[row], s.n_bins)
            s.downs[row] = down_to_one(s.magnitudes[row], s.n_bins)
        for i in range(s.iterations):
            iterate(s, i == 0)
        copy(frames[t], s.spectra[s.oldest])
        if s.start_first:
            integers(s.start_first, 1)[0] = t + 1
    if s.start_first:
        integers(s.start_first, 1)[0] = 0
    return n


NOISE = 0.08
"""ε of the windows, times (hop / length)²."""


def weights(plan: FramePlan, frames_after: int, own: bool = True) -> np.ndarray:
    """Σ analysis·synthesis over a frame, its predecessors and the `frames_after` it; float64 of shape (length,)."""
    reach = (plan.length - 1) // plan.hop
    product, total = plan.analysis.astype(float) * plan.synthesis, np.zeros(plan.length)
    for shift in range(-reach, min(reach, frames_after) + 1):
        late, early = max(0, shift * plan.hop), max(0, -shift * plan.hop)
        if shift or own:
            total[late : plan.length - early] += product[early : plan.length - late]
    return total


def estimating(plan: FramePlan, weight: np.ndarray, noise: float) -> np.ndarray:
    """The analysis window for sound of which only this weight is known, float32. Window and weight have shape
    (length,)."""
    return (plan.analysis * weight * (1 + noise**2) / (weight**2 + noise**2)).astype(np.float32)


def _windows(plan: FramePlan, look_ahead: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows by place, (look_ahead + 1, length), and the newest frame's first one, (length,); float32, read-only."""
    noise = NOISE * (plan.hop / plan.length) ** 2
    places = [estimating(plan, weights(plan, after), noise) for after in range(look_ahead, -1, -1)]
    first = estimating(plan, weights(plan, 0, own=False), noise)
    return _constant(np.stack(places)), _constant(first)


def _constant(values: np.ndarray, dtype: type = np.float32) -> np.ndarray:
    out = aligned_copy(values, dtype)
    out.flags.writeable = False
    return out


def buffers(plan: FramePlan, rows: int) -> dict:
    """Fresh arrays for a buffer of `rows` frames."""
    wide = {name: aligned((rows, plan.n_bins), np.complex64) for name in ("spectra", "analyses")}
    return wide | {
        "magnitudes": aligned((rows, plan.n_bins)),
        "frames": aligned((rows, plan.length)),
        "downs": aligned(rows),
        "total": aligned(plan.length + (rows - 1) * plan.hop),
        "windowed": aligned(plan.n_fft),
        "samples": aligned(plan.n_fft),
        "spectrum": aligned(plan.n_bins, np.complex64),
    }


def transforms(plan: FramePlan) -> dict:
    fft = real_fft(plan.n_fft)
    (forward, forward_plan), (inverse, inverse_plan) = fft.forward, fft.inverse
    return {"forward": forward, "forward_plan": forward_plan, "inverse": inverse, "inverse_plan": inverse_plan}


def tables(plan: FramePlan, look_ahead: int) -> dict:
    """Constant arrays."""
    windows, first_window = _windows(plan, look_ahead)
    turns = centre_turns(plan)
    return {
        "windows": windows,
        "first_window": first_window,
        "synthesis": _constant(plan.synthesis / plan.n_fft),
        "centre": turns,
        "origin": _constant(np.exp(-2j * np.pi * turns), np.complex64),
    }


class RefinedStage(Stage):
    """A stage that owns the stage which starts its frames."""

    def __init__(self, starter: Stage | None, *, delay: int, **fields):
        self.starter = starter
        start, start_state = starter.row(0, 0)[:2] if starter else (0, 0)
        super().__init__(
            rtisi,
            RTISI,
            keep=(starter,),
            delay=delay,
            start=start,
            start_state=start_state,
            start_phase=starter.fields.get("phase") if starter else None,
            start_first=starter.first_address if isinstance(starter, BlendStage) else 0,
            **fields,
        )

    def reset(self) -> None:
        """Back to the state of a fresh object, the starting stage too."""
        super().reset()
        if self.starter:
            self.starter.reset()


def _refining(plan: FramePlan, starter: Stage | None, look_ahead: int, **numbers) -> Stage:
    rows = look_ahead + 1 - (starter.delay if starter else 0)
    return RefinedStage(
        starter,
        delay=look_ahead,
        n_bins=plan.n_bins,
        n_fft=plan.n_fft,
        length=plan.length,
        hop=plan.hop,
        rows=rows,
        **numbers,
        **transforms(plan),
        **tables(plan, rows - 1),
        **buffers(plan, rows),
    )


STARTS = ("rtpghi", "spsi", "input")


def _starter(plan: FramePlan, start: str | None, look_ahead: int, seed: int, input_spectrum) -> Stage | None:
    """The stage that starts new frames; RTPGHI takes one frame of the look-ahead for itself, if there is any."""
    if start is None:
        return None
    if start == "rtpghi":
        return rtpghi_stage(plan, look_ahead=min(look_ahead, 1), seed=seed)
    if start == "spsi":
        return spsi_stage(plan)
    if start == "input" and input_spectrum is not None:
        return input_stage(plan, input_spectrum=input_spectrum)
    remedy = "pass input_spectrum" if start == "input" else f"choose one of {', '.join(STARTS)}, or None"
    raise InvalidValue(f"start={start!r} is not possible here; {remedy}")


def _checked(plan: FramePlan, look_ahead: int | None, iterations: int, momentum: float) -> int:
    """The look-ahead, n_fft / hop - 1 by default."""
    look_ahead = -(-plan.length // plan.hop) - 1 if look_ahead is None else look_ahead
    checks.within("look_ahead", look_ahead, 0, MAX_LOOK_AHEAD, f"try {plan.length // plan.hop - 1}")
    checks.at_least("iterations", iterations, 1, "try 8")
    if not 0 <= momentum < 1:
        checks.fail("momentum", momentum, "must be 0 to less than 1", "try 0.75")
    return look_ahead


MAX_LOOK_AHEAD = 64


def rtisi_stage(
    plan: FramePlan,
    *,
    look_ahead: int | None = None,
    iterations: int = 8,
    momentum: float = 0.5,
    start: str | None = None,
    seed: int = 0,
    input_spectrum: np.ndarray | None = None,
    together: bool = False,
) -> Stage:
    """RTISI-LA of one channel as a stage: (n_bins,) float32 → (n_bins,) complex64, `look_ahead` frames late.

    Parameters
    ----------
    plan : FramePlan
    look_ahead : int, optional
        Frames, 0 to 64; length / hop - 1 by default, beyond which little is gained.
    iterations : int
        At least 1. A frame costs (look_ahead + 1)·iterations pairs of transforms.
    momentum : float
        α of the fast Griffin-Lim step, 0 (the published method) to less than 1.
    start : str, optional
        What gives a new frame its first phases: "rtpghi", "spsi", "input", or None for the past alone.
    seed : int
        For the phases that RTPGHI draws.
    input_spectrum : ndarray, optional
        As for :func:`rtspec.phase.phase_stage`; for the start "input".
    together : bool
        All frames of the buffer at once: GSRTISI-LA.
    """
    look_ahead = _checked(plan, look_ahead, iterations, momentum)
    starter = _starter(plan, start, look_ahead, seed, input_spectrum)
    return _refining(plan, starter, look_ahead, iterations=iterations, momentum=momentum, together=together)


gsrtisi_stage = partial(rtisi_stage, together=True)
"""GSRTISI-LA of one channel as a stage: as :func:`rtisi_stage`, but all frames of the buffer at once."""
