"""What the network hears: contents of any kind, and a few seconds of each style."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from ...errors import InvalidValue
from ...frames import stft
from ...processors.style.frames import HOP, N_DRAWN, PLAN, SAMPLE_RATE, grain, hiss_power, seen_of
from ..data.folders import FACTS, Clip, chances, clips, tracks
from ..data.packages import DataError

RATE = 22050
"""Hz at which textures are judged."""
N_FRAMES = 508
EDGE = PLAN.length
"""Samples at each end of a clip that not all of their frames cover."""
N_SAMPLES = N_FRAMES * HOP - 2 * EDGE
N_JUDGED = N_SAMPLES * RATE // SAMPLE_RATE
"""Samples of it where it is judged."""
STYLE_S = 6.0
LONGEST_STYLE_S, SHORTEST_STYLE_S = 60.0, 2.0
MOST_EACH = 4
"""Contents of a batch that one stretch of a style judges together, so that their mean counts, as it does where they are
evaluated."""
MOST_STYLES = 16
"""As many as a controller has pads."""


@dataclass(frozen=True)
class Style:
    """A texture.

    Attributes
    ----------
    name : str
    sound : ndarray, float32, shape (n_samples,)
        At 48 kHz, of root mean square .1.
    """

    name: str
    sound: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """At the judges' rate. Mono float32 of shape (n_samples,)."""
        return resample_poly(self.sound, RATE // 150, SAMPLE_RATE // 150).astype(np.float32)

    def spectrum(self) -> np.ndarray:
        """Logarithm of each bin's root mean square over the level's root, float32 of shape (N_BINS,)."""
        power = np.abs(stft(self.sound, PLAN)[:, 4:-4]) ** 2
        means = power.mean(0)
        heard = means > 1e-6 * means.max()
        return (0.5 * np.log((power[:, heard] / means[heard]).mean(1) + 1e-7)).astype(np.float32)


def read_styles(folder: str | Path) -> list[Style]:
    """The styles of a folder: each sound file is one, called as the file, and so is each folder of sound files.

    Raises
    ------
    DataError
        No folder, no sound in it, more styles than :data:`MOST_STYLES`, or one shorter than two seconds or silent.
    """
    root = Path(folder)
    names: dict[str, list[np.ndarray]] = {}
    for track in tracks(root):
        inside = track.paths[0].relative_to(root)
        name = (inside.parts[0] if len(inside.parts) > 1 else inside.stem).lower().replace(" ", "-")
        names.setdefault(name, []).append(track.read(SAMPLE_RATE, 0.0, LONGEST_STYLE_S).mean(0))
    if len(names) > MOST_STYLES:
        raise DataError(f"{root} holds {len(names)} styles, at most {MOST_STYLES} fit one network; leave some out")
    return [Style(name, _texture(name, np.concatenate(parts))) for name, parts in names.items()]


def _texture(name: str, sound: np.ndarray) -> np.ndarray:
    sound = sound[: round(LONGEST_STYLE_S * SAMPLE_RATE)].astype(np.float32)
    level = float(np.sqrt(np.mean(np.square(sound, dtype=np.float64))))
    if len(sound) < SHORTEST_STYLE_S * SAMPLE_RATE or not level > 1e-5:
        raise DataError(
            f"style {name!r} lasts {len(sound) / SAMPLE_RATE:.1f} s at {level:.2g} RMS; it must last"
            f" {SHORTEST_STYLE_S:g} s and not be silent: record more of it"
        )
    return sound * np.float32(0.1 / level)


def drawn(rng: np.random.Generator, n_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Noise as the stages draw it, from another generator: what the network is shown of it, float32 of shape
    (n_frames, N_NOISE), and its spectra, complex64 of shape (n_frames, N_BINS)."""
    sound = rng.standard_normal(n_frames * HOP + PLAN.length).astype(np.float32)
    hiss = np.ascontiguousarray(stft(sound, PLAN)[:, -n_frames:].T)
    power = np.abs(hiss) ** 2 / hiss_power(PLAN)
    shown = np.concatenate([rng.standard_normal((n_frames, N_DRAWN)), grain(power)], 1)
    return shown.astype(np.float32), hiss


def split(style: Style, share: float = 0.6) -> tuple[Style, Style]:
    """The stretch that is learnt, and the one that shows how much the style varies by itself."""
    at = round(share * len(style.sound))
    return Style(style.name, style.sound[:at]), Style(style.name, style.sound[at:])


class Contents:
    """Sound of a folder (any files, or clips as ``rtspec data`` prepares them), or made up where there is none.

    Parameters
    ----------
    folders : sequence of path
    """

    def __init__(self, folders: Sequence[str | Path] = ()):
        self._groups = [_sources(Path(folder)) for folder in folders]

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """`n` samples at 48 kHz, mono, float32; all folders as often. Shape (n,)."""
        if not self._groups:
            return made_up(rng, n)
        for _ in range(20):
            sources, weights = self._groups[rng.integers(len(self._groups))]
            sound = _excerpt(sources[rng.choice(len(sources), p=weights)], rng, n)
            if np.sqrt(np.mean(sound**2)) > 3e-4:
                return sound
        return made_up(rng, n)


def _sources(folder: Path) -> tuple[list, np.ndarray]:
    if any(folder.glob(f"*/{FACTS}")):
        found = clips(folder)
        return found, chances(found)
    files = tracks(folder)
    return files, np.full(len(files), 1 / len(files))


def _excerpt(source, rng: np.random.Generator, n: int) -> np.ndarray:
    if isinstance(source, Clip):
        facts = source.facts
        rate, length = facts["sample_rate"], facts["n_samples"]
    else:
        rate, length = SAMPLE_RATE, round(source.seconds * SAMPLE_RATE)
    wanted = -(-n * rate // SAMPLE_RATE)
    start = int(rng.integers(max(1, length - wanted)))
    if isinstance(source, Clip):
        sound = source.part("original", start, wanted).mean(0)
    else:
        sound = source.read(rate, start / rate, wanted / rate).mean(0)
    if rate != SAMPLE_RATE:
        common = int(np.gcd(rate, SAMPLE_RATE))
        sound = resample_poly(sound, SAMPLE_RATE // common, rate // common)
    return np.resize(sound, n).astype(np.float32)


def made_up(rng: np.random.Generator, n: int) -> np.ndarray:
    """Notes, strokes and bursts of noise at random: a content where none is given. Float32 of shape (n,)."""
    time, out = np.arange(n) / SAMPLE_RATE, np.zeros(n)
    for _ in range(rng.integers(6, 24)):
        start, hz = rng.uniform(0, n / SAMPLE_RATE), 2 ** rng.uniform(6, 10.5)
        age = np.maximum(0, time - start)
        shape = (age > 0) * np.minimum(1, age * rng.uniform(20, 400)) * np.exp(-age * rng.uniform(1, 20))
        tone = sum(np.sin(2 * np.pi * hz * k * age) / k ** rng.uniform(0.6, 2) for k in range(1, 9) if hz * k < 2e4)
        out += rng.uniform(0.1, 1) * shape * (tone if rng.random() < 0.7 else rng.standard_normal(n))
    return (0.1 * out / (np.std(out) + 1e-9)).astype(np.float32)


class Batches:
    """Batches of contents and styles, a pure function of the generator.

    Parameters
    ----------
    styles : list of Style
        What is learnt.
    contents : Contents
    only : sequence of int, optional
        Which styles are drawn, one that stands there twice twice as often; all alike by default.
    """

    def __init__(self, styles: list[Style], contents: Contents, only: Sequence[int] | None = None):
        if not styles:
            raise InvalidValue("0 styles must be at least 1; give a folder with a sound file")
        self.styles, self.contents = styles, contents
        self._judged = [style.judged for style in styles]
        self._only = list(range(len(styles))) if only is None else list(only)

    def __call__(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, ...]:
        """Features, spectra, levels, weights and spectra of noise, float32 and complex64 arrays of shape (n, …), the
        sounds of styles, float32 of shape (n_groups, n_samples), the group of each item, int64 of shape (n,), and the
        judge's seed, int64."""
        each = max(1, min(MOST_EACH, n // min(2, len(set(self._only)))))
        n_groups = -(-n // each)
        order = np.concatenate([rng.permutation(self._only) for _ in range(-(-n_groups // len(self._only)))])[:n_groups]
        items = [self._item(rng, int(which)) for which in np.repeat(order, each)[:n]]
        sounds = np.stack([self._excerpt(rng, int(which)) for which in order])
        parts, seed = [np.stack(part) for part in zip(*items, strict=True)], np.array(int(rng.integers(1 << 31)))
        return (*parts, sounds, np.repeat(np.arange(n_groups), each)[:n], seed)

    def _item(self, rng: np.random.Generator, which: int) -> tuple[np.ndarray, ...]:
        sound = self.contents.draw(rng, N_FRAMES * HOP)
        spectrum = stft(sound, PLAN)[:, :N_FRAMES]
        noise, hiss = drawn(rng, N_FRAMES)
        features, levels = seen_of(spectrum, noise)
        weights = np.zeros(len(self.styles), np.float32)
        weights[which] = 1
        return features, np.ascontiguousarray(spectrum.T), levels, weights, hiss

    def _excerpt(self, rng: np.random.Generator, which: int) -> np.ndarray:
        sound, n = self._judged[which], round(STYLE_S * RATE)
        return np.resize(np.roll(sound, -int(rng.integers(len(sound)))) if len(sound) < n else _cut(sound, n, rng), n)


def _cut(sound: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    start = int(rng.integers(len(sound) - n + 1))
    return sound[start : start + n]
