"""How instruments' notes go on: level and timbre from the stroke on, of named instruments, key by key.

A player's envelope and latents say what is asked for; a course says what the instrument does by itself: a bowed note
takes its time, an organ pipe does not die away, a piano's low strings ring longer than its high ones.
"""

import base64
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from .levels import HIGHEST_KEY, LOWEST_KEY, key_hz

COURSE_KEYS = np.arange(LOWEST_KEY, HIGHEST_KEY + 1, 2)
"""Keys whose course is kept; between them it is interpolated."""

LEVEL_S = np.array(
    [
        *(0, 0.002, 0.004, 0.007, 0.011, 0.016, 0.023, 0.032, 0.045, 0.063, 0.09, 0.125, 0.18, 0.25, 0.35, 0.5, 0.75),
        *np.arange(1.0, 12.1, 0.5),
    ]
)
"""Moments at which the level is kept: between them it goes straight in decibels."""

MOMENT_S = np.array([0, 0.006, 0.015, 0.03, 0.06, 0.1, 0.17, 0.28, 0.45, 0.75, 1.2, 2.0, 3.2, 5.0, 8.0])
"""Moments at which the timbre is kept."""

USUAL_RELEASE_S = 0.15
"""Of an instrument whose own is not known: in which a note that was let go falls by 60 dB."""

N_PROGRAMS = 128
LEAST_DB = -80.0
_SMOOTH, _LONGEST_S = 0.3, 0.5
"""A level is a mean over this share of the age, at most so long: beating is no decay."""

_STEPS, _TURNS = 12, 8
_LATE_S, _FALL_DB_PER_S = 4.0, 0.5
_GONE_DB, _SHORTEST_S, _LONGEST_RELEASE_S, _RELEASE_WINDOW_S = 20.0, 0.02, 8.0, 0.004


@dataclass(frozen=True)
class Levels:
    """How loud several instruments' notes are, key by key, from the stroke on and after they are let go.

    Attributes
    ----------
    levels_db : ndarray, float32, shape (n, len(COURSE_KEYS), len(LEVEL_S))
        Level of a note of velocity 1, relative to the usual instrument's loudest.
    falls_db_per_s : ndarray, float32, shape (n, len(COURSE_KEYS))
        How fast the level falls after the last of LEVEL_S.
    releases_s : ndarray, float32, shape (n, len(COURSE_KEYS))
        In which a note that was let go falls by 60 dB, beside what it falls by itself.
    """

    levels_db: np.ndarray
    falls_db_per_s: np.ndarray
    releases_s: np.ndarray

    def to_dict(self) -> dict[str, str]:
        """Arrays as text."""
        return {name: _packed(getattr(self, name)) for name in ("levels_db", "falls_db_per_s", "releases_s")}

    @classmethod
    def from_dict(cls, fields: dict[str, Any], n: int) -> "Levels":
        """What :meth:`to_dict` made of `n` instruments; models of earlier versions tell nothing of releases."""
        shape = (n, len(COURSE_KEYS))
        usual = _packed(np.full(shape, USUAL_RELEASE_S, np.float32))
        levels = _unpacked(fields["levels_db"]).reshape(*shape, len(LEVEL_S))
        falls, releases = (_unpacked(text) for text in (fields["falls_db_per_s"], fields.get("releases_s", usual)))
        return cls(levels, falls.reshape(shape), releases.reshape(shape))

    @classmethod
    def of_nobody(cls) -> "Levels":
        """No instrument's."""
        n_keys = len(COURSE_KEYS)
        return cls(*(np.zeros(shape, np.float32) for shape in ((0, n_keys, len(LEVEL_S)), (0, n_keys), (0, n_keys))))


@dataclass(frozen=True)
class Courses:
    """Courses of several instruments.

    Attributes
    ----------
    names : tuple of str
    levels : Levels
    drifts : ndarray, float32, shape (n, len(COURSE_KEYS), len(MOMENT_S), n_latents)
        Where the timbre is beside what the network says of the instrument's place.
    programs : Levels
        Of General MIDI's 128 programs, or of nobody.
    """

    names: tuple[str, ...]
    levels: Levels
    drifts: np.ndarray
    programs: Levels

    def to_dict(self) -> dict[str, Any]:
        """As a model's latent map carries it: arrays of float16 in base 64."""
        own = {"names": list(self.names), **self.levels.to_dict(), "drifts": _packed(self.drifts)}
        return {**own, "programs": self.programs.to_dict()} if len(self.programs.levels_db) else own

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "Courses":
        """What :meth:`to_dict` made; ValueError where shapes do not agree."""
        names = tuple(fields["names"])
        programs = Levels.from_dict(fields["programs"], N_PROGRAMS) if "programs" in fields else Levels.of_nobody()
        drifts = _unpacked(fields["drifts"]).reshape(len(names), len(COURSE_KEYS), len(MOMENT_S), -1)
        return cls(names, Levels.from_dict(fields, len(names)), drifts, programs)


def nobody(n_latents: int) -> Courses:
    """Courses of no instrument."""
    drifts = np.zeros((0, len(COURSE_KEYS), len(MOMENT_S), n_latents), np.float32)
    return Courses((), Levels.of_nobody(), drifts, Levels.of_nobody())


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f2").tobytes()).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f2").astype(np.float32)


# ------------------------------------------------------------------------------------------ measured from a note


def level_course(audio: np.ndarray, sample_rate: int, key: float) -> tuple[np.ndarray, float]:
    """The level of a held note.

    Parameters
    ----------
    audio : ndarray, float32, shape (n_samples,)
        Mono, from the note's start; after its end the level goes on as it went.
    sample_rate : int
        Hz.
    key : float
        MIDI key.

    Returns
    -------
    levels_db : ndarray, float64, shape (len(LEVEL_S),)
        At LEVEL_S; power 1 is 0 dB.
    fall_db_per_s : float
        How fast it falls at the end: 0 for a sound that lasts.
    """
    ends_s = len(audio) / sample_rate
    times_s = _between(LEVEL_S[max(0.05, ends_s - 0.02) > LEVEL_S])
    db = _smooth_db(audio, sample_rate, key, times_s)
    n = int(np.searchsorted(LEVEL_S, times_s[-1], "right"))
    levels = _knots(times_s, np.maximum(db, db.max() + LEAST_DB), LEVEL_S[:n])
    fall = _fall(times_s, db)
    return np.r_[levels, levels[-1] - fall * (LEVEL_S[n:] - LEVEL_S[n - 1])], fall


def _between(knots_s: np.ndarray) -> np.ndarray:
    """Times at which to measure: some in every span between knots."""
    inner = [a + (b - a) * np.arange(_STEPS) / _STEPS for a, b in itertools.pairwise(knots_s)]
    return np.r_[np.concatenate(inner), knots_s[-1]] if inner else knots_s


def _smooth_db(audio: np.ndarray, sample_rate: int, key: float, times_s: np.ndarray) -> np.ndarray:
    """Mean power around each time: over a period at least, over a share of the note's age later.

    A mean over a span of W seconds in which the level falls by d dB/s is too large by sinh(x)/x, x = d·W·ln(10)/20.
    """
    total = np.r_[0.0, np.cumsum(audio.astype(np.float64) ** 2)]
    period = 1.0 / float(key_hz(key))
    half = 0.5 * np.clip(_SMOOTH * times_s, period * np.ceil(0.005 / period), _LONGEST_S)

    def mean_db(low_s: np.ndarray, high_s: np.ndarray) -> np.ndarray:
        low, high = (np.clip(np.round(t * sample_rate), 0, len(audio)).astype(int) for t in (low_s, high_s))
        low = np.minimum(low, len(audio) - 1)
        high = np.maximum(high, low + 1)
        return 10.0 * np.log10((total[high] - total[low]) / (high - low) + 1e-13)

    steep = mean_db(times_s, times_s + half) - mean_db(times_s - half, times_s)  # over W/2
    x = np.clip(np.abs(steep) * np.log(10.0) / 10.0, 1e-3, 5.0)
    return mean_db(times_s - half, times_s + half) - np.where(half > 0.02, 10.0 * np.log10(np.sinh(x) / x), 0.0)


def _knots(times_s: np.ndarray, db: np.ndarray, knots_s: np.ndarray) -> np.ndarray:
    """The broken line through decibels with the least sum of errors, not of squares: a beat moves it little."""
    place = np.clip(np.searchsorted(knots_s, times_s, "right") - 1, 0, max(0, len(knots_s) - 2))
    if len(knots_s) < 2:
        return np.full(len(knots_s), np.median(db))
    share = (times_s - knots_s[place]) / (knots_s[place + 1] - knots_s[place])
    hats = np.zeros((len(times_s), len(knots_s)))
    hats[np.arange(len(times_s)), place], hats[np.arange(len(times_s)), place + 1] = 1.0 - share, share
    weight = np.ones(len(times_s))
    for _ in range(_TURNS):
        root = np.sqrt(weight)[:, None]
        found = np.linalg.lstsq(hats * root, db * root[:, 0], rcond=None)[0]
        weight = 1.0 / np.maximum(np.abs(db - hats @ found), 0.3)
    return found


def _fall(times_s: np.ndarray, db: np.ndarray) -> float:
    """Median slope of the last seconds; what falls slower than beating may pretend does not fall."""
    late = (times_s > times_s[-1] - max(_LATE_S, 0.4 * times_s[-1])) & (db > db.max() + LEAST_DB + 10.0)
    t, level = times_s[late], db[late]
    if len(t) < 4:
        return 0.0 if db[-1] > db.max() - 10.0 else 60.0
    half = len(t) // 2
    slope = float(np.median((level[-half:] - level[:half]) / (t[-half:] - t[:half])))
    return max(0.0, -slope) if -slope * (t[-1] - t[0]) > 3.0 or -slope > 10.0 * _FALL_DB_PER_S else 0.0


def release_s(held: np.ndarray, let_go: np.ndarray, sample_rate: int, at_s: float) -> float | None:
    """In which a note falls by 60 dB once it is let go, beside what it falls while it is held.

    Parameters
    ----------
    held, let_go : ndarray, float32, shape (n_samples,)
        The same note twice, held all the time and let go.
    sample_rate : int
        Hz.
    at_s : float
        When it was let go.

    Returns
    -------
    float or None
        None where nothing was to be heard any more.
    """
    n, window = min(len(held), len(let_go)), max(1, round(_RELEASE_WINDOW_S * sample_rate))
    first = round(at_s * sample_rate) // window
    pair = [(x[: n // window * window].astype(np.float64) ** 2).reshape(-1, window).mean(1) for x in (held, let_go)]
    there = pair[0][first:] > max(pair[0].max() * 1e-6, 1e-10)
    if not there[:2].all():
        return None
    n_there = len(there) if there.all() else int(np.argmin(there))
    apart = 10.0 * np.log10((pair[1][first:][:n_there] + 1e-13) / pair[0][first:][:n_there])
    return float(np.clip(_falls_60_db(apart) * window / sample_rate, _SHORTEST_S, _LONGEST_RELEASE_S))


def _falls_60_db(apart_db: np.ndarray) -> float:
    """Windows until a level has fallen by 60 dB, by when it has fallen by a third of that, or by how far it comes."""
    gone = np.flatnonzero(apart_db < -_GONE_DB)
    if len(gone) and gone[0] > 0:
        last, first = apart_db[gone[0] - 1], apart_db[gone[0]]
        return 60.0 / _GONE_DB * (gone[0] - 0.5 + (last + _GONE_DB) / (last - first))
    late = max(2, len(apart_db) // 2)
    return 0.0 if len(gone) else late * 60.0 / max(0.1, -float(np.median(apart_db[late:])))
