"""Live and rendered MIDI agree, event for event, on random streams of controllers."""

import mido
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import rtspec
from rtspec.control.automation import _played
from rtspec.control.directory import Directory
from rtspec.control.mapping import MidiMap
from rtspec.control.midi.messages import MidiEvent
from rtspec.live.controllers import Controllers

CHANNELS, DATA = st.integers(0, 15), st.integers(0, 127)
NUMBERS = st.sampled_from([0, 1, 2, 5, 6, 7, 11, 12, 32, 38, 64, 65, 66, 67, 71, 72, 74, 91, 96, 97, 98, 99, 100, 101])
MODES = st.sampled_from([120, 121, 123, 126])


def control(channel, number, value):
    return mido.Message("control_change", channel=channel, control=number, value=value)


def note(channel, key, velocity):
    return mido.Message("note_on", channel=channel, note=key, velocity=velocity)


MESSAGES = st.one_of(
    st.builds(control, CHANNELS, NUMBERS, DATA),
    st.builds(control, CHANNELS, NUMBERS, DATA),
    st.builds(control, CHANNELS, MODES, DATA),
    st.builds(note, CHANNELS, st.integers(40, 80), DATA),
    st.builds(lambda c, p: mido.Message("pitchwheel", channel=c, pitch=p), CHANNELS, st.integers(-8192, 8191)),
    st.builds(lambda c, p: mido.Message("program_change", channel=c, program=p), CHANNELS, DATA),
    st.builds(lambda c, v: mido.Message("aftertouch", channel=c, value=v), CHANNELS, DATA),
    st.builds(lambda c, n, v: mido.Message("polytouch", channel=c, note=n, value=v), CHANNELS, DATA, DATA),
)
STREAMS = st.lists(MESSAGES, max_size=60)


class Stream:
    """Writes down what controllers ask of a stream."""

    def __init__(self):
        self.messages, self.changes = [], []

    def send(self, message, time_s=None, processor=None):
        self.messages.append((time_s, message))
        return True

    def set(self, parameter, value, time_s=None):
        self.changes.append((time_s, parameter.name, value))
        return True


CHAIN = [rtspec.TimbreSynth("organ"), rtspec.OnnxProcessor("identity", n_fft=256)]


def live(messages, tmp_path):
    stream = Stream()
    controllers = Controllers(rtspec.Pedalboard(CHAIN), stream, midi=0, presets=tmp_path)
    controllers._prepare()
    controllers.midi_map = MidiMap(controllers.directory)
    controllers.midi_map.write = controllers._write
    for i, message in enumerate(messages):
        controllers.feed(MidiEvent(0.01 * i, message))
    controllers._errands.put(None)
    return stream


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_live_and_rendered_events_are_the_same(tmp_path_factory, messages):
    stream = live(messages, tmp_path_factory.getbasetemp())
    rendered = _played([(0.01 * i, m) for i, m in enumerate(messages)], MidiMap(Directory(CHAIN)))
    assert stream.messages == rendered.messages
    assert stream.changes == [(c.time_s, c.parameter.name, c.value) for c in rendered.changes]


@settings(max_examples=15, deadline=None)
@given(STREAMS, st.sampled_from([1, 7, 64, 65, 441]))
def test_no_stream_makes_a_note_stick_or_the_block_size_heard(messages, block):
    timed = [(m.bytes(), 0.002 * i) for i, m in enumerate(messages)]
    ends = [([0xB0 | c, n, 0], 0.15) for c in range(16) for n in (121, 123)]
    whole = CHAIN[0]([*timed, *ends], duration=0.3, sample_rate=48000, num_channels=1)
    again = CHAIN[0]([*timed, *ends], duration=0.3, sample_rate=48000, num_channels=1, buffer_size=block)
    assert np.array_equal(whole, again) and np.all(np.isfinite(whole))
    rest = CHAIN[0]([([0xB0 | c, 120, 0], 0.0) for c in range(16)], 0.1, 48000, num_channels=1, reset=False)
    assert not np.any(rest[0, 2400:])
