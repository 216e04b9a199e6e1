"""Scenes mixed of layers: which class a listener would name, what else is heard with it, and how a microphone hears it.

A scene has one to three layers of its class, guests of others 8 to 24 dB below, and the noise of the microphone.
Crowds are also many voices in a room. "quiet" is what is left when nothing happens: coloured noise, hum, a far-away
rest of something, faint. Loudness, colour, bandwidth and room of a scene are drawn at random, so that none of them
tells the class; quiet alone is told by its level.
"""

from collections.abc import Iterable

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

SAMPLE_RATE = 16000
SCENE_S = 10.0

CLASSES = ("transport", "water-wind", "people", "nature", "quiet")
"""What a scene can be."""
OTHER, SPOKEN = "other", "spoken"
"""Layers of no class (machines, fire, building), and voices, of which crowds are made."""

LOUD_DB, QUIET_DB = (-48.0, -10.0), (-82.0, -54.0)
"""Level of a scene and of a quiet one, dB re full scale, root mean square: at 94 dB SPL for full scale, 46 to 84 dB and
12 to 40 dB."""
GUEST_DB = (-24.0, -8.0)
_ROOM_SHARE = 0.4


class SceneMixer:
    """Mixes scenes from layers; a scene follows from its generator and the layers alone.

    Parameters
    ----------
    layers : iterable of (str, ndarray)
        Label, one of :data:`CLASSES`, :data:`OTHER` or :data:`SPOKEN`, and sound at 16 kHz, float32.
    """

    def __init__(self, layers: Iterable[tuple[str, np.ndarray]]):
        self._layers: dict[str, list[np.ndarray]] = {}
        for label, sound in layers:
            self._layers.setdefault(label, []).append(sound)

    @property
    def labels(self) -> list[str]:
        """Classes that these layers can make, and "other" where there are layers of it."""
        made = [label for label in CLASSES if label == "quiet" or label in self._layers]
        if "people" not in made and SPOKEN in self._layers:
            made.append("people")
        return made + [OTHER] * (OTHER in self._layers)

    def scene(self, label: str, rng: np.random.Generator, seconds: float) -> np.ndarray:
        """One scene, float32 of shape (n_samples,), as a microphone hears it."""
        n = round(seconds * SAMPLE_RATE)
        if label == "quiet":
            return _levelled(self._quiet(n, rng), rng.uniform(*QUIET_DB), rng)
        mix = self._core(label, n, rng)
        for _ in range(rng.integers(0, 3)):
            guest = self._guest(label, n, rng)
            if guest is not None:
                mix += guest * 10 ** (rng.uniform(*GUEST_DB) / 20)
        mix += _noise(n, rng) * 10 ** (rng.uniform(-45, -12) / 20)
        return _levelled(_heard(mix, rng), rng.uniform(*LOUD_DB), rng)

    def _core(self, label: str, n: int, rng: np.random.Generator) -> np.ndarray:
        if label == "people" and SPOKEN in self._layers and (label not in self._layers or rng.random() < 0.6):
            return _unit(self._babble(n, rng))
        mix = self._layer(label, n, rng)
        for _ in range(rng.integers(0, 3)):
            mix = mix + self._layer(label, n, rng) * 10 ** (rng.uniform(-10, 0) / 20)
        return _unit(mix)

    def _guest(self, label: str, n: int, rng: np.random.Generator) -> np.ndarray | None:
        others = [each for each in self._layers if each not in (label, SPOKEN)]
        return self._layer(others[rng.integers(len(others))], n, rng) if others else None

    def _layer(self, label: str, n: int, rng: np.random.Generator) -> np.ndarray:
        found = self._layers[label]
        sound = at_speed(found[rng.integers(len(found))], 2 ** rng.uniform(-0.5, 0.5))
        return _unit(filled(sound, n, rng))

    def _babble(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """Five to forty voices, each saying clip after clip, in a room."""
        voices, mix = self._layers[SPOKEN], np.zeros(n, np.float32)
        n_clips = round(rng.integers(5, 30) * n / SAMPLE_RATE / 2)
        for _ in range(max(1, n_clips)):
            clip = voices[rng.integers(len(voices))]
            clip = clip * 10 ** (rng.uniform(-14, 0) / 20) / (np.sqrt(np.mean(clip**2)) + 1e-6)
            at = rng.integers(-len(clip) // 2, n)
            piece = clip[max(0, -at) :][: n - max(0, at)]
            mix[max(0, at) : max(0, at) + len(piece)] += piece
        return in_room(mix, rng.uniform(0.3, 1.6), rng)

    def _quiet(self, n: int, rng: np.random.Generator) -> np.ndarray:
        mix = _noise(n, rng)
        if rng.random() < 0.5:
            mix = mix + _hum(n, rng) * 10 ** (rng.uniform(-20, 3) / 20)
        rest = self._guest("quiet", n, rng)
        if rest is not None and rng.random() < 0.4:
            mix = mix + rest * 10 ** (rng.uniform(-24, -6) / 20)
        return mix


def at_speed(sound: np.ndarray, speed: float) -> np.ndarray:
    """Played faster or slower, by linear interpolation. Mono float32 of shape (n_samples,)."""
    times = np.arange(0, len(sound) - 1, speed)
    return np.interp(times, np.arange(len(sound)), sound).astype(np.float32)


def filled(sound: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` samples: a piece of a long sound, a loop of a middling one, a short one now and then. Mono float32 of shape
    (n,)."""
    if len(sound) >= n:
        start = rng.integers(len(sound) - n + 1)
        return sound[start : start + n].copy()
    if len(sound) > 1.5 * SAMPLE_RATE or _is_steady(sound):
        return np.roll(np.tile(sound, n // len(sound) + 1)[:n], rng.integers(n))
    layer = np.zeros(n, np.float32)
    for _ in range(rng.integers(2, 10)):
        at = rng.integers(n)
        piece = sound[: n - at]
        layer[at : at + len(piece)] += piece * rng.uniform(0.3, 1)
    return layer


def _is_steady(sound: np.ndarray) -> bool:
    """Whether it ends as loud as it begins, as loops do."""
    third = max(1, len(sound) // 3)
    ends = [np.sqrt(np.mean(part**2)) for part in (sound[:third], sound[-third:])]
    return min(ends) > 0.5 * max(ends)


def in_room(sound: np.ndarray, rt60_s: float, rng: np.random.Generator) -> np.ndarray:
    """Behind a direct path and an exponentially decaying tail. Mono float32 of shape (n_samples,)."""
    n = round(min(rt60_s, 1.0) * SAMPLE_RATE)
    tail = rng.standard_normal(n) * 10 ** (-3 * np.arange(n) / (rt60_s * SAMPLE_RATE))
    tail *= rng.uniform(0.2, 1.0) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return fftconvolve(sound, tail)[: len(sound)].astype(np.float32)


def _heard(mix: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A microphone's colour: a room, a tilt, an upper and a lower edge."""
    if rng.random() < _ROOM_SHARE:
        mix = in_room(mix, rng.uniform(0.15, 1.2), rng)
    spectrum = np.fft.rfft(mix)
    f = np.fft.rfftfreq(len(mix), 1 / SAMPLE_RATE)
    octave = np.log2(np.maximum(f, 30.0) / 1000)
    gain_db = rng.uniform(-3, 3) * octave / 2
    gain_db += np.interp(octave, np.linspace(-5, 3, 7), rng.uniform(-5, 5, 7))
    mix = np.fft.irfft(spectrum * 10 ** (gain_db / 20), len(mix))
    if rng.random() < 0.5:
        edge = rng.uniform(3500, 7600)
        mix = np.asarray(sosfilt(butter(4, edge, fs=SAMPLE_RATE, output="sos"), mix))
    if rng.random() < 0.5:
        mix = np.asarray(sosfilt(butter(2, rng.uniform(40, 250), "highpass", fs=SAMPLE_RATE, output="sos"), mix))
    return np.asarray(mix, np.float32)


def _noise(n: int, rng: np.random.Generator) -> np.ndarray:
    """Noise that falls by 0 to 8 dB an octave, root mean square 1."""
    f = np.maximum(np.fft.rfftfreq(n, 1 / SAMPLE_RATE), 20.0)
    spectrum = np.fft.rfft(rng.standard_normal(n)) * f ** -(rng.uniform(0, 8) / 6.02)
    return _unit(np.fft.irfft(spectrum, n))


def _hum(n: int, rng: np.random.Generator) -> np.ndarray:
    base, t = rng.choice([50.0, 60.0, rng.uniform(80, 200)]), np.arange(n) / SAMPLE_RATE
    tones = [rng.uniform(0, 1) / k * np.sin(2 * np.pi * (k * base * t + rng.random())) for k in range(1, 7)]
    return _unit(np.sum(tones, axis=0))


def _unit(sound: np.ndarray) -> np.ndarray:
    return np.asarray(sound / (np.sqrt(np.mean(np.square(sound))) + 1e-9), np.float32)


def _levelled(sound: np.ndarray, level_db: float, rng: np.random.Generator) -> np.ndarray:
    """At a level, below full scale, above a microphone's own noise."""
    scaled = _unit(sound) * 10 ** (level_db / 20)
    scaled += 10 ** (rng.uniform(-95, -80) / 20) * rng.standard_normal(len(sound))
    return (scaled / max(1.0, 1.01 * np.abs(scaled).max())).astype(np.float32)
