"""AudioStream takes pedalboard's words: plugins are assigned, it starts again, and sounds obey one rule."""

import time

import numpy as np
import pedalboard
import pytest

import rtspec
from rtspec.errors import InvalidValue

RATE = 48000


def stream(**settings):
    settings = {"source": 0.2 * np.ones((2, RATE), np.float32), "sample_rate": RATE, "virtual": True, **settings}
    return rtspec.AudioStream(**settings)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", [rtspec.Pedalboard, pedalboard.Pedalboard, list])
def test_plugins_that_are_assigned_are_heard(kind):
    with stream(plugins=[pedalboard.Gain(0)], loop=True, record_seconds=4, worker_samples=8192) as playing:
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
    assert stream(plugins=[], **{name: frames}).channels == 2
    with pytest.raises(InvalidValue, match=f"{name}: audio holds 1 NaN"):
        stream(plugins=[], **{name: np.where(np.arange(200).reshape(2, 100) == 3, np.nan, frames[:100].T)})
    with pytest.raises(TypeError, match=f"{name}: audio of dtype int16"):
        stream(plugins=[], **{name: frames.astype(np.int16)})
