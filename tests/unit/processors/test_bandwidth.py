"""BandwidthExtension: fills what is missing, leaves alone what is not, at any block size, to the bit after a reset."""

import numpy as np
import pytest

import rtspec
from rtspec.errors import InvalidValue
from rtspec.evaluation.never_worse import speech, untouchable
from rtspec.frames import FramePlan
from rtspec.models import FrameModel, models
from rtspec.processors.bandwidth.hiss import HISS_SAMPLES, hiss_stage
from rtspec.training.data.walls import upper_edge_hz
from rtspec.training.enhancement.degradation import low_pass, mp3

RATE = 44100


def music(seconds=4.0, rate=RATE, channels=2) -> np.ndarray:
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(0)
    chord = np.sum([np.sin(2 * np.pi * 220 * 2 ** (k / 3) * t + k) / (k + 1) for k in range(12)], axis=0)
    sound = 0.1 * np.exp(-5 * (t % 0.25)) * (chord + 0.5 * rng.standard_normal((channels, len(t))))
    return sound.astype(np.float32)


def narrow(cutoff_hz=6000.0, rate=RATE) -> np.ndarray:
    return low_pass(music(rate=rate), rate, cutoff_hz)


def below(sound, cutoff_hz, rate=RATE) -> np.ndarray:
    return low_pass(sound, rate, cutoff_hz)[:, rate // 2 : -rate // 2]


@pytest.fixture(scope="module")
def processor() -> rtspec.BandwidthExtension:
    return rtspec.BandwidthExtension()


@pytest.mark.parametrize("name", ["bandwidth-live", "bandwidth-paper"])
def test_shipped_models_give_their_golden_output(name):
    # 1e-5 of the peak: other processors add up in another order.
    folder = models()[name].parent
    golden, model = np.load(folder / "golden.npz"), FrameModel(name)
    axis = model.manifest.output.time_axis
    made = np.concatenate([model.process(golden["input"]), model.flush()], axis=axis)
    np.testing.assert_allclose(made, golden["output"], rtol=0, atol=1e-5 * np.abs(golden["output"]).max())
    assert model.manifest.licence in (folder / "card.md").read_text()


@pytest.mark.parametrize("name", untouchable(RATE))
def test_sound_that_lacks_nothing_passes_to_the_bit(processor, name):
    sound = untouchable(RATE)[name]
    np.testing.assert_array_equal(processor(sound, RATE), sound)


def test_speech_passes_to_the_bit(processor):
    np.testing.assert_array_equal(processor(speech(RATE), RATE), speech(RATE))


def test_full_band_music_passes_to_the_bit(processor):
    np.testing.assert_array_equal(processor(music(), RATE), music())


@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize("cutoff_hz", [4000.0, 8000.0, 12000.0])
def test_a_narrow_band_is_filled_above_and_kept_below(processor, rate, cutoff_hz):
    sound = narrow(cutoff_hz, rate)
    made = processor(sound, rate)
    assert upper_edge_hz(made[:, rate:], rate) > 1.25 * cutoff_hz
    kept, wanted = below(made, 0.85 * cutoff_hz, rate), below(sound, 0.85 * cutoff_hz, rate)
    assert 10 * np.log10(np.sum(wanted**2) / np.sum((kept - wanted) ** 2)) > 40


def test_coded_sound_is_filled(processor):
    coded = mp3(music(), RATE, 32)
    assert upper_edge_hz(coded[:, RATE:], RATE) < 8000 < upper_edge_hz(processor(coded, RATE)[:, RATE:], RATE)


@pytest.mark.parametrize("block", [1, 7, 64, 65, 441, 8193])
def test_the_block_size_changes_no_sample(processor, block):
    sound = narrow()[:, : 2 * RATE if block > 7 else RATE]
    np.testing.assert_array_equal(processor(sound, RATE, buffer_size=block), processor(sound, RATE))


def test_reset_is_a_fresh_object_to_the_bit(processor):
    processor(music(), RATE)
    processor.reset()
    fresh = rtspec.BandwidthExtension()
    np.testing.assert_array_equal(processor(narrow(), RATE), fresh(narrow(), RATE))


def test_loudness_is_no_matter(processor):
    quiet, loud = processor(0.01 * narrow(), RATE), processor(narrow(), RATE)
    assert np.abs(100 * quiet - loud).max() < 1e-3 * np.abs(loud).max()


def test_the_latency_is_that_of_window_and_look_ahead_and_is_true(processor):
    assert processor.latency(44100) == {"window": 1024, "model": 256}
    assert processor.latency_samples / 44.1 <= 30.0
    sound = music()
    streamed = rtspec.BandwidthExtension()
    out = streamed.process(sound, RATE, reset=False)
    delay = sound.shape[1] - out.shape[1]
    np.testing.assert_array_equal(out, sound[:, : out.shape[1]])
    assert delay == processor.latency(44100)["window"] + processor.latency(44100)["model"]


def test_amount_takes_the_fill_away_and_air_moves_its_top():
    processor = rtspec.BandwidthExtension(repair=False)
    full = processor(narrow(), RATE)
    processor.amount = 0
    np.testing.assert_array_equal(processor(narrow(), RATE), narrow())
    processor.amount, processor.air_db = 1, 12
    airy = processor(narrow(), RATE)

    def top(sound):
        return np.sum((sound - low_pass(sound, RATE, 13000.0)) ** 2)

    assert 8 < 10 * np.log10(top(airy) / top(full)) < 14


def test_a_crossover_that_is_given_holds_where_none_is_found():
    processor = rtspec.BandwidthExtension(crossover_hz=5000)
    assert not np.array_equal(processor(music(), RATE), music())
    processor.crossover_hz = "auto"
    np.testing.assert_array_equal(processor(music(), RATE), music())


def test_silence_after_sound_holds_no_hiss(processor):
    sound = np.concatenate([narrow(), np.zeros((2, 2 * RATE), np.float32)], axis=1)
    assert not processor(sound, RATE)[:, -RATE:].any()


def test_every_channel_is_treated_as_if_alone(processor):
    made = processor(narrow(), RATE)
    np.testing.assert_array_equal(made[1], processor(narrow()[1], RATE))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"crossover_hz": 50}, r"crossover_hz=50 must be \"auto\" or a number from 1000 to 20000 Hz"),
        ({"crossover_hz": "low"}, "crossover_hz='low' must be"),
        ({"amount": 2}, "amount=2 must be a number from 0 to 1"),
        ({"model": "tilt-gate"}, "model 'tilt-gate' does not extend bandwidth; choose one of live, paper"),
        ({"model": "nothing"}, 'there is no model "nothing"'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(options, text):
    with pytest.raises((InvalidValue, rtspec.errors.ModelError), match=text):
        rtspec.BandwidthExtension(**options)


def test_hiss_begins_again_where_it_ends_in_calls_of_any_length():
    plan = FramePlan(sample_rate=RATE, n_fft=1024, hop=256)
    stage, n = hiss_stage(plan), HISS_SAMPLES // plan.hop + 3
    whole, parts = np.empty((n, plan.hop), np.float32), np.empty((n, plan.hop), np.float32)
    stage.run(whole, n, whole)
    np.testing.assert_array_equal(whole[-3:], whole[:3])
    stage.reset()
    for start in range(0, n, 7):
        stage.run(parts[start:], min(7, n - start), parts[start:])
    np.testing.assert_array_equal(parts, whole)
    energy = np.sum(plan.analysis.astype(np.float64) ** 2)
    assert np.mean(whole[:-3] ** 2) * energy == pytest.approx(1, rel=1e-4)
