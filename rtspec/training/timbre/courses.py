"""How the anchors' own notes go on, measured on the sound font that they were learned from."""

from collections.abc import Callable

import numpy as np
import torch

from ...processors.timbre.courses import COURSE_KEYS, LEAST_DB, LEVEL_S, MOMENT_S, Courses, level_course
from ...processors.timbre.levels import note_levels
from ..data.fluid import FluidFont
from ..data.notes import Note, is_usable
from .networks import Autoencoder, Instrument

VELOCITY = 100
HELD_S = float(LEVEL_S[-1]) + 0.6
LOUDEST_DB = 4.0
"""No instrument's key is louder than the usual loudness by more."""

_AROUND = np.linspace(-0.15, 0.15, 7)
_AROUND_S = 0.35
"""Timbre is a mean over moments this share of their age around, at most so many seconds: vibrato is no change."""

_HEARD_DB = 55.0


def measured_courses(
    font: FluidFont,
    programs: dict[str, int],
    places: dict[str, list[float]],
    networks: tuple[Autoencoder, Instrument],
    advance: Callable[[], None] = lambda: None,
) -> Courses:
    """Courses of named instruments.

    Parameters
    ----------
    font : FluidFont
    programs : dict of str to int
        General MIDI program of each instrument.
    places : dict of str to list of float
        Its latents.
    networks : tuple
        The encoder of moments, and the instrument that is to play.
    """
    levels, falls, drifts = [], [], []
    for name, program in programs.items():
        courses = [_key_course(font, program, int(key), places[name], networks) for key in COURSE_KEYS]
        whole = _filled(courses)
        for kept, part in zip((levels, falls, drifts), zip(*whole, strict=True), strict=True):
            kept.append(np.array(part, np.float32))
        advance()
    return Courses(tuple(programs), _at_usual_loudness(np.array(levels)), np.array(falls), np.array(drifts))


def _key_course(font: FluidFont, program: int, key: int, place: list[float], networks) -> tuple | None:
    audio = font.render(Note(program, key, VELOCITY), HELD_S)
    if not is_usable(audio):
        return None
    level, fall = level_course(audio, font.sample_rate, key)
    return level, fall, _drift(audio, font.sample_rate, key, np.array(place, np.float32), networks)


def _drift(audio: np.ndarray, sample_rate: int, key: int, place: np.ndarray, networks) -> np.ndarray:
    """Where a note's timbre lies beside what the instrument says of its place, (len(MOMENT_S), n_latents)."""
    encoder, instrument = networks[0].encoder, networks[1]
    times = MOMENT_S[:, None] + np.clip(MOMENT_S[:, None] * _AROUND, -_AROUND_S, _AROUND_S)
    levels, whole_db = note_levels(audio, sample_rate, key, times.ravel())
    n, k = times.size, len(MOMENT_S)
    with torch.no_grad():
        given = torch.full((n,), float(key)), torch.full((n,), VELOCITY / 127)
        found = encoder(torch.from_numpy(levels), *given).numpy().reshape(*times.shape, -1).mean(1)
        inside = instrument.within_hull(torch.from_numpy(place)[None]).expand(k, -1)
        told = instrument.performer(inside, given[0][:k], torch.from_numpy(MOMENT_S.astype(np.float32))).numpy()
    heard = whole_db.reshape(times.shape).mean(1) > whole_db.max() - _HEARD_DB
    last = int(np.flatnonzero(heard)[-1])  # what is not heard stays as it was
    return np.where((np.arange(k) > last)[:, None], found[last], found) - told


def _filled(courses: list[tuple | None]) -> list[tuple]:
    """Keys that the font does not play go as the nearest that it does."""
    there = [i for i, course in enumerate(courses) if course is not None]
    nearest = [min(there, key=lambda i: abs(i - k)) for k in range(len(courses))]
    return [course for i in nearest if (course := courses[i]) is not None]


def _at_usual_loudness(levels_db: np.ndarray) -> np.ndarray:
    """Relative to the median of all instruments' loudest moments; what is silent ends at LEAST_DB below its own."""
    loudest = levels_db.max(2, keepdims=True)
    shift = np.minimum(0.0, LOUDEST_DB - (loudest - np.median(loudest)))
    return np.maximum(levels_db, loudest + LEAST_DB) + shift - np.median(loudest)
