"""What General MIDI has a song begin with where the song itself says nothing: volume 100, and the first program.

References
----------
General MIDI Level 1 Developer Guidelines (MIDI Association, 1996).
"""

from collections.abc import Iterator
from typing import Any

from ..controlled import Controlled
from .mpe import MpeZones

VOLUME, USUAL_VOLUME, USUAL_PROGRAM = 7, 100, 0

Timed = list[tuple[float, Any]]
"""(seconds, mido.Message)"""


def opening(messages: Timed) -> Timed:
    """Messages for the start of a song: a volume and a program for each channel that plays before it has told its own.

    In an MPE zone the master has the volume, since the levels of master and member multiply.
    """
    from mido import Message

    volumes, programs = _untold(messages)
    loud = {"control": VOLUME, "value": USUAL_VOLUME}
    return [
        *((0.0, Message("control_change", channel=channel - 1, **loud)) for channel in volumes),
        *((0.0, Message("program_change", channel=channel - 1, program=USUAL_PROGRAM)) for channel in programs),
    ]


def opening_for(instrument: Controlled, messages: Timed) -> Iterator[tuple[float, Any]]:
    """What of an opening an instrument gets: no program where somebody has chosen its timbre."""
    return ((at, m) for at, m in messages if m.type != "program_change" or instrument.takes_usual_program)


def _untold(messages: Timed) -> tuple[list[int], list[int]]:
    """Channels, 1 to 16, that play without a volume, and without a program."""
    zones, told = MpeZones(), {VOLUME: set[int](), "program_change": set[int]()}
    volumes, programs = dict[int, None](), dict[int, None]()
    for _, message in messages:
        zones.feed(message)
        channel = message.channel + 1
        master = zones.master_of(channel) or channel
        if message.type == "control_change" and message.control == VOLUME:
            told[VOLUME].add(channel)
        elif message.type == "program_change":
            told["program_change"].add(channel)
        elif message.type == "note_on" and message.velocity:
            volumes |= {} if master in told[VOLUME] else {master: None}
            programs |= {} if {channel, master} & told["program_change"] else {channel: None}
    return list(volumes), list(programs)
