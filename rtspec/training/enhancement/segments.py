"""Segments of original music, and what coders and narrow channels make of them, drawn anew for every batch."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..data.folders import Clip, chances
from .degradation import MP3_KBPS, codecs, coded, denser, equalised, low_pass, telephone, within_range

CODED_SHARE, OTHER_SHARE = 0.5, 0.25
"""Of the items: stereo MP3 at 32 kbit/s, and other coders, rates and channels; the rest is low-passed."""
DENSER_SHARE = 0.25
"""Of what is trained on: made of two clips by :func:`.degradation.denser`. Music differs most in its density."""
CODEC_FREE_SHARE = 0.35
"""Of what is drawn, where there is any: music that no coder has seen, so that the top is learnt from what is there."""
_CUTOFFS_HZ = (3000.0, 15500.0)
_LOSSY_KBPS = {"aac": (32, 48, 64, 96), "opus": (16, 24, 32, 48)}


class Pair(NamedTuple):
    """A segment.

    Attributes
    ----------
    degraded, original : ndarray, float32, shape (1 or 2, n_samples)
        Aligned to the sample.
    coded : bool
        Whether a coder did it, which leaves holes and noise below its edge too.
    wall_hz : float or None
        Where the original itself was cut off: above it there is nothing to learn.
    """

    degraded: np.ndarray
    original: np.ndarray
    coded: bool
    wall_hz: float | None


class Segments:
    """Draws pairs from prepared clips.

    Parameters
    ----------
    sources : sequence of Clip
        With one version, "original". Groups (packages) are drawn by the square root of their length.
    sample_rate : int
        Of the clips.
    """

    def __init__(self, sources: Sequence[Clip], sample_rate: int):
        self.sample_rate = sample_rate
        self._clips = [(clip, clip.facts) for clip in sources]
        self._chances = chances(sources, CODEC_FREE_SHARE)
        self._codecs = codecs()

    def original(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, float | None]:
        """Part of a clip, sometimes of two, under random gain and treble: float32 of shape (channels, n)."""
        sound, wall = self._part(rng, n)
        if rng.random() < DENSER_SHARE:
            other, second = self._part(rng, n)
            wall = None if wall is None or second is None else max(wall, second)
            sound = denser([sound, other], self.sample_rate, rng)
            if wall is not None:  # what is overdriven reaches no higher than its sources
                sound = low_pass(sound, self.sample_rate, wall)
        (sound,) = equalised([sound], self.sample_rate, rng)
        return within_range(sound * np.float32(10 ** rng.uniform(-0.5, 0.2))), wall

    def _part(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, float | None]:
        clip, facts = self._clips[rng.choice(len(self._clips), p=self._chances)]
        start = int(rng.integers(0, max(1, facts["n_samples"] - n + 1)))
        part = clip.part("original", start, n)
        return np.pad(part, ((0, 0), (0, n - part.shape[1]))), facts.get("wall_hz")

    def pair(self, rng: np.random.Generator, n: int) -> Pair:
        """A segment of n samples, coded or low-passed."""
        original, wall = self.original(rng, n)
        kind = rng.random()
        if kind < CODED_SHARE:
            return Pair(coded(original, self.sample_rate, "mp3", 32), original, True, wall)
        if kind >= CODED_SHARE + OTHER_SHARE:
            return Pair(self._narrowed(original, rng), original, False, wall)
        if rng.random() < 0.4:
            original = original.mean(axis=0, keepdims=True)
        codec = str(rng.choice(["mp3", *self._codecs])) if rng.random() < 0.4 else "mp3"
        kbps = int(rng.choice(_LOSSY_KBPS.get(codec, MP3_KBPS)))
        return Pair(coded(original, self.sample_rate, codec, kbps), original, True, wall)

    def _narrowed(self, sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Low-passed at a random cutoff: steep, as by resampling, or with a random slope."""
        low, high = np.log(_CUTOFFS_HZ)
        cutoff_hz = float(np.exp(rng.uniform(low, high)))
        order = None if rng.random() < 0.6 else int(rng.integers(5, 13))
        return low_pass(sound, self.sample_rate, cutoff_hz, order)


WIDE_SHARE, TELEPHONE_SHARE = 0.45, 0.35
"""Of spoken items: what 16 kHz carry (Bluetooth's wide band), and what 8 kHz do; the rest is low-passed anywhere."""
_CARRIED_HZ = {16000: (6500.0, 7950.0), 8000: (3300.0, 3950.0)}
_SPOKEN_KBPS = (16, 24, 32)


class SpokenSegments(Segments):
    """Draws pairs from prepared voices: what telephones and headsets make of speech. Parameters as of
    :class:`Segments`."""

    def original(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, float | None]:
        """Part of a clip under random gain and treble: float32 of shape (1, n)."""
        sound, wall = self._part(rng, n)
        (sound,) = equalised([sound], self.sample_rate, rng)
        return within_range(sound * np.float32(10 ** rng.uniform(-0.6, 0.5))), wall

    def pair(self, rng: np.random.Generator, n: int) -> Pair:
        """A segment of n samples through a narrow channel."""
        original, wall = self.original(rng, n)
        kind = rng.random()
        if kind >= WIDE_SHARE + TELEPHONE_SHARE:
            return Pair(self._narrowed(original, rng), original, False, wall)
        carried = 16000 if kind < WIDE_SHARE else 8000
        narrow = low_pass(original, self.sample_rate, float(rng.uniform(*_CARRIED_HZ[carried])))
        if carried == 8000 and rng.random() < 0.6:
            return Pair(telephone(narrow, self.sample_rate), original, False, wall)
        if "opus" in self._codecs and rng.random() < 0.3:
            narrow = coded(narrow, self.sample_rate, "opus", int(rng.choice(_SPOKEN_KBPS)))
            return Pair(low_pass(narrow, self.sample_rate, carried / 2 - 50), original, True, wall)
        return Pair(narrow, original, False, wall)


def one_channel(rng: np.random.Generator, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same channel of each, or their mean: float32 of shape (n_samples,)."""
    channel: Any = rng.integers(len(sounds[0]) + 1)
    if channel == len(sounds[0]):
        return [sound.mean(axis=0) for sound in sounds]
    return [sound[channel] for sound in sounds]
