"""What of a MIDI stream an instrument does not play, each kind said once: drums, effects, pan, further parameters."""

from typing import Any

from ..controlled import Controlled
from .mpe import MpeZones

DRUMS = 10
"""General MIDI's channel for drums."""

_IGNORED = (
    ((91, 92, 93, 94, 95), "effect sends (controllers 91 to 95) do nothing here; put an effect into the chain"),
    ((8, 10), "balance and pan (controllers 8 and 10) do nothing here: the instrument sounds in the middle"),
    ((70, 71, 76, 77, 78, 79), "controllers 70, 71 and 76 to 79 do nothing here; learn one to a parameter"),
    ((84,), "portamento control (controller 84) does nothing here: a glide begins at the note before"),
    ((126,), "mono mode (controller 126) lets the keys go and no more: every channel plays chords"),
)
_RPN, _NRPN, _ENTRIES = (101, 100), (99, 98), (6, 38, 96, 97)
_NONE, _PLAYED = (127, 127), ((0, 0), (0, 1), (0, 2), (0, 6))
"""Registered parameters by both bytes: no one; bend range, fine and coarse tuning, zones."""

_RPN_LINE = "of registered parameters (RPN) only 0, 1, 2 and 6 do something here: bend range, tuning, zones"
_NRPN_LINE = "non-registered parameters (NRPN) do nothing here; learn one to a parameter"
_DRUMS_LINE = "channel 10 is General MIDI's drums, which the instrument has none of: silent; drums=1 plays it as notes"


class Unplayed:
    """Watches messages on their way to the instruments of a chain.

    Parameters
    ----------
    instruments : list
        Processors that accept MIDI.
    moved : callable
        Whether the map moves something by this controller, or by a non-registered parameter where the kind is "nrpn":
        then it is not ignored.
    """

    def __init__(self, instruments: list[Controlled], moved=lambda number, kind="cc": False):
        self._instruments, self._moved = instruments, moved
        self._zones, self._said = MpeZones(), set[str]()
        self._selected: dict[int, dict[int, int]] = {}

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
        if message.type != "control_change":
            return None
        if message.control in (*_RPN, *_NRPN, *_ENTRIES):
            return self._parameter_line(message)
        ignored = () if self._moved(message.control) else _IGNORED
        return next((line for numbers, line in ignored if message.control in numbers), None)

    def _parameter_line(self, message: Any) -> str | None:
        """A line where data are for a parameter by number that the instrument has not."""
        chosen = self._selected.setdefault(message.channel, {})
        if message.control not in _ENTRIES:
            for number in _NRPN if message.control in _RPN else _RPN:
                chosen.pop(number, None)
            chosen[message.control] = message.value
            return None
        if len(chosen) < 2:
            return None
        registered = _RPN[0] in chosen
        high, low = (chosen[number] for number in (_RPN if registered else _NRPN))
        if (high, low) == _NONE:
            return None
        if registered:
            return None if (high, low) in _PLAYED else _RPN_LINE
        return None if self._moved(high << 7 | low, "nrpn") else _NRPN_LINE
