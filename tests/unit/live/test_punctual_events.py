"""How long timed MIDI waits for its sample: as short as nearly all messages are in time for."""

from types import SimpleNamespace

import pytest
from mido import Message

import rtspec
from rtspec.benchmarks.midi import Gate
from rtspec.control.midi.messages import MidiEvent
from rtspec.live.controllers import LATE_OVER, SHORT_WAIT_S, Controllers


class Stream:
    """Keeps when each message is to act; its clock stands at 1 s."""

    def __init__(self):
        self.times = []

    @property
    def clock(self):
        return 48000, 1.0

    def send(self, message, time_s=None, processor=None):
        self.times.append(time_s)
        return True

    def set(self, parameter, value, time_s=None):
        return True

    def control(self, message, time_s=None):
        """For modulation, of which there is none here."""


@pytest.fixture
def early_ms(tmp_path):
    return lambda *moments_s, woken=True: _early_ms(tmp_path, moments_s, woken)


def _early_ms(folder, moments_s, woken):
    """By how much sooner than others messages of these moments act."""
    stream = Stream()
    controllers = Controllers(rtspec.Pedalboard([Gate()]), stream, rtspec.Control(midi=0, presets=folder))
    controllers._prepare()
    controllers.midi = SimpleNamespace(is_woken=woken)  # type: ignore[assignment]
    for moment in moments_s:
        controllers.feed(MidiEvent(moment, Message("note_on", note=60)))
    controllers._errands.put(None)
    return [1000 * (was - now) for was, now in zip(moments_s, stream.times, strict=True)]


IN_TIME, LATE = 1.0, 1.0 - 2 * SHORT_WAIT_S


def test_where_the_back_end_wakes_the_thread_the_wait_is_short(early_ms):
    assert early_ms(*[IN_TIME] * 5) == pytest.approx([0.7] * 5)
    assert early_ms(*[IN_TIME] * 5, woken=False) == [0.0] * 5


def test_a_few_late_messages_of_a_whole_evening_do_not_lengthen_it_and_many_do_until_they_end(early_ms):
    evening = ([IN_TIME] * (LATE_OVER - 1) + [LATE]) * 20
    assert min(early_ms(*evening)) == pytest.approx(0.7)
    found = early_ms(*[LATE] * 10, *[IN_TIME] * 4 * LATE_OVER)
    assert found[9] == found[10] == 0.0 and found[-1] == pytest.approx(0.7)
