"""What TimbreSynth keeps of random MIDI streams beside a plain model of the standard's rules, message by message."""

import mido
import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from midi_gestures import control, gestures, messages, registered

import rtspec
from rtspec.control.midi.mpe import MpeZones
from rtspec.processors.timbre.channels import HAND, bend_keys
from rtspec.processors.timbre.keyboard import VOICE

RATE, CHANNELS, KEYS = 48000, (0, 1, 9, 15), (40, 52, 60, 71)
"""Sixteen notes in all: as many as there are voices, so that none is taken from another."""

SYNTH = rtspec.TimbreSynth("organ", drums=1, release_ms=20)
MIDDLE = 8192.0


class Channel:
    """One channel by the standard."""

    def __init__(self):
        self.held, self.sustained, self.kept = set(), set(), set()
        self.pressed: dict[int, float] = {}
        self.sustain = self.sostenuto = False
        self.parameter = (127, 127)
        self.range, self.coarse, self.fine, self.bend = 2.0, 0.0, MIDDLE, 0
        self.volume, self.expression, self.program = 100, 127, -1

    @property
    def sounding(self) -> set[int]:
        return self.held | self.sustained | self.kept

    def on(self, key):
        self.held.add(key)
        self.sustained.discard(key)
        self.pressed[key] = 0

    def off(self, key):
        if key in self.held:
            self.held.discard(key)
            self.pressed[key] = 0
            if self.sustain:
                self.sustained.add(key)

    def control(self, number, value):
        down = value >= 64
        if number == 64:
            self.sustain = down
            self.sustained = self.sustained | (self.kept - self.held) if down else set()
        elif number == 66 and self.sostenuto != down:
            self.sostenuto = down
            self.kept = set(self.held) if down else set()
        elif number in (7, 11):
            setattr(self, "volume" if number == 7 else "expression", value)
        elif number in (98, 99):
            self.parameter = (127, 127)
        elif number in (100, 101):
            high, low = self.parameter
            self.parameter = (value, low) if number == 101 else (high, value)
        elif number in (6, 38):
            self.data(value, number == 38)
        elif number in (96, 97):
            self.step(1 if number == 96 else -1)
        elif number == 120:
            self.held, self.sustained, self.kept = set(), set(), set()
        elif number == 121:
            self.rest()
        elif number >= 123:
            for key in list(self.held):
                self.off(key)

    def data(self, value, is_fine):
        if self.parameter == (0, 0):
            whole = int(np.floor(self.range))
            self.range = min(96.0, whole + 0.01 * value if is_fine else float(value))
        elif self.parameter == (0, 1):
            self.fine = float(int(self.fine) // 128 * 128 + value if is_fine else value * 128)
        elif self.parameter == (0, 2) and not is_fine:
            self.coarse = value - 64.0

    def step(self, way):
        if self.parameter == (0, 0):
            self.range = min(96.0, max(0.0, self.range + 0.01 * way))
        elif self.parameter == (0, 1):
            self.fine = min(16383.0, max(0.0, self.fine + way))
        elif self.parameter == (0, 2):
            self.coarse = min(63.0, max(-64.0, self.coarse + way))

    def rest(self):
        self.sustain = self.sostenuto = False
        self.sustained, self.kept = set(), set()
        self.bend, self.expression, self.parameter = 0, 127, (127, 127)
        self.pressed = dict.fromkeys(self.pressed, 0)

    def feed(self, message):
        if message.type == "note_on" and message.velocity:
            self.on(message.note)
        elif message.type in ("note_on", "note_off"):
            self.off(message.note)
        elif message.type == "polytouch" and message.note in self.sounding:
            self.pressed[message.note] = message.value
        elif message.type == "control_change":
            self.control(message.control, message.value)
        elif message.type == "pitchwheel":
            self.bend = message.pitch
        elif message.type == "program_change":
            self.program = message.program


def state_of(synth, dtype):
    """The instrument's own record of voices or channels."""
    stage = synth._playback.program.stages[0]
    return next(array for array in stage._owned if array.dtype == dtype.dtype)


@settings(max_examples=60, deadline=None)
@given(gestures(CHANNELS, KEYS, [0, 1, 2, 5, 127]))
def test_voices_and_channels_are_what_the_standard_says(made):
    model = {channel: Channel() for channel in CHANNELS}
    SYNTH([], 0.001, RATE, num_channels=1)
    for message in messages(made):
        SYNTH([(message.bytes(), 0.0)], 0.001, RATE, num_channels=1, reset=False)
        model[message.channel].feed(message)
        voices, hands = state_of(SYNTH, VOICE), state_of(SYNTH, HAND)
        held = voices[(voices["held"] + voices["sustained"] + voices["kept"]) > 0]
        found = {(int(v["channel"]), int(v["next_key"])): round(127 * v["pressure"]) for v in held}
        assert len(found) == len(held), "no key has two voices"
        wanted = {(c, key): channel.pressed[key] for c, channel in model.items() for key in channel.sounding}
        assert found == wanted, message
        for c, channel in model.items():
            hand = hands[c]
            ranged = 2.0 if hand["range"] < 0 else hand["range"]
            assert np.allclose([ranged, hand["coarse"], hand["fine"]], [channel.range, channel.coarse, channel.fine])
            volume = 100 if hand["volume"] < 0 else round(127 * hand["volume"])
            told = [volume, round(127 * hand["expression"]), hand["program"]]
            assert told == [channel.volume, channel.expression, channel.program], message
            assert np.isclose(hand["bend"], channel.bend / 8192, atol=2e-4)


MEMBERS = st.integers(0, 15)


@settings(max_examples=40, deadline=None)
@example(15, 0, 15, 0, 4, 0)
@given(st.integers(0, 15), st.integers(0, 15), MEMBERS, MEMBERS, st.integers(-8192, 8191), st.integers(-8192, 8191))
def test_what_a_master_says_reaches_its_members_and_nobody_else(lower, upper, first, second, wheel, own):
    """Zones by RPN 6; the wheels of two channels move the notes of both as MPE says."""
    told = [*registered(0, 6, (6, lower)), *registered(15, 6, (6, upper))]
    wheels = {first: wheel} | {second: own}
    bends = [mido.Message("pitchwheel", channel=c, pitch=p) for c, p in wheels.items()]
    notes = [mido.Message("note_on", channel=c, note=60, velocity=90) for c in {first, second}]
    SYNTH([(m.bytes(), 0.0) for m in [*told, *bends, *notes]], 0.01, RATE, num_channels=1)
    voices = state_of(SYNTH, VOICE)
    lower = min(lower, max(0, 14 - upper)) if upper else lower
    for voice in voices[voices["busy"] > 0]:
        channel = int(voice["channel"])
        master = 0 if 1 <= channel <= lower else 15 if 15 - upper <= channel <= 14 else None
        semitones = wheels[channel] / 8192 * (2.0 if master is None else 48.0)
        if master is not None and master in wheels:
            semitones += wheels[master] / 8192 * 2.0
        heard = 12 * np.log2(voice["next_frequency"] / 440) + 69 - 60
        assert abs(heard - semitones) < 0.02, (channel, master)


PLAIN = rtspec.TimbreSynth("organ", drums=1, release_ms=20)
"""Hears zones made plain, as an instrument does that knows channels and bend ranges alone."""

ZONED = st.sampled_from([0, 0, 1, 7, 14, 15])
ZONE_STEPS = st.one_of(
    st.builds(lambda c, n: registered(c, 6, (6, n)), st.sampled_from([0, 15]), st.integers(0, 15)),
    st.builds(lambda c, n: [mido.Message("pitchwheel", channel=c, pitch=n)], ZONED, st.integers(-8192, 8191)),
    st.builds(lambda c, d: registered(c, 0, d), ZONED, st.tuples(st.sampled_from([6, 38, 96, 97]), st.integers(0, 40))),
    st.builds(lambda c, d: [control(c, *d)], ZONED, st.tuples(st.sampled_from([6, 38, 96]), st.integers(0, 40))),
    st.builds(lambda c, n: [control(c, n, 0)], ZONED, st.sampled_from([98, 100, 101, 121])),
    st.builds(lambda c, n: registered(c, n, (6, 70)), ZONED, st.sampled_from([1, 2, 5])),
)


def bend_of(synth, channel):
    """Where a channel's notes are, in semitones."""
    record, hands = synth._playback.program.stages[0].record[0], state_of(synth, HAND)
    zones = np.array([(record["mpe"], record["lower"], record["upper"])], "i8,i8,i8")
    zones.dtype.names = ("mpe", "lower", "upper")
    return bend_keys(zones[0], hands, channel, 2.0, 48.0)


@settings(max_examples=60, deadline=None)
@given(st.lists(ZONE_STEPS, max_size=14).map(messages))
def test_zones_made_plain_mean_what_an_instrument_makes_of_them_by_itself(sent):
    """But for tuning by a master, which plain channels are not told, and beyond 96 semitones."""
    tuned = {m.channel for m in sent if m.type == "control_change" and m.control == 100 and m.value in (1, 2)}
    sent = [m for m in sent if not (m.channel in tuned & {0, 15} and m.type == "control_change" and m.control < 40)]
    SYNTH([(m.bytes(), 0.0) for m in sent], 0.001, RATE, num_channels=1)
    zones = MpeZones()
    PLAIN([(plain.bytes(), 0.0) for m in sent for plain in zones.feed(m)], 0.001, RATE, num_channels=1)
    for channel in range(16):
        own, plain = (np.clip(bend_of(synth, channel), -96, 96) for synth in (SYNTH, PLAIN))
        assert abs(own - plain) < 0.03, channel
