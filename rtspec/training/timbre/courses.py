"""How the anchors' own notes go on, measured on the sound font that they were learned from."""

from collections.abc import Callable

import numpy as np
import torch

from ...processors.timbre.courses import (
    COURSE_KEYS,
    LEAST_DB,
    LEVEL_S,
    MOMENT_S,
    N_PROGRAMS,
    USUAL_RELEASE_S,
    Courses,
    Levels,
    level_course,
    release_s,
)
from ...processors.timbre.levels import note_levels
from ..data.fluid import FluidFont
from ..data.sound_fonts import Note, is_usable
from .networks import Autoencoder, Instrument

VELOCITY = 100
HELD_S = float(LEVEL_S[-1]) + 0.6
LOUDEST_DB = 6.0
"""No instrument's key is louder than the usual loudness by more."""

_AROUND = np.linspace(-0.15, 0.15, 7)
_AROUND_S = 0.35
"""Timbre is a mean over moments this share of their age around, at most so many seconds: vibrato is no change."""

_HEARD_DB = 55.0
_WIDEST = 2.0
"""The two channels of a note are louder than their mean by this factor at most; what cancels more is not followed."""

_LET_GO_S, _RELEASE_S = 0.6, 3.0


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
    drifts = []
    for name, program in programs.items():
        kept = [_key_drift(font, program, int(key), places[name], networks) for key in COURSE_KEYS]
        drifts.append(np.array(_filled(kept), np.float32))
        advance()
    return with_levels(nobody_like(tuple(programs), np.array(drifts)), font, programs)


def nobody_like(names: tuple[str, ...], drifts: np.ndarray) -> Courses:
    """Courses of which only the timbre is known yet. Drifts are float32 of shape (n_names, n_keys, n_times,
    n_latents)."""
    return Courses(names, Levels.of_nobody(), drifts, Levels.of_nobody())


def with_levels(courses: Courses, font: FluidFont, programs: dict[str, int]) -> Courses:
    """The same courses with levels measured anew: of the named instruments, and of General MIDI's 128 programs."""
    measured = [_program_levels(font, program) for program in range(N_PROGRAMS)]
    levels, falls, releases = (np.array([each[i] for each in measured], np.float32) for i in range(3))
    named = [programs[name] for name in courses.names]
    whole = Levels(_at_usual_loudness(levels, named), falls, releases)
    own = Levels(whole.levels_db[named], whole.falls_db_per_s[named], whole.releases_s[named])
    return Courses(courses.names, own, courses.drifts, whole)


def _program_levels(font: FluidFont, program: int) -> tuple:
    """Levels, fall and release of all keys; a release that is not heard is the program's middle one."""
    levels, falls, releases = zip(*_filled([_key_levels(font, program, int(key)) for key in COURSE_KEYS]), strict=True)
    known = [seconds for seconds in releases if seconds is not None]
    middle = float(np.median(known)) if known else USUAL_RELEASE_S
    return levels, falls, [middle if seconds is None else seconds for seconds in releases]


def _key_levels(font: FluidFont, program: int, key: int) -> tuple | None:
    note = Note(program, key, VELOCITY)
    both = font.render_stereo(note, HELD_S)
    audio = both.mean(0)
    if not is_usable(audio):
        return None
    wide = np.sqrt((both.astype(np.float64) ** 2).mean() / (audio.astype(np.float64) ** 2).mean())
    level, fall = level_course(audio * np.float32(min(wide, _WIDEST)), font.sample_rate, key)
    n = round((_LET_GO_S + _RELEASE_S) * font.sample_rate)
    let_go = font.render_stereo(note, _LET_GO_S, _RELEASE_S)
    return level, fall, release_s(both[:, :n].ravel(), let_go.ravel(), font.sample_rate, _LET_GO_S)


def _key_drift(font: FluidFont, program: int, key: int, place: list[float], networks) -> np.ndarray | None:
    audio = font.render(Note(program, key, VELOCITY), HELD_S)
    return _drift(audio, font.sample_rate, key, np.array(place, np.float32), networks) if is_usable(audio) else None


def _drift(audio: np.ndarray, sample_rate: int, key: int, place: np.ndarray, networks) -> np.ndarray:
    """Where a note's timbre lies beside what the instrument says of its place, (len(MOMENT_S), n_latents)."""
    encoder, instrument = networks[0].encoder, networks[1]
    times = MOMENT_S[:, None] + np.clip(MOMENT_S[:, None] * _AROUND, -_AROUND_S, _AROUND_S)
    levels, whole_db = note_levels(audio, sample_rate, key, times.ravel())
    n, k = times.size, len(MOMENT_S)
    with torch.no_grad():
        note = torch.full((n,), float(key)), torch.full((n,), VELOCITY / 127)
        found = encoder(torch.from_numpy(levels), *note).numpy().reshape(*times.shape, -1).mean(1)
        inside = instrument.within_hull(torch.from_numpy(place)[None]).expand(k, -1)
        performed = instrument.performer(inside, note[0][:k], torch.from_numpy(MOMENT_S.astype(np.float32))).numpy()
    heard = whole_db.reshape(times.shape).mean(1) > whole_db.max() - _HEARD_DB
    last = int(np.flatnonzero(heard)[-1])  # what is not heard stays as it was
    return np.where((np.arange(k) > last)[:, None], found[last], found) - performed


def _filled(courses: list) -> list:
    """Keys that the font does not play go as the nearest that it does."""
    there = [i for i, course in enumerate(courses) if course is not None]
    return [courses[min(there, key=lambda i: abs(i - k))] for k in range(len(courses))]


def _at_usual_loudness(levels_db: np.ndarray, named: list[int]) -> np.ndarray:
    """Relative to the median of the named instruments' loudest moments; what is silent ends at LEAST_DB below its
    own."""
    loudest = levels_db.max(2, keepdims=True)
    usual = np.median(loudest[named])
    shift = np.minimum(0.0, LOUDEST_DB - (loudest - usual))
    return np.maximum(levels_db, loudest + LEAST_DB) + shift - usual
