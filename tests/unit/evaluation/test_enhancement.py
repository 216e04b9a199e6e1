"""``rtspec evaluate enhancement`` on generated music: figures beside baselines, reports, and clear complaints."""

import json

import numpy as np
import pytest

from rtspec.audio.files import write
from rtspec.cli import main
from rtspec.evaluation.baselines.neighbours import oracle_taps
from rtspec.evaluation.baselines.sbr import copy_up
from rtspec.evaluation.enhancement import CONDITIONS
from rtspec.metrics import distances as metrics
from rtspec.training import ears
from rtspec.training.enhancement.degradation import low_pass

RATE = 44100


def music(seconds=4.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    rng = np.random.default_rng(0)
    return (0.1 * np.exp(-5 * (t % 0.25)) * rng.standard_normal((2, len(t)))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("music")
    write(root / "a.wav", music(), RATE)
    (root / "b.wav").write_bytes(b"no sound")
    return root


def test_copied_bands_fill_what_is_empty_and_leave_the_rest():
    narrow = low_pass(music(), RATE, 8000.0)
    made = copy_up(narrow, RATE, 8000.0)
    band, above = (0.0, 0.33), (0.4, 1.0)
    assert metrics.log_spectral_distance(narrow, made, band) < 0.05
    assert metrics.log_spectral_distance(music(), made, above) < 0.5 * metrics.log_spectral_distance(
        music(), narrow, above
    )


def test_no_common_gain_is_nearer_to_the_original_than_taps_fitted_to_it():
    rng, original = np.random.default_rng(1), music()
    coded = 0.8 * original + 0.05 * original.std() * rng.standard_normal(original.shape).astype(np.float32)
    gain = np.sum(original * coded) / np.sum(coded**2)
    reached = metrics.snr_db(original, oracle_taps(original, coded, RATE))
    assert metrics.snr_db(original, gain * coded) < reached < metrics.snr_db(original, gain * coded) + 3
    np.testing.assert_allclose(oracle_taps(original, np.zeros_like(original), RATE), 0, atol=1e-9)


@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_takes_away_what_lies_above_its_edge(name):
    condition = CONDITIONS[name]
    sound = metrics.resampled(music(2.0), RATE, condition.sample_rate)[: condition.channels]
    arrived = condition.degrade(sound)
    power = np.abs(np.fft.rfft(arrived * np.hanning(arrived.shape[1]))) ** 2
    start = round(1.1 * condition.edge * (power.shape[1] - 1))
    assert arrived.shape == sound.shape and power[:, start:].sum() < 1e-4 * power.sum()


def test_the_command_measures_writes_and_draws(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(ears, "features", lambda sound, rate: np.log(metrics.powers(sound[:1], 2048, 4096)[0] + 1e-9))
    monkeypatch.setattr(ears, "cdpam", lambda original, made, rate: float(np.abs(original - made).mean()))
    command = [
        "evaluate",
        "enhancement",
        "--audio",
        str(folder),
        "--conditions",
        "low-8000",
        "--seconds",
        "3",
        "--ears",
        "--json",
    ]
    assert main([*command, "--out", str(tmp_path)]) == 0
    data = json.loads(capsys.readouterr().out)
    rows = {row["method"]: row for row in data["means"]}
    assert list(rows) == ["unprocessed", "copied up", "live"]
    assert rows["unprocessed"]["lsd_ratio"] == 1 and rows["live"]["lsd_ratio"] < 0.6
    assert {row["condition"] for row in data["artefacts"]} == {"low-8000"} and len(data["artefacts"]) == 3
    unprocessed, _, live = (row["aisfx_frechet"] for row in data["frechet"])
    assert 0 < live < 0.2 * unprocessed and rows["live"]["cdpam"] > 0
    assert not any("features" in row for row in data["tracks"])
    assert [row["brightness"] for row in data["brightness"]] == ["bright", "bright"]
    assert 0 < data["opening"][0]["jump_lu"] < data["opening"][0]["lost_lu"]
    assert {row["input"] for row in data["harmless"]} >= {"silence", "tone at 1 kHz", "clipped tone"}
    kinds = sorted(path.suffix for path in tmp_path.iterdir())
    assert kinds == [".json", ".md", ".png", ".wav", ".wav", ".wav"]
    assert json.loads((tmp_path / "report.json").read_text()) == data


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--conditions", "low-1"], "condition='low-1' is not known; choose one of mp3-32"),
        (["--models", "nothing"], 'there is no model "nothing"'),
    ],
)
def test_wrong_arguments_give_one_line(folder, arguments, text, capsys):
    assert main(["evaluate", "enhancement", "--audio", str(folder), *arguments]) == 1
    assert text in capsys.readouterr().err


def test_a_folder_without_music_gives_one_line(tmp_path, capsys):
    assert main(["evaluate", "enhancement", "--audio", str(tmp_path), "--conditions", "low-8000"]) == 1
    assert "holds no sound file" in capsys.readouterr().err
    (tmp_path / "a.wav").write_bytes(b"no sound")
    assert main(["evaluate", "enhancement", "--audio", str(tmp_path), "--conditions", "low-8000"]) == 1
    assert "no sound file in" in capsys.readouterr().err


def test_shards_by_worker_processes_give_what_one_process_gives_and_a_poison_file_is_named(
    folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("rtspec.evaluation.enhancement.harmless", lambda model: [{"input": model}])
    monkeypatch.setattr("rtspec.evaluation.enhancement.opening", lambda model: {"input": model})
    command = ["evaluate", "enhancement", "--audio", str(folder), "--conditions", "low-8000,low-4000"]
    command += ["--seconds", "1", "--tracks", "1", "--json"]
    assert main(command) == 0
    alone = json.loads(capsys.readouterr().out)
    shared = [*command, "--out", str(tmp_path)]
    assert main([*shared, "--shard", "1/2"]) == 0
    heard = capsys.readouterr()
    assert "1 of 2 are measured" in heard.err and len(json.loads(heard.out)["means"]) == 3
    first = {path: path.stat().st_mtime_ns for path in (tmp_path / "rows").glob("*.json")}
    assert main([*shared, "--tracks", "2", "--jobs", "2"]) == 1
    assert "2 of 4 could not be measured; the others are kept: " in capsys.readouterr().err
    assert main([*shared, "--jobs", "2"]) == 0
    same_figures(json.loads(capsys.readouterr().out), alone)
    assert len(first) == 1 and all(path.stat().st_mtime_ns == at for path, at in first.items()), "measured again"


def same_figures(data: dict, other: dict) -> None:
    """But for times, and for the last digits, which depend on where arrays lie in memory."""
    for name in ("means", "artefacts", "tracks"):
        for row, same in zip(data[name], other[name], strict=True):
            assert row.keys() == same.keys()
            for key in row.keys() - {"ms_per_100000"}:
                is_number = isinstance(same[key], float)
                assert row[key] == (pytest.approx(same[key], rel=1e-6, abs=1e-6) if is_number else same[key]), key


def test_a_share_without_a_common_folder_gives_one_line(folder, capsys):
    assert main(["evaluate", "enhancement", "--audio", str(folder), "--shard", "1/2"]) == 1
    assert "--shard needs --out" in capsys.readouterr().err
