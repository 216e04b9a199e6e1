"""Keeping a sketch's levels true: magnitudes scaled band by band so that the sound, measured again, has the input's.

Two things change levels. The estimate need not have the band powers that it was made from: a few rounds of scaling mend
that, frame by frame. And magnitudes that no sound has lose power when overlap-add makes one of them, by an amount that
depends on sound and phase method: the finished sound is analysed again, and the running ratio of what came out to what
was asked for, band by band, corrects what is asked for next.
"""

import numpy as np
from numba import njit

from ...buffers.memory import address, aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import clear, copy, floats, part
from ...frames.bands import BandFilters

ROUNDS = 4
"""Of scaling a frame to its levels: more settle the bins that bands share, which a loud one leaves to a faint one."""

MEMORY_S = 0.4
"""Time constant of the running sums."""

TRUSTED_FRAMES = 24.0
"""Frames with sound after which the ratio is believed as it is; before, it is mixed with 1."""

LEAST, MOST = 0.03, 10.0
"""Bounds of the ratio: corrections of at most +15 and -10 dB."""

LARGEST, SMALLEST = np.float32(1e3), np.float32(1e-12)
"""Greatest and least gain of power of one round."""

FAINT = 1e-7
"""Bands whose asked-for power is below this share of the loudest's take the ratio of all bands together."""

FORGOTTEN = 1e12
"""Sums of so many times a frame's own power are of a sound that no ear compares it with: they begin anew."""

CONTROL = Record(
    "Control",
    counts="n_bands n_bins lag behind at=0",
    constants="weights:f4[n_bands,n_bins] ranges:i8[n_bands,2] cover:f4[n_bins]",
    shared="powers:f4[n_bands]",
    arrays="past:f4[lag+1,n_bands] asked_past:f4[behind+1,n_bands] gains:f4[n_bands] scale:f4[n_bins] ratio:f4[n_bands]"
    " asked:f4[n_bands] heard:f4[n_bands]",
    reals="memory frames=0",
)

COMPARISON = Record("Comparison", addresses="control")


@njit
def _turn(ring, at, lag, newest):
    """Store `newest` in a ring of lag + 1 rows; returns the row `lag` ago."""
    copy(ring[at % (lag + 1)], newest)
    return ring[(at + 1) % (lag + 1)]


@njit(fastmath={"reassoc", "contract"})
def _band_power(weights, magnitude, n):
    total = np.float32(0)
    for i in range(n):
        total += weights[i] * magnitude[i] * magnitude[i]
    return total


@njit
def _match(s, magnitude, wanted):
    """Scale the magnitudes once, so that their band powers come nearer to those wanted: a step of SMART.

    With power x, gain g of a band and its weight w at a bin, ``x ← x·Π g^w`` (the weights of a bin adding up to one):
    it converges to the powers that have the wanted bands and are nearest, by relative entropy, to the first ones.
    """
    ranges, cover, scale = s.ranges, s.cover, s.scale
    clear(scale)
    for b in range(s.n_bands):
        start, n_used = ranges[b, 0], ranges[b, 1] - ranges[b, 0]
        weights = part(s.weights[b], start, n_used)
        has = _band_power(weights, part(magnitude, start, n_used), n_used)
        gain = min(wanted[b] / has, LARGEST) if has > 0 else np.float32(0)
        exponent = np.float32(0.5) * np.log(max(gain, SMALLEST))
        for i in range(n_used):
            scale[start + i] += exponent * weights[i]
    for k in range(s.n_bins):
        magnitude[k] *= np.exp(scale[k] * cover[k])


@step
def hold_levels(state, x, n, y):
    """One float32 frame of n_bins magnitudes → the same, scaled so that its sound has the band powers at `powers`."""
    s = CONTROL(state)
    wanted, asked, ratio = _turn(s.past, s.at, s.lag, s.powers), s.gains, s.ratio
    for b in range(s.n_bands):  # to be compared with what comes out
        asked[b] = wanted[b] / ratio[b]
    magnitude = floats(y, s.n_bins)
    copy(magnitude, floats(x, s.n_bins))
    for _ in range(ROUNDS):
        _match(s, magnitude, asked)
    return n


@njit
def _forget_bursts(s, asked, heard, then, heard_now):
    """Begin the sums anew where they hold what nothing recovers from: a burst beyond all sound, or no number at all."""
    past, now = np.float32(0), np.float32(0)
    for b in range(s.n_bands):
        past, now = past + asked[b] + heard[b], now + then[b] + heard_now[b]
    if np.isfinite(past) and (now == 0 or not np.isfinite(now) or past < FORGOTTEN * now):
        return
    clear(s.asked)
    clear(s.heard)
    s.frames = 0.0


@step
def compare_levels(state, x, n, y):
    """One frame of the finished sound's band powers at `x` → the ratio of heard to asked-for power of every band."""
    s = CONTROL(COMPARISON(state).control)
    then = _turn(s.asked_past, s.at, s.behind, s.gains)
    heard_now, heard, asked = floats(x, s.n_bands), s.heard, s.asked
    keep, ratio = np.float32(s.memory), s.ratio
    _forget_bursts(s, asked, heard, then, heard_now)
    loudest, all_heard, all_asked = np.float32(0), np.float32(0), np.float32(0)
    for b in range(s.n_bands):
        asked[b], heard[b] = keep * asked[b] + then[b], keep * heard[b] + heard_now[b]
        loudest = max(loudest, asked[b])
        all_heard, all_asked = all_heard + heard[b], all_asked + asked[b]
    s.frames = min(s.frames + 1.0, TRUSTED_FRAMES) if all_asked > 0 else 0.0
    trust = np.float32(s.frames / TRUSTED_FRAMES)
    s.at += 1
    for b in range(s.n_bands):
        known = asked[b] > FAINT * loudest
        found = heard[b] / asked[b] if known else (all_heard / all_asked if all_asked > 0 else np.float32(1))
        ratio[b] = np.float32(1) + trust * (min(max(found, np.float32(LEAST)), np.float32(MOST)) - np.float32(1))
    return n


def level_stages(filters: BandFilters, powers: np.ndarray, lag: int, behind: int) -> tuple[Stage, Stage]:
    """The correction before the phases, and the measurement after overlap-add that steers it.

    Parameters
    ----------
    filters : BandFilters
    powers : ndarray, float32, shape (n_bands,)
        Where each frame's band powers lie.
    lag : int
        Frames by which the magnitudes come later than those powers.
    behind : int
        Frames from a frame of magnitudes to the analysis of its own sound: the phase method's delay, and what the
        window spans beyond a hop.

    Returns
    -------
    hold, compare : Stage
        (n_bins,) magnitudes → (n_bins,); and (n_bands,) powers of the finished sound → nothing. The second works on the
        first one's state, whose reset is enough.
    """
    n_bands, n_bins = filters.weights.shape
    cover = filters.weights.sum(axis=0)
    inverse = aligned(n_bins)
    np.divide(1, cover, out=inverse, where=cover > 0)
    inverse.flags.writeable = False
    ratio = aligned(n_bands)
    ratio[:] = 1
    hold = Stage(
        hold_levels,
        CONTROL,
        n_bands=n_bands,
        n_bins=n_bins,
        weights=filters.weights,
        ranges=filters.ranges,
        cover=inverse,
        powers=powers,
        memory=np.exp(-1 / (MEMORY_S * filters.plan.frame_rate_hz)),
        lag=lag,
        behind=behind,
        past=aligned((lag + 1, n_bands)),
        asked_past=aligned((behind + 1, n_bands)),
        gains=aligned(n_bands),
        scale=aligned(n_bins),
        ratio=ratio,
        asked=aligned(n_bands),
        heard=aligned(n_bands),
    )
    return hold, Stage(compare_levels, COMPARISON, keep=(hold,), control=address(hold.record))
