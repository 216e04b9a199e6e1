"""Courses as the voices follow them: which instruments a place in the latent space is near, and what they do now."""

import numpy as np
from numba import njit

from ...buffers.memory import aligned
from ...buffers.views import clear, floats
from .courses import COURSE_KEYS, LEAST_DB, LEVEL_S, MOMENT_S, USUAL_RELEASE_S, Courses, Levels

N_KEYS, N_LEVEL, N_MOMENT = len(COURSE_KEYS), len(LEVEL_S) + 2, len(MOMENT_S)
"""A course's keys; its levels, the fall after them and the release; its moments."""

_FALL, _RELEASE = N_LEVEL - 2, N_LEVEL - 1

COURSE_FIELDS = {
    "counts": "n_courses n_course_latents n_course_programs n_program_rows",
    "shared": f"course_places:f8[n_courses,n_course_latents] course_levels:f4[n_courses,{N_KEYS},{N_LEVEL}]"
    f" course_drifts:f4[n_courses,{N_KEYS},{N_MOMENT},n_course_latents]"
    f" program_levels:f4[n_program_rows,{N_KEYS},{N_LEVEL}]",
    "arrays": "course_weights:f8[n_courses]",
}

_FIRST, _STEP = float(COURSE_KEYS[0]), float(COURSE_KEYS[1] - COURSE_KEYS[0])
_LAST_S = float(LEVEL_S[-1])
_NEAR = 1e-4
"""Square of the distance within which a place is an instrument's own."""

_LITTLE = 1e-3
"""Share of all weights below which an instrument is passed over."""

FADE_DB_PER_S = 60.0
"""What the parameter `fade` at 1 adds to an instrument's own decay."""

ONSET_S, ONSET_RATIO = 0.005, 200.0
"""Time of the rise that the parameter `onset` adds: this · (ratio^onset - 1)."""

NOWHERE = 1e3
"""Place of a course that nobody is near."""


def course_arrays(courses: Courses, places: np.ndarray) -> dict:
    """Arrays that a stage's record points to; the first course is nowhere, for a note that is imitated.

    Parameters
    ----------
    courses : Courses
    places : ndarray, float32, shape (n_courses, n_latents)
        Where in the latent space each instrument lies.
    """
    n, n_latents = len(places) + 1, places.shape[1]
    where, levels = aligned((n, n_latents), np.float64), aligned((n, N_KEYS, N_LEVEL))
    drifts = aligned((n, N_KEYS, N_MOMENT, n_latents))
    where[0], where[1:] = NOWHERE, places
    levels[1:], drifts[1:] = _rows(courses.levels), courses.drifts
    programs = aligned((max(1, len(courses.programs.levels_db)), N_KEYS, N_LEVEL))
    programs[: len(courses.programs.levels_db)] = _rows(courses.programs)
    known = {"course_places": where, "course_levels": levels, "course_drifts": drifts, "program_levels": programs}
    return {**known, "n_course_programs": len(courses.programs.levels_db), "n_program_rows": len(programs)}


def _rows(levels: Levels) -> np.ndarray:
    """(n, N_KEYS, N_LEVEL): a release as the logarithm of its share of the usual one."""
    releases = np.log(levels.releases_s / USUAL_RELEASE_S)
    return np.concatenate([levels.levels_db, levels.falls_db_per_s[..., None], releases[..., None]], axis=2)


def remember(arrays: dict, place: np.ndarray, levels_db: np.ndarray, fall_db_per_s: float) -> None:
    """Let the first course be that of a note that is imitated, the same for all keys; voices that sound follow it.
    `place` is float32 of shape (n_latents,), levels float64 of shape (n_times,), dB."""
    levels = arrays["course_levels"][0]
    levels[:, :_FALL], levels[:, _FALL], levels[:, _RELEASE] = levels_db - levels_db.max(), fall_db_per_s, 0.0
    arrays["course_places"][0] = place


def course_fields(arrays: dict) -> dict:
    """What a stage's record needs to follow courses, which are no stage's state."""
    n, n_latents = arrays["course_places"].shape
    return {**arrays, "n_courses": n, "n_course_latents": n_latents, "course_weights": aligned(n, np.float64)}


@njit
def weigh_courses(s, latents, shift):
    """How much each course counts at latents (address of float32) + shift (float32): the nearer the more, an
    instrument's own place being all its own."""
    n, dims = s.n_courses, s.n_course_latents
    places, weights, own = s.course_places, s.course_weights, floats(latents, dims)
    total = 0.0
    for i in range(n):
        square = _NEAR
        for d in range(dims):
            square += (own[d] + shift[d] - places[i, d]) ** 2
        weights[i] = 1.0 / (square * np.sqrt(square))
        total += weights[i]
    kept = 0.0
    for i in range(n):
        weights[i] = weights[i] / total if weights[i] > _LITTLE * total else 0.0
        kept += weights[i]
    for i in range(n):
        weights[i] /= kept


@njit
def _key_place(key):
    place = min(max((key - _FIRST) / _STEP, 0.0), N_KEYS - 1.001)
    return int(place), place - int(place)


@njit
def _before(times, age_s):
    i = 0
    while i + 2 < len(times) and age_s >= times[i + 1]:
        i += 1
    return i, min(1.0, (age_s - times[i]) / (times[i + 1] - times[i]))


@njit
def _level(table, key, i, share, late_s):
    return table[key, i] + share * (table[key, i + 1] - table[key, i]) - late_s * table[key, _FALL]


@njit
def _own_db(table, key, age_s):
    """Level by one instrument's table, (N_KEYS, N_LEVEL)."""
    k, between = _key_place(key)
    i, share = _before(LEVEL_S, age_s)
    late_s = max(0.0, age_s - _LAST_S)
    low, high = _level(table, k, i, share, late_s), _level(table, k + 1, i, share, late_s)
    return max(2.0 * LEAST_DB, low + between * (high - low))


@njit
def _own_release(table, key):
    k, between = _key_place(key)
    return table[k, _RELEASE] + between * (table[k + 1, _RELEASE] - table[k, _RELEASE])


@njit
def course_db(s, program, own, key, age_s):
    """Level of a note of this key and age: by its program's course, as far as it has one of its `own` (0 to 1), and by
    the weighed courses."""
    weights, db = s.course_weights, 0.0
    if own < 1.0:
        for c in range(s.n_courses):
            if weights[c] > 0.0:
                db += (1.0 - own) * weights[c] * _own_db(s.course_levels[c], key, age_s)
    if own > 0.0:
        db += own * _own_db(s.program_levels[program], key, age_s)
    return db


@njit
def release_factor(s, program, own, key):
    """How much longer than usual such a note goes on once it is let go."""
    weights, log = s.course_weights, 0.0
    if own < 1.0:
        for c in range(s.n_courses):
            if weights[c] > 0.0:
                log += (1.0 - own) * weights[c] * _own_release(s.course_levels[c], key)
    if own > 0.0:
        log += own * _own_release(s.program_levels[program], key)
    return np.exp(log)


@njit
def course_gain(s, program, own, key, age_s, onset, fade):
    """Gain of such a note, and what the player's `onset` and `fade` add."""
    rise_s = ONSET_S * (ONSET_RATIO**onset - 1.0)
    rise = 1.0 - np.exp(-3.0 * age_s / rise_s) if rise_s > 1e-4 else 1.0
    return rise * 10.0 ** ((course_db(s, program, own, key, age_s) - FADE_DB_PER_S * fade * age_s) / 20.0)


@njit
def course_drift(s, key, age_s, drift):
    """Write how far the timbre of such a note lies beside what the network says of its place into `drift`."""
    k, between = _key_place(key)
    i, share = _before(MOMENT_S, age_s)
    dims, weights, table = s.n_course_latents, s.course_weights, s.course_drifts
    clear(drift)
    for c in range(s.n_courses):
        if weights[c] > 0.0:
            for side in range(2):
                of_key = weights[c] * (between if side else 1.0 - between)
                before, after = table[c, k + side, i], table[c, k + side, i + 1]
                for d in range(dims):
                    drift[d] += np.float32(of_key * ((1.0 - share) * before[d] + share * after[d]))
