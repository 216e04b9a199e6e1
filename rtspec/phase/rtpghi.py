"""RTPGHI: real-time phase gradient heap integration, without the heap.

The gradients of the phase follow from those of the log magnitude (exact for a Gaussian window); the phase of a frame
is integrated from the frame before it and along its own bins, loudest paths first.

Where the heap went. The method pops the loudest bin whose phase is known, and gives it to the neighbours that lack
one. Bins of a frame form a path, and each hangs on its own past, so a phase can reach bin m in three ways only: from
its past (a key A[m], the old log magnitude), from below or from above. The heap reaches m from below when the
quietest bin on the way is popped, at the key

    below[m] = min(B[m-1], max(A[m-1], below[m-1]))          B: the new log magnitudes

and likewise from above; the way with the largest key is the one that comes first. Two sweeps find what the heap would
do, in a fixed time that does not depend on the sound.

Beyond the paper. (1) Steps between bins are kept within limits (:mod:`rtspec.phase.gradients`), which is worth 2 dB
without look-ahead.
(2) A single path to each bin wastes the others: after the sweeps every bin is set, `SETTLING` times, to the sum of
what its past and its two neighbours predict, weighted by their powers; 0.7 dB more. With both set aside the result is
the heap's, bin by bin.

References
----------
.. [1] Z. Průša and P. L. Søndergaard, "Real-time spectrogram inversion using phase gradient heap integration", DAFx
   2016.
.. [2] Z. Průša, P. Balazs and P. L. Søndergaard, "A noniterative method for reconstruction of phase from STFT
   magnitude", IEEE/ACM TASLP 25(5), 2017, eqs. 15-19 (gradients), algorithm 1.
"""

import numpy as np

from .. import checks
from ..buffers.memory import aligned, aligned_copy
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import complex_rows, copy, float_rows, part
from ..frames.plan import FramePlan
from .arithmetic import ONE, SMALLEST, ZERO, cosine_sine, f32, kernel, polar, random_turns, turns_of, wrap
from .direct import centre_turns
from .gradients import DEAD, GRADIENTS, find_spread, gradient_fields, quiet_floor, take_frame

_ROWS = "phase slope below chosen past settled"
RTPGHI = Record(
    "Rtpghi",
    counts=f"{GRADIENTS['counts']} draws settling",
    arrays=" ".join([GRADIENTS["arrays"], *(f"{name}:f4[n_bins]" for name in _ROWS.split())]),
    constants="advance:f4[n_bins] centre:f4[n_bins]",
    singles=f"{GRADIENTS['singles']} time_scale",
)
"""Rows of float32 (n_bins,): `phase` and `slope` (turns a hop) of the frame given last; `advance` (turns a hop of each
bin's centre); `centre` (turns from the window's middle to its start); the rest is work space."""

UNREACHED = f32(1e4)
"""Below every log magnitude (log2): a bin that nothing reaches starts its own island, the loudest first."""


@kernel
def predict(s, new, floor):
    """What the frame before `new` says of every phase, into `past`."""
    n = s.n_bins
    here, slope, advance, phase, past = s.logs[new], s.slope, s.advance, s.phase, s.past
    past[0], past[n - 1] = phase[0], phase[n - 1]
    for m in range(1, n - 1):
        fresh = advance[m] + s.time_scale * (max(here[m + 1], floor) - max(here[m - 1], floor))
        past[m] = phase[m] + f32(0.5) * (slope[m] + fresh)
        slope[m] = fresh


@kernel
def source(before, here, floor):
    """Key at which a bin's past gives it a phase."""
    return before if before > floor else here - UNREACHED


@kernel
def integrate(s, old, new, floor):
    """Carry `phase` from the old frame to the new one; see the module's text for the two sweeps."""
    n = s.n_bins
    before, here, phase, predicted, spread = s.logs[old], s.logs[new], s.phase, s.past, s.spread
    below, chosen = s.below, s.chosen
    reach = DEAD
    for m in range(n):
        below[m] = reach
        reach = min(here[m] if here[m] > floor else DEAD, max(source(before[m], here[m], floor), reach))
    reach, carried = DEAD, ZERO
    for i in range(n):
        m = np.uint64(n - 1 - i)  # unsigned: never counted from the end; and no branch, which noise would mispredict
        past, up, own, step_up = source(before[m], here[m], floor), below[m], predicted[m], spread[m]
        from_above = (reach > past) & (reach > up)
        chosen[m] = ONE if (up > past) & (not from_above) else ZERO
        carried = carried - step_up if from_above else own
        phase[m] = carried
        reach = min(here[m] if here[m] > floor else DEAD, max(past, reach))
    carried = phase[0]
    for m in range(1, n):
        own, step_up = phase[m], spread[m - 1]
        carried = carried + step_up if chosen[m] > ZERO else own
        phase[m] = carried


@kernel
def settle(s, old, new):
    """Set every bin to the sum of what its past and its neighbours predict, weighted by their powers."""
    n = s.n_bins
    phase, past, spread, settled = s.phase, s.past, s.spread, s.settled
    before, here = s.magnitudes[old], s.magnitudes[new]
    for m in range(1, n - 1):
        c0, s0 = cosine_sine(past[m])
        c1, s1 = cosine_sine(phase[m - 1] + spread[m - 1])
        c2, s2 = cosine_sine(phase[m + 1] - spread[m])
        top = max(max(before[m], SMALLEST), max(here[m - 1], here[m + 1]))
        a, b, c = before[m] / top, here[m - 1] / top, here[m + 1] / top
        settled[m] = turns_of(a * a * c0 + b * b * c1 + c * c * c2, a * a * s0 + b * b * s1 + c * c * s2)
    copy(part(phase, 1, n - 2), part(settled, 1, n - 2))


@kernel
def finish(s, new, floor):
    """Wrap the phases; bins too quiet to have one get a random one."""
    here, phase = s.logs[new], s.phase
    s.draws += 1
    for m in range(s.n_bins):
        phase[m] = wrap(phase[m]) if here[m] > floor else random_turns(s.draws, m)


@kernel
def follow(s):
    """Phases of the newest frame that can be had, from the frame before it."""
    new = 2 - s.look_ahead
    floor = quiet_floor(s, new - 1, new)
    predict(s, new, floor)
    find_spread(s, floor)
    integrate(s, new - 1, new, floor)
    for _ in range(s.settling):
        settle(s, new - 1, new)
    finish(s, new, floor)


@step
def rtpghi(state, x, n, y):
    """`n` frames of n_bins float32 magnitudes → `n` frames of n_bins complex64, `look_ahead` frames late."""
    s = RTPGHI(state)
    magnitudes, frames = float_rows(x, n, s.n_bins), complex_rows(y, n, s.n_bins)
    for t in range(n):
        take_frame(s, magnitudes[t])
        follow(s)
        polar(s.magnitudes[2 - s.look_ahead], s.phase, s.centre, frames[t], s.n_bins)
    return n


SETTLING = 3
"""Rounds of settling."""


def integration(plan: FramePlan, look_ahead: int, seed: int, refined: bool) -> dict:
    """The fields of an RTPGHI record, fresh arrays included.

    As in :func:`rtspec.phase.gradients.gradient_fields`; a hop further ``a·m/M + a·M/(4πγ)·(L[m+1] - L[m-1])``.
    """
    n, bins = plan.n_bins, np.arange(plan.n_bins)
    advance = (bins * plan.hop / plan.n_fft) % 1
    advance[[0, -1]] = 0
    return gradient_fields(plan, look_ahead, refined) | {
        "draws": seed << 16,
        "phase": aligned(n),
        "slope": aligned_copy(advance, np.float32),
        "advance": aligned_copy(advance, np.float32),
        "centre": centre_turns(plan),
        "below": aligned(n),
        "chosen": aligned(n),
        "past": aligned(n),
        "settled": aligned(n),
        "settling": SETTLING if refined else 0,
        "time_scale": np.log(2) / (4 * np.pi) * plan.hop * plan.n_fft / plan.gamma,
    }


def rtpghi_stage(plan: FramePlan, *, look_ahead: int = 1, seed: int = 0, refined: bool = True) -> Stage:
    """RTPGHI of one channel as a stage: (n_bins,) float32 → (n_bins,) complex64.

    Parameters
    ----------
    plan : FramePlan
    look_ahead : int
        Frames, 0 or 1.
    seed : int
        For the phases of bins that are too quiet to have one.
    refined : bool
        With this module's two additions; False is the published method.
    """
    if look_ahead not in (0, 1):
        checks.fail("look_ahead", look_ahead, "must be 0 or 1 for rtpghi", "try 1, or rtisi-la for more")
    return Stage(rtpghi, RTPGHI, delay=look_ahead, **integration(plan, look_ahead, seed, refined))
