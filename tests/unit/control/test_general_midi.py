"""What a song begins with where it says nothing: General MIDI's volume of 100."""

import mido
import numpy as np
import pytest

import rtspec
from rtspec.control.midi.general import opening

RATE = 16000


def on(channel, key=60, time=0):
    return mido.Message("note_on", channel=channel - 1, note=key, velocity=100, time=time)


def cc(channel, number, value):
    return mido.Message("control_change", channel=channel - 1, control=number, value=value)


def volumes(*messages):
    return [(m.channel + 1, m.control, m.value) for _, m in opening([(0.0, m) for m in messages]) if m.type == "control_change"]


def test_a_channel_that_plays_before_it_has_told_a_volume_begins_at_100():
    assert volumes(cc(1, 7, 90), on(1), on(2), cc(2, 7, 30), on(2), cc(3, 7, 9)) == [(2, 7, 100)]
    assert volumes() == volumes(cc(4, 11, 90)) == []


def test_in_a_zone_the_master_has_the_usual_volume_and_its_members_none():
    zone = [cc(1, 101, 0), cc(1, 100, 6), cc(1, 6, 5)]
    assert volumes(*zone, on(2), on(3), on(8)) == [(1, 7, 100), (8, 7, 100)]
    assert volumes(*zone, cc(1, 7, 80), on(2), on(3)) == []


def programs(*messages):
    return [m.channel + 1 for _, m in opening([(0.0, m) for m in messages]) if m.type == "program_change"]


def test_a_channel_without_a_program_has_the_first_unless_its_master_has_told_one():
    chosen = mido.Message("program_change", channel=1, program=40)
    assert programs(on(1), chosen, on(2), on(3)) == [1, 3]
    zone = [cc(1, 101, 0), cc(1, 100, 6), cc(1, 6, 2)]
    assert programs(*zone, on(2), on(4)) == [2, 4]
    assert programs(*zone, mido.Message("program_change", program=40), on(2)) == []


def song(folder, *before):
    track = mido.MidiTrack([*before, on(1), mido.Message("note_off", note=60, time=480)])
    made = mido.MidiFile(tracks=[track])
    made.save(folder / f"{len(before)}.mid")
    return made, folder / f"{len(before)}.mid"


def test_a_file_without_volumes_sounds_as_at_100_and_messages_without_a_file_at_their_full_level(tmp_path):
    synth = rtspec.TimbreSynth("organ")
    silent, told = (song(tmp_path, *before)[0] for before in ((), (cc(1, 7, 100),)))
    assert np.array_equal(synth(silent, sample_rate=RATE), synth(told, sample_rate=RATE))
    full, by_hand = synth([on(1)], 0.5, RATE), synth(silent, 0.5, RATE)
    assert 20 * np.log10(np.abs(by_hand).max() / np.abs(full).max()) == pytest.approx(40 * np.log10(100 / 127), abs=0.1)


def test_rendered_files_do_so_too(tmp_path):
    sounds = []
    for before in ((), (cc(1, 7, 100),)):
        path, out = song(tmp_path, *before)[1], tmp_path / f"{len(before)}.wav"
        rtspec.render(rtspec.TimbreSynth("organ"), path, out)
        sounds.append(rtspec.audio.files.read(out, RATE)[0])
    assert np.array_equal(*sounds)


def test_a_song_without_programs_is_a_piano_unless_somebody_has_chosen_a_timbre(tmp_path):
    made = song(tmp_path)[0]
    piano, organ, usual = (rtspec.TimbreSynth(*name)(made, 0.5, RATE) for name in (["piano"], ["organ"], []))
    told = song(tmp_path, mido.Message("program_change", program=0))[0]
    assert np.array_equal(usual, rtspec.TimbreSynth("strings")(told, 0.5, RATE))
    assert np.abs(usual - piano).max() < 0.2 * np.abs(usual - organ).max()
    moved = rtspec.TimbreSynth()
    moved.z1 = 0.9
    assert not moved.takes_usual_program and rtspec.TimbreSynth().takes_usual_program
    sent = rtspec.TimbreSynth()
    sent.go_to("strings")
    assert not sent.takes_usual_program
