"""How many frames a device asks for at once, learnt from its callbacks, and what the engine must have ready for it.

A JACK or PipeWire server decides the period, whatever a stream asks for, and may change it at any time. Other drivers
call several times in a burst. An engine that was given less time than lies between two bursts is late for ever. So the
callback watches: a period longer than any before makes the delay grow, once, by what it needs; a shorter one changes
nothing, so no sound is lost.
"""

import numpy as np
from numba import njit

LEAK = 1.05
"""How much faster than the sample rate the measure of a burst empties: more than any clock is wrong."""

LARGER = 1.25
"""A burst of so many periods is no late wake-up any more."""

PATIENCE = 3
"""So many bursts that the engine was too late for are how the device is, not a machine that was busy."""

FORGET_NS = 1_000_000_000
"""Bursts that were too large count together if so close to each other."""

JACK_SPLIT = 1024
"""PortAudio hands a longer JACK period over in pieces of this size."""

LISTEN_S = 0.4
"""How much sound a driver with buffers of its own takes before the first that counts: the first half fills them, the
second shows its bursts."""

SAME = 0.25
"""Part of a callback by which a burst may be longer than so many, since no wake-up is exact."""

LONGEST = 16384
"""Frames of the longest period that is provided for: twice what JACK allows."""


@njit(cache=True)
def ready_frames(period, block):
    """Frames that must lie ready so that an engine with blocks of `block` has the longer of a block and a period in
    time for each block, however the two fall together."""
    a, b = period, block
    while b:
        a, b = b, a % b
    return max(period, block) + block - a


@njit
def _provide(s, period):
    """Provide for a period: where that needs more than lies ready, the delay grows, and frames that were late until now
    are late no more."""
    needed = ready_frames(min(period, LONGEST), s.engine_block)
    s.period = max(s.period, min(period, LONGEST))
    more = max(0, needed - s.provided)
    forgiven = max(0, min(s.debt, more))
    s.debt -= forgiven
    s.owed += more - forgiven
    s.drain += more
    s.provided += more
    s.widened += more if s.callbacks > 0 else 0


@njit
def watch_period(s, n, now):
    """Before a callback of `n` frames at a moment: widen the delay where the device asks for more, or otherwise."""
    if s.split == 0:
        return
    passed = (now - s.called_ns) / s.ns_a_frame
    s.burst = max(0.0, s.burst - LEAK * passed) + n
    if n != s.asked:
        _provide(s, n)
    elif n >= s.split and s.burst > LARGER * s.period and s.underruns > s.noted:
        s.short = s.short + 1 if now - s.short_ns < FORGET_NS else 1
        s.short_ns, s.noted = now, s.underruns
        if s.short >= PATIENCE:
            _provide(s, n * int(-(-s.burst // n)))
            s.short = 0
    s.called_ns, s.asked = now, n


@njit
def listen(s, n):
    """Silence is played: learn from a callback how large the bursts are, before any sound can be late for one."""
    s.listening -= n
    s.most = max(s.most, s.burst) if s.listening < s.listened else 0.0
    if s.listening <= 0:
        _provide(s, n * max(1, int(np.ceil(s.most / n - SAME))))
