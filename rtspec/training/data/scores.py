"""Scores for rendered music: MIDI files of packages, read as timed messages and changed at random."""

import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mido
import numpy as np

from .packages import Unpacked

DRUMS = 9
"""General MIDI's drum channel, counted from 0."""
_TICKS = 960
"""A second of the files that are written: 480 ticks a beat at 120 beats a minute."""
_SHORTEST_NOTE_S, _LAST_NOTE_S = 0.02, 4.0


@dataclass(frozen=True)
class Score:
    """A piece: its name, its package, and the bytes of its MIDI file."""

    name: str
    package: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class PlayedNote:
    """One note: when and how long in seconds, MIDI channel, key and velocity."""

    start_s: float
    seconds: float
    channel: int
    key: int
    velocity: int


def scores(packages: Iterable[Unpacked]) -> list[Score]:
    """All pieces of packages, sorted by name, those in the lumps of WAD files too; what cannot be read is left out."""
    found = [score for package in packages for score in _of_package(package)]
    return sorted((score for score in found if _is_music(score)), key=lambda score: (score.package, score.name))


def _of_package(package: Unpacked) -> Iterator[Score]:
    for path in package.files(lambda p: p.suffix.lower() in (".mid", ".midi", ".rmi")):
        yield Score(path.stem, package.name, path.read_bytes())
    for path in package.files(lambda p: p.suffix.lower() == ".wad"):
        for name, data in _lumps(path.read_bytes()):
            if data[:4] == b"MThd":
                yield Score(f"{path.stem}-{name}", package.name, data)


def _lumps(wad: bytes) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a WAD's lumps (id Software's format: a header, and a directory of 16 bytes a lump)."""
    count, at = struct.unpack_from("<ii", wad, 4)
    for i in range(count):
        start, size, name = struct.unpack_from("<ii8s", wad, at + 16 * i)
        yield name.rstrip(b"\0").decode("ascii", "replace"), wad[start : start + size]


def _is_music(score: Score) -> bool:
    try:
        return sum(message.type == "note_on" for message, _ in messages(score)) >= 40
    except Exception:  # mido raises what it meets: a damaged file is no score
        return False


def messages(score: Score, tempo: float = 1.0) -> list[tuple[mido.Message, float]]:
    """The piece's messages, each with its time in seconds; `tempo` 2 plays twice as fast."""
    found, now = [], 0.0
    for message in mido.MidiFile(file=io.BytesIO(score.data), clip=True):
        now += message.time / tempo
        if not message.is_meta and hasattr(message, "channel"):
            found.append((message, now))
    return found


def transposed(timed: list[tuple[mido.Message, float]], semitones: int) -> list[tuple[mido.Message, float]]:
    """In another key, the drums apart."""

    def moved(message: mido.Message) -> mido.Message:
        if message.type not in ("note_on", "note_off") or message.channel == DRUMS:
            return message
        return message.copy(note=int(np.clip(message.note + semitones, 0, 127)))

    return [(moved(message), time) for message, time in timed]


def notes(timed: list[tuple[mido.Message, float]]) -> list[PlayedNote]:
    """Notes with their lengths, in the order of their ends; one that is never released lasts 4 s."""
    open_notes: dict[tuple[int, int], tuple[float, int]] = {}
    found = []
    for message, time in timed:
        if message.type not in ("note_on", "note_off"):
            continue
        place = (message.channel, message.note)
        if place in open_notes:
            start, velocity = open_notes.pop(place)
            found.append(PlayedNote(start, max(_SHORTEST_NOTE_S, time - start), *place, velocity))
        if message.type == "note_on" and message.velocity > 0:
            open_notes[place] = time, message.velocity
    left = [PlayedNote(start, _LAST_NOTE_S, *place, velocity) for place, (start, velocity) in open_notes.items()]
    return found + left


def write_midi(timed: list[tuple[mido.Message, float]], path: Path) -> None:
    """Messages as a MIDI file of one track."""
    track, last = mido.MidiTrack(), 0
    for message, time in timed:
        ticks = round(time * _TICKS)
        track.append(message.copy(time=max(0, ticks - last)))
        last = max(last, ticks)
    mido.MidiFile(type=0, ticks_per_beat=480, tracks=[track]).save(str(path))
