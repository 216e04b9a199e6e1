"""What a coder or a filler does to music that distances do not name: echoes before onsets, birdies, roughness, hiss
where there were partials, and another width.

Sounds are float32 of shape (channels, n_samples) or (n_samples,), aligned to the sample. Every figure is one of the
made sound beside the original's own: 0 (birdies: :data:`LEAST_DB`) where both are equal, and none depends on a common
gain.
"""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.ndimage import median_filter

from ..errors import InvalidValue
from .distances import LSD_HOP, LSD_N_FFT, paired, powers

LEAST_DB = -80.0
"""What counts as nothing: of the birdies' share."""
BIRDIE_DB = 10.0
"""By which a birdie stands out of its neighbours in frequency, and of those in time."""
KNOWN_DB = 7.0
"""By which a bin that stands out in the original is no birdie: at one limit for both, bins near it would count that
hardly changed, and a faint hiss made as many as a coder."""
_BIRDIE_BINS, _BIRDIE_FRAMES = 25, 25
BIRDIES_FROM_HZ = 1000.0

ECHO_S, ECHO_GAP_S, ONSET_S, ONSET_DB = 0.02, 0.003, 0.01, 15.0
"""Before an onset 20 ms count, but for the last 3; it is one where 10 ms are 15 dB louder than those before."""
ECHO_RANGE_DB = 50.0
"""Quieter than that below the onset, an echo is masked."""

ROUGH_HZ = (20.0, 150.0)
"""Modulations that are heard as roughness."""
_ROUGH_N_FFT, _ROUGH_HOP, _ROUGH_S = 256, 64, 0.5

MODULATIONS_HZ = 2.0 ** np.arange(7)
"""Edges of the octaves whose modulations are compared."""

PARTIAL_DB = 9.0
"""By which a partial stands above the median of its group of bins."""
_TONAL_N_FFT, _TONAL_GROUP = 4096, 32
TONAL_LEAST_DB = -20.0

_SILENT = 1e-6
"""Power of a band beside the original's, below which it says nothing about its width or roughness."""


def early_db(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float | None:
    """By how much the 20 ms before the original's onsets are louder in the made sound, beside the onset itself; None
    where the original has no onset.

    Both are differentiated first, since high frequencies tell an echo. Mean over onsets, dB; below 0 it is quieter.
    Both float32 of shape (channels, n_samples) or (n_samples,).
    """
    a, b = (np.diff(each, axis=1) ** 2 for each in paired(original, made))
    a, b = a.mean(axis=0), b.mean(axis=0)
    at = onsets(a, sample_rate)
    if not len(at):
        return None
    contrasts = [_before(each, at, sample_rate) for each in (a, b)]
    return float(np.mean(contrasts[1] - contrasts[0]))


def onsets(power: np.ndarray, sample_rate: int) -> np.ndarray:
    """Samples at which the power, float64 of shape (n_samples,), rises by :data:`ONSET_DB`; int64, the first ones of
    each 50 ms."""
    n, back = round(ONSET_S * sample_rate), round(ECHO_S * sample_rate)
    step = max(1, n // 10)
    total = np.concatenate([[0.0], np.cumsum(power)])
    at = np.arange(back, len(power) - n + 1, step)
    if not len(at):
        return at
    after, before = (total[at + n] - total[at]) / n, (total[at] - total[at - back]) / back
    loud = after > 1e-4 * power.max() + 1e-20
    rising = np.flatnonzero(loud & (after > 10 ** (ONSET_DB / 10) * before))
    kept: list[int] = []
    for k in rising.tolist():  # of neighbours the last one before which all is quiet begins the onset
        if kept and at[k] - at[kept[-1]] <= 5 * n:
            if before[k] <= 1.5 * before[kept[-1]]:
                kept[-1] = k
        else:
            kept.append(k)
    return at[kept]


def _before(power: np.ndarray, at: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level before each onset beside that of the onset, dB."""
    n, back, gap = (round(s * sample_rate) for s in (ONSET_S, ECHO_S, ECHO_GAP_S))
    floor = 10 ** (-ECHO_RANGE_DB / 10)
    before = np.array([power[k - back : k - gap].mean() for k in at])
    after = np.array([power[k : k + n].mean() for k in at])
    return 10 * np.log10(before / (after + 1e-30) + floor)


def birdies_db(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """Share of the made sound's power above 1 kHz that is in isolated bins which are not isolated in the original, dB,
    from :data:`LEAST_DB` to 0.

    A bin is isolated that stands :data:`BIRDIE_DB` (in the original :data:`KNOWN_DB`) above the median of its
    neighbours in frequency (±260 Hz at 44.1 kHz) and above that of its neighbours in time (±.14 s): what a coder leaves
    of a band whose other bins it dropped.
    Both float32 of shape (channels, n_samples) or (n_samples,).
    """
    start = round(BIRDIES_FROM_HZ * LSD_N_FFT / sample_rate)
    a, b = (powers(sound, LSD_N_FFT, LSD_HOP)[..., start:] for sound in paired(original, made))
    known, alone = (
        np.stack([_isolated(channel, by_db) for channel in each]) for each, by_db in ((a, KNOWN_DB), (b, BIRDIE_DB))
    )
    share = b[alone & ~known].sum() / (b.sum() + 1e-30)
    return 10 * float(np.log10(max(share, 10 ** (LEAST_DB / 10))))


def _isolated(power: np.ndarray, by_db: float) -> np.ndarray:
    """Which bins stand out in frequency and in time, bool of shape (n_frames, n_bins)."""
    factor, reach = 10 ** (by_db / 10), _BIRDIE_FRAMES // 2
    found = power > factor * median_filter(power, (1, _BIRDIE_BINS), mode="nearest")
    padded = np.pad(power, ((reach, reach), (0, 0)), mode="edge")
    frames, bins = np.nonzero(found)
    before_and_after = padded[frames[:, np.newaxis] + np.arange(_BIRDIE_FRAMES), bins[:, np.newaxis]]
    found[frames, bins] = power[frames, bins] > factor * np.median(before_and_after, axis=1)
    return found


def roughness_db(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """How much stronger the made sound's bands are modulated at 20 to 150 Hz than the original's, dB.

    Of each third of an octave and half second the modulations' energy beside the mean envelope's; weighed by the
    original's loudness there (its power to .3). Bands that the made sound lacks are not modulated.
    Both float32 of shape (channels, n_samples) or (n_samples,).
    """
    a, b = paired(original, made)
    weights, depths = zip(*(_modulated(each, a, sample_rate) for each in (a, b)), strict=True)
    rough = [float(np.sum(weights[0] * depth) / (weights[0].sum() + 1e-30)) for depth in depths]
    return 10 * float(np.log10((rough[1] + 1e-6) / (rough[0] + 1e-6)))


def _modulated(sound: np.ndarray, original: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The loudness of bands and stretches, and the depth of their modulation: (channels, n_stretches, n_bands)."""
    envelopes, level = _stretches(sound, sample_rate), _stretches(original, sample_rate)
    n = envelopes.shape[2]
    if n < 2:
        raise InvalidValue(f"{sound.shape[1]} samples are too few to hear roughness; give at least half a second")
    mean, own = envelopes.mean(axis=2), (level**2).mean(axis=2)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n))[:, np.newaxis]
    spectrum = np.abs(np.fft.rfft((envelopes - mean[:, :, np.newaxis]) * window, axis=2)) ** 2
    hz = np.fft.rfftfreq(n, _ROUGH_HOP / sample_rate)
    band = (hz >= ROUGH_HZ[0]) & (hz <= ROUGH_HZ[1])
    energy = 2 * spectrum[:, :, band].sum(axis=2) / (n * np.sum(window**2))
    depth = np.where(mean**2 > _SILENT * own, energy / (mean**2 + 1e-30), 0.0)
    return own**0.3, depth


def _stretches(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Envelopes in half seconds: (channels, n_stretches, n_frames, n_bands)."""
    bands = _envelopes(sound, sample_rate)
    n = round(_ROUGH_S * sample_rate / _ROUGH_HOP)
    count = bands.shape[1] // n
    if count == 0:
        raise InvalidValue(f"{sound.shape[1]} samples are too few to hear roughness; give at least half a second")
    return bands[:, : count * n].reshape(len(bands), count, n, -1)


def _envelopes(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Amplitudes of thirds of an octave from 200 Hz: (channels, n_frames, n_bands)."""
    power = powers(sound, _ROUGH_N_FFT, _ROUGH_HOP)
    hz = np.arange(power.shape[2]) * sample_rate / _ROUGH_N_FFT
    edges = np.unique(np.searchsorted(hz, 200 * 2 ** (np.arange(24) / 3)))
    return np.sqrt(np.add.reduceat(power, edges[edges < len(hz)], axis=2))


def modulation_db(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """How far the modulation spectra of bands are from the original's: root mean square in dB over the octaves from 1
    to 64 Hz and those thirds of an octave that the original has.

    Modulations are relative to their band's mean, and those 40 dB below it count as that. Both float32 of shape
    (channels, n_samples) or (n_samples,), of a second at least.
    """
    a, b = (_envelopes(sound, sample_rate) for sound in paired(original, made))
    n = a.shape[1]
    edges = np.searchsorted(np.fft.rfftfreq(n, _ROUGH_HOP / sample_rate), MODULATIONS_HZ)
    if np.any(np.diff(edges) < 1):
        raise InvalidValue(f"{n * _ROUGH_HOP} samples are too few for modulations of 1 Hz; give at least a second")
    levels = [_octaves(each, edges) for each in (a, b)]
    mean = (a**2).mean(axis=1)
    there = mean > _SILENT * mean.max()
    return float(np.sqrt(np.mean(np.square(levels[1] - levels[0])[np.broadcast_to(there, levels[0].shape)])))


def _octaves(envelopes: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Modulation of each octave beside the mean, dB: (n_octaves, channels, n_bands)."""
    n, mean = envelopes.shape[1], envelopes.mean(axis=1, keepdims=True)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n))[:, np.newaxis]
    spectrum = np.abs(np.fft.rfft((envelopes - mean) * window, axis=1)) ** 2
    energy = [2 * spectrum[:, low:high].sum(axis=1) for low, high in pairwise(edges)]
    return 10 * np.log10(np.stack(energy) / (n * np.sum(window**2) * mean[:, 0] ** 2 + 1e-30) + 1e-4)


def tonal_db(original: np.ndarray, made: np.ndarray, band: tuple[float, float]) -> float:
    """How much more the made sound's power within a band (shares of the Nyquist frequency) is in partials than the
    original's, dB: below 0 there is hiss where there were partials.

    A partial is a bin :data:`PARTIAL_DB` above the median of its group of 32 (345 Hz at 44.1 kHz). Of each group the
    partials' power beside the rest's, within ±20 dB; weighed by the original's power to .3.
    Both float32 of shape (channels, n_samples) or (n_samples,).
    """
    a, b = (_groups(sound, band) for sound in paired(original, made))
    weights = a.sum(axis=-1) ** 0.3
    ratios = [_partials(each, a) for each in (a, b)]
    return float(np.sum(weights * (ratios[1] - ratios[0])) / (weights.sum() + 1e-30))


def _groups(sound: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    power = powers(sound, _TONAL_N_FFT, _TONAL_N_FFT // 2)
    low, high = (round(share * (_TONAL_N_FFT // 2)) for share in band)
    count = (high - low) // _TONAL_GROUP
    if count < 1:
        raise InvalidValue(f"band={band} holds no group of {_TONAL_GROUP} bins; give a wider one")
    part = power[..., low : low + count * _TONAL_GROUP]
    return part.reshape(*part.shape[:2], count, _TONAL_GROUP)


def _partials(groups: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Partials beside the rest in each group, dB."""
    there = groups > 10 ** (PARTIAL_DB / 10) * np.median(groups, axis=-1, keepdims=True)
    tonal = np.where(there, groups, 0.0).sum(axis=-1)
    rest = groups.sum(axis=-1) - tonal + _SILENT * original.sum(axis=-1) + 1e-30
    least = 10 ** (TONAL_LEAST_DB / 10)
    return 10 * np.log10(np.clip(tonal / rest, least, 1 / least))


def width_error(original: np.ndarray, made: np.ndarray, sample_rate: int) -> float:
    """How far the side's share of the power is from the original's, 0 to 1: mean over octaves and frames, weighed by
    the original's power to .3. 0 for mono, and where the made sound has nothing.
    Both float32 of shape (channels, n_samples) or (n_samples,).

    Raises
    ------
    InvalidValue
        More than two channels.
    """
    a, b = paired(original, made)
    if len(a) > 2:
        raise InvalidValue(f"{len(a)} channels have no one side; give one or two")
    if len(a) == 1:
        return 0.0
    (total, side), (total_made, side_made) = (_sides(each, sample_rate) for each in (a, b))
    there = total_made > _SILENT * total
    off = np.abs(side_made / (total_made + 1e-30) - side / (total + 1e-30)) * there
    weights = total**0.3
    return float(np.sum(weights * off) / (weights.sum() + 1e-30))


def _sides(sound: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Power of octaves in all and of the side's: (n_frames, n_bands)."""
    middle, side = powers(np.stack([sound[0] + sound[1], sound[0] - sound[1]]), LSD_N_FFT, LSD_HOP)
    hz = np.arange(middle.shape[1]) * sample_rate / LSD_N_FFT
    edges = np.unique(np.searchsorted(hz, 62.5 * 2.0 ** np.arange(9)))
    edges = edges[edges < len(hz)]
    middle, side = (np.add.reduceat(each, edges, axis=1) for each in (middle, side))
    return middle + side, side


ARTEFACTS: dict[str, Callable[[np.ndarray, np.ndarray, int], float | None]] = {
    "pre_echo_db": early_db,
    "birdies_db": birdies_db,
    "roughness_db": roughness_db,
    "width_error": width_error,
}
"""Those that need no band, by their columns' names; :func:`tonal_db` is told where the edge is."""
