"""Words of `rtspec render` that would do nothing are refused in a line, with what to do."""

import pytest

from rtspec.cli import main

NOTHING = {
    "jobs": (["a.wav", "b.wav", "--jobs", "2"], "--jobs does nothing for one sound"),
    "shard": (["a.wav", "b.wav", "--shard", "2/3"], "--shard does nothing for one sound"),
    "shard of a pipe": (["a.wav", "-", "--shard", "1/3"], "--shard does nothing for one sound"),
    "resume of a pipe": (["-", "b.wav", "--resume"], "--resume does nothing for a pipe"),
    "picture": (["a.wav", "-", "--picture"], "--picture has no place beside standard output"),
    "format": (["a.wav", "-", "--format", "flac"], "--format flac: standard output is WAV"),
    "map": (["a.wav", "b.wav", "--map", "m.json"], "--map does nothing without MIDI messages"),
    "map beside a table": (["a.wav", "b.wav", "--map", "m.json", "--automation", "c.csv"], "--map does nothing"),
    "controller": (["a.wav", "b.wav", "--modulate", "cc:21,mix,1"], "--modulate cc:21,mix,1 does nothing without MIDI"),
    "depth of MP3": (["a.wav", "b.MP3", "--bit-depth", "16"], "--bit-depth does nothing for Ogg Vorbis and MP3"),
    "depth of Ogg": (["in", "out", "--format", "ogg", "--bit-depth", "16"], "--bit-depth does nothing for Ogg"),
    "salvage": (["a.mid", "b.wav", "--processor", "timbre-synth", "--salvage"], "--salvage does nothing for MIDI"),
}


@pytest.mark.parametrize(("words", "line"), NOTHING.values(), ids=NOTHING)
def test_a_word_that_would_do_nothing_is_refused(words, line, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("a.wav", "a.mid", "m.json", "c.csv"):
        (tmp_path / name).touch()
    assert main(["render", *words]) != 0
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"rtspec: {line}") and complaint.count("\n") == 1
    assert len(list(tmp_path.iterdir())) == 4


def test_words_that_may_do_something_are_taken(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for words in (["in", "out", "--jobs", "2", "--map", "m.json"], ["*.wav", "out", "--bit-depth", "16"]):
        assert main(["render", *words]) != 0  # nothing is there
        assert "does nothing" not in capsys.readouterr().err
