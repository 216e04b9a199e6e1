"""An engine that is late, overloaded or stuck: sound goes on as well as it can, and what happened is told."""

import time

import numpy as np
from faulty import Faulty
from punctual import check_in_time, tried_twice
from small_models import LEAST, graph, tensor

import rtspec
from rtspec.live.governor import DEEPEST, Governor, govern
from rtspec.models import package

RATE = 48000
TONE = (0.5 * np.sin(2 * np.pi * 441 / RATE * np.arange(RATE))).astype(np.float32)[np.newaxis]


def stream(plugins, **options):
    return rtspec.AudioStream(
        plugins=plugins,
        source=rtspec.Loop(TONE),
        devices=rtspec.Devices(virtual=True),
        measuring=rtspec.Measuring(tape_seconds=20),
        **options,
    )


def wait_until(condition, seconds=15.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    assert condition()


def test_a_frame_that_takes_fifty_ms_is_bridged_and_the_sound_goes_on_at_its_delay():
    processor = Faulty()
    with stream([processor]) as playing:
        time.sleep(0.5)
        processor.sleep_ms = 50.0
        time.sleep(0.7)
        delay = playing.latency.total_samples
        wait_until(lambda: _is_tone(playing.recorded[1][0][delay:]))  # a host may hold up another frame now and then
        seen, heard = playing.statistics, playing.recorded[1][0]
    assert 0 < seen.concealed_frames < 0.1 * RATE
    assert seen.overruns == 0
    assert np.abs(np.diff(heard[delay:])).max() < 1.5 * np.abs(np.diff(TONE)).max()


def _is_tone(heard):
    """Whether the last tenth of a second is the tone to the bit, where it ought to be."""
    return np.array_equal(heard[-4800:], np.resize(TONE[0], len(heard))[-4800:])


def test_samples_of_a_processor_that_are_not_finite_are_never_heard():
    processor = Faulty()
    with stream([processor]) as playing:
        time.sleep(0.3)
        processor.nan = 1.0
        time.sleep(0.3)
        processor.nan = 0.0
        time.sleep(0.5)
        heard = playing.recorded[1][0]
    assert np.all(np.isfinite(heard))
    assert np.abs(heard[-4800:]).max() > 0.49


@tried_twice()
def test_a_model_that_gives_nan_is_silent_for_that_long_and_counted(tmp_path):
    division = graph([("Mul", ["x", "g"], ["a"], {}), ("Div", ["a", "g"], ["y"], {})], ["x", tensor("g", [1])], ["y"])
    control = {"name": "g", "tensor": "g", "min": 0.0, "max": 1.0, "default": 1.0}
    model = package(division, tmp_path / "division.onnx", **LEAST, parameters=[control])
    processor = rtspec.OnnxProcessor(model, n_fft=512)
    with stream([processor]) as playing:
        time.sleep(0.4)
        processor.g = 0.0
        wait_until(lambda: playing.statistics.bad_frames > 3)
        processor.g = 1.0
        time.sleep(0.6)
        heard, seen = playing.recorded[1][0], playing.statistics
    check_in_time(seen.as_dict(), "underruns")
    assert np.all(np.isfinite(heard))
    assert np.abs(heard[-4800:]).max() > 0.4


def test_a_model_that_hangs_gives_silence_one_line_and_another_when_it_is_back():
    processor = Faulty()
    with stream([processor]) as playing:
        time.sleep(0.3)
        processor.sleep_ms = 2500.0
        wait_until(lambda: playing.statistics.stuck_s > 1.0)
        assert "a model hangs: silence until it comes back" in playing.reports
        n = playing.recorded[1].shape[1]
        assert not playing.recorded[1][0, n - 480 :].any()
        wait_until(lambda: "the model is back: playing on" in playing.reports)
        time.sleep(0.6)
        heard = playing.recorded[1][0]
    assert np.abs(heard[-480:]).max() > 0.4
    assert playing.statistics.overruns > 0


def test_a_stream_whose_model_hangs_for_ever_stops():
    processor = Faulty()
    playing = stream([processor]).start()
    time.sleep(0.2)
    processor.sleep_ms = 60_000.0
    time.sleep(0.2)
    start = time.monotonic()
    playing.stop()
    assert time.monotonic() - start < 10


def test_the_governor_steps_down_soon_and_up_late_and_waits_longer_each_time():
    governor, word = Governor(128, RATE), np.array([16], np.int64)
    words = np.array([[word.ctypes.data, 16]], np.int64)

    def blocks(n, load):
        for _ in range(n):
            govern(governor.address, words.ctypes.data, 1, int(load * 1e9 * 128 / RATE), False)

    blocks(100, 0.7)
    assert (governor.level, word[0]) == (0, 16)
    blocks(60, 1.5)
    assert governor.level >= 1
    assert word[0] == 16 >> governor.level
    blocks(2000, 1.5)
    assert (governor.level, word[0]) == (DEEPEST, 1)
    blocks(2 * 375, 0.2)
    assert governor.level == DEEPEST, "two seconds of calm are not enough after so many steps"
    blocks(60 * 375 * (DEEPEST + 1), 0.2)
    assert (governor.level, word[0]) == (0, 16)


def test_an_overloaded_phase_method_gives_up_iterations_instead_of_sound():
    processor = rtspec.SpectralInversion(phase="rtisi-la", look_ahead=3, iterations=2000)
    with stream([processor]) as playing:
        wait_until(lambda: playing.statistics.governor_level >= 2)
        time.sleep(2.0)
        before = playing.statistics.concealed_frames
        time.sleep(1.5)
        seen = playing.statistics
        assert any("fewer iterations" in line for line in playing.reports)
    assert seen.concealed_frames - before < 0.1 * 1.5 * RATE
    assert seen.load < 1.0


def test_a_processor_without_iterations_has_nothing_to_govern():
    assert len(rtspec.OnnxProcessor("identity").prepare(RATE, 1).governed) == 0
    program = rtspec.OnnxProcessor("tilt-gate", phase="rtisi-la", iterations=7).prepare(RATE, 2)
    assert list(program.governed[:, 1]) == [7, 7]
