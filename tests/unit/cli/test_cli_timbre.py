"""Timbre on the command line: scores and tours rendered, the latent map drawn, one's own notes evaluated."""

import json

import mido
import numpy as np
import pytest

import rtspec as rt
from rtspec.audio import files
from rtspec.training.data.sound_fonts import Note, family


@pytest.fixture
def score(tmp_path):
    file, track = mido.MidiFile(), mido.MidiTrack()
    file.tracks.append(track)
    for message in ("note_on", "note_off"):
        track.append(mido.Message(message, note=60, velocity=100, time=480 if message == "note_off" else 0))
    path = tmp_path / "one note.mid"
    file.save(path)
    return path


def test_a_score_is_played_by_the_instrument_and_ends_in_silence(rtspec, score, tmp_path):
    ran = rtspec("render", score, tmp_path / "out.wav", "--processor", "timbre-synth:flute", "--json")
    assert ran.status == 0 and json.loads(ran.out)["done"][0]["seconds"] == pytest.approx(2.0)
    audio, rate = files.read(tmp_path / "out.wav")
    assert rate == 48000 and np.abs(audio[:, : rate // 2]).max() > 0.01
    assert np.abs(audio[:, -rate // 2 :]).max() < 1e-4
    messages = [((0x90, 60, 100), 0.0), ((0x80, 60, 64), 0.5)]
    played = rt.TimbreSynth("flute")(messages, duration=2.0, sample_rate=rate)
    assert np.allclose(audio, played, atol=1e-4)


def test_a_tour_moves_the_parameter_through_its_range(rtspec, score, tmp_path):
    for name, more in (("still.wav", []), ("tour.wav", ["--sweep", "z1"])):
        assert rtspec("render", score, tmp_path / name, "--processor", "timbre-synth:flute", *more).status == 0
    assert not np.allclose(files.read(tmp_path / "still.wav")[0], files.read(tmp_path / "tour.wav")[0], atol=1e-3)
    wrong = rtspec("render", score, tmp_path / "x.wav", "--processor", "timbre-synth", "--sweep", "z99")
    assert "z99" in wrong.failed_in_one_line()


def test_a_damaged_score_gives_one_line(rtspec, tmp_path):
    broken = tmp_path / "broken.mid"
    broken.write_bytes(b"MThd nothing of the kind")
    ran = rtspec("render", broken, tmp_path / "x.wav", "--processor", "timbre-synth")
    assert "broken.mid is no MIDI file" in ran.failed_in_one_line()


def test_the_latent_map_is_drawn(rtspec, tmp_path):
    picture = tmp_path / "map.png"
    ran = rtspec("inspect", "timbre", "--plot", picture)
    assert ran.status == 0 and "z1" in ran.out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_only_timbre_models_have_a_map_to_draw(rtspec, tmp_path):
    ran = rtspec("inspect", "identity", "--plot", tmp_path / "map.png")
    assert "identity is no timbre model" in ran.failed_in_one_line()


def test_ones_own_notes_are_told_again_and_scored(rtspec, tmp_path):
    synth = rt.TimbreSynth("clarinet")
    for key in (52, 64):
        audio = synth([((0x90, key, 100), 0.0)], duration=1.0, sample_rate=48000, num_channels=1)
        files.write(tmp_path / f"clarinet_synthetic_001-{key:03d}-100.wav", audio, 48000)
    ran = rtspec("evaluate", "timbre", "--audio", tmp_path, "--only-notes", "--json")
    row = json.loads(ran.out)["rows"][0]
    assert ran.status == 0 and row["notes"] == 2 and row["f1"] > 0.85


def test_a_folder_without_notes_gives_one_line(rtspec, tmp_path):
    ran = rtspec("evaluate", "timbre", "--audio", tmp_path)
    assert "holds no notes" in ran.failed_in_one_line()


def test_file_names_of_notes_are_nsynths():
    assert Note(73, 60, 100).file_name == "pipe_sampled_073-060-100.wav"
    assert [family(p) for p in (0, 40, 111)] == ["piano", "strings", "folk"]


def saved(path, *messages, end=0, ticks=480):
    file, track = mido.MidiFile(ticks_per_beat=ticks), mido.MidiTrack()
    track += [*messages, mido.MetaMessage("end_of_track", time=end)]
    file.tracks.append(track)
    file.save(path)
    return path


def test_a_score_without_an_instrument_is_an_error_that_names_the_remedy(rtspec, score, tmp_path):
    ran = rtspec("render", score, tmp_path / "x.wav")
    assert "add --processor timbre-synth" in ran.failed_in_one_line()
    assert not (tmp_path / "x.wav").exists()


def test_a_folder_of_scores_is_played_a_loop_keeps_its_bars_and_nothing_clips(rtspec, tmp_path):
    songs = tmp_path / "songs"
    songs.mkdir()
    chord = [mido.Message("note_on", note=n, velocity=127) for n in range(40, 56)]
    ends = [mido.Message("note_off", note=n, time=480 if n == 40 else 0) for n in range(40, 56)]
    saved(songs / "loop.kar", chord[0], ends[0], end=1440)
    volumes = [mido.Message("control_change", channel=c, control=7, value=v) for c, v in ((0, 127), (9, 1))]
    saved(songs / "loud.mid", *volumes, *chord, *ends)
    ran = rtspec("render", songs, tmp_path / "out", "--processor", "timbre-synth:trumpet", "--json")
    done = {record["input"][-8:]: record for record in json.loads(ran.out)["done"]}
    assert ran.status == 0 and done["loop.kar"]["seconds"] == pytest.approx(2.0)
    assert done["loop.kar"]["notes"] == []
    loud = done["loud.mid"]
    assert loud["peak"] <= 10 ** (-1 / 20) + 1e-3 and loud["clipped_samples"] == 0
    assert any("limited to -1 dBTP" in note for note in loud["notes"])


def test_a_song_of_mido_is_played_as_it_is_written(score):
    song, synth = mido.MidiFile(score), rt.TimbreSynth("flute")
    played = synth(song, sample_rate=48000)
    messages = [((0x90, 60, 100), 0.0), ((0x80, 60, 64), 0.5)]
    assert np.array_equal(played, synth(messages, duration=2.5, sample_rate=48000))
    assert np.array_equal(synth(score, sample_rate=48000), played)


def test_a_loud_song_of_mido_is_limited_and_says_so_and_its_held_notes_end():
    song, track = mido.MidiFile(), mido.MidiTrack()
    song.tracks.append(track)
    track += [mido.Message("note_on", note=48 + 3 * i, velocity=127, time=0) for i in range(12)]
    track.append(mido.Message("control_change", control=1, value=0, time=960))
    synth = rt.TimbreSynth("organ", output_db=12.0)
    played = synth(song, sample_rate=48000)
    assert 0.5 < np.max(np.abs(played)) <= 10 ** (-1 / 20) + 1e-4 and played.shape == (2, 3 * 48000)
    assert any("limited to -1 dBTP" in line for line in synth.remarks)
    assert any("have no end" in line for line in synth.remarks)
    assert np.max(np.abs(played[:, -4800:])) < 0.1 * np.max(np.abs(played))
    quiet = rt.TimbreSynth("organ", output_db=-12.0)
    assert np.max(np.abs(quiet(song, sample_rate=48000))) > 0 and not any("limited" in line for line in quiet.remarks)
