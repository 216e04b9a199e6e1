"""Live and rendered MIDI agree, event for event, on random streams of controllers."""

import mido
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from midi_gestures import gestures, messages

import rtspec
from rtspec.benchmarks.midi import Gate
from rtspec.control.automation import _played, read_automation
from rtspec.control.directory import Directory
from rtspec.control.mapping import MidiMap
from rtspec.control.midi.messages import MidiEvent
from rtspec.control.midi.mpe import messages_for
from rtspec.live.controllers import Controllers
from rtspec.live.options import Control

STREAMS = gestures(range(16), range(40, 80), [0, 1, 2, 6, 6, 127]).map(messages)


class Stream:
    """Writes down what controllers ask of a stream."""

    def __init__(self):
        self.messages, self.changes = [], []

    def send(self, message, time_s=None, processor=None):
        self.messages.append((processor, time_s, message))
        return True

    def set(self, parameter, value, time_s=None):
        self.changes.append((time_s, parameter.name, value))
        return True

    def control(self, message, time_s=None):
        """For modulation, of which there is none here."""

    @property
    def clock(self):
        return 0, 0.0


CHAIN = [rtspec.TimbreSynth("organ"), Gate(), rtspec.OnnxProcessor("identity", n_fft=256)]
"""Gate reads no controllers: it gets plain messages, zones translated."""


def live(played, tmp_path):
    stream = Stream()
    controllers = Controllers(rtspec.Pedalboard(CHAIN), stream, Control(midi=0, presets=tmp_path))
    controllers._prepare()
    controllers.midi_map = MidiMap(controllers.directory)
    controllers.midi_map.write = controllers._write
    for i, message in enumerate(played):
        controllers.feed(MidiEvent(0.01 * i, message))
    controllers._errands.put(None)
    return stream


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_live_and_rendered_events_are_the_same(tmp_path_factory, played):
    stream = live(played, tmp_path_factory.getbasetemp())
    rendered = _played([(0.01 * i, m) for i, m in enumerate(played)], MidiMap(Directory(CHAIN)))
    for plugin in CHAIN[:2]:
        assert [(at, m) for to, at, m in stream.messages if to is plugin] == messages_for(plugin, rendered.messages)
    assert stream.changes == [(c.time_s, c.parameter.name, c.value) for c in rendered.changes]


@settings(max_examples=30, deadline=None)
@given(STREAMS)
def test_a_file_of_a_stream_is_the_stream(tmp_path_factory, played):
    """Zones, parameters and banks included; 10 ms from message to message, and live as read from the file."""
    path = tmp_path_factory.getbasetemp() / "stream.mid"
    song = mido.MidiFile(ticks_per_beat=500)
    song.tracks.append(mido.MidiTrack(m.copy(time=10) for m in played))
    song.save(path)
    written = read_automation(path, CHAIN)
    straight = _played([(0.01 * i, m) for i, m in enumerate(played)], MidiMap(Directory(CHAIN)))
    for plugin in CHAIN[:2]:
        heard, wanted = (messages_for(plugin, each.messages) for each in (written, straight))
        assert [m.bytes() for _, m in heard] == [m.bytes() for _, m in wanted]
        assert np.allclose([at - 0.01 for at, _ in heard], [at for at, _ in wanted], atol=1e-6)
    assert [shown(c) for c in written.changes] == [shown(c) for c in straight.changes]


def shown(change):
    return change.parameter.name, change.value


@settings(max_examples=15, deadline=None)
@given(STREAMS, st.sampled_from([1, 7, 64, 65, 441]))
def test_no_stream_makes_a_note_stick_or_the_block_size_heard(played, block):
    timed = [(m.bytes(), 0.002 * i) for i, m in enumerate(played)]
    ends = [([0xB0 | c, n, 0], 0.15) for c in range(16) for n in (121, 123)]
    whole = CHAIN[0]([*timed, *ends], duration=0.3, sample_rate=48000, num_channels=1)
    again = CHAIN[0]([*timed, *ends], duration=0.3, sample_rate=48000, num_channels=1, buffer_size=block)
    assert np.array_equal(whole, again) and np.all(np.isfinite(whole))
    rest = CHAIN[0]([([0xB0 | c, 120, 0], 0.0) for c in range(16)], 0.1, 48000, num_channels=1, reset=False)
    assert not np.any(rest[0, 2400:])
