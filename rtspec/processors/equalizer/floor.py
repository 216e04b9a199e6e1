"""Noise floors: levels of bands that doors and speech do not lift, from levels of frames.

The mean powers of a few frames are kept for some time, and of these a low quantile is the floor: what sounds for less
than two thirds of that time, or with pauses as speech does, does not count. A quantile of a noise's power lies below
its mean, by what a chi-squared variable of the band's degrees of freedom says; that is made good.
"""

import numpy as np
from numba import njit

from ...buffers.memory import aligned, aligned_copy

QUANTILE = 0.2
MOST = 64
"""Means kept at most."""

MEAN_S = 0.064
FEWEST_S = 0.5
"""How much goes into one mean, and how much sound there has to be before there is a floor."""

FLOOR = {
    "counts": "n_bands frames fewest known=0 at=0 fill=0",
    "constants": "lifts_db:f8[n_bands]",
    "arrays": f"sums:f8[n_bands] kept:f8[n_bands,{MOST}] ordered:f8[{MOST}] floor_db:f8[n_bands]",
    "reals": "faintest_db",
}
"""Fields of whatever record a floor is part of; `known` is how many means are kept."""


@njit
def forget(s):
    """Begin anew."""
    s.known, s.at, s.fill = 0, 0, 0
    for b in range(s.n_bands):
        s.sums[b] = 0.0


@njit
def _quantile(values, n):
    """Of `n` values, which are sorted in place."""
    for i in range(1, n):
        value, k = values[i], i
        while k > 0 and values[k - 1] > value:
            values[k] = values[k - 1]
            k -= 1
        values[k] = value
    place = QUANTILE * (n - 1)
    low = int(place)
    high = min(n - 1, low + 1)
    return values[low] + (place - low) * (values[high] - values[low])


@njit
def note(s, powers, length):
    """One frame's band powers, where 1 is 0 dB; True where the floor is known, and in `s.floor_db`. It is that of the
    last `length` means."""
    length = min(MOST, max(2, length))
    for b in range(s.n_bands):
        s.sums[b] += powers[b]
    s.fill += 1
    if s.fill < s.frames:
        return s.known >= s.fewest
    for b in range(s.n_bands):
        s.kept[b, s.at] = s.sums[b] / s.frames
        s.sums[b] = 0.0
    s.fill, s.at, s.known = 0, (s.at + 1) % MOST, min(s.known + 1, MOST)
    if s.known < s.fewest:
        return False
    n = min(length, s.known)
    for b in range(s.n_bands):
        for i in range(n):
            s.ordered[i] = s.kept[b, (s.at - 1 - i) % MOST]
        power = _quantile(s.ordered, n)
        s.floor_db[b] = max(s.faintest_db, 10.0 * np.log10(max(power, 1e-30)) + s.lifts_db[b])
    return True


def floor_fields(widths_hz: np.ndarray, frame_s: float, hop_s: float, faintest_db: float) -> dict:
    """The fields :data:`FLOOR` of bands this wide, of frames that last `frame_s` and come every `hop_s`. Widths are
    float64 of shape (n_bands,), Hz."""
    n, frames = len(widths_hz), max(1, round(MEAN_S / hop_s))
    lasting_s = mean_lasts_s(frame_s, hop_s, frames)
    return {
        "n_bands": n,
        "frames": frames,
        "fewest": max(2, round(FEWEST_S / (frames * hop_s))),
        "lifts_db": _constant(lifts_db(widths_hz, frame_s, lasting_s)),
        "sums": aligned(n, np.float64),
        "kept": aligned((n, MOST), np.float64),
        "ordered": aligned(MOST, np.float64),
        "floor_db": aligned_copy(np.full(n, faintest_db)),
        "faintest_db": faintest_db,
    }


def mean_lasts_s(frame_s: float, hop_s: float, frames: int) -> float:
    """How much sound a mean of frames hears: a Hann window lasts about half as long as it is."""
    return 0.5 * frame_s + (frames - 1) * hop_s


def lifts_db(widths_hz: np.ndarray, frame_s: float, lasting_s: float) -> np.ndarray:
    """By how much a noise's mean power lies above the quantile of means over `lasting_s`, float64 (n_bands,)."""
    from scipy.stats import chi2

    freedom = np.maximum(2.0 * np.maximum(widths_hz, 1.5 / frame_s) * lasting_s, 1.0)
    return 10.0 * np.log10(freedom / chi2.ppf(QUANTILE, freedom))


def _constant(values: np.ndarray) -> np.ndarray:
    out = aligned_copy(values)
    out.flags.writeable = False
    return out
