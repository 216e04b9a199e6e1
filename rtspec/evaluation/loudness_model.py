"""The whole model of partial loudness: Moore, Glasberg and Baer (1997), from third-octave levels in a free field.

Components of each band pass outer and middle ear (free field to eardrum, eardrum to cochlea), excite auditory filters
(rounded exponentials whose lower slope follows the level) every tenth of an ERB, and each filter's excitation becomes
specific loudness, in quiet or partial in noise. It judges gains; the rule that makes them
(:mod:`rtspec.processors.equalizer.loudness`) shares nothing with it but the paper.

References
----------
B. C. J. Moore, B. R. Glasberg, T. Baer: "A model for the prediction of thresholds, loudness, and partial loudness",
J. Audio Eng. Soc. 45, 1997. Equations 1 to 4 (filters), 17 to 20 (partial loudness).
B. R. Glasberg, B. C. J. Moore: "Prediction of absolute thresholds and equal-loudness contours using a modified loudness
model", J. Acoust. Soc. Am. 120, 2006 (transfer of the middle ear).
"""

import numpy as np

CAMS = np.arange(1.8, 38.95, 0.1)
"""Places of the filters, in ERB numbers."""

_FREE_FIELD = (
    (50, 0), (100, 0), (125, 0.1), (160, 0.3), (200, 0.5), (250, 0.9), (315, 1.4), (400, 1.6), (500, 1.7), (630, 2.5),
    (750, 2.7), (800, 2.6), (1000, 2.6), (1250, 3.2), (1500, 5.2), (1600, 6.6), (2000, 12.0), (2500, 16.8),
    (3000, 15.3), (3150, 15.2), (4000, 14.2), (5000, 10.7), (6000, 7.1), (6300, 6.4), (8000, 1.8), (9000, -0.9),
    (10000, -1.6), (11200, 1.9), (12500, 4.9), (14000, 2.0), (15000, -2.0), (16000, 2.5),
)  # fmt: skip
_MIDDLE_EAR = (
    (20, -39.6), (25, -32), (31.5, -25.85), (40, -21.4), (50, -18.5), (63, -15.9), (80, -14.1), (100, -12.4),
    (125, -11), (160, -9.6), (200, -8.3), (250, -7.4), (315, -6.2), (400, -4.8), (500, -3.8), (630, -3.3), (750, -2.9),
    (1000, -2.6), (1250, -4.5), (1500, -5.4), (1600, -6.1), (2000, -8.5), (2500, -10.4), (3000, -7.3), (3150, -7.0),
    (4000, -6.6), (5000, -7.0), (6000, -9.2), (6300, -10.2), (8000, -12.2), (9000, -10.8), (10000, -10.1),
    (11200, -12.7), (12500, -15.0), (14000, -18.2), (15000, -23.8), (16000, -32.3),
)  # fmt: skip
_THRESHOLD = (
    (50, 28.18), (63, 23.9), (80, 19.2), (100, 15.68), (125, 12.67), (160, 10.09), (200, 8.08), (250, 6.3), (315, 5.3),
    (400, 4.5), (500, 3.63), (20000, 3.63),
)  # fmt: skip
"""Peak excitation at the absolute threshold, dB."""
_DETECTION = ((50, 13.0), (80, 7.5), (100, 5.5), (160, 2.0), (200, 0.5), (300, -1.0), (500, -2.3), (1000, -3.0))
"""K: signal over noise at threshold, dB, at the output of the filter (Fig. 9)."""
_A_OF_GAIN = ((-25, 8.8), (-20, 7.1), (-15, 6.0), (-10, 5.3), (-5, 4.9), (0, 4.62))
_ALPHA_OF_GAIN = ((-25, 0.267), (-20, 0.2530), (-15, 0.2365), (-10, 0.2215), (-5, 0.2095), (0, 0.2))
SONES = 0.047
LINES = 10
"""Components that stand for one band."""


def cams_to_hz(cams: np.ndarray) -> np.ndarray:
    """Centre frequencies of ERB numbers. Float64, Hz, of the same shape."""
    return (10 ** (cams / 21.366) - 1) / 0.004368


def erb_hz(hz: np.ndarray) -> np.ndarray:
    """Equivalent rectangular bandwidth of the filter at a frequency, Hz. Float64 of the same shape."""
    return 24.673 * (0.004368 * hz + 1)


def _of_hz(table: tuple, hz: np.ndarray) -> np.ndarray:
    x, y = np.array(table).T
    return np.interp(np.log(hz), np.log(x), y)


def excitation(centres_hz: np.ndarray, levels_db: np.ndarray) -> np.ndarray:
    """Excitation at :data:`CAMS`, powers re the reference, float64, of third-octave levels in dB SPL. Shape
    (len(CAMS),), from arrays of shape (n_bands,)."""
    offsets = (np.arange(LINES) + 0.5) / LINES - 0.5
    f = (centres_hz[:, None] * 2 ** (offsets / 3)).ravel()
    level = np.repeat(levels_db, LINES) - 10 * np.log10(LINES) + _of_hz(_FREE_FIELD, f) + _of_hz(_MIDDLE_EAR, f)
    power = 10 ** (level / 10)
    fc = cams_to_hz(CAMS)
    upper, at_1k = 4 * fc / erb_hz(fc), 4000 / erb_hz(np.array(1000.0))
    near = np.abs(f[:, None] - f[None, :]) < 0.5 * erb_hz(f)[:, None]
    per_erb = 10 * np.log10(near @ power + 1e-10)
    g = (f[None, :] - fc[:, None]) / fc[:, None]
    lower = upper[:, None] - 0.35 * (upper[:, None] / at_1k) * (per_erb[None, :] - 51)
    slope = np.where(g < 0, np.maximum(lower, 0.1), upper[:, None])
    pg = slope * np.abs(g)
    return ((1 + pg) * np.exp(-pg)) @ power


def specific_loudness(signal: np.ndarray, noise: np.ndarray | None = None) -> np.ndarray:
    """Sones a cam at :data:`CAMS`, of a signal's excitation, partial where there is a noise (eqs. 17 to 20). Float64
    arrays of shape (len(CAMS),)."""
    hz = np.maximum(cams_to_hz(CAMS), 50.0)
    threshold_db = _of_hz(_THRESHOLD, hz)
    quiet, gain_db = 10 ** (threshold_db / 10), 3.63 - threshold_db
    gain = 10 ** (gain_db / 10)
    a, alpha = (np.interp(gain_db, *np.array(table).T) for table in (_A_OF_GAIN, _ALPHA_OF_GAIN))
    noise = np.zeros_like(signal) if noise is None else noise
    k = 10 ** (_of_hz(_DETECTION, hz) / 10)
    masked = k * noise + quiet
    grown = lambda e: (e * gain + a) ** alpha  # noqa: E731
    at_threshold = grown(noise * (1 + k) + quiet) - grown(quiet)
    above = grown(signal + noise) - a**alpha - at_threshold * (masked / np.maximum(signal, 1e-12)) ** 0.3
    scale = (grown(quiet) - a**alpha) / (grown(noise * (1 + k) + quiet) - grown(noise))
    below = (2 * signal / (signal + masked)) ** 1.5 * scale * (grown(signal + noise) - grown(noise))
    return SONES * np.maximum(np.where(signal >= masked, above, below), 0.0)


def loudness(centres_hz: np.ndarray, levels_db: np.ndarray, noise_db: np.ndarray | None = None) -> float:
    """Sones of third-octave levels, in quiet or in a noise. Centres in Hz and levels in dB SPL are float64 of shape
    (n_bands,)."""
    noise = None if noise_db is None else excitation(centres_hz, noise_db)
    return float(specific_loudness(excitation(centres_hz, levels_db), noise).sum() * 0.1)


def loudness_error(centres_hz: np.ndarray, music_db: np.ndarray, noise_db: np.ndarray, gains_db: np.ndarray) -> float:
    """How far specific loudness in the noise is from what it is in quiet, as a share of the latter. Centres in Hz,
    levels in dB SPL and gains in dB are float64 of shape (n_bands,)."""
    wanted = specific_loudness(excitation(centres_hz, music_db))
    noise = excitation(centres_hz, noise_db)
    heard = specific_loudness(excitation(centres_hz, music_db + gains_db), noise)
    return float(np.abs(heard - wanted).sum() / wanted.sum())
