import itertools

import numpy as np
import pytest

from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan, istft, stft
from rtspec.phase import CHOICES, OFFLINE, choose, create, describe, reconstruct
from rtspec.phase.choices import safe_momentum
from rtspec.phase.figures import FIGURES
from rtspec.phase.methods import OFFLINE_ONLY

PLAN = FramePlan(sample_rate=16000, n_fft=256, hop=64)
T = np.arange(8000)
X = np.pad(np.sin(2 * np.pi * (0.03 * T + 2e-6 * T**2)) + 0.02 * np.random.default_rng(0).standard_normal(8000), 256)
S = abs(stft(X, PLAN))


def convergence(Y):
    R = abs(stft(istft(Y, PLAN, length=len(X)), PLAN))
    return 20 * np.log10(np.linalg.norm(R - S) / np.linalg.norm(S))


def griffin_lim_in_numpy(Y, S, iterations, momentum):
    """The textbook algorithm on whole frames."""
    last = Y
    for _ in range(iterations):
        signal = np.zeros(PLAN.length + (len(S) - 1) * PLAN.hop)
        for t, frame in enumerate(np.fft.irfft(Y)):
            signal[t * PLAN.hop :][: PLAN.length] += frame * PLAN.synthesis
        frames = np.stack([signal[t * PLAN.hop :][: PLAN.length] * PLAN.analysis for t in range(len(S))])
        new = np.fft.rfft(frames)
        Y, last = new + momentum * (new - last), new
        Y = S * np.exp(1j * np.angle(Y))
    return Y


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_griffin_lim_equals_the_textbook(momentum):
    start = reconstruct(S, PLAN, method="spsi")
    expected = griffin_lim_in_numpy(start.T.astype(complex), S.T, 3, momentum).T
    found = reconstruct(S, PLAN, method="griffin-lim", start="spsi", iterations=3, momentum=momentum)
    assert np.linalg.norm(found - expected) < 1e-3 * np.linalg.norm(S)


def test_offline_methods_rank_as_published():
    by_name = {name: convergence(reconstruct(S, PLAN, method=name)) for name in OFFLINE}
    assert by_name["griffin-lim"] > by_name["fast-griffin-lim"]
    assert by_name["pghi"] > by_name["pghi-fgla"]
    assert by_name["rtisi-fgla"] < -25


@pytest.mark.parametrize("name", OFFLINE)
def test_offline_methods_repeat_keep_magnitudes_and_leave_silence_and_nan_alone(name):
    magnitude = np.stack([S, S * 0])
    magnitude[0, 5, 7] = np.nan
    Y = reconstruct(magnitude, PLAN, method=name)
    assert np.array_equal(Y, reconstruct(magnitude, PLAN, method=name))
    assert not Y[1].any() and Y[0, 5, 7] == 0
    assert np.allclose(abs(Y[0]), np.nan_to_num(magnitude[0]), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("gain", [1e-6, 1e6])
@pytest.mark.parametrize("name", ["pghi", "griffin-lim", "sweeps"])
def test_offline_quality_does_not_depend_on_level(name, gain):
    Y = reconstruct(S * gain, PLAN, method=name) / gain
    assert convergence(Y) == pytest.approx(convergence(reconstruct(S, PLAN, method=name)), abs=0.1)


def test_iterations_stop_when_they_gain_less_than_the_tolerance():
    seen = []
    reconstruct(
        S, PLAN, method="griffin-lim", iterations=1000, tolerance=0.3, progress=lambda *seen_now: seen.append(seen_now)
    )
    assert [s[0] for s in seen] == list(range(10, 10 * len(seen) + 1, 10))
    gains = [a[2] - b[2] for a, b in itertools.pairwise(seen)]
    assert min(gains[:-1]) >= 0.3 > gains[-1] and len(seen) < 100


def test_the_reported_quality_is_that_of_the_signal():
    seen = []
    Y = reconstruct(S, PLAN, method="griffin-lim", iterations=60, progress=lambda *now: seen.append(now))
    assert seen[-1][:2] == (60, 60)
    assert seen[-1][2] == pytest.approx(convergence(Y), abs=0.3)


def test_a_progress_bar_is_drawn(capsys):
    reconstruct(S, PLAN, method="griffin-lim", iterations=10, progress=True)
    assert "10/10" in capsys.readouterr().out


@pytest.mark.parametrize("name", OFFLINE_ONLY)
def test_methods_that_need_the_whole_do_not_stream_and_say_so(name):
    with pytest.raises(InvalidValue, match=f"method='{name}' needs the whole spectrogram; use reconstruct"):
        create(name, PLAN)


def test_the_list_of_whole_only_methods_is_the_table():
    assert set(OFFLINE_ONLY) == set(OFFLINE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iterations": 0}, "iterations=0 must be at least 1; try 100"),
        ({"momentum": 2}, "momentum=2 must be 0 to less than 1.5; try 0.99"),
        ({"tolerance": -1}, "tolerance=-1 must be at least 0 dB"),
        ({"start": "input"}, "start='input' is not possible here; choose one of pghi, zero"),
        ({"look_ahead": 1}, "look_ahead=1 is not an option of 'griffin-lim', which takes iterations"),
    ],
)
def test_offline_refusals(options, message):
    with pytest.raises(InvalidValue, match=message):
        reconstruct(S, PLAN, method="griffin-lim", **options)


@pytest.mark.parametrize("hop", [512, 256, 128, 64])
def test_choices_converge_at_every_overlap_and_improve_with_latency(hop):
    plan = FramePlan(sample_rate=16000, n_fft=1024, hop=hop)
    x = np.pad(X, 1024)
    S = abs(stft(x, plan))
    quality = {}
    for name in CHOICES:
        R = abs(stft(istft(reconstruct(S, plan, method=name), plan, length=len(x)), plan))
        quality[name] = 20 * np.log10(np.linalg.norm(R - S) / np.linalg.norm(S))
    assert quality["best"] < quality["live"]
    assert max(quality.values()) < -15


def test_choices_declare_their_look_ahead_and_let_options_override():
    assert [create(name, PLAN).latency_frames for name in CHOICES] == [0, 1, 2, 4]
    assert create("best", PLAN, look_ahead=2).latency_frames == 2
    assert create("best", PLAN, iterations=2, load=0.1).latency_frames == 4


def test_a_choice_spends_no_more_than_its_share_of_the_hop():
    dense = FramePlan(sample_rate=96000, n_fft=4096, hop=128)
    assert choose("best", dense)[1]["iterations"] < choose("best", PLAN)[1]["iterations"]
    assert choose("best", PLAN, load=1e-6)[1]["iterations"] == 1
    with pytest.raises(InvalidValue, match="load=0 must be more than 0"):
        choose("best", PLAN, load=0)


def test_momentum_falls_as_frames_overlap_more():
    values = [safe_momentum(overlap) for overlap in (2, 4, 8, 16, 32)]
    assert values == sorted(values, reverse=True)


def test_describe_lists_every_method_with_its_latency():
    rows = {row["name"]: row for row in describe(PLAN)}
    assert rows["best"]["latency_frames"] == 4 and rows["best"]["latency_ms"] == 16
    assert rows["pghi"]["latency_frames"] is None and set(OFFLINE) < set(rows)


def test_every_method_but_the_inputs_own_phase_has_documented_figures():
    assert [row["name"] for row in describe(PLAN) if row["sc_db_75"] is None] == ["input"]
    assert set(FIGURES) < {row["name"] for row in describe(PLAN)}
