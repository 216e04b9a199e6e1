"""A sensor's levels through the commands: rendered, played live, refused in one line."""

import json

import numpy as np
import pytest

from rtspec.audio.files import read, write
from rtspec.cli import main


@pytest.fixture
def table(tmp_path):
    centres = 1000 * 10 ** (np.arange(-10, 9) / 10)
    rows = [",".join(["time", *(f"{c:.1f}" for c in centres)])]
    rows += [",".join([f"{k / 8}", *["60"] * len(centres)]) for k in range(12)]
    path = tmp_path / "levels.csv"
    path.write_text("\n".join(rows))
    return path


def test_a_table_of_levels_is_rendered_as_long_as_it_lasts(table, tmp_path, capsys):
    assert main(["render", str(table), str(tmp_path / "out.wav"), "--processor", "inversion"]) == 0
    sound, rate = read(tmp_path / "out.wav")
    assert sound.shape[1] == round(1.5 * rate)
    steady = sound[0, rate // 2 : rate]
    assert 10 * np.log10(np.mean(np.square(steady))) == pytest.approx(60 - 100 + 10 * np.log10(19), abs=0.5)
    assert np.abs(steady).max() < 8 * np.std(steady)  # noise, not pulses in time with the frames


def test_full_scale_is_a_setting(table, tmp_path):
    words = ["--processor", "inversion", "--set", "full_scale_db=90"]
    assert main(["render", str(table), str(tmp_path / "loud.wav"), *words]) == 0
    sound, rate = read(tmp_path / "loud.wav")
    level = 10 * np.log10(np.mean(np.square(sound[0, rate // 2 : rate])))
    assert level == pytest.approx(60 - 90 + 10 * np.log10(19), abs=0.5)


def test_levels_play_live_to_their_end(table, capsys):
    words = ["--virtual", "--json", "--source", f"levels:{table}", "--processor", "inversion", "--seconds", "20"]
    assert main(["live", *words]) == 0
    assert json.loads(capsys.readouterr().out)["statistics"]["callbacks"] > 100


def test_levels_without_an_inversion_are_refused_in_one_line(table, tmp_path, capsys):
    assert main(["render", str(table), str(tmp_path / "out.wav"), "--processor", "onnx:tilt-gate"]) == 1
    error = capsys.readouterr().err
    assert "need an inversion in the chain; add --processor inversion" in error
    assert error.count("\n") == 1


def test_a_folder_of_levels_and_sounds_is_rendered_each_as_what_it_is(table, tmp_path, capsys):
    place = tmp_path / "in"
    place.mkdir()
    for name in ("a.csv", "c.csv"):
        (place / name).write_bytes(table.read_bytes())
    write(place / "b.wav", np.zeros((1, 8000), np.float32), 8000)
    assert main(["render", str(place), str(tmp_path / "out"), "--processor", "inversion"]) == 0
    assert main(["render", str(table), str(tmp_path / "alone.wav"), "--processor", "inversion"]) == 0
    alone = read(tmp_path / "alone.wav")[0]
    for name in ("a.wav", "c.wav"):
        np.testing.assert_array_equal(read(tmp_path / "out" / name)[0], alone)
    assert np.abs(read(tmp_path / "out" / "b.wav")[0]).max() < 1e-4  # not the levels that came before it


def test_levels_from_a_list_are_shared_out_and_not_done_twice(table, tmp_path, capsys):
    for name in ("a.csv", "b.csv", "c.csv"):
        (tmp_path / name).write_bytes(table.read_bytes())
    (tmp_path / "list.txt").write_text("a.csv\nb.csv\tdeep/second.wav\nc.csv\n")
    command = ["render", f"@{tmp_path / 'list.txt'}", str(tmp_path / "out"), "--processor", "inversion", "--json"]
    for share, names in (("1/2", ["a.wav", "c.wav"]), ("2/2", ["deep/second.wav"])):
        for key in ("done", "resumed"):
            capsys.readouterr()
            assert main([*command, "--jobs", "2", "--resume", "--shard", share]) == 0
            found = [each["output"] if key == "done" else each for each in json.loads(capsys.readouterr().out)[key]]
            assert found == [str(tmp_path / "out" / name) for name in names]
