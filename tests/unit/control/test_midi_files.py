"""MIDI files as they are found: what other players forgive is forgiven with a line, the absurd is refused."""

import random
import struct
from io import BytesIO

import mido
import pytest

from rtspec.control.midi.files import endings, read_midi, read_mido
from rtspec.errors import InvalidValue

END = b"\x00\xff\x2f\x00"


def vlq(n):
    out = [n & 127]
    while n := n >> 7:
        out.insert(0, n & 127 | 128)
    return bytes(out)


def event(delta, *data):
    return vlq(delta) + bytes(data)


def track(*parts):
    data = b"".join(parts)
    return b"MTrk" + struct.pack(">I", len(data)) + data


def header(kind=1, n=1, division=480):
    return b"MThd" + struct.pack(">IHHH", 6, kind, n, division)


def notes(ticks=480):
    return b"".join(event(0, 0x90, k, 100) + event(ticks, 0x80, k, 0) for k in (60, 62, 64, 65))


SONG = header() + track(notes(), END)


def starts(data):
    return [round(at, 3) for at, m in read_midi(data, "a.mid").messages if m.type == "note_on"]


@pytest.mark.parametrize(
    "data",
    [
        SONG,
        b"RIFF" + struct.pack("<I", 12 + len(SONG)) + b"RMIDdata" + struct.pack("<I", len(SONG)) + SONG,
        bytes(128) + SONG,
        SONG + b"junk behind it",
        header() + track(notes()),
        header(division=0xE728) + track(notes(500), END),
        header(n=3) + track(notes(), END),
        header() + b"XFIH\x00\x00\x00\x04abcd" + track(notes(), END),
        header() + track(event(0, 0xFF, 0x59, 2, 0, 255), notes(), END),
        header() + track(event(0, 0xFF, 0x59, 0), event(0, 0xFF, 0x00, 0), notes(), END),
        header() + track(event(0, 0xFF, 0x51, 3, 0, 0, 0), event(0, 0xFF, 0x51, 1, 7), notes(), END),
        header() + track(event(0, 0xF0, 5, 0x43, 0x90, 0x7F, 0x01, 0xF7), notes(), END),
        header() + track(notes(), event(480 * 7200, 0xFF, 0x2F, 0)),
        SONG[:-9],
    ],
)
def test_the_same_four_notes_in_every_wrapping(data):
    assert starts(data) == [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize(
    "data, line",
    [
        (header() + track(event(0, 0xFF, 0x51, 1, 7), notes(), END), "a tempo makes no sense"),
        (header() + track(event(0, 0xFF, 0x59, 2, 238, 1), notes(), END), "a key signature makes no sense"),
        (header() + track(notes()), "a track has no end"),
        (header(division=0) + track(notes(), END), "0 ticks a beat: 480 are taken"),
        (header() + track(notes(), event(480 * 7200, 0xFF, 0x2F, 0)), "its end comes 3600 s after the last event"),
        (header() + track(event(0, 0x90, 60, 200), event(480, 0x80, 60, 0), END), "values above 127"),
        (header() + track(event(0, 0x90, 60, 100), END), "1 notes have no end"),
        (header(2, 2) + 2 * track(notes(), END), "songs of their own"),
    ],
)
def test_what_is_put_right_is_said(data, line):
    assert any(line in remark for remark in read_midi(data, "a.mid").remarks)


def test_format_2_plays_its_songs_one_after_another_and_a_loop_keeps_its_bars():
    assert starts(header(2, 2) + 2 * track(notes(), END))[3:6] == [1.5, 2.0, 2.5]
    loop = read_midi(header() + track(notes(), event(960, 0xFF, 0x2F, 0)), "loop.mid")
    assert loop.seconds == pytest.approx(3.0) and loop.remarks == []


@pytest.mark.parametrize(
    "data, why",
    [
        (header() + track(notes(), event(0x0FFFFFFF, 0x90, 60, 0), END), "lasts 77.67 h; the most is 4 h"),
        (b"", "no header"),
        (b"MThd", "cut short"),
        (header(), "has no track"),
    ],
)
def test_what_cannot_be_played_is_refused_in_one_line(data, why):
    with pytest.raises(InvalidValue, match=why):
        read_midi(data, "a.mid")


def test_a_song_of_mido_is_what_its_file_is():
    song = mido.MidiFile(file=BytesIO(SONG))
    assert read_mido(song).messages == read_midi(SONG, "a.mid").messages
    assert {m.control for _, m in endings(1.0)} == {64, 66, 123}


def test_mutated_files_raise_nothing_but_one_line():
    rng = random.Random(3)
    for _ in range(1500):
        data = bytearray(SONG)
        for _ in range(rng.randrange(1, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            found = read_midi(bytes(data[: rng.randrange(1, len(data) + 1)]), "a.mid")
            assert all(0 <= at <= 4 * 3600 for at, _ in found.messages)
        except InvalidValue as error:
            assert "\n" not in str(error)
