"""What phase-gradient methods share: a history of log magnitudes, and the phase steps between bins that follow from it.

The step from a bin to the next one up says where in the window its sound lies, -½ to ½ of the window's length from the
middle. Estimates beyond `REACH` of the length are noise and are cut there. Without the frame after, the step follows
from the last change of the log magnitude and from its bend, the change of that change; behind an onset the bend is that
of the onset and would put the sound before it, so it is kept within `BEND`: 16 dB less pre-echo at 75 % overlap.

References
----------
.. [1] Z. Průša and P. L. Søndergaard, "Real-time spectrogram inversion using phase gradient heap integration", DAFx
   2016.
"""

import numpy as np

from ..buffers.memory import aligned
from ..buffers.views import copy, part
from ..frames.plan import FramePlan
from .arithmetic import clean, f32, kernel, log2_all

GRADIENTS = {
    "counts": "n_bins look_ahead",
    "arrays": "magnitudes:f4[3,n_bins] logs:f4[3,n_bins] spread:f4[n_bins]",
    "singles": "frequency_scale tolerance reach bend",
}
"""Fields of a record by kind: `magnitudes` and `logs` (log2) of the last three frames, the newest
last; `spread`, the steps from bin m to m + 1 in turns."""

TOLERANCE, REACH = 1e-6, (0.2, 0.25)
"""Magnitude relative to the loudest below which a bin says nothing; farthest from the window's middle that sound is
looked for, in window lengths, without and with look-ahead."""

BEND = 3.0
"""Largest bend that is followed, in nepers for hops of a window's length; in proportion to the hop."""

DEAD = f32(-1e30)


@kernel
def take_frame(s, x):
    """Shift a magnitude frame into the history."""
    n = s.n_bins
    copy(part(s.magnitudes, 0, 2 * n), part(s.magnitudes, n, 2 * n))
    copy(part(s.logs, 0, 2 * n), part(s.logs, n, 2 * n))
    clean(x, s.magnitudes[2], n)
    log2_all(s.magnitudes[2], s.logs[2], n)


@kernel
def quiet_floor(s, old, new):
    """log2 magnitude below which a bin of either frame has no phase worth following."""
    before, here = s.logs[old], s.logs[new]
    peak = DEAD
    for m in range(s.n_bins):
        peak = max(peak, max(before[m], here[m]))
    return peak + s.tolerance


@kernel
def find_spread(s, floor):
    """Steps from bin to bin of the newest frame, or with look-ahead of the one before it, by the trapezoidal rule."""
    n = s.n_bins
    first, second, third, spread = s.logs[0], s.logs[1], s.logs[2], s.spread
    if s.look_ahead:
        for m in range(n):
            spread[m] = s.frequency_scale * (max(third[m], floor) - max(first[m], floor))
    else:
        for m in range(n):
            before, here, after = max(first[m], floor), max(second[m], floor), max(third[m], floor)
            bend = (after - here) - (here - before)
            spread[m] = s.frequency_scale * (f32(2) * (after - here) + max(-s.bend, min(s.bend, bend)))
    for m in range(n):
        spread[m] = max(-s.reach, min(s.reach, spread[m]))
    for m in range(n - 1):
        spread[m] = f32(0.5) * (spread[m] + spread[m + 1])


def gradient_fields(plan: FramePlan, look_ahead: int, refined: bool) -> dict:
    """The fields of :data:`GRADIENTS`, fresh arrays included; without the limits of this module unless `refined`.

    With a = hop, M = n_fft, L = log magnitude (natural) and the phase in turns, for frames whose time starts at the
    window's middle: a bin up ``-γ/(4πaM)·(L[n+1] - L[n-1])`` or, without the frame after,
    ``-γ/(4πaM)·(3L[n] - 4L[n-1] + L[n-2])``.
    """
    n, reach = plan.n_bins, REACH[look_ahead] if refined else 1e9
    return {
        "n_bins": n,
        "look_ahead": look_ahead,
        "magnitudes": aligned((3, n)),
        "logs": aligned((3, n)) - np.float32(127),
        "spread": aligned(n),
        "reach": reach * plan.length / plan.n_fft,
        "bend": BEND / np.log(2) * plan.hop / plan.length if refined else 1e9,
        "frequency_scale": -np.log(2) / (4 * np.pi) * plan.gamma / (plan.hop * plan.n_fft),
        "tolerance": np.log2(TOLERANCE),
    }
