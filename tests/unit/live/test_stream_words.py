"""AudioStream takes pedalboard's words: plugins are assigned, it starts again, and sounds obey one rule."""

import gc
import threading
import time
import weakref

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.errors import InvalidValue

RATE = 48000
SOUND = 0.2 * np.ones((2, RATE), np.float32)
LOOP = rtspec.Loop(SOUND)


def stream(**settings):
    usual = {"source": SOUND, "sample_rate": RATE, "devices": rtspec.Devices(virtual=True)}
    return rtspec.AudioStream(**usual | settings)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [rtspec.Pedalboard, pedalboard.Pedalboard, list])
def test_plugins_that_are_assigned_are_heard(kind):
    with stream(
        source=LOOP,
        plugins=[pedalboard.Gain(0)],
        devices=rtspec.Devices(virtual=True, worker_samples=8192),
        measuring=rtspec.Measuring(tape_seconds=4),
    ) as playing:
        playing.plugins = kind([pedalboard.Gain(-60)])
        assert playing.settle(60)
        time.sleep(0.6)
        assert np.abs(playing.recorded[1][:, -1000:]).max() < 0.001
        assert [type(plugin) for plugin in playing.plugins] == [pedalboard.Gain]


@pytest.mark.timeout(120)
def test_a_stream_starts_twice_and_again():
    playing = stream(plugins=[pedalboard.Gain(0)])
    assert not playing.running
    for _ in range(2):
        assert playing.start() is playing.start()
        assert playing.running
        assert "running" in repr(playing)
        assert "Gain" in repr(playing)
        assert playing.wait(40)
        assert playing.statistics.callbacks > 0
        playing.stop()
        playing.stop()
        assert not playing.running


@pytest.mark.parametrize("name", ["source", "inject"])
def test_source_and_inject_obey_the_rules_of_all_sounds(name):
    frames = np.zeros((4800, 2), np.float32)

    def given(frames):
        return stream(
            plugins=[], **{"source": {"source": frames}, "inject": {"measuring": rtspec.Measuring(frames)}}[name]
        )

    assert given(frames).channels == 2
    with pytest.raises(InvalidValue, match=f"{name}: audio holds 1 NaN"):
        given(np.where(np.arange(200).reshape(2, 100) == 3, np.nan, frames[:100].T))
    with pytest.raises(TypeError, match=f"{name}: audio of dtype int16"):
        given(frames.astype(np.int16))


_before: set[threading.Thread] = set()


@pytest.fixture(autouse=True)
def _only_own_threads():
    """Engines that the tests of stuck ones have left behind are none of these tests'."""
    _before.clear()
    _before.update(threading.enumerate())


def threads():
    names = [thread.name for thread in threading.enumerate() if thread not in _before]
    return sorted(name for name in names if name.startswith("rtspec") and name != "rtspec model watch")


def check_ended(limit_s=20):
    end = time.monotonic() + limit_s
    while threads() and time.monotonic() < end:
        time.sleep(0.02)
    assert threads() == []


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {
            "control": rtspec.Control(osc_port=0),
            "devices": rtspec.Devices(virtual=True, reopen=True),
            "report": print,
        },
    ],
)
def test_a_stream_that_nobody_holds_any_more_ends(settings):
    playing = stream(source=LOOP, plugins=[rtspec.OnnxProcessor("identity", n_fft=512)], **settings).start()
    assert "rtspec-engine" in threads()
    gone = weakref.ref(playing)
    gc.disable()  # it goes with its last name, not when a collection comes by
    try:
        del playing
        assert gone() is None
    finally:
        gc.enable()
    check_ended()


@pytest.mark.timeout(120)
def test_a_notebooks_cell_may_be_run_again_and_again():
    check_ended()
    cell = compile("playing = stream(plugins=board, source=LOOP, control=OSC)\nplaying.start()\n", "cell", "exec")
    names = {
        "stream": stream,
        "LOOP": LOOP,
        "OSC": rtspec.Control(osc_port=0),
        "board": rtspec.Pedalboard([pedalboard.Gain(0)]),
    }
    for _ in range(3):
        exec(cell, names)
        assert names["playing"].running
        assert threads().count("rtspec-engine") == 1
    names["playing"].stop()
    check_ended()


@pytest.mark.timeout(60)
def test_the_outermost_with_stops():
    with stream(plugins=[], source=LOOP) as playing:
        with playing as same:
            assert same is playing
        assert playing.running and playing.active
    assert not playing.running


@pytest.mark.timeout(60)
def test_what_is_written_piece_by_piece_is_heard_whole_through_the_chain():
    sound = (0.2 * np.random.default_rng(0).standard_normal((2, RATE))).astype(np.float32)
    processor = rtspec.OnnxProcessor("identity", n_fft=512)
    with stream(
        source=None,
        plugins=[processor],
        sample_rate=None,
        devices=rtspec.Devices(virtual=True, worker_samples=4096),
        measuring=rtspec.Measuring(tape_seconds=4),
    ) as playing:
        for at in range(0, RATE, 4096):
            playing.write(sound[:, at : at + 4096], RATE)
    taken, heard = playing.recorded
    first = int(np.flatnonzero(taken[0])[0])
    assert playing.statistics.unread_frames == 0
    gaps = taken.shape[1] - first - RATE
    np.testing.assert_array_equal(taken[:, first : first + RATE], sound) if gaps >= 0 else pytest.fail(str(gaps))
    delay = playing.latency.total_samples
    np.testing.assert_array_equal(heard[:, first + delay : first + delay + RATE], processor(sound, RATE))


@pytest.mark.timeout(60)
def test_write_spreads_one_channel_starts_and_refuses_another_rate():
    playing = stream(source=None, plugins=[], measuring=rtspec.Measuring(tape_seconds=1))
    playing.write(0.5 * np.ones(1000, np.float32))
    assert playing.running and playing.wait(20)
    playing.stop()
    assert (playing.recorded[1] == 0.5).sum() == 2000
    with pytest.raises(InvalidValue, match="sample_rate=44100 Hz is not this stream's; resample the sound to 48000"):
        playing.write(np.zeros(100, np.float32), 44100)
    with pytest.raises(InvalidValue, match=r"audio of shape \(3, 100\) must be \(2, samples\)"):
        playing.write(np.zeros((3, 100), np.float32))


@pytest.mark.timeout(60)
def test_what_comes_in_is_read_without_a_gap_and_a_loss_is_told():
    ramp = np.arange(1, 20 * RATE, dtype=np.float32)[np.newaxis] / 2**24
    with stream(source=ramp, plugins=[]) as playing:
        first = playing.read()  # from here on input is kept: nothing yet, or what a quick callback has brought
        assert len(first) == 1 and first.shape[1] < RATE // 10
        parts = [first, playing.read(1000), playing.read(5000)]
        while not playing.buffered_input_sample_count:
            time.sleep(0.01)
        parts.append(playing.read())
        read = np.concatenate(parts, axis=1)[0]
        assert len(read) > 6000
        np.testing.assert_array_equal(np.diff(read) * 2**24, np.ones(len(read) - 1))
        playing._session.exchange.record["unrecorded_frames"] += 7
        assert playing.dropped_input_frame_count == 7
        with pytest.raises(RuntimeError, match="7 frames of input were lost: read comes too late"):
            playing.read()
        playing.read()
        playing._session.exchange.record["unrecorded_frames"] += 7
        playing.ignore_dropped_input = True
        assert playing.read(10).shape == (1, 10)


@pytest.mark.timeout(60)
def test_play_returns_when_a_sound_was_heard():
    start = time.monotonic()
    rtspec.AudioStream.play(np.zeros(RATE // 2, np.float32), RATE, virtual=True)
    assert time.monotonic() - start > 0.5


def test_pedalboards_names_are_there():
    import pedalboard.io

    lacking = [
        n for n in dir(pedalboard.io.AudioStream) if not n.startswith("_") and not hasattr(rtspec.AudioStream, n)
    ]
    assert not lacking
    assert stream(plugins=[], sample_rate=None).sample_rate == 48000
    assert (stream(plugins=[]).num_input_channels, stream(plugins=[]).num_output_channels) == (0, 0)


@pytest.mark.parametrize("channels", [0, -1, 65, 1.5, "2", True])
def test_a_number_of_channels_that_cannot_be_is_refused(channels):
    with pytest.raises(InvalidValue, match=r"channels=.* must be a whole number from 1 to 64"):
        rtspec.AudioStream(plugins=[], devices=rtspec.Devices(virtual=True, channels=channels))


def test_pedalboards_counts_of_channels_are_the_first_ones():
    playing = rtspec.AudioStream(None, None, [], 44100, 64, True, 1, 2, devices=rtspec.Devices(virtual=True))
    assert (playing.channels, playing.sample_rate, playing.buffer_size) == (1, 44100, 64)
    with pytest.raises(InvalidValue, match="num_output_channels=0 must be a whole number from 1 to 64"):
        rtspec.AudioStream(plugins=[], num_output_channels=0, devices=rtspec.Devices(virtual=True))
