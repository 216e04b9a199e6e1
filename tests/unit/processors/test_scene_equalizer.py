"""The scene equalizer: no latency, the input to the bit where it adds nothing, the same whatever the blocks."""

from itertools import pairwise

import numpy as np
import pedalboard
import pytest
import soundfile
from taggers import LoudOrNot

import rtspec
from rtspec.errors import InvalidValue, ModelError
from rtspec.evaluation.canceller import trial_of_processor
from rtspec.evaluation.rooms import ROOMS
from rtspec.processors.equalizer.floor import QUANTILE, lifts_db

RATE = 48000


def noise(seconds, level=0.05, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    sound = rng.standard_normal((channels, round(RATE * seconds))).astype(np.float32)
    return (level * sound)[0] if channels == 1 else level * sound


@pytest.fixture(scope="module")
def music():
    return noise(6, 0.05, 2, 1)


@pytest.fixture(scope="module")
def room():
    return noise(6, 0.2, 1, 2)


@pytest.mark.parametrize("settings", [{"amount": 0.0}, {"max_boost_db": 0.0}])
def test_what_adds_nothing_is_the_input_to_the_bit(settings, music, room):
    assert np.array_equal(rtspec.SceneEqualizer(**settings)(music, RATE, sensor=room), music)


def test_it_has_no_latency_and_the_sound_comes_at_once(room):
    impulse = np.zeros(RATE, np.float32)
    impulse[1000] = 1.0
    eq = rtspec.SceneEqualizer()
    assert eq.latency_samples == 0
    assert np.argmax(np.abs(eq(impulse, RATE, sensor=room[:RATE]))) == 1000


def test_any_block_and_pieces_give_the_same_to_the_bit(music, room):
    eq = rtspec.SceneEqualizer()
    whole = eq(music, RATE, sensor=room)
    assert not np.array_equal(whole, music)
    for block in (7, 64, 441, 8192):
        assert np.array_equal(eq(music[:, : 2 * RATE], RATE, block, sensor=room[: 2 * RATE]), whole[:, : 2 * RATE])
    cuts = [0, 1000, 30011, 100003, music.shape[1]]
    pieces = [eq(music[:, a:b], RATE, reset=False, sensor=room[a:b]) for a, b in pairwise(cuts)]
    assert np.array_equal(np.concatenate([*pieces, eq.flush()], axis=1), whole)
    assert np.array_equal(rtspec.Pedalboard([eq])(music, RATE, sensor=room), whole)


def between(seconds, level, low_hz, high_hz, seed=3):
    """Noise of a level, all of it between two frequencies."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(seconds * RATE))
    hz = np.fft.rfftfreq(seconds * RATE, 1 / RATE)
    spectrum[(hz < low_hz) | (hz > high_hz)] *= 0.001
    sound = np.fft.irfft(spectrum)
    return (level * sound / sound.std()).astype(np.float32)


@pytest.mark.parametrize(("level", "settings"), [(0.03, {}), (0.1, {"max_rise_db": 24})])
def test_a_louder_room_lifts_the_masked_bands_alone(level, settings):
    eq = rtspec.SceneEqualizer(**settings)
    eq(noise(8, 0.03, 2, 4), RATE, sensor=between(8, level, 800, 3200))
    inside = (eq.centres_hz > 1000) & (eq.centres_hz < 2600)
    outside = (eq.centres_hz < 400) | (eq.centres_hz > 12000)  # masking spreads upwards
    assert eq.curve_db[inside].min() > 6 > 1.5 > eq.curve_db[outside].max()


def test_what_no_boost_makes_audible_is_not_cut_to_pay_for_the_rest():
    """A noise that dips would uncover the hole."""
    eq = rtspec.SceneEqualizer()
    eq(noise(8, 0.03, 2, 4), RATE, sensor=between(8, 0.15, 800, 3200))
    assert eq.curve_db.min() > -0.1 and eq.curve_db.max() > 6


def test_levels_of_noise_are_its_own_in_every_band():
    """Of white noise whose level is known, with less than a decibel of error."""
    eq, room = rtspec.SceneEqualizer(), noise(10, 0.01, 1, 5)
    eq(noise(10, 0.01), RATE, sensor=room)
    widths = eq.centres_hz * (2 ** (1 / 6) - 2 ** (-1 / 6))
    expected = 94 + 20 * np.log10(0.01) + 10 * np.log10(widths / (RATE / 2))
    error = eq.noise_db - expected
    assert np.abs(error[eq.centres_hz > 400]).max() < 1.0
    assert np.abs(error).max() < 3.0


def test_its_own_music_in_the_room_is_no_noise():
    """10 dB over the noise at the microphone, which is carried elsewhere: within 3 dB in most bands, before and from
    5 s after the move. Without the canceller the music is taken for noise."""
    conditions = [(ROOMS["car"], 0.5, 1, 10.0, (0, 0)), (ROOMS["living"], 0.5, 2, 10.0, (0, 5))]
    found = [trial_of_processor(*each)["errors"] for each in conditions]
    for window in found[0]:
        errors = np.abs(np.concatenate([each[window] for each in found]))
        assert np.median(errors) <= 1.0 and np.mean(errors <= 3.0) >= 0.85
    assert np.median(trial_of_processor(*conditions[0], cancel=False)["errors"]["before"]) > 4


def test_doors_and_speech_do_not_pump():
    """A slam of half a second 30 dB above the floor, and bursts 16 dB above it with pauses, leave the curve about where
    it would be without."""
    music, room, at = noise(12, 0.01, 2, 6), noise(12, 0.01, 1, 7), np.arange(12 * RATE)
    slam = np.where((at > 6 * RATE) & (at < 6.5 * RATE), 30.0, 1.0)
    talk = np.where((at > 6 * RATE) & (at % (RATE // 2) < RATE // 4), 6.0, 1.0)
    for lifted, seconds, most in ((slam, 7, 0.3), (talk, 12, 1.0)):
        eq, curves = rtspec.SceneEqualizer(), []
        for heard in (room, (lifted * room).astype(np.float32)):
            eq(music[:, : seconds * RATE], RATE, sensor=heard[: seconds * RATE])
            curves.append(eq.curve_db)
        assert np.median(np.abs(curves[1] - curves[0])) < most


@pytest.mark.parametrize("louder", [True, False])
def test_the_curve_is_there_three_seconds_after_a_cut(louder):
    """90 % of the way, up and down, as it settles long after."""
    music, quiet, loud = noise(16, 0.05, 2, 8), noise(16, 0.003, 1, 9), noise(16, 0.15, 1, 9)
    first, then = (quiet, loud) if louder else (loud, quiet)
    room = np.concatenate([first[: 8 * RATE], then[8 * RATE :]])
    curves = []
    for seconds in (8, 11, 16):
        eq = rtspec.SceneEqualizer(max_rise_db=24)
        eq(music[:, : seconds * RATE], RATE, sensor=room[: seconds * RATE])
        curves.append(eq.curve_db)
    moved, wanted = curves[1] - curves[0], curves[2] - curves[0]
    moves = np.abs(wanted) > 1
    assert np.abs(wanted).max() > 4 and moves.sum() > 20
    assert np.median(moved[moves] / wanted[moves]) >= 0.9


def test_the_level_never_rises_by_more_than_is_allowed():
    music, room = noise(10, 0.02, 2, 10), noise(10, 0.3, 1, 11)
    for most in (0.0, 3.0, 6.0):
        out = rtspec.SceneEqualizer(max_rise_db=most)(music, RATE, sensor=room)
        for at in range(0, 10 * RATE, 4 * RATE // 10):
            piece = slice(at, at + 4 * RATE // 10)
            assert 20 * np.log10(out[:, piece].std() / music[:, piece].std()) < most + 0.1


def spurious_db(sound, tone_hz, rate=RATE):
    """The largest spectral line more than 300 Hz beside a tone, re the tone, anywhere in time."""
    found = []
    for at in range(0, len(sound) - 8192, 2048):
        spectrum = np.abs(np.fft.rfft(sound[at : at + 8192] * np.blackman(8192) ** 2))
        hz = np.fft.rfftfreq(8192, 1 / rate)
        found.append(spectrum[np.abs(hz - tone_hz) > 600].max() / spectrum.max())
    return 20 * np.log10(max(found))


def test_no_click_when_the_room_jumps():
    """A tone is clean to -100 dB while the room goes from still to loud and back every few seconds."""
    tone = np.sin(2 * np.pi * 1000 * np.arange(12 * RATE) / RATE)
    bed = np.where((np.arange(12 * RATE) // (3 * RATE)) % 2 == 1, 0.3, 0.001).astype(np.float32)
    eq = rtspec.SceneEqualizer(reaction_s=0.5, release_s=0.5, max_rise_db=24)
    out = eq((0.25 * tone).astype(np.float32), RATE, sensor=bed * noise(12, 1.0, 1, 12))
    assert np.ptp(np.abs(out[RATE:])) > 0.1
    assert spurious_db(out.astype(np.float64), 1000) < -100


@pytest.mark.parametrize("fault", ["silence", "nan", "clipping"])
def test_a_sensor_that_cannot_be_true_leads_to_flat_within_a_second(fault, music, room):
    """And it is told in one line, without a jump."""
    length, at = 8 * RATE, 5 * RATE
    tone = (0.002 * np.sin(2 * np.pi * 1000 * np.arange(length) / RATE)).astype(np.float32)
    heard = noise(8, 0.2, 1, 13)
    heard[at:] = {"silence": 0.0, "nan": np.nan, "clipping": np.sign(heard[at:])}[fault]
    eq = rtspec.SceneEqualizer()
    with pytest.warns(UserWarning, match="scene equalizer: the sensor") as told:
        out = eq(tone, RATE, sensor=heard)
    assert len(told) == 1
    assert np.abs(out[at - 4800 : at] / 0.002).max() > 1.5
    assert np.abs(out[at + RATE :] - tone[at + RATE :]).max() < 0.002 * 0.01
    assert spurious_db(out.astype(np.float64)[at - RATE :], 1000) < -90
    assert eq.sensor_fault and not eq.curve_db.any()


def test_without_a_sensor_it_is_flat_and_says_so(music):
    eq = rtspec.SceneEqualizer()
    with pytest.warns(UserWarning, match="no sensor at all"):
        assert np.array_equal(eq(music, RATE), music)


def test_a_sensor_is_well_only_once_it_was_heard(music, room):
    """A stream without one was told to have a sensor that is well, until a silence counts: a quarter of a second."""
    eq, moment = rtspec.SceneEqualizer(), slice(RATE // 5)
    assert eq.words()["sensor"] == "not heard yet"
    eq(music[:, moment], RATE, sensor=np.zeros(RATE // 5, np.float32))
    assert eq.words()["sensor"] == "not heard yet"
    eq(music[:, moment], RATE, sensor=room[moment])
    assert eq.words()["sensor"] == "well"
    with pytest.warns(UserWarning, match="no sensor at all"):
        eq(music[:, :RATE], RATE)
    assert "no sensor at all" in eq.words()["sensor"]


def test_who_listens_to_the_signal_tells_of_no_sensor(music):
    eq = rtspec.SceneEqualizer(listen="signal")
    eq(music, RATE)
    assert list(eq.words()) == ["scene"]


def test_the_users_gains_stand_beside_the_automatic_ones(music):
    eq, plain = rtspec.SceneEqualizer(gains_db={1000: 6}, amount=0), rtspec.Equalizer(gains_db={1000: 6})
    quiet = noise(6, 1e-4)
    assert np.array_equal(eq(music, RATE, sensor=quiet), plain(music, RATE))


def test_freeze_keeps_the_curve(music, room):
    eq = rtspec.SceneEqualizer(freeze=1)
    assert np.array_equal(eq(music, RATE, sensor=room), music)


def test_native_plugins_before_and_behind_leave_it_as_it_is(music, room):
    eq = rtspec.SceneEqualizer()
    board = rtspec.Pedalboard([pedalboard.Gain(0.0), eq, pedalboard.Gain(0.0)])
    assert np.allclose(board(music, RATE, sensor=room), eq(music, RATE, sensor=room), atol=1e-6)


def test_a_shorter_sensor_is_told_and_one_that_nobody_hears_refused(music, room):
    with pytest.warns(UserWarning, match="ends 240000 samples before the music"):
        rtspec.SceneEqualizer()(music, RATE, sensor=room[:RATE])
    with pytest.raises(InvalidValue, match="nothing in this chain listens"):
        rtspec.Pedalboard([rtspec.Equalizer()])(music, RATE, sensor=room)
    with pytest.raises(InvalidValue, match="gains_db=3 must be a dict"):
        rtspec.SceneEqualizer(gains_db=3)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match='no model "nosuch"'):
        rtspec.SceneEqualizer(model="nosuch")
    with pytest.raises(InvalidValue, match="mode='loud' is not known"):
        rtspec.SceneEqualizer(mode="loud")


def test_files_are_rendered_as_arrays_are(tmp_path, music, room):
    soundfile.write(tmp_path / "song.wav", music.T, RATE, "FLOAT")
    soundfile.write(tmp_path / "room.wav", room[: 3 * RATE], RATE, "FLOAT")
    eq, target = rtspec.SceneEqualizer(), tmp_path / "out.wav"
    record = rtspec.render(eq, tmp_path / "song.wav", target, sensor=tmp_path / "room.wav", bit_depth="32f")
    assert any("3.00 s shorter than the music" in line for line in record.notes)
    with pytest.warns(UserWarning):
        expected = eq(music, RATE, sensor=room[: 3 * RATE])
    assert np.array_equal(soundfile.read(target, dtype="float32")[0].T, expected)


def test_a_curve_written_as_automation_repeats_the_concert(tmp_path, music, room):
    eq = rtspec.SceneEqualizer()
    heard = eq(music, RATE, sensor=room)
    assert eq.write_curve(tmp_path / "curve.csv") > 31
    soundfile.write(tmp_path / "song.wav", music.T, RATE, "FLOAT")
    rtspec.render(eq, tmp_path / "song.wav", tmp_path / "again.wav", automation=tmp_path / "curve.csv", bit_depth="32f")
    again = soundfile.read(tmp_path / "again.wav", dtype="float32")[0].T
    assert 20 * np.log10((again - heard).std() / heard.std()) < -25
    assert eq.amount == 1.0


def test_curves_of_scenes_are_mixed_by_probability(music):
    eq = rtspec.SceneEqualizer("scene", model=LoudOrNot(), curves={"street": {1000: 10}, "park": {1000: -5}})
    eq(music, RATE, sensor=np.full(6 * RATE, 0.6, np.float32))
    assert eq.scene == "street" and eq.scenes == {"street": 0.9, "park": 0.1}
    assert eq.curve_db[np.argmin(np.abs(eq.centres_hz - 1000))] == pytest.approx(0.9 * 10 - 0.1 * 5, abs=0.5)
    unsure = rtspec.SceneEqualizer("scene", model=LoudOrNot(), curves={"street": {1000: 10}}, confidence=0.95)
    assert np.array_equal(unsure(music, RATE, sensor=np.full(6 * RATE, 0.6, np.float32)), music)
    assert unsure.scene == "unknown"
    with pytest.raises(InvalidValue, match="unknown scene 'bus'"):
        rtspec.SceneEqualizer("scene", model=LoudOrNot(), curves={"bus": {63: 3}})


def test_the_tagger_that_ships_listens_by_name(music, room):
    """The same whatever the blocks, and its curves colour what the noise asks for."""
    found = []
    for block in (64, 8192):
        eq = rtspec.SceneEqualizer("both", curves={"transport": {63: 6}}, confidence=0.0)
        found.append(eq(music, RATE, block, sensor=room))
        assert len(eq.scenes) == 5 and sum(eq.scenes.values()) == pytest.approx(1, abs=1e-3)
        assert eq.scene in eq.scenes
    assert np.array_equal(*found)
    with pytest.raises(ModelError, match='there is no model "no-such"'):
        rtspec.SceneEqualizer("scene", model="no-such")


def test_a_rate_that_the_canceller_cannot_reach_is_told(music, room):
    with pytest.warns(UserWarning, match="at 22222 Hz the music is not taken out of what the sensor hears"):
        rtspec.SceneEqualizer()(music[:, :22222], 22222, sensor=room[:22222])


def test_the_quantile_of_many_noises_is_lifted_to_their_mean():
    lift = lifts_db(np.array([200.0]), 0.085, 0.1)[0]
    draws = np.random.default_rng(0).chisquare(40, 200000) / 40
    assert 10 * np.log10(np.quantile(draws, QUANTILE)) + lift == pytest.approx(0.0, abs=0.05)
