"""The player's own envelope, sample by sample, beside the course that an instrument's note takes."""

from numba import njit

from .keyboard import ATTACK, DECAY, RELEASE


@njit(inline="always")
def envelope(stage, level, rise, fall, sustain, release):
    """One sample of attack, decay to the sustained level, and release: stage and level."""
    if stage == RELEASE:
        return stage, level * release
    if stage == DECAY:
        return stage, level + fall * (sustain - level)
    level += rise
    return (DECAY, 1.0) if level >= 1.0 else (ATTACK, level)
