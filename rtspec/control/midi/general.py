"""What General MIDI has a song begin with where the song itself says nothing."""

from typing import Any

from .mpe import MpeZones

VOLUME, USUAL_VOLUME = 7, 100


def usual_volumes(messages: list[tuple[float, Any]]) -> list[tuple[float, Any]]:
    """Volumes for the start of a song: 100 for each channel that plays before it has told its own.

    Parameters
    ----------
    messages : list of (float, mido.Message)
        The song's channel messages in the order of time.

    Returns
    -------
    list of (float, mido.Message)
        All at time 0. An MPE zone has one, on its master, since the levels of master and member multiply.

    References
    ----------
    General MIDI Level 1 Developer Guidelines (MIDI Association, 1996): volume is 100 of 127 at the start.
    """
    from mido import Message

    zones, told, silent = MpeZones(), set[int](), dict[int, None]()
    for _, message in messages:
        zones.feed(message)
        channel = zones.master_of(message.channel + 1) or message.channel + 1
        if message.type == "control_change" and message.control == VOLUME:
            told.add(message.channel + 1)
        elif message.type == "note_on" and message.velocity and channel not in told:
            silent[channel] = None
    values = {"control": VOLUME, "value": USUAL_VOLUME, "time": 0}
    return [(0.0, Message("control_change", channel=channel - 1, **values)) for channel in silent]
