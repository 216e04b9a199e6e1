import numpy as np
import pytest

from rtspec.frames import FramePlan, istft, stft
from rtspec.metrics.phases import pre_echo_db
from rtspec.phase import reconstruct
from rtspec.phase.rtisi import weights

PLAN = FramePlan(sample_rate=16000, n_fft=256, hop=64)
WINDOWS = [
    ("hann", None),
    ("sqrt-hann", None),
    ("hamming", None),
    ("blackman", None),
    ("gauss", None),
    ("hann", "hamming"),
]


def chirp(n_samples=16000):
    t = np.arange(n_samples) / 16000
    x = sum(np.sin(2 * np.pi * k * (200 * t + 90 * t**2)) / k for k in (1, 2, 3, 5))
    return np.pad(x, 512).astype(np.float32)


def convergence(plan, x=None, **options):
    """Spectral convergence in dB."""
    x = chirp() if x is None else x
    S = abs(stft(x, plan))
    R = abs(stft(istft(reconstruct(S, plan, **options), plan, length=len(x)), plan))
    return 20 * np.log10(np.linalg.norm(R - S) / np.linalg.norm(S))


@pytest.mark.parametrize(("analysis", "synthesis"), WINDOWS)
@pytest.mark.parametrize("overlap", [4, 8])
def test_refinement_beats_its_start_for_every_window(analysis, synthesis, overlap):
    plan = FramePlan(16000, n_fft=512, hop=512 // overlap, window=analysis, synthesis_window=synthesis)
    start = convergence(plan, method="rtpghi", look_ahead=1)
    assert start < -10
    for method in ("rtisi-la", "gsrtisi-la"):
        assert convergence(plan, method=method, look_ahead=3, iterations=6, start="rtpghi") < max(start - 2, -45)


def test_more_look_ahead_and_more_iterations_help():
    by_look_ahead = [
        convergence(PLAN, method="rtisi-la", look_ahead=la, iterations=8, momentum=0.0) for la in (0, 1, 3)
    ]
    assert by_look_ahead[0] > by_look_ahead[1] > by_look_ahead[2]
    few, many = [convergence(PLAN, method="rtisi-la", look_ahead=3, iterations=n) for n in (2, 16)]
    assert many < few - 2


@pytest.mark.parametrize("look_ahead", [0, 1])
def test_rtpghi_gains_by_its_additions_on_noisy_sound(look_ahead):
    x = chirp() + np.random.default_rng(1).standard_normal(17024).astype(np.float32)
    options = {"method": "rtpghi", "look_ahead": look_ahead}
    published, refined = [convergence(PLAN, x, refined=refined, **options) for refined in (False, True)]
    assert refined < published - 0.3


@pytest.mark.parametrize("overlap", [4, 8])
@pytest.mark.parametrize(("method", "options"), [("spsi", {}), ("rtpghi", {"look_ahead": 0})])
def test_onsets_stay_sharp_without_look_ahead(method, options, overlap):
    plan = FramePlan(16000, n_fft=512, hop=512 // overlap)
    early = {}
    for refined in (False, True):
        found = []
        for place in range(4):
            onset = 4096 + place * plan.hop // 4
            x = np.zeros(8192, np.float32)
            x[onset:] = np.random.default_rng(place).standard_normal(8192 - onset)
            Y = reconstruct(abs(stft(x, plan)), plan, method=method, refined=refined, **options)
            found.append(10 ** (pre_echo_db(istft(Y, plan, length=len(x)), onset - 16) / 10))
        early[refined] = 10 * np.log10(np.mean(found))
    assert early[True] < early[False] - 2 and early[True] < -15


@pytest.mark.parametrize("overlap", [4, 8])
def test_spsi_gains_by_its_addition(overlap):
    plan = FramePlan(16000, n_fft=512, hop=512 // overlap)
    x = chirp() + 0.1 * np.random.default_rng(1).standard_normal(17024).astype(np.float32)
    published, refined = [convergence(plan, x, method="spsi", refined=refined) for refined in (False, True)]
    assert refined < published - 0.5


def test_momentum_helps():
    plain, eager = [convergence(PLAN, method="rtisi-la", look_ahead=3, iterations=8, momentum=m) for m in (0.0, 0.6)]
    assert eager < plain - 0.5


def test_the_inputs_phase_as_a_start_is_nearly_kept():
    x = chirp()
    X = stft(x, PLAN)
    Y = reconstruct(abs(X), PLAN, method="rtisi-la", look_ahead=3, iterations=1, start="input", input_spectrum=X)
    assert np.linalg.norm(Y - X) < 0.02 * np.linalg.norm(X)


@pytest.mark.parametrize(("length", "hop", "uneven"), [(256, 64, False), (200, 64, False), (256, 100, True)])
def test_windows_shorter_than_the_transform_and_uneven_hops_work(length, hop, uneven):
    plan = FramePlan(16000, n_fft=256, hop=hop, window_length=length, uneven=uneven)
    assert convergence(plan, method="rtisi-la", look_ahead=3, iterations=8) < -12
    assert convergence(plan, method="rtpghi", look_ahead=1) < -5


@pytest.mark.parametrize("method", ["spsi", "rtpghi", "rtisi-la", "gsrtisi-la", "live", "best"])
def test_a_clip_after_ten_seconds_of_silence_is_as_good_as_without(method):
    x = chirp()
    late = np.pad(x, (160000, 0))
    assert convergence(PLAN, late, method=method) == pytest.approx(convergence(PLAN, x, method=method), abs=0.1)


@pytest.mark.parametrize("method", ["spsi", "rtpghi", "rtisi-la", "gsrtisi-la", "live", "best"])
@pytest.mark.parametrize("gain_db", [-120, 120])
def test_quality_does_not_depend_on_level(method, gain_db):
    x = chirp(8000)
    gained = (x * 10 ** (gain_db / 20)).astype(np.float32)
    assert convergence(PLAN, gained, method=method) == pytest.approx(convergence(PLAN, x, method=method), abs=0.1)


@pytest.mark.parametrize("frames_after", [0, 1, 2, 3, 9])
def test_weights_are_what_overlap_add_of_the_known_frames_gives(frames_after):
    frames = 8 + frames_after
    total = np.zeros(PLAN.length + frames * PLAN.hop)
    for t in range(frames):
        total[t * PLAN.hop :][: PLAN.length] += PLAN.analysis * PLAN.synthesis
    newest = 7 * PLAN.hop
    assert np.allclose(weights(PLAN, frames_after), total[newest : newest + PLAN.length])
    total[newest : newest + PLAN.length] -= PLAN.analysis * PLAN.synthesis
    assert np.allclose(weights(PLAN, frames_after, own=False), total[newest : newest + PLAN.length])
