"""StyleTransfer: live sound in the texture of another, and an effect that takes MIDI."""

from itertools import accumulate

import mido
import numpy as np
import pytest
from scipy.ndimage import maximum_filter1d, uniform_filter1d
from scipy.signal import firwin, oaconvolve

import rtspec
from rtspec.control.controlled import instruments, listeners
from rtspec.control.factory import factory_presets
from rtspec.control.pad import Pad
from rtspec.control.parameters import redirected
from rtspec.errors import InvalidValue
from rtspec.processors.style.frames import HOP, fallen, shares

RATE = 48000


def sound(seconds: float = 1.0, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Strokes of a noisy tone, float32 (channels, n)."""
    t = np.arange(round(seconds * RATE)) / RATE
    tone = np.sin(2 * np.pi * 330 * t) + 0.2 * np.random.default_rng(seed).standard_normal((channels, len(t)))
    return (0.2 * np.exp(-8 * (t % 0.25)) * tone).astype(np.float32)


@pytest.fixture(scope="module")
def live():
    return rtspec.StyleTransfer("rain")


def level(audio: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(audio, dtype=np.float64))))


def test_it_ships_eight_styles_that_sound_apart(live):
    assert len(live.styles) >= 8
    assert {"rain", "bells", "choir"} <= set(live.styles)
    x, spectra = sound(), {}
    for name in live.styles:
        live.style = name
        spectra[name] = np.log(np.abs(rtspec.frames.stft(live(x, RATE)[0], live.plan(RATE))).mean(1) + 1e-6)
    for one in spectra:
        for other in spectra:
            assert one == other or np.abs(spectra[one] - spectra[other]).mean() > 0.1, (one, other)


def test_delay_is_as_stated(live):
    x = np.zeros((1, RATE), np.float32)
    x[0, 20000] = 0.5
    live.strength = 0.0
    try:
        y = live.prepare(RATE, 1).run(x)
    finally:
        live.strength = 1.0
    assert int(np.argmax(np.abs(y[0]))) - 20000 == live.latency(RATE)["window"] == 1024


@pytest.mark.parametrize("block", [1, 7, 64, 441, 8192])
def test_any_block_gives_the_same_bits(live, block):
    x = sound(0.3)
    assert np.array_equal(live.process(x, RATE, buffer_size=block), live(x, RATE))


def test_the_same_seed_gives_the_same_bits_and_another_one_others(live):
    x, other = sound(), rtspec.StyleTransfer("rain", seed=1)
    live.style = "rain"
    once = live(x, RATE)
    assert np.array_equal(once, live(x, RATE))
    assert np.array_equal(once, rtspec.StyleTransfer("rain")(x, RATE))
    assert not np.array_equal(once, other(x, RATE))
    other.seed = 0
    assert np.array_equal(once, other(x, RATE))


def test_halves_of_weights_are_near_to_the_whole_and_a_precision_is_known():
    x = sound(0.5)
    one, other = (rtspec.StyleTransfer("rain", precision=word)(x, RATE) for word in ("auto", "float"))
    assert level(one - other) < 10 ** (-50 / 20) * level(other)
    with pytest.raises(InvalidValue, match="int4"):
        rtspec.StyleTransfer(precision="int4")  # type: ignore[arg-type]


def test_without_noise_the_seed_says_nothing():
    x = sound(0.3)
    one, other = (rtspec.StyleTransfer("fire", noise=0.0, seed=seed)(x, RATE) for seed in (0, 1))
    assert np.array_equal(one, other)


def test_silence_stays_silence_and_sounds_on_where_it_does_not_follow(live):
    x = np.zeros((2, RATE), np.float32)
    assert not live(x, RATE).any()
    y = rtspec.StyleTransfer("rain", follow=0.0)(x, RATE)
    assert -38 < 20 * np.log10(level(y[:, RATE // 2 :])) < -24


@pytest.mark.parametrize("style", ["rain", "bells", "crowd"])
def test_it_is_no_louder_than_3_db_above_the_input(live, style):
    live.style = style
    for x in (sound(2.0), np.random.default_rng(1).uniform(-1, 1, (2, RATE)).astype(np.float32)):
        assert level(live(x, RATE)) <= 1.42 * level(x)
    t = np.arange(RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 220 * t)).astype(np.float32)[None]
    assert level(live(tone, RATE)) <= 1.42 * level(tone)


@pytest.mark.parametrize("style", ["rain", "bells", "crowd"])
def test_no_moment_is_louder_than_3_db_above_the_level_that_falls_behind_the_input(live, style):
    """Any 50 ms, beside the loudest in a window's reach, which falls towards the input as the stage's quick level."""
    x, window = sound(2.0, 1), 2400
    x[:, RATE:] *= 0.01  # and stops at once
    live.style = style
    y = live(x, RATE)
    heard, given = (uniform_filter1d(each[0].astype(float) ** 2, window, mode="constant") for each in (y, x))
    near, share = maximum_filter1d(given, 2 * 1024 + 1)[::HOP], shares(RATE / HOP)[1]
    level = np.array(list(accumulate(near, lambda before, now: fallen(before, now, share))))
    assert (heard[::HOP] <= 2.0 * level + 1e-12).all()


def test_dc_full_scale_and_what_is_no_number_do_no_harm(live):
    x = sound(1.0)
    for wrong in (np.nan, np.inf, 1e30, 1.0):
        bad = x.copy()
        bad[:, 9600:9700] = wrong
        y = live.prepare(RATE, 2).run(bad)
        assert np.isfinite(y).all()
        assert level(y[:, -RATE // 4 :]) > 1e-3
    assert np.isfinite(live(np.ones((1, RATE), np.float32), RATE)).all()


def test_strength_0_is_the_input(live):
    x = sound()
    live.strength = 0.0
    try:
        assert np.abs(live(x, RATE) - x).max() < 1e-6
    finally:
        live.strength = 1.0


def test_texture_db_is_the_textures_level():
    x = sound(2.0)
    quiet, loud = (level(rtspec.StyleTransfer("rain", texture_db=db)(x, RATE)) for db in (-12.0, 0.0))
    assert 20 * np.log10(loud / quiet) == pytest.approx(12, abs=0.2)


def test_the_style_is_its_weights(live):
    live.style = "bells"
    weights = {name: live.parameters[name].value for name in live.parameters if name.startswith("style_")}
    assert sum(weights.values()) == 1 == weights[f"style_{live.styles.index('bells') + 1}"]
    assert live.style == "bells"
    with pytest.raises(InvalidValue, match="'snow' is not known; choose one of bells"):
        live.style = "snow"
    assert rtspec.StyleTransfer(style_2=0.5).style == live.styles[1]


def test_between_two_styles_lies_what_neither_is(live):
    x, made = sound(), {}
    for name, weights in {"a": (1, 0), "between": (0.5, 0.5), "b": (0, 1)}.items():
        processor = rtspec.StyleTransfer(style_1=weights[0], style_2=weights[1])
        made[name] = np.log(np.abs(rtspec.frames.stft(processor(x, RATE)[0], live.plan(RATE))).mean(1) + 1e-6)
    apart = np.abs(made["a"] - made["b"]).mean()
    assert np.abs(made["between"] - made["a"]).mean() < apart
    assert np.abs(made["between"] - made["b"]).mean() < apart


# MIDI -----------------------------------------------------------------------------------------------------------------


def struck(processor, *messages):
    """What becomes of an inbox's messages in one block."""
    program = processor.prepare(RATE, 1)
    for message in messages:
        assert program.inboxes[0].push(message)
    program.run(np.zeros((1, 128), np.float32))


def test_pads_choose_a_style_and_velocity_is_the_strength():
    processor = rtspec.StyleTransfer("rain")
    struck(processor, mido.Message("note_on", note=36 + 3, velocity=127))
    assert (processor.style, processor.strength) == (processor.styles[3], 1.0)
    struck(processor, mido.Message("note_on", note=36 + len(processor.styles), velocity=64, channel=9))
    assert processor.style == processor.styles[0]
    assert processor.strength == pytest.approx(64 / 127)


def test_pads_move_the_table_that_a_stream_follows_with_targets_of_its_own():
    processor, kept = rtspec.StyleTransfer("rain"), []

    def others(table):
        kept.append(table.targets.copy())
        return kept[-1]

    with redirected(others):
        struck(processor, mido.Message("note_on", note=36, velocity=64))
    assert processor.style == processor.styles[0]
    assert processor.strength == pytest.approx(64 / 127)


def test_other_notes_note_offs_and_other_channels_choose_nothing():
    processor = rtspec.StyleTransfer("rain")
    wrong = [("note_on", 35, 100), ("note_on", 52, 100), ("note_on", 36, 0), ("note_off", 36, 64)]
    struck(processor, *(mido.Message(kind, note=note, velocity=v) for kind, note, v in wrong))
    assert (processor.style, processor.strength) == ("rain", 1.0)
    processor.parameters["pad_channel"].value = 10
    struck(processor, mido.Message("note_on", note=36, channel=0))
    assert processor.style == "rain"
    struck(processor, mido.Message("note_on", note=36, channel=9))
    assert processor.style == processor.styles[0]


def swapped(x: np.ndarray, style: str, then: str | None = None) -> np.ndarray:
    """What is played of a sound, where a pad is struck after a second."""
    processor = rtspec.StyleTransfer(style)
    program = processor.prepare(RATE, len(x))
    first = program.run(np.ascontiguousarray(x[:, :RATE]))
    if then:
        pad = 36 + processor.styles.index(then)
        program.inboxes[0].push(mido.Message("note_on", note=pad, velocity=127))
    return np.concatenate([first, program.run(np.ascontiguousarray(x[:, RATE:]))], axis=1)


def bands(sound: np.ndarray, start: int) -> np.ndarray:
    """Levels of bands in a window's length, means over channels, natural logarithms."""
    power = np.abs(np.fft.rfft(sound[:, start : start + 1024] * np.hanning(1024))) ** 2
    edges = np.unique(np.geomspace(1, 400, 25).astype(int))
    return np.log(np.add.reduceat(power.mean(0), edges) + 1e-12)


@pytest.mark.parametrize("styles", [("rain", "bells"), ("choir", "fire")])
def test_nine_tenths_of_a_style_are_there_100_ms_after_its_pad(styles):
    x = 0.05 * np.random.default_rng(0).standard_normal((8, round(1.3 * RATE))).astype(np.float32)
    old, new, made = (swapped(x, *which) for which in ((styles[0],), (styles[1],), styles))
    late = RATE + round(0.1 * RATE)
    left, whole = (np.abs(bands(each, late) - bands(new, late)).mean() for each in (made, old))
    assert left < 0.1 * whole


CLICK, ABOVE_HZ = 1e-3, 20000.0
"""Peak of a click of -60 dB; where it is heard beside textures that have nothing there, and sweeps of tones neither."""


def clicks(sound: np.ndarray) -> float:
    """Peak of the loudest click, as a share of :data:`CLICK`, about the second at which pads are struck."""
    taps = firwin(255, ABOVE_HZ, pass_zero=False, fs=RATE, window="blackmanharris")
    heard = oaconvolve(sound[0], taps, "same")[RATE - 2000 : RATE + 8000]
    return float(np.abs(heard).max() / (CLICK * np.abs(taps).max()))


@pytest.mark.parametrize("styles", [("rain", "fire"), ("fire", "water"), ("birds", "rain"), ("water", "birds")])
def test_no_click_above_minus_60_db_when_a_style_is_chosen(styles):
    t = np.arange(round(1.3 * RATE)) / RATE
    x = (0.1 * np.sin(2 * np.pi * 220 * t) + 0.05 * np.sin(2 * np.pi * 1234 * t)).astype(np.float32)[None]
    old, new, made = (swapped(x, *which) for which in ((styles[0],), (styles[1],), styles))
    assert max(clicks(old), clicks(new)) < 0.7
    assert clicks(made) < 1
    assert clicks(np.concatenate([old[:, : RATE + 1024], new[:, RATE + 1024 :]], axis=1)) > 2  # a cut is one
    made[0, RATE + 2000] += CLICK
    assert clicks(made) > 0.9


def test_a_style_that_is_chosen_in_silence_is_silent():
    assert not swapped(np.zeros((1, round(1.3 * RATE)), np.float32), "rain", "bells").any()


def test_it_takes_messages_but_is_no_instrument(live):
    assert listeners([live]) == [live]
    assert instruments([live]) == []


def test_a_pad_between_styles_moves_the_weights():
    processor = rtspec.StyleTransfer("rain")
    named = {preset.name: preset for preset in factory_presets(processor)}
    pad = Pad(processor)
    pad.set_corners([named["rain"], named["bells"]])
    pad["x"].value = 0.25
    weight = {name: processor.parameters[f"style_{k + 1}"].value for k, name in enumerate(processor.styles)}
    assert (weight["rain"], weight["bells"]) == pytest.approx((0.75, 0.25))


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(InvalidValue, match="'tilt-gate' is none of styles; choose style-live"):
        rtspec.StyleTransfer(model="tilt-gate")
