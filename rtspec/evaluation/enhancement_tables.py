"""Tables of ``rtspec evaluate enhancement``: rows of tracks, method by method, as means of all, of each genre and of
each brightness."""

import numpy as np

from ..metrics.distances import frechet_distance

RATIOS = {
    "lsd_ratio": "lsd",
    "above_ratio": "lsd_above",
    "walled_ratio": "lsd_walled",
    "above_walled_ratio": "above_walled",
}
"""Figures that are given as shares of the unprocessed sound's."""
ARTEFACTS = ("pre_echo_db", "birdies_db", "roughness_db", "width_error", "tonal_db")
_IN_PARTS = ("above_walled_ratio", "walled_ratio", "snr_gain_db", "envelope", *ARTEFACTS)
DARK_HZ, BRIGHT_HZ = 500.0, 1000.0
"""Centroids of power between which music is neither dark nor bright."""


def means(rows: list[dict]) -> list[dict]:
    """Means over tracks, a condition and method a line; `wins` is the share of tracks whose distance above the edge
    beats the copied bands'."""
    out = []
    for condition, method, own in _methods(rows):
        rival = _of(rows, condition, "copied up")
        line = {key: _mean(own, key) for key in _figures(own) if key not in ARTEFACTS} | _ratios(rows, condition, own)
        wins = np.mean([a["lsd_above"] < b["lsd_above"] for a, b in zip(own, rival, strict=True)])
        out.append({"condition": condition, "method": method, "tracks": len(own), **line, "wins": float(wins)})
    return out


def artefacts_of(rows: list[dict]) -> list[dict]:
    """What :mod:`rtspec.metrics.artefacts` finds, in the mean over tracks, and how many of the figures are no farther
    from the original's than the unprocessed sound's are."""
    out = []
    for condition, method, own in _methods(rows):
        line = {name: _mean(own, name) for name in ARTEFACTS}
        first = {name: _mean(_of(rows, condition, "unprocessed"), name) for name in ARTEFACTS}
        worse = [name for name in ARTEFACTS if _badness(name, line[name]) > _badness(name, first[name])]
        out.append({"condition": condition, "method": method, **line, "not worse": len(ARTEFACTS) - len(worse)})
    return out


def frechets(rows: list[dict]) -> list[dict]:
    """Fréchet's distance of what each method made from the originals, in the features of aisfx, over all tracks
    (None of a single vector); the features are taken out of the rows."""
    out = []
    for condition, method, own in _methods([row for row in rows if "features" in row]):
        original, made = (np.concatenate([row["features"][kind] for row in own]) for kind in ("original", "made"))
        distance = frechet_distance(original, made) if len(made) > 1 else None
        out.append({"condition": condition, "method": method, "blocks": len(made), "aisfx_frechet": distance})
    for row in rows:
        row.pop("features", None)
    return out


def _badness(name: str, value: float | None) -> float:
    """How wrong a figure is: a share of power or an error itself, of the others the distance from the original's."""
    if value is None:
        return 0.0
    return value if name in ("birdies_db", "width_error") else abs(value)


def parts(rows: list[dict], by: str) -> list[dict]:
    """Means over the tracks of each genre, or whatever `by` names, for processors and the unprocessed."""
    out = []
    for part in sorted({row[by] for row in rows}):
        within = [row for row in rows if row[by] == part]
        for condition, method, own in _methods(within):
            if method in ("copied up", "best taps"):
                continue
            line = {key: _mean(own, key) for key in _IN_PARTS} | _ratios(within, condition, own)
            line = {key: line[key] for key in _IN_PARTS}
            out.append({by: part, "condition": condition, "method": method, "tracks": len(own), **line})
    return out


def brightness(sound: np.ndarray, sample_rate: int) -> str:
    """ "dark", "middle" or "bright", by the centroid of a sound's power. Float32 of shape (channels, n_samples)."""
    power = np.abs(np.fft.rfft(sound.mean(axis=0))) ** 2
    hz = float(power @ np.fft.rfftfreq(sound.shape[1], 1 / sample_rate) / (power.sum() + 1e-12))
    return "dark" if hz < DARK_HZ else "middle" if hz < BRIGHT_HZ else "bright"


def _methods(rows: list[dict]) -> list[tuple[str, str, list[dict]]]:
    pairs = dict.fromkeys((row["condition"], row["method"]) for row in rows)
    return [(condition, method, _of(rows, condition, method)) for condition, method in pairs]


def _of(rows: list[dict], condition: str, method: str) -> list[dict]:
    return [row for row in rows if (row["condition"], row["method"]) == (condition, method)]


def _figures(rows: list[dict]) -> list[str]:
    return [key for key, value in rows[0].items() if isinstance(value, float)]


def _mean(rows: list[dict], key: str) -> float | None:
    """Over the rows that have it: a track without an onset has no echo before one."""
    values = [row[key] for row in rows if row[key] is not None]
    return float(np.mean(values)) if values else None


def _ratios(rows: list[dict], condition: str, own: list[dict]) -> dict[str, float]:
    """Of means, not means of ratios."""
    first = _of(rows, condition, "unprocessed")
    return {
        ratio: float(np.mean([row[figure] for row in own]) / np.mean([row[figure] for row in first]))
        for ratio, figure in RATIOS.items()
    }
