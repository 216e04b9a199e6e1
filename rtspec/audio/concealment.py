"""What is heard where the engine's sound is missing: the sound stays as it was (:mod:`rtspec.audio.freeze`) and fades.

A gap is of one of two kinds. What was late is dropped when it comes, so that the delay stays the same. What the device
has to wait for because it takes more at once than before is put in between: the delay grows by it, and nothing is lost.
"""

import numpy as np
from numba import njit

from ..buffers.memory import floats, memmove, memset
from ..buffers.ring import next_place, skip, take
from .freeze import LENGTH, REFRESH, frozen_frames, grab

PAST = 2048
"""Frames of output that are remembered: where there is no spectral freeze yet, they conceal a gap in reverse, fading
out over half as many."""

DECAY = LENGTH - REFRESH - 1024
"""Frames in which the spectral freeze fades out: what a look provides for when the next one is due."""

JOIN = 64
"""Frames in which a gap's sound bends from where the last one would have gone to the freeze."""

REJOIN = 256
"""Frames in which it comes back to the engine's."""


@njit
def _substitute(s, place, n):
    """Write what is heard instead of the `n` frames from `place` of the engine's ring on."""
    out, past = floats(s.substitute, n * s.channels), floats(s.past, PAST * s.channels)
    offset = floats(s.offset, s.channels)
    at, ready = frozen_frames(s.freeze, s.frozen, place) if s.frozen >= 0 else (0, 0)
    frozen, span = floats(at, ready * s.channels), DECAY if s.frozen >= 0 else PAST // 2
    for i in range(n):
        bent = np.float32(max(0.0, 1.0 - s.fade / JOIN))
        s.fade += 1
        gain = np.float32(max(0.0, 1.0 - s.fade / span))
        for c in range(s.channels):
            mirrored = past[(PAST - s.fade - s.shifted) % PAST * s.channels + c]
            sample = frozen[i * s.channels + c] + bent * offset[c] if i < ready else mirrored
            out[i * s.channels + c] = gain * sample


@njit
def _begin_gap(s, place):
    """Take the newest freeze, and note how far from it the sound would have been."""
    s.shifted, s.frozen = 0, grab(s.freeze) if s.freeze != 0 else -1
    at, ready = frozen_frames(s.freeze, s.frozen, place) if s.frozen >= 0 else (0, 0)
    if ready == 0:
        _end_gap(s)
        return
    frozen, past, offset = floats(at, s.channels), floats(s.past, PAST * s.channels), floats(s.offset, s.channels)
    for c in range(s.channels):
        last, before = past[(PAST - 1) * s.channels + c], past[(PAST - 2) * s.channels + c]
        offset[c] = 2 * last - before - frozen[c]


@njit
def _end_gap(s):
    s.fade = s.shifted = s.inserted = 0
    s.frozen = -1


@njit
def _conceal(s, place, at, n):
    """Fill `n` frames at address `at` that the engine did not deliver; the first has this place in its ring."""
    if s.fade == 0:
        _begin_gap(s, place)
    _substitute(s, place, n)
    memmove(at, s.substitute, 4 * n * s.channels)
    s.joined = 0
    s.concealed_frames += n


@njit
def _rejoin(s, place, at, n):
    """After a gap: from the freeze to the engine's sound, whose next `n` frames have come to address `at`."""
    n = min(n, REJOIN - s.joined)
    _substitute(s, place, n)
    staged, old = floats(at, n * s.channels), floats(s.substitute, n * s.channels)
    for i in range(n):
        share = np.float32((s.joined + i + 1) / REJOIN)
        for k in range(i * s.channels, (i + 1) * s.channels):
            staged[k] = old[k] + share * (staged[k] - old[k])
    s.joined += n
    if s.joined == REJOIN:
        _end_gap(s)


@njit
def put_between(s, n):
    """Stage `n` frames by which the delay grows: silence before the first sound, else the sound as it was."""
    place = next_place(s.from_engine) + s.debt + s.inserted
    if s.callbacks == 0:
        memset(s.staged_out, 0, 4 * n * s.channels)
    else:
        _conceal(s, place, s.staged_out, n)
        s.inserted += n
    s.owed -= n
    _remember(s, np.int64(0), n)  # a bare 0 is a type of its own: the callee compiles twice


@njit
def fetch(s, first, n):
    """Stage finished frames from the `first` to the `n`th; late ones that were concealed are dropped first."""
    at, wanted = s.staged_out + 4 * first * s.channels, n - first
    if s.debt > 0:
        s.debt -= skip(s.from_engine, s.debt)
    place = next_place(s.from_engine) + s.debt
    got = take(s.from_engine, at, wanted) if s.debt == 0 else 0
    if got > 0 and place == s.hole:
        _end_gap(s)
        s.fade, s.joined, s.hole = 1, 0, -1  # from the mirrored past: what is frozen has faded, or is of later
    place += s.inserted
    if got > 0 and s.fade > 0:
        _rejoin(s, place, at, got)
    _remember(s, first, got)
    if got < wanted:
        _conceal(s, place + got, at + 4 * got * s.channels, wanted - got)
        s.debt += wanted - got
        s.underruns += 1
        _remember(s, first + got, wanted - got)


@njit
def _remember(s, first, n):
    """Keep the newest PAST frames of the output, `n` of which are staged from the `first` on."""
    frame_bytes = 4 * s.channels
    kept = min(n, PAST)
    s.shifted += n
    memmove(s.past, s.past + kept * frame_bytes, (PAST - kept) * frame_bytes)
    memmove(s.past + (PAST - kept) * frame_bytes, s.staged_out + (first + n - kept) * frame_bytes, kept * frame_bytes)
