"""MPE: zones in which every note has a channel of its own, made plain for instruments that know nothing of zones.

A controller sets a zone up by RPN 6 on its master channel: 1 for the lower zone, whose member channels count up from 2,
16 for the upper one, whose members count down from 15. What the master says then concerns all members; bends of master
and member add up. A new zone takes its channels from the other, and both ranges of bend are at rest on what changed
hands; a zone of no members ends and takes nothing, so that the other one stays as it is. :class:`MpeZones` turns that
into plain messages on the members' channels.

References
----------
MIDI Polyphonic Expression, version 1.0 (MIDI Association, 2018): sections 2.1 to 2.4.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil
from typing import Any

LOWER_MASTER, UPPER_MASTER = 1, 16
DEFAULT_RANGE, MEMBER_RANGE = 2.0, 48.0
"""Semitones that a full bend of a plain or master channel, and of a member, means until RPN 0 says otherwise."""

_BEND_RANGE, _ZONE, _NO_PARAMETER = 0, 6, 0x3FFF
_DATA, _DATA_FINE, _UP, _DOWN, _RPN_FINE, _RPN = 6, 38, 96, 97, 100, 101
_NRPN, _RESET = (98, 99), 121
_WIDEST = 96.0
_SHARED = frozenset([0, 1, 2, 4, 5, 7, 8, 10, 11, 32, *range(64, 80), 84, *range(91, 96), *range(120, 128)])
"""Controllers of a master that concern its members: all that mean something to every channel, parameters excepted."""


def messages_for(instrument: Any, messages: list[tuple[float, Any]]) -> list[tuple[float, Any]]:
    """What an instrument gets of timed messages, as a live stream gives it."""
    if instrument.reads_zones:
        return messages
    zones = MpeZones()
    return [(at, plain) for at, message in messages for plain in zones.feed(message) if hasattr(plain, "channel")]


@dataclass
class _Channel:
    """What one channel has said: its bend from -1 to 1, and which parameter its data bytes are for."""

    bend: float = 0.0
    bend_range: float = DEFAULT_RANGE
    parameter: int = _NO_PARAMETER
    announced_range: int = int(DEFAULT_RANGE)


@dataclass
class MpeZones:
    """Messages of an MPE controller in, plain messages out. Without a zone all pass as they came.

    Attributes
    ----------
    members : dict of int to list of int
        Member channels, 1 to 16, by master channel.

    Examples
    --------
    >>> import mido
    >>> zones = MpeZones()
    >>> for control, value in ((101, 0), (100, 6), (6, 2)):
    ...     made = zones.feed(mido.Message("control_change", control=control, value=value))
    >>> zones.members
    {1: [2, 3]}
    """

    members: dict[int, list[int]] = field(default_factory=dict)
    _channels: list[_Channel] = field(default_factory=lambda: [_Channel() for _ in range(17)])

    def feed(self, message: Any) -> "list[Any]":
        """What an instrument shall get for a mido message."""
        if message.type == "reset":
            self.__init__()
            return [message]
        if not hasattr(message, "channel"):
            return [message]
        return list(self._channel_messages(message, message.channel + 1))

    def master_of(self, channel: int) -> int | None:
        """The master channel of a member; None for masters and channels in no zone."""
        return next((master for master, members in self.members.items() if channel in members), None)

    def _channel_messages(self, message: Any, channel: int) -> Iterator[Any]:
        kind = message.type
        if kind == "control_change":
            yield from self._control(message, channel)
        elif kind == "pitchwheel":
            self._channels[channel].bend = message.pitch / (8192 if message.pitch < 0 else 8191)
            yield from (self._bend(c) for c in self._concerned(channel))
        elif kind in ("aftertouch", "program_change"):
            yield from (message.copy(channel=c - 1) for c in self._concerned(channel))
        else:
            yield message

    def _control(self, message: Any, channel: int) -> Iterator[Any]:
        if message.control in (_DATA, _DATA_FINE, _UP, _DOWN):
            yield from self._data(message, channel)
        elif message.control in _SHARED:
            yield from (message.copy(channel=c - 1) for c in self._concerned(channel))
        else:
            self._select(message, self._channels[channel])
            yield message
        if message.control == _RESET:
            yield from self._rest(channel)

    def _concerned(self, channel: int) -> list[int]:
        """The channel, and its members if it is a master."""
        return [channel, *self.members.get(channel, [])]

    def _zone_of(self, channel: int) -> int | None:
        """The master of the zone that a channel is in, as master or as member."""
        return channel if channel in self.members else self.master_of(channel)

    def _rest(self, channel: int) -> Iterator[Any]:
        """Bends and parameters at rest; a member is still where its master bends it."""
        for c in self._concerned(channel):
            self._channels[c].bend, self._channels[c].parameter = 0.0, _NO_PARAMETER
            if self.master_of(c) is not None:
                yield self._bend(c)

    # Parameters by number -----------------------------------------------------------------------------------------

    @staticmethod
    def _select(message: Any, state: _Channel) -> None:
        """Note which parameter the data bytes to come are for."""
        if message.control == _RPN:
            state.parameter = message.value << 7 | state.parameter & 0x7F
        elif message.control == _RPN_FINE:
            state.parameter = state.parameter & 0x3F80 | message.value
        elif message.control in _NRPN:
            state.parameter = _NO_PARAMETER

    def _data(self, message: Any, channel: int) -> Iterator[Any]:
        """Data entry and its steps: of zones and of the bends in them here, of all else as it came."""
        parameter = self._channels[channel].parameter
        if parameter == _ZONE and channel in (LOWER_MASTER, UPPER_MASTER):
            if message.control == _DATA:
                yield from self._set_up(channel, message.value)
        elif parameter == _BEND_RANGE and self._zone_of(channel) is not None:
            yield from self._widen(channel, self._new_range(message, self._channels[channel].bend_range))
        else:
            yield message

    @staticmethod
    def _new_range(message: Any, now: float) -> float:
        """Semitones, cents, or a step of a cent (RP-018)."""
        if message.control == _DATA:
            return float(message.value)
        if message.control == _DATA_FINE:
            return now // 1 + 0.01 * message.value
        return now + (0.01 if message.control == _UP else -0.01)

    def _set_up(self, master: int, count: int) -> Iterator[Any]:
        """A zone of `count` members, 0 for none; where two overlap, the newer one takes the channels."""
        before = {c: self._zone_of(c) for c in range(1, 17)}
        step, rival = 1 if master == LOWER_MASTER else -1, LOWER_MASTER + UPPER_MASTER - master
        taken = [master + step * (i + 1) for i in range(min(count, 15))]
        other = [c for c in self.members.get(rival, []) if not taken or c not in (master, *taken)]
        zones = {master: taken, rival: [] if rival in taken else other}
        self.members = {m: zones[m] for m in sorted(zones) if zones[m]}
        moved = [c for c in before if self._zone_of(c) != before[c] or self._zone_of(c) == master]
        for c in moved:
            self._begin(c)
        for c in moved:
            yield from self._tell_range(c)

    def _begin(self, channel: int) -> None:
        """A channel that is new in its zone, or out of one; the instrument is told whatever it was told before."""
        state = self._channels[channel]
        state.bend, state.announced_range = 0.0, -1
        state.bend_range = DEFAULT_RANGE if self.master_of(channel) is None else MEMBER_RANGE

    def _widen(self, channel: int, semitones: float) -> Iterator[Any]:
        """A member's bend range is that of all members of its zone."""
        master = self.master_of(channel)
        for c in [channel] if master is None else self.members[master]:
            self._channels[c].bend_range = min(max(semitones, 0.0), _WIDEST)
        for c in self._concerned(channel if master is None else master):
            yield from self._tell_range(c)

    # Bends --------------------------------------------------------------------------------------------------------

    def _full_range(self, channel: int) -> int:
        """Semitones of the largest bend that a channel's notes can have, in whole ones: its own and its master's."""
        master = self.master_of(channel)
        own = self._channels[channel].bend_range
        return ceil(min(_WIDEST, own + (self._channels[master].bend_range if master else 0.0)))

    def _tell_range(self, channel: int) -> Iterator[Any]:
        """Tell the instrument the range by RPN 0, where it has changed, and then where the bend is in it; data bytes to
        come are for the parameter that they were for."""
        from mido import Message

        state, wanted = self._channels[channel], self._full_range(channel)
        if wanted != state.announced_range:
            state.announced_range = wanted
            selected = (_RPN, state.parameter >> 7), (_RPN_FINE, state.parameter & 127)
            for number, value in ((_RPN, 0), (_RPN_FINE, 0), (_DATA, wanted), (_DATA_FINE, 0), *selected):
                yield Message("control_change", channel=channel - 1, control=number, value=value)
        yield self._bend(channel)

    def _bend(self, channel: int) -> Any:
        from mido import Message

        state, master = self._channels[channel], self.master_of(channel)
        semitones = state.bend * state.bend_range
        if master is not None:
            semitones += self._channels[master].bend * self._channels[master].bend_range
        elif channel not in self.members:
            semitones = state.bend * self._full_range(channel)
        share = semitones / self._full_range(channel) if self._full_range(channel) else 0.0
        pitch = round(share * (8192 if share < 0 else 8191))
        return Message("pitchwheel", channel=channel - 1, pitch=max(-8192, min(8191, pitch)))
