"""What comes out of a MIDI cable, made sense of: bytes to messages, messages to controls, held notes, the clock.

Nothing here raises on what comes in: what makes no sense is counted or passed over.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ... import checks
from ...errors import InvalidValue

if TYPE_CHECKING:
    import mido

_DATA_BYTES = {0x80: 2, 0x90: 2, 0xA0: 2, 0xB0: 2, 0xC0: 1, 0xD0: 1, 0xE0: 2, 0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0}
_REAL_TIME = (0xF8, 0xFA, 0xFB, 0xFC, 0xFE, 0xFF)
_SYSEX, _SYSEX_END = 0xF0, 0xF7

MAX_SYSEX = 65536
"""Bytes of a system exclusive message; longer ones are garbage."""


@dataclass(frozen=True)
class MidiEvent:
    """A message and when it happened: `time_s` on the clock of :func:`time.monotonic`."""

    time_s: float
    message: Any


class MidiParser:
    """A stream of bytes to mido messages: running status, real-time bytes inside other messages, system exclusive.

    Attributes
    ----------
    garbage : int
        Bytes that belonged to no message.
    """

    def __init__(self) -> None:
        self.garbage = 0
        self._status = 0
        self._data: list[int] = []

    def feed(self, data: Iterable[int]) -> "list[mido.Message]":
        """The messages that these bytes complete."""
        found = [self._byte(byte) for byte in data]
        return [_message(raw) for raw in found if raw is not None]

    def feed_message(self, data: Iterable[int]) -> "list[mido.Message]":
        """The same for a back end that never cuts a message in two: what is left over is garbage."""
        found = self.feed(data)
        self._drop()
        return found

    def _byte(self, byte: int) -> list[int] | None:
        if byte in _REAL_TIME:
            return [byte]
        if not 0 <= byte <= 0xFF:
            self.garbage += 1
            return None
        return self._status_byte(byte) if byte & 0x80 else self._data_byte(byte)

    def _status_byte(self, byte: int) -> list[int] | None:
        if byte == _SYSEX_END and self._status == _SYSEX:
            whole, self._data, self._status = [_SYSEX, *self._data, byte], [], 0
            return whole
        self._drop()
        self._status = byte if byte == _SYSEX or _length(byte) is not None else 0
        self.garbage += self._status == 0
        return self._complete() if _length(byte) == 0 else None

    def _data_byte(self, byte: int) -> list[int] | None:
        if self._status == 0 or len(self._data) >= MAX_SYSEX:
            self.garbage += 1
            return None
        self._data.append(byte)
        return self._complete() if len(self._data) == _length(self._status) else None

    def _complete(self) -> list[int]:
        whole, self._data = [self._status, *self._data], []
        if self._status >= _SYSEX:  # system messages have no running status
            self._status = 0
        return whole

    def _drop(self) -> None:
        """Forget an unfinished message; the running status of a channel stays."""
        self.garbage += len(self._data) + (self._status == _SYSEX)
        self._data = []
        if self._status >= _SYSEX:
            self._status = 0


def _length(status: int) -> int | None:
    """Data bytes behind a status byte; None where they have no fixed number."""
    return _DATA_BYTES.get(status if status >= 0xF0 else status & 0xF0)


def _message(raw: list[int]) -> "mido.Message":
    from mido import Message

    return Message.from_bytes(raw)


# Controls -------------------------------------------------------------------------------------------------------------

ENCODINGS = ("rel-twos", "rel-offset", "rel-sign")
"""Of endless knobs, which say by how much they turn: two's complement (127 is -1), 64 and so much (63 is -1), and a
sign bit with an amount (65 is -1)."""

KINDS = {
    "cc": 127,
    "cc14": 31,
    "nrpn": 16383,
    "note": 127,
    "poly": 127,
    "bend": None,
    "pressure": None,
    **dict.fromkeys(ENCODINGS, 127),
}
"""Kinds of control and the largest number of each; None: there is one on a channel. "note" is a key's velocity."""

RESERVED = frozenset((0, 32, 6, 38, *range(96, 102), *range(120, 128)))
"""Controllers that are parts of other messages or modes (bank, data entry, numbers): no knob of a player's."""


@dataclass(frozen=True)
class Control:
    """Something that a hand moves: ``cc 74``, ``cc14 1``, ``nrpn 133``, ``rel-twos 21``, ``bend``, ``pressure``,
    ``poly 60``, ``note 36``.

    Attributes
    ----------
    kind : str
        A key of :data:`KINDS`; "cc14" is controller `number` with its fine part at `number` + 32, "nrpn" a
        non-registered parameter (128·MSB + LSB), "rel-…" an endless knob in one of :data:`ENCODINGS`.
    number : int
        0 where the kind has none.
    """

    kind: str
    number: int = 0

    def __post_init__(self) -> None:
        checks.choice("control", self.kind, KINDS)
        checks.integer(f"control {self.kind}: number", self.number, 0, KINDS[self.kind] or 0)

    @classmethod
    def parse(cls, text: str) -> "Control":
        """The control that `str` wrote."""
        kind, _, number = text.partition(" ")
        if KINDS.get(kind) is not None and not (number.isascii() and number.isdigit() and len(number) <= 5):
            raise InvalidValue(f"control {text!r} needs a number from 0 to {KINDS[kind]}; write '{kind} 1'")
        if KINDS.get(kind, 0) is None and number:
            raise InvalidValue(f"control {text!r} has no number; write {kind!r}")
        return cls(kind, int(number or 0) if kind in KINDS else 0)

    def __str__(self) -> str:
        return self.kind if KINDS[self.kind] is None else f"{self.kind} {self.number}"


@dataclass(frozen=True)
class Motion:
    """A control at a `position` from 0 to 1 on `channel`, 1 to 16."""

    control: Control
    channel: int
    position: float


def turned(encoding: str, value: int) -> int:
    """Steps that an endless knob was turned by, from its controller's value.

    Two's complement and sign agree to the right; an amount behind 64 that no hand turns by at once is the other's.
    """
    if encoding == "rel-offset":
        return value - 64
    if value < 64:
        return value
    if encoding == "rel-sign":
        return 64 - value
    return value - 128


class MotionReader:
    """Messages to motions. Keeps the halves of 14-bit controllers.

    Notes
    -----
    A message for controllers 0–31 gives motions of both `cc` and `cc14`. Once a fine part (32–63) has come, `cc14`
    waits for it after each coarse part, so that the value never jumps back between the two.
    """

    def __init__(self) -> None:
        self._coarse: dict[tuple[int, int], int] = {}
        self._fine: set[tuple[int, int]] = set()
        self._selected: dict[int, list[int | None]] = {}

    def read(self, message: Any) -> list[Motion]:
        """What a mido message moves, in order; empty for messages that move nothing."""
        channel = getattr(message, "channel", 0) + 1
        return [Motion(control, channel, position) for control, position in self._moves(message)]

    def _moves(self, message: Any) -> Iterator[tuple[Control, float]]:
        kind = message.type
        if kind == "control_change":
            yield from self._parameter(message)
            if message.control not in _DATA or not self._selects(message.channel):
                yield Control("cc", message.control), message.value / 127
                yield from self._wide(message)
        elif kind == "pitchwheel":
            yield Control("bend"), _bend(message.pitch)
        elif kind == "aftertouch":
            yield Control("pressure"), message.value / 127
        elif kind == "polytouch":
            yield Control("poly", message.note), message.value / 127
        elif kind in ("note_on", "note_off"):
            yield Control("note", message.note), message.velocity / 127 if kind == "note_on" else 0.0

    def _selects(self, channel: int) -> bool:
        """Whether data entry belongs to a parameter number there."""
        return None not in self._selected.get(channel, [None])[:2]

    def _parameter(self, message: Any) -> Iterator[tuple[Control, float]]:
        """Non-registered parameters: number by 99 and 98, value by 6 and 38; a registered one (101, 100) ends them."""
        number, channel = message.control, message.channel
        state = self._selected.setdefault(channel, [None, None, 0, 0])  # MSB, LSB, whether non-registered, coarse value
        if number in _NUMBERS:
            if state[2] != (number in _NRPN):
                state[:] = [None, None, int(number in _NRPN), 0]
            state[0 if number in (99, 101) else 1] = message.value
        elif number in _DATA and self._selects(channel) and state[2]:
            control = Control("nrpn", (state[0] or 0) << 7 | (state[1] or 0))
            key = channel, control.number + 128
            if number == 6:
                state[3] = message.value
                if key not in self._fine:
                    yield control, message.value / 127
            else:
                self._fine.add(key)
                yield control, ((state[3] or 0) << 7 | message.value) / 16383
        if state[:2] == [127, 127]:
            self._selected.pop(channel, None)  # null: data entry is a controller like any other

    def _wide(self, message: Any) -> Iterator[tuple[Control, float]]:
        number, key = message.control % 32, (message.channel, message.control % 32)
        if message.control < 32:
            self._coarse[key] = message.value
            if key not in self._fine:
                yield Control("cc14", number), message.value / 127
        elif message.control < 64:
            self._fine.add(key)
            if key in self._coarse:
                yield Control("cc14", number), (self._coarse[key] << 7 | message.value) / 16383


_NRPN, _NUMBERS, _DATA = (98, 99), (98, 99, 100, 101), (6, 38)


def _bend(pitch: int) -> float:
    """0 to 1, exactly 0.5 at rest though there is one step more below than above."""
    return 0.5 + (pitch / 16384 if pitch < 0 else pitch / 16382)


# Notes and clock ------------------------------------------------------------------------------------------------------

_SUSTAIN, _ALL_SOUND_OFF, _RESET, _ALL_NOTES_OFF = 64, 120, 121, 123


class HeldNotes:
    """Which notes sound: keys and the sustain pedal, per channel.

    Attributes
    ----------
    sounding : dict of (int, int) to int
        (channel 1 to 16, note) to velocity, oldest first.
    """

    def __init__(self) -> None:
        self.sounding: dict[tuple[int, int], int] = {}
        self._released: set[tuple[int, int]] = set()
        self._pedals: set[int] = set()

    def feed(self, message: Any) -> None:
        """Take a message into account."""
        if message.type == "reset":
            self.__init__()
        elif message.type in ("note_on", "note_off"):
            self._note(message)
        elif message.type == "control_change":
            self._controller(message.channel + 1, message.control, message.value)

    def _note(self, message: Any) -> None:
        key = (message.channel + 1, message.note)
        if message.type == "note_on" and message.velocity:
            self.sounding.pop(key, None)
            self.sounding[key] = message.velocity
            self._released.discard(key)
        elif key in self.sounding and key[0] in self._pedals:
            self._released.add(key)
        else:
            self.sounding.pop(key, None)

    def _controller(self, channel: int, number: int, value: int) -> None:
        if number == _SUSTAIN and value >= 64:
            self._pedals.add(channel)
        elif number in (_SUSTAIN, _RESET):
            self._pedals.discard(channel)
            self._stop(channel, self._released)
        elif number == _ALL_SOUND_OFF:
            self._stop(channel, set(self.sounding))
        elif number >= _ALL_NOTES_OFF:  # 124 to 127, the mode messages, end all notes too
            self._released |= {key for key in self.sounding if key[0] == channel}
            if channel not in self._pedals:
                self._stop(channel, self._released)

    def _stop(self, channel: int, keys: set[tuple[int, int]]) -> None:
        for key in [key for key in keys if key[0] == channel]:
            self.sounding.pop(key, None)
            self._released.discard(key)


class MidiClock:
    """The tempo and place of a sequencer that sends MIDI clock, 24 ticks a beat.

    Attributes
    ----------
    running : bool
        Between start (or continue) and stop.
    ticks : int
        Since the song's start.
    """

    def __init__(self) -> None:
        self.running, self.ticks = False, 0
        self._times: deque[float] = deque(maxlen=25)

    def feed(self, event: MidiEvent) -> None:
        """Take an event into account."""
        kind = event.message.type
        if kind == "clock":
            self.ticks += self.running
            self._times.append(event.time_s)
        elif kind in ("start", "continue", "stop"):
            self.running = kind != "stop"
            self.ticks = 0 if kind == "start" else self.ticks
        elif kind == "songpos":
            self.ticks = 6 * event.message.pos

    @property
    def beats(self) -> float:
        """Beats since the song's start."""
        return self.ticks / 24

    @property
    def tempo_bpm(self) -> float | None:
        """Beats a minute, over the last beat; None before two ticks have come."""
        span = self._times[-1] - self._times[0] if len(self._times) > 1 else 0.0
        return 60.0 * (len(self._times) - 1) / 24 / span if span > 0 else None
