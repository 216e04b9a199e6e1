"""What of a MIDI stream an instrument does not play, each kind said once: drums, effects, pan."""

from typing import Any

from ..controlled import Controlled
from .mpe import MpeZones

DRUMS = 10
"""General MIDI's channel for drums."""

_IGNORED = (
    ((91, 92, 93, 94, 95), "effect sends (controllers 91 to 95) do nothing here; put an effect into the chain"),
    ((8, 10), "balance and pan (controllers 8 and 10) do nothing here: the instrument sounds in the middle"),
    ((70, 71, 76, 77, 78, 79), "controllers 70, 71 and 76 to 79 do nothing here; learn one to a parameter"),
)
_DRUMS_LINE = "channel 10 is General MIDI's drums, which the instrument has none of: silent; drums=1 plays it as notes"


class Unplayed:
    """Watches messages on their way to the instruments of a chain.

    Parameters
    ----------
    instruments : list
        Processors that accept MIDI.
    moved : callable
        Whether the map moves something by this controller: then it is not ignored.
    """

    def __init__(self, instruments: list[Controlled], moved=lambda number: False):
        self._instruments, self._moved = instruments, moved
        self._zones, self._said = MpeZones(), set[str]()

    def feed(self, message: Any) -> str | None:
        """A line where a message is the first of a kind that is not played."""
        if not self._instruments or not hasattr(message, "channel"):
            return None
        self._zones.feed(message)
        line = self._line(message)
        if line is None or line in self._said:
            return None
        self._said.add(line)
        return line

    def _line(self, message: Any) -> str | None:
        if message.type == "note_on" and message.channel + 1 == DRUMS and message.velocity:
            played = any(each.plays_drums for each in self._instruments)
            return None if played or self._zones.master_of(DRUMS) else _DRUMS_LINE
        if message.type == "control_change" and not self._moved(message.control):
            return next((line for numbers, line in _IGNORED if message.control in numbers), None)
        return None
