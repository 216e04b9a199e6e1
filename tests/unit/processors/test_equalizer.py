"""The graphic equalizer: right at every centre, no latency, the input to the bit where it is flat, and no clicks."""

import numpy as np
import pytest

import rtspec
from rtspec.errors import InvalidValue
from rtspec.processors.equalizer.design import qualities, refit, response_db, warped
from rtspec.processors.equalizer.processor import HIGHEST, LAYOUTS, gain_names

RATE = 48000


def noise(seconds=0.5, channels=2, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal((channels, round(RATE * seconds)))).astype(np.float32)


def designed(wanted, warps, rounds=10):
    gains, bells, work = wanted.copy(), qualities(warps), np.zeros((len(warps) + 1, len(warps)))
    for _ in range(rounds):
        refit(wanted, gains, bells, warps, work)
    return gains, bells


def heard_db(eq, sample_rate, at_hz):
    """Level of the impulse response at frequencies, by direct sums."""
    impulse = np.zeros(2 * sample_rate, np.float32)
    impulse[0] = 1.0
    response = eq(impulse, sample_rate).astype(np.float64)
    turns = np.exp(-2j * np.pi * np.outer(at_hz, np.arange(len(response))) / sample_rate)
    return 20 * np.log10(np.abs(turns @ response))


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_200_random_commands_are_met_at_every_centre(sample_rate, layout):
    centres = np.array([hz for hz in LAYOUTS[layout] if hz < HIGHEST * sample_rate])
    warps, rng = warped(centres, sample_rate), np.random.default_rng(1)
    for i in range(200):
        wanted = rng.uniform(-12, 12, len(warps)) if i % 2 else rng.choice([-12.0, 12.0], len(warps))
        gains, bells = designed(wanted, warps)
        errors = [response_db(gains, bells, warps, at) - db for at, db in zip(warps, wanted, strict=True)]
        assert np.abs(errors).max() < 0.05


@pytest.mark.parametrize("sample_rate", [44100, 48000, 96000])
def test_smooth_curves_are_met_between_the_centres(sample_rate):
    centres = np.array([hz for hz in LAYOUTS["third-octave"] if hz < HIGHEST * sample_rate])
    warps, octaves, rng = warped(centres, sample_rate), np.log2(centres / 1000), np.random.default_rng(2)
    between = np.sqrt(centres[1:] * centres[:-1])
    for _ in range(30):
        hills = [a * np.exp(-(((octaves - c) / 2) ** 2)) for a, c in rng.uniform((-12, -5), (12, 4), (3, 2))]
        wanted = np.clip(sum(hills), -12, 12)
        gains, bells = designed(wanted, warps)
        levels = [response_db(gains, bells, warps, at) for at in warped(between, sample_rate)]
        assert np.abs(levels - np.interp(np.log2(between / 1000), octaves, wanted)).max() < 0.6


@pytest.mark.parametrize("sample_rate", [44100, 96000])
def test_what_is_heard_is_what_was_designed(sample_rate):
    rng = np.random.default_rng(3)
    names = {name: hz for name, hz in gain_names("third-octave").items() if hz < HIGHEST * sample_rate}
    wanted = {name: float(db) for name, db in zip(names, rng.uniform(-12, 12, len(names)), strict=True)}
    eq = rtspec.Equalizer()
    for name, db in wanted.items():
        eq.parameters[name].value = db
    levels = heard_db(eq, sample_rate, list(names.values()))
    assert np.abs(levels - list(wanted.values())).max() < 0.1


def test_flat_is_the_input_to_the_bit_and_nothing_is_late():
    sound, eq = noise(), rtspec.Equalizer()
    assert np.array_equal(eq(sound, RATE), sound)
    eq.gain_1000_hz = 12.0
    assert eq.latency_samples == 0 and not np.array_equal(eq(sound, RATE), sound)
    impulse = np.zeros(100, np.float32)
    impulse[0] = 1.0
    assert np.argmax(np.abs(rtspec.Equalizer(gains_db={63: -3, 8000: 6})(impulse, RATE))) == 0


@pytest.mark.parametrize("block", [1, 31, 128, 480, 8192])
def test_blocks_and_pieces_change_no_sample(block):
    sound, eq = noise(), rtspec.Equalizer(gains_db={100: -12, 1000: 6, 16000: 12})
    whole = eq(sound, RATE)
    assert np.array_equal(eq.process(sound, RATE, buffer_size=block), whole)
    fresh = rtspec.Equalizer(gains_db={100: -12, 1000: 6, 16000: 12})
    pieces = [fresh.process(part, RATE, reset=False) for part in np.array_split(sound, 7, axis=1)]
    assert np.array_equal(np.concatenate([*pieces, fresh.flush()], axis=1), whole)


def test_after_moves_a_reset_gives_what_a_fresh_one_gives():
    sound, eq = noise(), rtspec.Equalizer()
    for db in (12.0, -12.0, 4.0):
        eq.gain_500_hz = db
        eq.process(sound, RATE, reset=False)
    eq.reset()
    assert np.array_equal(eq.process(sound, RATE, reset=False), rtspec.Equalizer(gain_500_hz=4.0)(sound, RATE))


@pytest.mark.parametrize("tone_hz", [100, 1000, 5000])
def test_all_gains_jump_every_50_ms_and_nothing_clicks(tone_hz):
    """Beyond 400 Hz from a tone whose level moves by up to 24 dB twenty times a second."""
    eq, rng, step = rtspec.Equalizer(), np.random.default_rng(0), RATE // 20
    tone = (0.1 * np.sin(2 * np.pi * tone_hz * np.arange(4 * RATE) / RATE)).astype(np.float32)
    out = []
    for i in range(0, len(tone), step):
        for name in gain_names("third-octave"):
            eq.parameters[name].value = float(rng.choice([-12.0, 12.0]))
        out.append(eq.process(tone[i : i + step], RATE, reset=False))
    heard = np.concatenate(out)[RATE:]
    levels = 20 * np.log10(np.abs(np.fft.rfft(heard * np.blackman(len(heard)))) + 1e-20)
    apart = np.abs(np.fft.rfftfreq(len(heard), 1 / RATE) - tone_hz) > 400
    assert levels[apart].max() < levels.max() - 80


def test_bands_beyond_the_sample_rate_are_left_out_and_do_no_harm():
    sound = noise(0.1, 1)
    assert np.isfinite(rtspec.Equalizer(gains_db={20000: 12, 16000: 12, 4000: 3})(sound[0], 8000)).all()


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (lambda: rtspec.Equalizer("sixth-octave"), "bands='sixth-octave' is not known; choose one of octave, third"),
        (lambda: rtspec.Equalizer(gains_db={440: 3}), "gains_db=440 is not known; choose one of 20, 25, 31.5"),
        (lambda: rtspec.Equalizer(gains_db=3), "gains_db=3 must be a dict of centres in Hz to dB"),  # type: ignore
        (lambda: rtspec.Equalizer(gains_db={1000: 13}), "gain_1000_hz=13 must be a number from -12 to 12 dB"),
    ],
)
def test_what_it_cannot_do_is_refused(made, text):
    with pytest.raises(InvalidValue, match=text):
        made()


def test_a_gain_that_cannot_be_heard_is_told_once():
    eq = rtspec.Equalizer(gains_db={16000: 6, 1000: 3})
    with pytest.warns(UserWarning, match="gain_16000_hz cannot be heard at 22050 Hz") as told:
        for _ in range(2):
            eq(noise(), 22050)
    assert len(told) == 1
    with pytest.warns(UserWarning, match="cannot be heard at 16000 Hz"):
        rtspec.Pedalboard([rtspec.Equalizer(gains_db={16000: 6})])(noise(), 16000)
