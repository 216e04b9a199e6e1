import json

import numpy as np
import pytest

from rtspec.audio import files
from rtspec.benchmarks import phase as phase_benchmark
from rtspec.benchmarks import phase_clips
from rtspec.errors import AudioFileError
from rtspec.frames import FramePlan, istft, stft
from rtspec.metrics.phases import pre_echo_db, spectral_convergence_db


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("clips")
    t = np.arange(12000) / 16000
    for i in range(2):
        files.write(
            place / f"tone{i}.wav", np.sin(2 * np.pi * (300 + 200 * i) * t + 9 * t * t)[None].astype("f"), 16000
        )
    return place


@pytest.mark.timeout(400)  # other libraries compile too
def test_the_report_has_both_overlaps_other_libraries_and_times(folder, tmp_path):
    labels = ["spsi", '"fast"', "pghi", "pghipy", "librosa griffinlim, 32 it."]
    report = phase_benchmark.run(folder, seconds=0.5, only=labels)
    rows = {(row["method"], row["overlap_percent"]): row for row in json.loads(report.json())["rows"]}
    assert set(rows) == {(label, percent) for label in labels for percent in (75.0, 87.5)}
    assert all(row["median_us"] > 0 and set(row["sc_db_by_clip"]) == {"tone0", "tone1"} for row in rows.values())
    assert rows['"fast"', 75.0]["look_ahead_frames"] == 1 and rows["pghi", 75.0]["look_ahead_frames"] is None
    assert rows["pghi", 75.0]["sc_db"] == pytest.approx(rows["pghipy", 75.0]["sc_db"], abs=3)
    assert rows["librosa griffinlim, 32 it.", 75.0]["sc_db"] < -10
    assert report.markdown().count("\n| spsi | ") == 2 and "tone0, tone1" in str(report)
    report.plot(tmp_path / "phase.png")
    assert (tmp_path / "phase.png").read_bytes().startswith(b"\x89PNG")


def test_convergence_is_zero_error_for_the_original_and_zero_db_for_silence():
    plan = FramePlan(16000, n_fft=256, hop=64)
    x = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    S = np.abs(stft(x, plan))
    assert spectral_convergence_db(istft(stft(x, plan), plan, len(x)), S, plan) < -110
    assert spectral_convergence_db(x * 0, S, plan) == pytest.approx(0)
    assert spectral_convergence_db(x * 1.1, S, plan) == pytest.approx(-20, abs=0.01)


def test_pre_echo_is_the_share_of_energy_before_the_onset():
    x = np.r_[np.full(10, 0.1), np.full(10, 1.0)]
    assert pre_echo_db(x, 10) == pytest.approx(10 * np.log10(0.1 / 10.1))
    assert pre_echo_db(x * 0, 10) == -np.inf


def test_the_packages_own_clips_are_two_recordings_and_three_made_ones():
    clips = phase_clips.clips(seconds=0.5)
    assert {"music", "speech"} < set(clips) and sum("made" in name for name in clips) == 3
    assert all(np.isfinite(x).all() and x.std() > 1e-3 for x, _ in clips.values())


def test_a_folder_without_sounds_is_refused(tmp_path):
    with pytest.raises(AudioFileError, match=r"holds no sound file; rtspec reads \.wav"):
        phase_clips.clips(tmp_path)
    with pytest.raises(AudioFileError, match="is no folder"):
        phase_clips.clips(tmp_path / "none")


def test_a_choice_is_dominated_by_what_is_better_for_no_more_time_and_look_ahead():
    def row(method, look_ahead, sc_db, us):
        return phase_benchmark.Row(method, 75.0, look_ahead, 0.0, sc_db, {}, -20.0, us, us, 1.0, 1.0, 0.1)

    rows = [row('"fast"', 1, -28.0, 70.0), row("slower", 1, -29.0, 71.0), row("later", 2, -29.0, 60.0)]
    assert phase_benchmark.PhaseReport([*rows, row("worse", 0, -27.0, 10.0)], 2.0).dominated == []
    report = phase_benchmark.PhaseReport([*rows, row("better", 0, -28.1, 70.0)], 2.0)
    assert report.dominated == ['"fast" at 75 % by better'] and 'Dominated: "fast" at 75 % by better.' in str(report)
