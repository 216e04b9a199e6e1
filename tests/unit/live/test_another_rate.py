"""What a stream has under way goes with it where its device comes back at another sample rate."""

import threading
import time

import numpy as np
import pytest

import rtspec
from rtspec.audio.channels import unheard, unheard_line
from rtspec.errors import DeviceError, InvalidValue, existing
from rtspec.live import performance
from rtspec.live.handing import Handing
from rtspec.live.opening import reopened
from rtspec.live.session import LiveSession, Settings

OLD, NEW = 48000.0, 44100.0
VIRTUAL = (None, None)


def settings(**words):
    return Settings(**{"sample_rate": OLD, "buffer_size": 128, "channels": 1, "worker_samples": 256} | words)


def session(these, plugins=()):
    return LiveSession(these, VIRTUAL, rtspec.Pedalboard(list(plugins)), print)


def tone(rate, seconds=1.0):
    return np.sin(2 * np.pi * 1000 * np.arange(round(rate * seconds)) / rate).astype(np.float32)[:, None]


def pitch_hz(sound, rate):
    return np.argmax(np.abs(np.fft.rfft(sound * np.hanning(len(sound))))) * rate / len(sound)


@pytest.mark.parametrize("rate", [44100.0, 96000.0, 192000.0])
def test_sounds_keep_their_pitch_and_spare_time_does_not_shrink(rate):
    before = settings(source=tone(OLD), inject=tone(OLD), reserve_samples=1000, tape_frames=48000)
    after = before.at_rate(rate)
    for sound in map(np.asarray, (after.source, after.inject)):
        assert len(sound) == rate and pitch_hz(sound[:, 0], rate) == pytest.approx(1000, abs=1)
    assert after.tape_frames == rate
    for name in ("worker_samples", "reserve_samples"):
        then, now = getattr(before, name), getattr(after, name)
        assert now >= then and now / rate >= then / OLD


@pytest.mark.parametrize("rounds", [0, 1, 5000])
def test_a_loop_goes_on_where_it_was_however_often_it_has_been_round(rounds):
    """A loop of 481 frames would be 441.9 long at the new rate, and is 442."""
    before = session(settings(source=tone(OLD, 481 / OLD), loop=True))
    before.go_on_at(rounds * 481 + 300)
    after = session(before.settings.at_rate(NEW))
    after.go_on_from(before)
    assert after.source_frames == 442
    assert after.source_at % 442 == round(300 * NEW / OLD)
    for one in (before, after):
        one.stop()


@pytest.mark.parametrize("plugin", [rtspec.OnnxProcessor("tilt-gate"), rtspec.Equalizer()])
def test_the_delay_of_the_chain_is_that_of_the_new_rate(plugin):
    one = session(settings().at_rate(NEW), [plugin])
    assert one.latency.items == session(settings(sample_rate=NEW), [plugin]).latency.items
    assert one.player.sample_rate == one.exchange.sample_rate == one.latency.sample_rate == NEW
    one.stop()


def test_what_was_written_and_what_waits_to_be_read_keep_their_pitch():
    before, after = session(settings()), session(settings(sample_rate=NEW))
    handing, sound = Handing(before.settings, before.exchange), tone(OLD, 0.75)
    rest, rate = handing.give(sound, OLD)
    ready = len(sound) - len(rest)
    assert (24000 <= ready < len(sound), rate) == (True, OLD)
    handing.take(1)
    for ring in handing._taken or ():
        ring.write(tone(OLD))
    handing.go_on(after.exchange, NEW)
    given = existing(handing._input)
    written = given.read(len(given))[:, 0]
    assert abs(len(written) - ready * NEW / OLD) < 1 and pitch_hz(written, NEW) == pytest.approx(1000, abs=3)
    heard = handing.take(0)[:, 0]
    assert len(heard) == 44100 and pitch_hz(heard, NEW) == pytest.approx(1000, abs=1)
    rest, rate = handing.give(rest, OLD)
    last = given.read(len(given))[:, 0]
    assert (len(rest), rate) == (0, NEW)
    assert abs(len(last) + len(written) - len(sound) * NEW / OLD) < 2
    assert pitch_hz(last, NEW) == pytest.approx(1000, abs=15)
    for one in (before, after):
        one.stop()


def test_channels_that_reach_no_output_are_named():
    lost = unheard(np.arange(4), 8)
    assert lost == [4, 5, 6, 7]
    assert unheard_line(lost, 8) == "unheard: channel 5, 6, 7, 8 of the chain's 8; 4 reach the device's outputs"
    assert unheard_line([], 8) is None


class Refusals:
    """A device that comes back at a rate at which the chain cannot play, then as it was."""

    def __init__(self, errors):
        self.errors, self.asked = list(errors), threading.Event()

    def __call__(self, *args):
        if self.errors:
            raise self.errors.pop(0)
        self.asked.set()
        return reopened(*args)


@pytest.mark.timeout(120)
def test_a_chain_that_cannot_play_at_the_new_rate_says_so_once_and_plays_on_as_soon_as_it_can(monkeypatch):
    unfit = InvalidValue("sample_rate=8000 is too low for this model; try 48000")
    asked = Refusals([DeviceError("gone"), unfit, unfit, ValueError("unfit"), DeviceError("gone")])
    monkeypatch.setattr(performance, "reopened", asked)
    monkeypatch.setattr(performance, "RETRY_S", (0.01, 0.05))
    lines, gone = [], threading.Event()
    monkeypatch.setattr(performance.Pulse, "is_felt", lambda self, session: not gone.is_set() or asked.asked.is_set())
    monkeypatch.setattr(performance.Performance, "_look", looking_everywhere)
    devices = rtspec.Devices(virtual=True, reopen=True)
    with rtspec.AudioStream(plugins=[], source=rtspec.Loop(tone(OLD).T), devices=devices, report=lines.append) as one:
        gone.set()
        end = time.monotonic() + 60
        while one.statistics.reopened == 0 and time.monotonic() < end:
            time.sleep(0.01)
        assert one.active
    told = [line for line in lines if "there again, but this chain cannot play on it" in line]
    assert len(told) == 2 and "sample_rate=8000 is too low" in told[0] and told[1].endswith(": unfit")
    assert lines[-1].endswith("there again, at 48000 Hz; playing on")


def looking_everywhere(self):
    """As `Performance._look` where the device is a real one, which can vanish."""
    if not self._pulse.is_felt(self.session):
        self.lost = True
        self._seek()
    return True
