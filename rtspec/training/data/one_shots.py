"""Sounds of single notes for rendered music: drum kits of one-shot recordings, and band-limited synthesiser voices."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import resample_poly

from .decoding import soundfile
from .packages import Unpacked
from .scores import PlayedNote

SAMPLE_RATE = 44100
_KINDS = {
    "closed": r"closed|hhc|chh|hat(?!.*open)|pedal|tick",
    "open": r"open|ohh|hho",
    "kick": r"kick|^bd|bass ?drum|bassdrum",
    "snare": r"snare|^sn|rim|sd_",
    "clap": r"clap|snap",
    "ride": r"ride|bell",
    "crash": r"crash|cymbal|splash|china",
    "tom": r"tom|conga|bongo",
    "other": r"perc|shaker|tamb|cow|blip|ping|wood|stick|triangle|zap|glitch_perc|elec_",
}
"""What a file name tells of a drum; the first that fits counts."""
_KEYS = {
    "kick": (35, 36),
    "snare": (37, 38, 40),
    "clap": (39,),
    "tom": (41, 43, 45, 47, 48, 50),
    "closed": (42, 44),
    "open": (46,),
    "crash": (49, 52, 55, 57),
    "ride": (51, 53, 59),
}
"""General MIDI's drum keys."""
_LONGEST_S = 3.0
_TABLE = 4096
_RELEASE_S = 0.08
_TOP_HZ = 20500.0

Kit = dict[str, list[Path]]


def kits(packages: Sequence[Unpacked]) -> list[Kit]:
    """Drum kits by kind of drum: a folder of recordings is a kit; those with no kick or snare are none."""
    found: dict[Path, Kit] = defaultdict(lambda: defaultdict(list))
    for package in packages:
        for path in package.files(lambda p: p.suffix.lower() in (".wav", ".flac", ".aiff", ".aif")):
            name = path.stem.lower()
            kind = next((kind for kind, pattern in _KINDS.items() if re.search(pattern, name)), None)
            if kind and "loop" not in name:
                found[path.parent][kind].append(path)
    return [dict(kit) for _, kit in sorted(found.items()) if "kick" in kit and "snare" in kit]


def drums(played: Sequence[PlayedNote], kit: Kit, n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Drum notes by one recording a key: float32 of shape (2, n_samples)."""
    made = np.zeros((2, n_samples), np.float32)
    sounds: dict[int, np.ndarray] = {}
    for note in played:
        if note.key not in sounds:
            sounds[note.key] = _drum(note.key, kit, rng)
        _add(made, sounds[note.key] * np.float32((note.velocity / 127) ** 1.5), note.start_s)
    return made


def _drum(key: int, kit: Kit, rng: np.random.Generator) -> np.ndarray:
    kind = next((kind for kind, keys in _KEYS.items() if key in keys), "other")
    paths = kit.get(kind) or kit.get("other") or kit["snare"]
    try:
        sound, rate = soundfile().read(paths[rng.integers(len(paths))], dtype="float32", always_2d=True)
    except Exception:  # libsndfile's errors are soundfile's own: a file that it cannot read is no drum
        return np.zeros((2, 1), np.float32)
    tuned = round(rate / rng.uniform(0.9, 1.12) / 100)
    sound = resample_poly(sound[: round(_LONGEST_S * rate)].T, SAMPLE_RATE // 100, max(1, tuned), axis=1)
    loudest = float(np.abs(sound).max(initial=1e-6))
    pan = rng.uniform(-0.5, 0.5)
    sides = np.array([[np.sqrt(0.5 - pan / 2)], [np.sqrt(0.5 + pan / 2)]])
    return (0.5 / loudest * sides * (sound if len(sound) == 2 else sound[:1])).astype(np.float32)


class Voice:
    """A synthesiser's sound, drawn at random: harmonics that fall by a slope, darker as a note goes on, in unison,
    with vibrato; nothing aliases, since a note's tables hold what lies below the Nyquist frequency alone."""

    def __init__(self, rng: np.random.Generator):
        self._rng = rng
        self._slope = rng.uniform(0.4, 1.6)
        self._even = rng.choice([0.0, 0.3, 1.0])
        self._phases = rng.uniform(0, 2 * np.pi, _TABLE // 2) * (rng.random() < 0.5)
        self._comb = rng.uniform(0, 0.9), rng.uniform(2, 9)
        self._dull = rng.uniform(0.3, 2.0)
        self._bright_s = np.exp(rng.uniform(np.log(0.03), np.log(3.0)))
        self._attack_s = np.exp(rng.uniform(np.log(0.002), np.log(0.15)))
        self._decay_s = np.exp(rng.uniform(np.log(0.15), np.log(20.0)))
        self._detune = rng.uniform(0, 0.008)
        self._vibrato = rng.uniform(0, 0.006) * (rng.random() < 0.5), rng.uniform(4, 7)

    def play(self, played: Sequence[PlayedNote], n_samples: int) -> np.ndarray:
        """Notes, added up: float32 of shape (2, n_samples)."""
        made = np.zeros((2, n_samples), np.float32)
        for note in played:
            _add(made, self._note(note), note.start_s)
        return made

    def _note(self, note: PlayedNote) -> np.ndarray:
        t = np.arange(round((min(note.seconds, 8.0) + _RELEASE_S) * SAMPLE_RATE)) / SAMPLE_RATE
        hz = 440 * 2 ** ((note.key - 69) / 12)
        level = 0.2 * (note.velocity / 127) ** 1.5 * np.exp(-t / self._decay_s)
        level *= np.minimum(1, t / self._attack_s) * np.clip((t[-1] - t) / _RELEASE_S, 0, 1)
        bright = np.exp(-t / self._bright_s)
        wobble = self._vibrato[0] * np.sin(2 * np.pi * self._vibrato[1] * t) / self._vibrato[1]
        sides = []
        for detune in (-self._detune, self._detune):
            phase = hz * (1 + detune) * (t + wobble) + self._rng.random()
            both = [_looked_up(table, phase) for table in self._tables(hz * 1.02)]
            sides.append(level * (bright * both[0] + (1 - bright) * both[1]))
        return np.array(sides, np.float32)

    def _tables(self, hz: float) -> list[np.ndarray]:
        """One period, bright and dull, of the harmonics below the Nyquist frequency."""
        k = np.arange(1, max(2, min(_TABLE // 2, int(_TOP_HZ / hz) + 1)))
        depth, period = self._comb
        weight = np.where(k % 2 == 0, self._even, 1.0) * (1 - depth * np.cos(2 * np.pi * k / period) ** 2)
        tables = []
        for slope in (self._slope, self._slope + self._dull):
            spectrum = np.zeros(_TABLE // 2 + 1, complex)
            spectrum[k] = weight * k**-slope * np.exp(1j * self._phases[k - 1])
            wave = np.fft.irfft(spectrum)
            tables.append(wave / (wave.std() + 1e-12))
        return tables


def _looked_up(table: np.ndarray, phase: np.ndarray) -> np.ndarray:
    place = phase % 1.0 * _TABLE
    low = place.astype(np.int64)
    share = place - low
    return table[low % _TABLE] * (1 - share) + table[(low + 1) % _TABLE] * share


def _add(made: np.ndarray, sound: np.ndarray, start_s: float) -> None:
    start = round(start_s * SAMPLE_RATE)
    part: Any = sound[:, : max(0, made.shape[1] - start)]
    made[:, start : start + part.shape[1]] += part
