"""MIDI files as the world has them: RIFF, karaoke, SMPTE time, three formats, and what other players forgive.

A player's library reads what it must from a file and passes over the rest, with a line: a key signature of 18 flats is
no reason not to play. What is refused is what has no music in it, or would last for days.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...errors import InvalidValue
from .. import documents

MAX_BYTES = 1 << 26
MOST_EVENTS = 4_000_000
LONGEST_S = 4 * 3600.0
"""A file that lasts longer is refused before it fills a disk."""

LATE_END_S = 30.0
"""An end of track this long after the last event is no part of the music."""

_HEADER, _TRACK, _RIFF, _RMID = b"MThd", b"MTrk", b"RIFF", b"RMID"
_SEARCHED = 4096
_USUAL_TEMPO, _USUAL_TICKS = 500_000, 480
_TEMPO, _END, _KEY = 0x51, 0x2F, 0x59
_ONE_DATA_BYTE = (0xC0, 0xD0)
_DROP_FRAME = 29
_LET_GO = (64, 66, 123)


@dataclass(frozen=True)
class Score:
    """What a MIDI file says to play.

    Attributes
    ----------
    messages : list of (float, mido.Message)
        Channel messages and their seconds from the start, in order.
    seconds : float
        To the end of the last track: of a loop, all its bars.
    remarks : list of str
        What was passed over or put right, a line each.
    """

    messages: list[tuple[float, Any]]
    seconds: float
    remarks: list[str] = field(default_factory=list)


def read_midi_file(path: Any) -> Score:
    """Read a file; :class:`InvalidValue` where it is none, has no header, or lasts absurdly long."""
    path = Path(path)
    return read_midi(documents.read_bytes(path, MAX_BYTES), path.name)


def read_midi(data: bytes, name: str) -> Score:
    """The same for bytes that have been read; `name` is for messages."""
    remarks: Counter[str] = Counter()
    body = _unwrapped(data, name, remarks)
    kind, division = _header(body, name)
    tracks = [_Track(chunk, remarks).read() for chunk in _chunks(body, remarks)]
    if not tracks:
        raise InvalidValue(f"{name} is no MIDI file, or damaged: it has no track; export it again")
    return _timed(name, tracks, kind, division, remarks)


def read_mido(song: Any) -> Score:
    """The score of a ``mido.MidiFile``."""
    from io import BytesIO

    file = BytesIO()
    try:
        song.save(file=file)
    except Exception as error:  # whatever is in its tracks that no file can hold
        raise InvalidValue(f"{song!r:.60} is no song: {error}; its times must be ticks and its tracks' own") from None
    return read_midi(file.getvalue(), getattr(song, "filename", None) or "the song")


def _unwrapped(data: bytes, name: str, remarks: Counter) -> bytes:
    """The MIDI file inside a RIFF file, or behind what some system put before it."""
    start = data.find(_HEADER, 0, _SEARCHED)
    if start < 0:
        raise InvalidValue(f"{name} is no MIDI file, or damaged: it has no header (MThd); export it again")
    is_riff = data[:4] == _RIFF and data[8:12] == _RMID
    if start and not is_riff:
        remarks[f"{start} bytes before the header were passed over"] += 1
    return data[start:]


def _header(body: bytes, name: str) -> tuple[int, int]:
    if len(body) < 14:
        raise InvalidValue(f"{name} is no MIDI file, or damaged: its header is cut short; export it again")
    return int.from_bytes(body[8:10]), int.from_bytes(body[12:14])


def _chunks(body: bytes, remarks: Counter) -> Iterator[bytes]:
    """The tracks; other chunks are passed over, as the standard wants."""
    at = 8 + int.from_bytes(body[4:8])
    while at + 8 <= len(body):
        kind, size = body[at : at + 4], int.from_bytes(body[at + 4 : at + 8])
        if kind == _TRACK:
            if at + 8 + size > len(body):
                remarks["the last track is cut short"] += 1
            yield body[at + 8 : at + 8 + size]
        at += 8 + size


# Tracks ---------------------------------------------------------------------------------------------------------------


class _Damaged(Exception):
    pass


class _Track:
    """Events of one track, by ticks: channel messages as bytes, and tempi."""

    def __init__(self, data: bytes, remarks: Counter):
        self._data, self._at, self._remarks = data, 0, remarks
        self._tick, self._status, self._ended = 0, 0, False
        self.messages: list[tuple[int, tuple[int, ...]]] = []
        self.tempi: list[tuple[int, int]] = []
        self.end = 0

    def read(self) -> "_Track":
        """All of it, as far as it makes sense."""
        try:
            while self._at < len(self._data) and not self._ended:
                self._tick += self._number()
                self._event()
                if len(self.messages) > MOST_EVENTS:
                    raise InvalidValue(f"a track has more than {MOST_EVENTS} messages; export a shorter one")
        except (_Damaged, IndexError):
            self._remarks["a track is damaged: it is played up to there"] += 1
            self._tick = self.messages[-1][0] if self.messages else 0
        if not self._ended:
            self._remarks["a track has no end"] += 1
        self.end = self._tick
        return self

    def _number(self) -> int:
        """A number of seven bits a byte, four bytes at most."""
        value = 0
        for _ in range(4):
            byte = self._data[self._at]
            self._at += 1
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value
        raise _Damaged

    def _event(self) -> None:
        byte = self._data[self._at]
        if byte == 0xFF:
            self._meta()
        elif byte in (0xF0, 0xF7):
            self._at += 1
            self._skip(self._number())
        elif byte >= 0xF0:
            raise _Damaged
        else:
            self._channel_message(byte)

    def _skip(self, size: int) -> bytes:
        found = self._data[self._at : self._at + size]
        if len(found) < size:
            raise _Damaged
        self._at += size
        return found

    def _meta(self) -> None:
        kind = self._data[self._at + 1]
        self._at += 2
        found = self._skip(self._number())
        if kind == _END:
            self._ended = True
        elif kind == _KEY:
            flats = found[0] - 256 if found and found[0] > 127 else found[0] if found else 0
            if len(found) != 2 or abs(flats) > 7 or found[1] > 1:
                self._remarks["a key signature makes no sense: passed over"] += 1
        elif kind == _TEMPO:
            tempo = int.from_bytes(found[:3])
            if len(found) < 3 or tempo == 0:
                self._remarks["a tempo makes no sense: the one before goes on"] += 1
            else:
                self.tempi.append((self._tick, tempo))

    def _channel_message(self, byte: int) -> None:
        if byte >= 0x80:
            self._status = byte
            self._at += 1
        if self._status == 0:
            raise _Damaged
        n = 1 if self._status & 0xF0 in _ONE_DATA_BYTE else 2
        found = self._skip(n)
        if max(found) > 127:
            self._remarks["values above 127 are played as 127"] += 1
        self.messages.append((self._tick, (self._status, *(min(127, value) for value in found))))


# Time -----------------------------------------------------------------------------------------------------------------


def _timed(name: str, tracks: list[_Track], kind: int, division: int, remarks: Counter) -> Score:
    """Ticks to seconds: all tracks together, or in format 2 one after another, each a song of its own."""
    songs = [[track] for track in tracks] if kind == 2 and len(tracks) > 1 else [tracks]
    if len(songs) > 1:
        remarks["its tracks are songs of their own (format 2): they are played one after another"] += 1
    if sum(len(track.messages) for track in tracks) > MOST_EVENTS:
        raise InvalidValue(f"{name} has more than {MOST_EVENTS} messages; export a shorter one")
    found: list[tuple[float, Any]] = []
    start = 0.0
    for song in songs:
        clock = _Clock(song, division, remarks)
        found += [(start + at, message) for at, message in _merged(song, clock)]
        last = found[-1][0] if found else 0.0
        end = start + max(clock.seconds(track.end) for track in song)
        if end - last > LATE_END_S:
            remarks[f"its end comes {end - last:.0f} s after the last event: left out"] += 1
            end = last
        _check_length(name, max(last, end))
        start = max(last, end)
    if held := held_notes(found):
        remarks[f"{held} notes have no end: they end with the file"] += 1
    return Score(found, start, [line if n == 1 else f"{line} ({n} times)" for line, n in remarks.items()])


def held_notes(messages: list[tuple[float, Any]]) -> int:
    """Notes that nothing ends."""
    held: Counter[tuple[int, int]] = Counter()
    for _, message in messages:
        if message.type == "note_on" and message.velocity:
            held[message.channel, message.note] = 1
        elif message.type in ("note_on", "note_off"):
            held[message.channel, message.note] = 0
    return sum(held.values())


def endings(at_s: float) -> list[tuple[float, Any]]:
    """Messages that let all go that a score leaves held."""
    from mido import Message

    resets = [(c, number) for c in range(16) for number in _LET_GO]
    return [(at_s, Message("control_change", channel=c, control=number, value=0)) for c, number in resets]


def _check_length(name: str, seconds: float) -> None:
    if seconds > LONGEST_S:
        raise InvalidValue(
            f"{name} lasts {seconds / 3600:.4g} h; the most is {LONGEST_S / 3600:g} h, lest it fill the disk; export a"
            " shorter one, without the event that comes so late"
        )


def _merged(tracks: list[_Track], clock: "_Clock") -> Iterator[tuple[float, Any]]:
    from mido import Message

    events = [event for track in tracks for event in track.messages]
    for tick, data in sorted(events, key=lambda event: event[0]):  # stable: tracks keep their order at one tick
        yield clock.seconds(tick), Message.from_bytes(data)


class _Clock:
    """Seconds of a tick."""

    def __init__(self, tracks: list[_Track], division: int, remarks: Counter):
        self._fixed_s = 0.0
        if division & 0x8000:
            frames, ticks = 256 - (division >> 8), division & 0xFF
            rate = 30000 / 1001 if frames == _DROP_FRAME else float(frames)
            self._fixed_s = 1.0 / (rate * max(1, ticks))
        elif division == 0:
            remarks[f"it says 0 ticks a beat: {_USUAL_TICKS} are taken"] += 1
            division = _USUAL_TICKS
        changes = sorted((pair for track in tracks for pair in track.tempi), key=lambda pair: pair[0])
        self._marks = [(0, 0.0, 1e-6 * _USUAL_TEMPO / max(1, division))]
        for tick, tempo in changes:
            self._marks.append((tick, self.seconds(tick), 1e-6 * tempo / division))
        self._i = 0

    def seconds(self, tick: int) -> float:
        """From the start; fastest where ticks come in order."""
        if self._fixed_s:
            return tick * self._fixed_s
        marks, i = self._marks, getattr(self, "_i", len(self._marks) - 1)
        i = min(i, len(marks) - 1)
        while i > 0 and marks[i][0] > tick:
            i -= 1
        while i + 1 < len(marks) and marks[i + 1][0] <= tick:
            i += 1
        self._i = i
        then, at_s, tick_s = marks[i]
        return at_s + (tick - then) * tick_s
