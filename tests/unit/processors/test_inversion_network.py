"""Inversion with a network, with controls, and with its levels held."""

import numpy as np
import pytest

import rtspec
from rtspec.errors import InvalidValue
from rtspec.evaluation.inversion import baseline, network
from rtspec.frames import stft
from rtspec.frames.bands import band_filters
from rtspec.frames.levels import band_levels
from rtspec.metrics.phases import spectral_convergence_db

RATE = 16000
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def scene():
    """Wind, an engine and knocks, 4 s."""
    t = np.arange(4 * RATE) / RATE
    wind = np.convolve(RNG.standard_normal(len(t)), np.ones(12) / 12, "same") * (1 + 0.5 * np.sin(2 * np.pi * 0.7 * t))
    engine = sum(np.sin(2 * np.pi * 100 * k * t) / k for k in range(1, 9))
    knocks = RNG.standard_normal(len(t)) * np.exp(-30 * (t % 0.8))
    return (0.05 * wind + 0.03 * engine + 0.1 * knocks).astype(np.float32)


def _levels(sound, filters):
    return band_levels(sound[RATE // 2 :], filters, 100.0)[:, 0]


@pytest.mark.parametrize(
    "options",
    [{}, {"phase": "live"}, {"method": "nnls"}, {"bands": "mel", "n_bands": 40}, {"model": "live"}, {"phase": "best"}],
    ids=str,
)
def test_levels_measured_again_are_those_of_the_input_in_every_band_with_energy(scene, options):
    processor = rtspec.SpectralInversion(**options)
    filters = processor.filters(processor.plan(RATE))
    before, after = _levels(scene, filters), _levels(processor(scene, RATE), filters)
    loud = before > before.max() - 20
    assert np.abs(after - before)[loud].max() < 1.0


def test_a_faint_band_keeps_its_level_beside_a_loud_tone():
    t = np.arange(4 * RATE) / RATE
    tone = np.sin(2 * np.pi * 800 * t) * (np.sin(2 * np.pi * 1.5 * t) > 0)
    sound = (0.1 * tone + 0.0012 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)
    processor = rtspec.SpectralInversion()
    filters = processor.filters(processor.plan(RATE))
    before, after = _levels(sound, filters), _levels(processor(sound, RATE), filters)
    loud = before > before.max() - 30
    assert loud.sum() == 3
    assert np.abs(after - before)[loud].max() < 1.0


def test_without_calibration_levels_differ(scene):
    processor = rtspec.SpectralInversion(calibrate=False)
    filters = processor.filters(processor.plan(RATE))
    assert np.abs(_levels(processor(scene, RATE), filters) - _levels(scene, filters)).max() > 1.0


def test_the_live_network_keeps_within_thirty_milliseconds():
    processor = rtspec.SpectralInversion(model="live", phase="live")
    for rate in (16000, 44100, 48000):
        assert sum(processor.latency(rate).values()) <= 0.030 * rate
    assert processor.frame_delays(processor.plan(RATE)) == {"model": 0, "phase": 0}


def test_refine_at_nought_is_the_baseline_and_at_one_the_network(scene):
    def sound(**options):
        return rtspec.SpectralInversion(calibrate=False, **options)(scene, RATE)

    plain = sound(bands="third-octave-paper", n_fft=400, hop=100)
    np.testing.assert_array_equal(sound(model="live", refine=0.0), plain)
    assert np.abs(sound(model="live", refine=1.0) - plain).max() > 1e-3


def test_the_network_in_the_stream_gives_the_magnitudes_that_it_gives_offline(scene):
    inverter = network("live")
    made = inverter.magnitudes(stft(scene, inverter.plan))
    processor = rtspec.SpectralInversion(model="live", calibrate=False, phase="input")
    heard = np.abs(stft(processor(scene, RATE), inverter.plan))
    rebuilt = rtspec.frames.istft(
        made * np.exp(1j * np.angle(stft(scene, inverter.plan))), inverter.plan, length=len(scene)
    )
    np.testing.assert_allclose(processor(scene, RATE), rebuilt, atol=1e-4)
    assert heard.shape == made.shape


def test_gains_and_tilt_move_the_bands_they_name(scene):
    filters = band_filters("third-octave", rtspec.SpectralInversion().plan(RATE))
    plain = _levels(rtspec.SpectralInversion()(scene, RATE), filters)
    louder = _levels(rtspec.SpectralInversion(gain_1000_hz=12.0)(scene, RATE), filters)
    tilted = _levels(rtspec.SpectralInversion(tilt_db_per_octave=-3.0)(scene, RATE), filters)
    octaves = np.log2(filters.centres_hz / 1000)
    at_1k, far = int(np.argmin(abs(octaves))), octaves > 2
    assert louder[at_1k] - plain[at_1k] == pytest.approx(12.0, abs=0.5)
    assert np.abs(louder - plain)[far].max() < 0.5
    middle = (filters.centres_hz > 200) & (filters.centres_hz < 5000)
    np.testing.assert_allclose((tilted - plain)[middle], -3 * octaves[middle], atol=0.6)


def test_frozen_levels_go_on_when_the_input_ends(scene):
    processor = rtspec.SpectralInversion(calibrate=False)
    processor.process(scene, RATE, reset=False)
    processor.freeze = 1.0
    for _ in range(4):
        held = processor.process(np.zeros(RATE, np.float32), RATE, reset=False)
    assert np.sqrt(np.mean(held**2)) > 0.1 * np.sqrt(np.mean(scene**2))
    processor.freeze = 0.0
    for _ in range(2):
        rest = processor.process(np.zeros(RATE, np.float32), RATE, reset=False)
    assert np.abs(rest[-1000:]).max() < 1e-6


def test_few_cepstral_coefficients_keep_the_course_of_the_bands_and_all_keep_them_whole(scene):
    filters = rtspec.SpectralInversion("mel-htk", n_bands=40).filters(rtspec.SpectralInversion().plan(RATE))
    plain, whole, few = (
        _levels(rtspec.SpectralInversion("mel-htk", n_bands=40, n_coefficients=n)(scene, RATE), filters)
        for n in (None, 40, 12)
    )
    np.testing.assert_allclose(whole, plain, atol=0.1)
    assert np.abs(np.diff(few, 2)).mean() < 0.8 * np.abs(np.diff(plain, 2)).mean()
    assert abs(few.mean() - plain.mean()) < 3
    with pytest.raises(InvalidValue, match=r"n_coefficients=41 must be a whole number from 1 to 40; keep"):
        rtspec.SpectralInversion("mel-htk", n_bands=40, n_coefficients=41)


def test_blur_evens_levels_out(scene):
    plan = rtspec.SpectralInversion().plan(RATE)

    def swing(sound):
        powers = band_filters("third-octave", plan).apply(np.abs(stft(sound[RATE:], plan)))
        return np.std(10 * np.log10(powers[12:24] + 1e-9), axis=1).mean()

    assert swing(rtspec.SpectralInversion(blur_ms=800.0)(scene, RATE)) < 0.7 * swing(
        rtspec.SpectralInversion()(scene, RATE)
    )


def test_silence_stays_silent_with_a_network():
    assert not rtspec.SpectralInversion(model="live")(np.zeros(9000, np.float32), RATE).any()


def test_a_network_works_in_proportion_to_the_level(scene):
    inverter = network("live")
    spectrum = stft(scene, inverter.plan)
    loud, quiet = inverter.magnitudes(spectrum), inverter.magnitudes(1e-3 * spectrum)
    started = slice(1, None)  # frame 0 follows nothing, whose level is no multiple of the sound's
    np.testing.assert_allclose(1e3 * quiet[:, started], loud[:, started], atol=1e-2 * loud.max())


def test_models_that_do_not_refine_magnitudes_are_refused():
    with pytest.raises(InvalidValue, match=r"output.representation='gain' of model 'tilt-gate' does not refine an"):
        rtspec.SpectralInversion(model="tilt-gate")
    with pytest.raises(InvalidValue, match=r"n_fft=512 is not the model's own; leave it out, or use 400"):
        rtspec.SpectralInversion(model="live", n_fft=512)


@pytest.mark.parametrize("phase", ["live", "best"])
@pytest.mark.parametrize("model", [None, "live"])
def test_the_sound_has_the_predicted_magnitudes_as_well_as_the_phase_method_alone_gives_them(scene, phase, model):
    plan = network("live").plan
    inverter = network("live") if model else baseline("pinv", plan)
    predicted = inverter.magnitudes(stft(scene, plan))
    options = {"model": model} if model else {"bands": "third-octave-paper", "n_fft": plan.n_fft, "hop": plan.hop}
    heard = rtspec.SpectralInversion(phase=phase, calibrate=False, **options)(scene, RATE)
    alone = rtspec.frames.istft(rtspec.phase.reconstruct(predicted, plan, method=phase), plan, length=len(scene))
    ours, theirs = (spectral_convergence_db(sound, predicted, plan) for sound in (heard, alone))
    assert abs(ours - theirs) < 1.0
    assert ours < -8
