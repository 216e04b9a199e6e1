"""``rtspec evaluate style-live``: StyleTransfer on contents and networks that its training never met.

A texture is judged on the sound, by random networks of seeds that no training draws, as a share of how far the
untouched content is; beside it stands how far another stretch of the same style is, its own variability.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ..console import emit, table
from ..training.data.folders import FACTS, clips, tracks
from ..training.data.packages import DataError
from ..training.data.textures import TONAL
from ..training.style.sounds import Style, read_styles, split

RATE, N_FFT, HOP = 22050, 2048, 512
KERNELS = (3, 5, 11)
"""Frames that the judges see at once, a judge each."""
FIRST_SEED = 1 << 40
N_FILTERS = 512
LEVEL = 0.1
SOUND_RATE = 48000
_BANDS, _MODULATIONS = 24, 6


# Measures -------------------------------------------------------------------------------------------------------------


class Judge:
    """A random network over magnitudes: one convolution over time with the bins as channels, ReLU, Gram matrix."""

    def __init__(self, seed: int, kernel: int):
        rng = np.random.default_rng(seed)
        shape = (kernel, N_FILTERS, N_FFT // 2 + 1)
        self._weights = (rng.standard_normal(shape) * np.sqrt(4 / ((shape[1] + shape[2]) * 11))).astype(np.float32)

    def gram(self, magnitudes: np.ndarray) -> np.ndarray:
        """(n_bins, n_frames) → (n_filters, n_filters)."""
        logs, n = np.log1p(magnitudes), magnitudes.shape[1] - len(self._weights) + 1
        features = np.maximum(0, sum(w @ logs[:, k : k + n] for k, w in enumerate(self._weights)))
        return features @ features.T / n


def magnitudes(sound: np.ndarray) -> np.ndarray:
    """Of a sound at 22.05 kHz, brought to a common level: float32 (n_bins, n_frames)."""
    level = np.sqrt(np.mean(np.square(sound, dtype=np.float64))) + 1e-9
    return np.abs(_frames(sound * (LEVEL / level), N_FFT, HOP)).astype(np.float32)


def _frames(sound: np.ndarray, n_fft: int, hop: int) -> np.ndarray:
    """Spectra of whole frames, Hann: complex (n_bins, n_frames)."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(sound, n_fft)[::hop] * window, axis=1).T


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, 0 where one of them is constant."""
    one, other = one.ravel() - one.mean(), other.ravel() - other.mean()
    return float(one @ other / (np.sqrt((one @ one) * (other @ other)) + 1e-12))


def content_kept(made: np.ndarray, content: np.ndarray) -> dict[str, float]:
    """Correlations of envelope, onset strength and chroma of two spectrograms."""
    measures = {"envelope_r": _envelope, "onset_r": _onsets, "chroma_r": _chroma}
    return {name: correlation(measure(made), measure(content)) for name, measure in measures.items()}


def _envelope(spectrum: np.ndarray) -> np.ndarray:
    return np.sqrt(np.mean(spectrum**2, axis=0))


def _onsets(spectrum: np.ndarray) -> np.ndarray:
    power = _mel(64, N_FFT) @ spectrum**2
    level = 10 * np.log10(np.maximum(power, 1e-8 * power.max()) + 1e-12)
    return np.maximum(0, np.diff(level, axis=1)).mean(axis=0)


def _chroma(spectrum: np.ndarray) -> np.ndarray:
    hz = np.maximum(np.arange(len(spectrum)) * RATE / N_FFT, 1.0)
    classes = np.round(12 * np.log2(hz / 440)).astype(int) % 12
    inside = (hz > 100) & (hz < 4000)
    energy = ((classes == np.arange(12)[:, None]) & inside).astype(np.float32) @ spectrum**2
    return energy / (energy.max(axis=0) + 1e-6)


def _mel(n_bands: int, n_fft: int) -> np.ndarray:
    edges = 700 * np.expm1(np.linspace(0, np.log1p(RATE / 2 / 700), n_bands + 2))
    hz = np.arange(n_fft // 2 + 1) * RATE / n_fft
    rise, fall = (hz - edges[:-2, None]) / np.diff(edges)[:-1, None], (edges[2:, None] - hz) / np.diff(edges)[1:, None]
    weights = np.maximum(0, np.minimum(rise, fall))
    return weights / (weights.sum(axis=1, keepdims=True) + 1e-9)


def texture_statistics(sound: np.ndarray) -> list[np.ndarray]:
    """Groups of statistics of band envelopes: means, variation, skewness, correlations of bands, modulation powers.

    References
    ----------
    J. McDermott, E. Simoncelli: "Sound texture perception via statistics of the auditory periphery", Neuron 2011.
    """
    level = np.sqrt(np.mean(np.square(sound, dtype=np.float64))) + 1e-9
    n_fft, hop = 512, 64
    power = np.abs(_frames(sound * (LEVEL / level), n_fft, hop)) ** 2
    envelopes = (_mel(_BANDS, n_fft) @ power + 1e-9) ** 0.15
    mean, deviation = envelopes.mean(1), envelopes.std(1) + 1e-6
    normal = (envelopes - mean[:, None]) / deviation[:, None]
    spectrum = np.abs(np.fft.rfft(normal, axis=1)) ** 2
    edges = np.geomspace(0.5, 100, _MODULATIONS + 1) / (RATE / hop) * envelopes.shape[1]
    octaves = [spectrum[:, int(a) : max(int(a) + 1, int(b))].sum(1) for a, b in pairwise(edges)]
    modulation = np.array(octaves) / (spectrum.sum(1) + 1e-9)
    return [mean, deviation / mean, (normal**3).mean(1), np.corrcoef(normal), np.sqrt(modulation)]


def nearness(made: np.ndarray, style: np.ndarray, content: np.ndarray) -> float:
    """Distance of texture statistics to the style's over that of the untouched, mean of the groups in dB, as McDermott
    and Simoncelli average their classes; below 1: nearer."""
    groups = zip(*(texture_statistics(sound) for sound in (made, style, content)), strict=True)
    ratios = [(np.linalg.norm(m - s) + 1e-9) / (np.linalg.norm(c - s) + 1e-9) for m, s, c in groups]
    return float(np.exp(np.mean(np.log(ratios))))


# The command ----------------------------------------------------------------------------------------------------------


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which model, styles and contents."""
    parser.add_argument("--styles", required=True, metavar="FOLDER", help="as of rtspec data styles: what was learnt")
    parser.add_argument("--contents", required=True, metavar="FOLDER", help="sound that the training did not hear")
    parser.add_argument("--model", default="style-live", metavar="MODEL", help="default: style-live")
    parser.add_argument("--n", type=int, default=10, help="contents (default 10), each with noise of its own")
    parser.add_argument("--seconds", type=float, default=6.0, metavar="S", help="of each content (default 6)")


def run(args: argparse.Namespace) -> None:
    """Measure every style, print a table."""
    rows = measured(args.model, read_styles(args.styles), list(contents(args.contents, args.n, args.seconds)))
    tonal = [row["chroma_r"] for row in rows if row["style"] in TONAL]
    summary = {name: float(np.mean([row[name] for row in rows])) for name in ("share", "own", "envelope_r", "onset_r")}
    summary["times_own"] = summary["share"] / summary["own"]
    summary["chroma_r_tonal"] = float(np.mean(tonal)) if tonal else float("nan")
    summary["statistics_nearer"] = float(np.mean([row["nearer"] for row in rows]))
    text = ", ".join(f"{name} {value:.3f}" for name, value in summary.items())
    emit(args, {"rows": rows, "mean": summary}, f"{table(rows)}\n\n{text}")


def measured(model: str, styles: list[Style], sounds: list[np.ndarray]) -> list[dict]:
    """A row a style: means over the contents."""
    judges = [Judge(FIRST_SEED + k, kernel) for k, kernel in enumerate(KERNELS)]
    return [_row(model, style, sounds, judges) for style in styles]


def contents(folder: str | Path, n: int, seconds: float) -> Iterator[np.ndarray]:
    """The loudest stretch of each of `n` sounds of a folder, mono, float32, at 48 kHz."""
    root = Path(folder)
    prepared = any(root.glob(f"*/{FACTS}"))
    found = clips(root) if prepared else tracks(root)
    if len(found) < n:
        raise DataError(f"{root} holds {len(found)} sounds, {n} are to be measured; give more, or a smaller --n")
    for each in (found[k * len(found) // n] for k in range(n)):
        sound = _mono(each)
        length = round(seconds * SOUND_RATE)
        starts = range(0, max(1, len(sound) - length), SOUND_RATE)
        best = max(starts, key=lambda start: float(np.mean(sound[start : start + length] ** 2)))
        yield np.resize(sound[best : best + length], length)


def _mono(each) -> np.ndarray:
    if hasattr(each, "paths"):
        return each.read(SOUND_RATE, 0.0, 60.0).mean(0)
    rate = each.facts["sample_rate"]
    sound = each.part("original", 0, 60 * rate).mean(0)
    common = int(np.gcd(rate, SOUND_RATE))
    return np.asarray(resample_poly(sound, SOUND_RATE // common, rate // common), np.float32)


def _row(model: str, style: Style, sounds: list[np.ndarray], judges: list[Judge]) -> dict:
    """Means of one style over all contents."""
    from ..processors.style.processor import StyleTransfer

    learnt, other = (part.judged for part in split(style))
    wanted, again = magnitudes(learnt), magnitudes(other)
    found = []
    for seed, sound in enumerate(sounds):
        made = StyleTransfer(style.name, model=model, seed=seed)(sound, SOUND_RATE)
        pair = _at_judges(made), _at_judges(sound)
        heard, untouched = (magnitudes(each) for each in pair)
        found.append(
            {
                **_shares(judges, wanted, heard, again, untouched),
                **content_kept(heard, untouched),
                "nearer": float(nearness(pair[0], learnt, pair[1]) < 1),
                "level_db": 20 * np.log10((np.std(made) + 1e-9) / (np.std(sound) + 1e-9)),
            }
        )
    return {"style": style.name, **{name: round(float(np.mean([e[name] for e in found])), 3) for name in found[0]}}


def _at_judges(sound: np.ndarray) -> np.ndarray:
    return resample_poly(sound, 147, 320)


def _shares(judges: list[Judge], wanted, heard, again, untouched) -> dict[str, float]:
    """Squared distances of Gram matrices to the style's over the untouched's: of what was made, and of the style."""
    shares = []
    for judge in judges:
        goal, *others = (judge.gram(each) for each in (wanted, heard, again, untouched))
        made, own, far = (float(np.sum((each - goal) ** 2)) for each in others)
        shares.append((made / far, own / far))
    share, own = np.mean(shares, axis=0)
    return {"share": float(share), "own": float(own)}
