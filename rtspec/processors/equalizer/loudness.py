"""What to boost: gains that give the music's bands, in noise, the loudness that they have in quiet.

Partial loudness of a band, simplified from Moore, Glasberg and Baer (1997): one filter a third-octave band, the noise
spread to its neighbours by fixed slopes, one exponent. Each band's gain, of a row of steps, is the one whose partial
loudness comes nearest to the loudness in quiet. Where that lifts the music as a whole, A-weighted, by more than is
allowed, power gets a price: each band then takes the step at which loudness gained is worth what it costs: power goes
where it is heard. The curve is smoothed over neighbours. It is a function of the levels alone, cheap enough for
every frame.

References
----------
B. C. J. Moore, B. R. Glasberg, T. Baer: "A model for the prediction of thresholds, loudness, and partial loudness",
J. Audio Eng. Soc. 45, 1997, eqs. 17 to 20.
"""

import numpy as np
from numba import njit

from ...frames.levels import a_weighting_db

ALPHA = 0.2
ABSOLUTE = 4.62
"""A of the model."""
THRESHOLD = 2.31
"""Excitation at the absolute threshold, a power; where hearing is worse at low frequencies levels are lowered by it."""
UPWARD_DB, DOWNWARD_DB = 9.0, 22.0
"""By how much a band's excitation falls a third of an octave above it and below it."""
DETECTED = 0.5
"""K: signal over noise at threshold, a power."""
STEPS = 37
"""Of a band's gain, from the greatest cut to the greatest boost."""
SEARCHES, LEAST_LOG_PRICE, MOST_LOG_PRICE = 10, -4.0, 2.0
OWN_SHARE = 0.1
"""Of a band's excitation, that has to come from the band itself."""
EVEN = 1.1
"""Times the error of a priced curve, up to which the scaled one is taken: it is smoother, and hops less."""
NOT_HEARD_PRICE = 1e-3
"""Of a decibel, either way, of a band that is not heard: next to nothing beside what is heard."""
SMOOTHED = 0.25
"""Weight of each neighbour in the curve."""
NOT_HEARD_DB = -3.0
"""A band whose loudness in quiet is that of this many dB over the threshold is left alone."""


@njit(cache=True)
def _quiet(signal):
    """Specific loudness of an excitation in quiet, in units of C."""
    return (signal + ABSOLUTE) ** ALPHA - ABSOLUTE**ALPHA


@njit(cache=True)
def _partial(signal, noise, masked, threshold, grown):
    """Specific loudness of an excitation in noise, which is `masked` below that and alone has `grown`; `threshold` is
    what both have there."""
    if signal >= masked:
        at_threshold = threshold - (THRESHOLD + ABSOLUTE) ** ALPHA
        return (signal + noise + ABSOLUTE) ** ALPHA - ABSOLUTE**ALPHA - at_threshold * (masked / signal) ** 0.3
    scale = _quiet(THRESHOLD) / (threshold - grown)
    below = (2 * signal / (signal + masked)) ** 1.5
    return below * scale * ((signal + noise + ABSOLUTE) ** ALPHA - grown)


@njit(cache=True)
def _spread(levels_db, ear_db, into):
    """Excitations, as powers, of the bands' levels: each band falls off to its neighbours."""
    up, down, n = 10.0 ** (-0.1 * UPWARD_DB), 10.0 ** (-0.1 * DOWNWARD_DB), len(levels_db)
    carried = 0.0
    for b in range(n):
        carried = carried * up + 10.0 ** (0.1 * (levels_db[b] + ear_db[b]))
        into[b] = carried
    carried = 0.0
    for b in range(n - 1, -1, -1):
        into[b] += carried * down
        carried = carried * down + 10.0 ** (0.1 * (levels_db[b] + ear_db[b]))


@njit(cache=True)
def _step_db(i, limits_db):
    """The gain of step `i`: one of them is 0, none is beyond the limits."""
    span = limits_db[0] + limits_db[1]
    zero = round(limits_db[1] / max(span, 1e-9) * (STEPS - 1))
    return min(max(span * (i - zero) / (STEPS - 1), -limits_db[1]), limits_db[0])


@njit(cache=True)
def _fill_steps(limits_db, steps):
    """Each step's gain in dB, and what it makes of a power."""
    for i in range(STEPS):
        steps[0, i] = _step_db(i, limits_db)
        steps[1, i] = 10.0 ** (0.1 * steps[0, i])


@njit(cache=True)
def _tabulate(signal, own, noise, share, steps, errors):
    """Each band's distance from its loudness in quiet, at every step of its gain.

    A band that is heard only because a louder neighbour reaches into it is not made audible by a gain of its own.
    """
    least = _quiet(THRESHOLD * 10.0 ** (0.1 * NOT_HEARD_DB))
    for b in range(len(signal)):
        wanted = _quiet(signal[b]) if own[b] > OWN_SHARE * signal[b] else 0.0
        if wanted > least:
            masked = DETECTED * noise[b] + THRESHOLD
            threshold, grown = (noise[b] + masked + ABSOLUTE) ** ALPHA, (noise[b] + ABSOLUTE) ** ALPHA
            for i in range(STEPS):
                heard = _partial(signal[b] * steps[1, i], noise[b], masked, threshold, grown)
                errors[b, i] = share[b] * abs(heard - wanted)
        else:
            for i in range(STEPS):
                errors[b, i] = NOT_HEARD_PRICE * abs(steps[0, i])


@njit(cache=True)
def _choose(errors, costs, price, steps, least_db, gains_db):
    """Each band's best step at a price of power, of those from `least_db` up."""
    for b in range(len(costs)):
        value = np.inf
        for i in range(STEPS):
            now = errors[b, i] + price * costs[b] * steps[1, i]
            if now < value and steps[0, i] >= least_db[b]:
                gains_db[b], value = steps[0, i], now


@njit(cache=True)
def _smooth(gains_db, raw):
    """Each gain drawn to its neighbours'."""
    n = len(gains_db)
    for b in range(n):
        raw[b] = gains_db[b]
    for b in range(n):
        below, above = raw[max(0, b - 1)], raw[min(n - 1, b + 1)]
        gains_db[b] = SMOOTHED * (below + above) + (1 - 2 * SMOOTHED) * raw[b]


@njit(cache=True)
def _rise_db(costs, gains_db):
    """By how much the music's A-weighted level rises; `costs` are the bands' shares of its power."""
    after = 1e-12
    for b in range(len(costs)):
        after += costs[b] * 10.0 ** (0.1 * gains_db[b])
    return 10.0 * np.log10(after)


@njit(cache=True)
def _fill_costs(music_db, weights_db, costs):
    total = 1e-30
    for b in range(len(costs)):
        costs[b] = 10.0 ** (0.1 * (music_db[b] + weights_db[b]))
        total += costs[b]
    for b in range(len(costs)):
        costs[b] /= total


@njit(cache=True)
def _error_at(errors, limits_db, gains_db):
    """The whole curve's distance from the loudness in quiet, at the steps next to its gains."""
    span, total = max(limits_db[0] + limits_db[1], 1e-9), 0.0
    zero = round(limits_db[1] / span * (STEPS - 1))
    for b in range(len(gains_db)):
        i = round(gains_db[b] / span * (STEPS - 1)) + zero
        total += errors[b, min(STEPS - 1, max(0, i))]
    return total


@njit(cache=True)
def _scale(costs, most_db, gains_db, scaled):
    """The share of a curve that lifts the music by no more than is allowed."""
    low, high = 0.0, 1.0
    for _ in range(SEARCHES):
        share = 0.5 * (low + high)
        for b in range(len(gains_db)):
            scaled[b] = share * gains_db[b]
        if _rise_db(costs, scaled) > most_db:
            high = share
        else:
            low = share
    for b in range(len(gains_db)):
        scaled[b] = low * gains_db[b]


@njit(cache=True)
def _pay(errors, costs, most_db, steps, least_db, raw, gains_db):
    """The curve at the least price of power that keeps the rise within its limit."""
    low, high = LEAST_LOG_PRICE, MOST_LOG_PRICE
    for _ in range(SEARCHES):
        middle = 0.5 * (low + high)
        _choose(errors, costs, 10.0**middle, steps, least_db, gains_db)
        _smooth(gains_db, raw)
        if _rise_db(costs, gains_db) > most_db:
            low = middle
        else:
            high = middle
    _choose(errors, costs, 10.0**high, steps, least_db, gains_db)
    _smooth(gains_db, raw)
    above = _rise_db(costs, gains_db) - most_db
    for b in range(len(gains_db)):
        gains_db[b] -= max(0.0, above)


@njit(cache=True)
def audible_gains(music_db, noise_db, ear, limits_db, work, steps, errors, gains_db):
    """Gains for third-octave bands.

    Where the limit of the rise binds, power gets a price, or the whole curve is scaled, whichever leaves less error.
    Power is not saved by a cut where the music is hidden altogether: a noise that dips would uncover a hole.

    Parameters
    ----------
    music_db, noise_db : array of float64, shape (n_bands,)
        Levels at the listener's ear, dB SPL.
    ear : array of float64, shape (3, n_bands)
        Of :func:`ear_tables`.
    limits_db : array of float64, shape (3,)
        Greatest boost, cut (positive) and rise, dB.
    work, steps, errors : array of float64, shapes (4, n_bands), (2, STEPS) and (n_bands, STEPS)
    gains_db : array of float64, shape (n_bands,)
        Gets the gains.
    """
    signal, noise, own, scaled = work[0], work[1], work[2], work[3]
    _spread(music_db, ear[0], signal)
    _spread(noise_db, ear[0], noise)
    for b in range(len(own)):
        own[b] = 10.0 ** (0.1 * (music_db[b] + ear[0, b]))
    _fill_steps(limits_db, steps)
    _tabulate(signal, own, noise, ear[2], steps, errors)
    costs, least = own, noise  # in the same room
    _fill_costs(music_db, ear[1], costs)
    for b in range(len(gains_db)):
        least[b] = -limits_db[1]
    _choose(errors, costs, 0.0, steps, least, gains_db)
    for b in range(len(gains_db)):
        least[b] = min(0.0, gains_db[b])
    _smooth(gains_db, signal)
    if _rise_db(costs, gains_db) <= limits_db[2]:
        return
    _scale(costs, limits_db[2], gains_db, scaled)
    _pay(errors, costs, limits_db[2], steps, least, signal, gains_db)
    if _error_at(errors, limits_db, scaled) <= EVEN * _error_at(errors, limits_db, gains_db):
        for b in range(len(gains_db)):
            gains_db[b] = scaled[b]


def ear_tables(centres_hz: np.ndarray) -> np.ndarray:
    """What the ear does to third-octave levels, float64 (3, n_bands).

    First from a level in a free field to an excitation in dB: the threshold in quiet (Terhardt), and the part of a band
    that one filter hears; then A-weighting in dB; then how many filters lie in a band.
    """
    f = np.asarray(centres_hz, np.float64)
    k = f / 1000
    in_quiet = 3.64 * k**-0.8 - 6.5 * np.exp(-0.6 * (k - 3.3) ** 2) + 1e-3 * k**4
    share = np.minimum(1.0, 24.7 * (4.37 * k + 1) / (0.2316 * f))
    ear_db = 10 * np.log10(THRESHOLD) - np.minimum(in_quiet, 60.0) + 10 * np.log10(share)
    filters = 0.2316 * f / (24.7 * (4.37 * k + 1))
    return np.stack([ear_db, a_weighting_db(f), filters])


def gains_for(
    centres_hz: np.ndarray,
    music_db: np.ndarray,
    noise_db: np.ndarray,
    max_boost_db: float = 12.0,
    max_cut_db: float = 6.0,
    max_rise_db: float = 6.0,
) -> np.ndarray:
    """The curve for levels of music and noise in dB SPL: float64 (n_bands,); the offline twin of the listening side.

    Examples
    --------
    >>> import numpy as np
    >>> centres = 1000 * 10 ** (np.arange(-10, 11) / 10)
    >>> bool(gains_for(centres, np.full(21, 50.0), np.full(21, 50.0)).max() > 3)
    True
    """
    music, noise = (np.array(x, np.float64) for x in (music_db, noise_db))
    shapes = len(music), (4, len(music)), (2, STEPS), (len(music), STEPS)
    gains, work, steps, errors = (np.zeros(shape) for shape in shapes)
    limits = np.array([max_boost_db, max_cut_db, max_rise_db])
    audible_gains(music, noise, ear_tables(centres_hz), limits, work, steps, errors, gains)
    return gains
