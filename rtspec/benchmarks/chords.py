"""Chords for instruments on a live stream, so that a measurement has as many notes as it asks for at all times."""

import time

HELD_S = 1.0
"""Seconds from a chord to the next one."""

_LOWEST, _THIRD = 40, 3


def play_chords(stream, n_chords: int, n_notes: int) -> None:
    """Play chords of `n_notes` notes on all that takes MIDI in a stream, a new one every :data:`HELD_S`; the call
    returns when the keys of the last one are up."""
    for step in range(n_chords):
        notes = [_LOWEST + _THIRD * i + step % _THIRD for i in range(n_notes)]
        for note in notes:
            stream.send((0x90, note, 100))
        time.sleep(HELD_S)
        for note in notes:
            stream.send((0x80, note, 0))
