"""The parametric equalizer: what each band is asked for is heard, flat is the input to the bit, and nothing clicks."""

import numpy as np
import pytest
from scipy.signal import freqs

import rtspec
from rtspec.errors import InvalidValue

RATE = 48000


def heard_db(eq, at_hz, sample_rate=RATE):
    """Level of the impulse response at frequencies, by direct sums."""
    impulse = np.zeros(2 * sample_rate, np.float32)
    impulse[0] = 1.0
    response = eq(impulse, sample_rate).astype(np.float64)
    turns = np.exp(-2j * np.pi * np.outer(at_hz, np.arange(len(response))) / sample_rate)
    return 20 * np.log10(np.abs(turns @ response))


def analog_db(shape, hz, gain_db, q, at_hz):
    """Level of the analog prototype (Bristow-Johnson's cookbook) at frequencies."""
    a, s2 = 10 ** (gain_db / 40), [1.0, 0.0, 0.0]
    k, m = 1 / q, np.sqrt(a) / q
    prototype = {
        "bell": ([1, k * a, 1], [1, k / a, 1]),
        "low-shelf": ([a, a * m, a * a], [a, m, 1]),
        "high-shelf": ([a * a, a * m, a], [1, m, a]),
        "low-cut": (s2, [1, k, 1]),
        "high-cut": ([1], [1, k, 1]),
    }[shape]
    return 20 * np.log10(np.abs(freqs(prototype[0], prototype[1], np.asarray(at_hz) / hz)[1]))


@pytest.mark.parametrize("shape", ["bell", "low-shelf", "high-shelf", "low-cut", "high-cut"])
@pytest.mark.parametrize(("hz", "gain_db", "q"), [(300, 9.0, 0.707), (1000, -12.0, 3.0), (80, 24.0, 1.0)])
def test_a_band_is_its_analog_prototype(shape, hz, gain_db, q):
    gain = {} if shape.endswith("cut") else {"band_1_db": gain_db}
    eq = rtspec.Equalizer("parametric", shapes=[shape], band_1_hz=hz, band_1_q=q, **gain)
    at = hz * 2.0 ** np.arange(-2, 2.1, 0.5)
    warped = np.tan(np.pi * at / RATE) / np.tan(np.pi * hz / RATE)  # as the bilinear transform maps frequencies
    np.testing.assert_allclose(heard_db(eq, at), analog_db(shape, 1.0, gain_db, q, warped), atol=0.02)


def test_bands_in_a_row_add_up():
    eq = rtspec.Equalizer("parametric", band_1_db=3, band_3_hz=1000, band_3_db=-6, band_3_q=2, band_6_db=5)
    at = [100.0, 1000.0, 5000.0]
    alone = [rtspec.Equalizer("parametric") for _ in range(3)]
    for one, band in zip(alone, ("band_1", "band_3", "band_6"), strict=True):
        for name in one.parameters:
            if name.startswith(band):
                one.parameters[name].value = eq.parameters[name].value
    np.testing.assert_allclose(heard_db(eq, at), sum(heard_db(one, at) for one in alone), atol=0.01)


def test_flat_is_the_input_to_the_bit_and_any_block_gives_the_same():
    rng, flat = np.random.default_rng(0), rtspec.Equalizer("parametric")
    sound = (0.1 * rng.standard_normal((2, RATE))).astype(np.float32)
    assert np.array_equal(flat(sound, RATE), sound) and flat.latency_samples == 0
    eq = rtspec.Equalizer("parametric", shapes="low-cut,bell,high-cut", band_2_db=6, band_1_hz=100, band_3_hz=9000)
    whole = eq(sound, RATE)
    for block in (1, 37, 480):
        eq.reset()
        n = 4800
        pieces = [eq(sound[:, i : min(i + block, n)], RATE, reset=False) for i in range(0, n, block)]
        assert np.array_equal(np.concatenate(pieces, axis=1), whole[:, :n]), block


@pytest.mark.parametrize(
    ("name", "values"), [("band_2_db", (-24, 24)), ("band_2_hz", (200, 4000)), ("band_2_q", (0.2, 9))]
)
def test_a_jumping_knob_adds_nothing_above_minus_80_db(name, values):
    eq = rtspec.Equalizer("parametric", band_2_db=12.0)
    board, n = rtspec.Pedalboard([eq]), RATE // 20
    tone = (0.1 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE)).astype(np.float32)[None]
    heard = []
    for i in range(0, tone.shape[1], n):
        eq.parameters[name].value = values[i // n % 2]
        heard.append(board(tone[:, i : i + n], RATE, reset=i == 0))
    sound = np.concatenate(heard, axis=1)[0, RATE:].astype(np.float64)
    spectrum = 20 * np.log10(np.abs(np.fft.rfft(sound * np.blackman(len(sound)))) / len(sound) + 1e-12)
    hz = np.arange(len(spectrum)) * RATE / len(sound)
    assert spectrum[np.abs(hz - 1000) > 400].max() < spectrum.max() - 80


def test_a_band_above_what_there_is_lies_at_its_end_and_says_so():
    eq = rtspec.Equalizer("parametric", shapes="bell", band_1_hz=18000, band_1_db=12)
    sound = (0.1 * np.random.default_rng(0).standard_normal((1, 8000))).astype(np.float32)
    with pytest.warns(UserWarning, match="band_1_hz: played at 7840 Hz"):
        assert np.all(np.isfinite(eq(sound, 16000)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": "parametric", "shapes": "bell,notch"},
        {"bands": "parametric", "shapes": []},
        {"bands": "parametric", "shapes": ["bell"] * 17},
        {"bands": "parametric", "gains_db": {1000: 3}},
        {"bands": "octave", "shapes": "bell"},
        {"bands": "parametric", "band_1_db": 40},
    ],
)
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(InvalidValue):
        rtspec.Equalizer(**wrong)
