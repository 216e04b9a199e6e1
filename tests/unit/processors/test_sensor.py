"""A sensor as a source: in its place, calibrated, and safe whatever it sends."""

import json
import socket
import time

import numpy as np
import pytest

import rtspec
from rtspec.errors import InvalidValue
from rtspec.frames import FramePlan
from rtspec.frames.bands import band_filters
from rtspec.frames.levels import band_levels
from rtspec.processors.inversion.level_tables import LevelFrames
from rtspec.processors.inversion.sensor import CEILING, StoredLevels, limiter_stage
from rtspec.processors.inversion.sensor_stream import SensorStream, open_levels

PLAN = FramePlan(16000, 1024, 256)
FILTERS = band_filters("third-octave", PLAN)
RATE = 16000


def _frames(levels, period_s=0.125):
    return LevelFrames(np.asarray(levels, np.float32), FILTERS.centres_hz, period_s)


def _heard(source, seconds):
    processor = rtspec.SpectralInversion(levels=source)
    return processor(np.zeros(round(seconds * RATE), np.float32), RATE)


def _played(source, n):
    powers = np.empty((n, FILTERS.n_bands), np.float32)
    source.stage(FILTERS).run(powers, n, powers)
    return powers


@pytest.mark.parametrize("period_s", [0.01, 0.125, 1.0])
def test_levels_of_the_sound_are_the_sensors(period_s):
    n = round(6 / period_s)
    rng = np.random.default_rng(0)
    levels = 60 + 3 * rng.standard_normal(FILTERS.n_bands) + np.zeros((n, 1))
    sound = _heard(StoredLevels(_frames(levels, period_s)), 6)
    measured = band_levels(sound[RATE:], FILTERS, 100.0)[:, 0]
    loud = levels[0] > levels[0].max() - 30
    assert np.abs(measured - levels[0])[loud & (FILTERS.centres_hz > 60)].max() < 1.0


def test_power_between_frames_is_interpolated_and_keeps_its_mean():
    levels = np.full((16, FILTERS.n_bands), -200.0)
    levels[8] = 70
    played = _played(StoredLevels(_frames(levels, 0.16)), 160)[:, 12]
    peak = _played(StoredLevels(_frames(np.full((1, FILTERS.n_bands), 70.0))), 1)[0, 12]
    assert played.max() <= peak * 1.001
    assert played.sum() / peak == pytest.approx(10.0, rel=1e-3)  # ten frames of sound to one of the sensor's
    assert np.argmax(played) == pytest.approx(85 + PLAN.length / 2 / PLAN.hop - 1, abs=1.01)


def test_after_the_last_frame_it_fades():
    played = _played(StoredLevels(_frames(np.full((4, FILTERS.n_bands), 60.0))), 400)[:, 5]
    assert played[40] == played[0] > 0
    assert played[-1] < 1e-3 * played[0]


def test_a_stream_plays_what_comes_by_udp_as_json_and_osc():
    from pythonosc.osc_message_builder import OscMessageBuilder

    with SensorStream(0, FILTERS.n_bands, 0.125) as source, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        stage = source.stage(FILTERS)
        builder = OscMessageBuilder("/levels")
        for value in [0.0, *np.full(FILTERS.n_bands, 60.0)]:
            builder.add_arg(float(value))
        out.sendto(builder.build().dgram, (source.host, source.port))
        out.sendto(json.dumps({"time": 0.125, "levels": [60.0] * FILTERS.n_bands}).encode(), (source.host, source.port))
        _wait(lambda: source.statistics.frames == 2)
        powers = np.empty((40, FILTERS.n_bands), np.float32)
        stage.run(powers, 40, powers)
        assert (np.diff(powers[:12, 5]) > 0).all()  # it rises, so that it does not begin with a knock
        expected = _played(StoredLevels(_frames(np.full((2, FILTERS.n_bands), 60.0))), 1)[0]
        np.testing.assert_allclose(powers[-1], expected, rtol=1e-4)


def _wait(done, seconds=5.0):
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.005)
    assert done()


@pytest.fixture
def stream():
    with SensorStream(0, FILTERS.n_bands, 0.125) as source:
        yield source


def test_bad_frames_are_concealed_or_refused_and_each_kind_is_told_once(stream):
    stream.stage(FILTERS)
    good = [55.0] * FILTERS.n_bands
    for _ in range(3):
        stream.take(0.0, good)
        stream.take(0.5, good)
        stream.take(0.125, good)
        stream.take(0.625, [float("nan"), float("-inf"), float("inf"), *good[3:]])
        stream.take(float("nan"), good[:-1])
        stream.receive(b"\x00garbage")
        stream.receive(b"{}")
    said = "\n".join(stream.reports)
    assert stream.statistics.refused == 3
    assert stream.statistics.garbage == 6
    assert stream.statistics.late >= 3
    assert stream.statistics.filled >= 3
    for text in (
        f"a frame of {FILTERS.n_bands - 1} levels is refused: the sensor has {FILTERS.n_bands} bands",
        "frames that come twice or too late are left out",
        "a gap in the frames is bridged",
        "NaN holds the last, -inf is none",
        "is no record of levels",
    ):
        assert said.count(text) == 1, text


def test_a_hundred_times_the_rate_is_told_and_heard_no_louder(stream):
    stage = stream.stage(FILTERS)
    rng = np.random.default_rng(1)
    powers, loudest = np.empty((1, FILTERS.n_bands), np.float32), 0.0
    for _ in range(400):
        for _ in range(13):
            stream.take(float("nan"), list(rng.uniform(40, 70, FILTERS.n_bands)))
        stage.run(powers, 1, powers)
        loudest = max(loudest, float(powers.max()))
    limit = _played(StoredLevels(_frames(np.full((1, FILTERS.n_bands), 70.0))), 1)[0].max()
    assert loudest <= limit * 1.001
    assert any("times as fast" in line for line in stream.reports)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_a_sensor_sends_no_sample_is_louder_than_the_ceiling(seed):
    rng = np.random.default_rng(seed)
    wild = rng.choice([np.nan, np.inf, -np.inf, 1e30, -1e30, 140.0, 40.0], (24, FILTERS.n_bands))
    from rtspec.processors.inversion.level_tables import Table, gridded

    frames = gridded(Table(np.full(24, np.nan), wild, FILTERS.centres_hz))
    sound = _heard(StoredLevels(frames), 3)
    assert np.isfinite(sound).all()
    assert np.abs(sound).max() <= CEILING + 1e-6


def test_the_limiter_leaves_quiet_sound_alone_and_bends_the_rest_in_order():
    samples = np.linspace(-3, 3, 256).astype(np.float32)
    out = np.empty_like(samples)
    limiter_stage(256).run(samples, 1, out)
    np.testing.assert_array_equal(out[np.abs(samples) < 0.7], samples[np.abs(samples) < 0.7])
    assert np.abs(out).max() <= CEILING
    assert (np.diff(out) >= 0).all()


def test_any_block_size_and_reset_give_the_same_samples():
    rng = np.random.default_rng(3)
    source = StoredLevels(_frames(rng.uniform(30, 70, (8, FILTERS.n_bands))))
    silence = np.zeros(9000, np.float32)
    processor = rtspec.SpectralInversion(levels=source)
    whole = processor(silence, RATE)
    for block in (1, 65, 441):
        np.testing.assert_array_equal(processor(silence, RATE, buffer_size=block), whole)
    assert np.abs(whole).max() > 1e-4


def test_words_for_sources_are_checked():
    with pytest.raises(InvalidValue, match=r"levels='udp:x' must be a file or udp:PORT"):
        open_levels("udp:x")
    with pytest.raises(InvalidValue, match=r"n_bands=99 must be 1 to 64"):
        open_levels("udp:0:99")
