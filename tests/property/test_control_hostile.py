"""Whatever comes in from outside, control raises nothing but RtspecError, and every parameter stays in its range."""

import json
import tempfile
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from control_toys import chain, in_range, values
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_message_builder import OscMessageBuilder

from rtspec.control.bank import Bank, read_preset
from rtspec.control.curves import CURVES, to_position, to_value
from rtspec.control.directory import Directory
from rtspec.control.mapping import Assignment, MidiMap
from rtspec.control.midi.messages import Control, HeldNotes, MidiClock, MidiEvent, MidiParser
from rtspec.control.morph import Morph
from rtspec.control.osc.server import OscServer
from rtspec.control.presets import apply, capture
from rtspec.errors import InvalidValue, RtspecError


def tried_with(*strategies):
    """:func:`given`, often enough to be worth it and without a time limit on a busy machine."""
    return lambda test: settings(max_examples=150, deadline=None)(given(*strategies)(test))


# MIDI -----------------------------------------------------------------------------------------------------------------

CONTROLS = ["cc 1", "cc14 1", "cc 33", "cc 64", "bend", "pressure", "note 60", "poly 60"]
MIDI_BYTES = st.lists(st.sampled_from([0xB0, 0xE0, 0x90, 0xD0, 0xF0, 0xF7, 0xF8, 1, 33, 60]) | st.integers(0, 255))


@tried_with(st.lists(MIDI_BYTES), st.sampled_from(CURVES[:1] + CURVES[2:]), st.booleans())
def test_random_midi_bytes_leave_every_parameter_in_range(pieces, curve, take_over):
    toys, parser, notes, clock = chain(), MidiParser(), HeldNotes(), MidiClock()
    addresses = list(Directory(toys))
    kinds = zip(addresses, CONTROLS, strict=True)
    midi_map = MidiMap(toys, [Assignment(a, Control.parse(c), curve=curve, take_over=take_over) for a, c in kinds])
    for time_s, data in enumerate(pieces):
        for message in parser.feed(data):
            midi_map.feed(message)
            notes.feed(message)
            clock.feed(MidiEvent(float(time_s), message))
    assert in_range(toys)
    assert all(1 <= velocity <= 127 for velocity in notes.sounding.values())


@tried_with(st.lists(st.integers(0, 255)), st.lists(st.integers(0, 20), max_size=20))
def test_how_midi_bytes_are_cut_changes_no_message(data, cuts):
    whole, cut = MidiParser(), MidiParser()
    places = sorted({min(c, len(data)) for c in cuts} | {0, len(data)})
    pieces = [data[a:b] for a, b in pairwise(places)]
    assert whole.feed(data) == [message for piece in pieces for message in cut.feed(piece)]
    assert whole.garbage == cut.garbage


@tried_with(st.text())
def test_any_text_is_a_control_or_refused(text):
    with suppress(InvalidValue):
        assert Control.parse(str(Control.parse(text))) == Control.parse(text)


@tried_with(st.sampled_from(CURVES), st.floats(1e-3, 1e6), st.floats(1e-3, 1e6), st.floats(0, 1), st.floats(-1e9, 1e9))
def test_curves_stay_between_their_ends_both_ways(curve, low, high, position, value):
    assert min(low, high) <= to_value(curve, position, low, high) <= max(low, high)
    assert 0 <= to_position(curve, value, low, high) <= 1


# OSC ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def osc():
    toys = chain()
    with OscServer(toys, port=0) as server:
        yield server, toys


ADDRESSES = st.sampled_from(
    ["/rtspec/morph", "/rtspec/1-timbre-toy/cutoff_hz/raw", "/rtspec/list", "/rtspec/subscribe"]
)
ARGUMENTS = st.lists(
    st.floats(width=32)
    | st.integers(-(2**31), 2**31 - 1)
    | st.booleans()
    | st.binary(min_size=1, max_size=8)
    | st.text("ab/", max_size=8),
    max_size=4,
)


@tried_with(st.binary(max_size=200))
def test_random_datagrams_raise_nothing(osc, datagram):
    server, toys = osc
    before = server.statistics.datagrams
    server.receive(datagram, ("127.0.0.1", 9))
    assert server.statistics.datagrams == before + 1 and server.failures == 0 and in_range(toys)


@tried_with(ADDRESSES, ARGUMENTS)
def test_random_messages_to_real_addresses_raise_nothing_and_stay_in_range(osc, address, arguments):
    server, toys = osc
    builder = OscMessageBuilder(address=address)
    for argument in arguments:
        builder.add_arg(argument)
    server.receive(builder.build().dgram, ("127.0.0.1", 9))
    assert server.failures == 0 and in_range(toys)


# Files ----------------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["morph", "cutoff_hz", "mix", "../x", ""]) | st.text(max_size=5)
PARAMETERS = st.dictionaries(NAMES, st.floats() | st.integers() | JSON, max_size=5)
PROCESSORS = st.fixed_dictionaries(
    {"processor": st.sampled_from(["1-timbre-toy", "mix-toy"]) | JSON, "parameters": PARAMETERS}
)
PRESETS = st.fixed_dictionaries(
    {"rtspec": st.just("preset"), "format": st.just(1) | JSON, "name": st.text(max_size=9) | JSON},
    optional={
        "program": st.integers(-3, 200) | JSON,
        "processors": st.lists(PROCESSORS, max_size=3) | JSON,
        "more": JSON,
    },
)
ENTRIES = st.fixed_dictionaries(
    {"parameter": st.sampled_from(["morph", "mix"]) | JSON, "control": st.sampled_from(CONTROLS) | JSON},
    optional={
        "minimum": st.floats() | JSON,
        "maximum": st.floats(0, 1) | JSON,
        "curve": st.sampled_from(CURVES) | JSON,
        "channel": st.integers(-1, 20) | JSON,
        "take_over": JSON,
    },
)
MAPS = st.fixed_dictionaries(
    {"rtspec": st.just("MIDI map"), "format": st.just(1), "assignments": st.lists(ENTRIES, max_size=3) | JSON}
)


def written(folder, data):
    path = Path(folder) / "a.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return path


@tried_with(PRESETS | JSON | st.binary(max_size=100))
def test_random_presets_are_applied_in_range_or_refused_whole(data):
    toys = chain()
    before = values(toys)
    with tempfile.TemporaryDirectory() as folder:
        path = written(folder, data)
        try:
            apply(toys, read_preset(path))
        except RtspecError as error:
            assert "\n" not in str(error)
            assert values(toys) == before
        assert [p.name for p in Path(folder).iterdir()] == ["a.json"]
    assert in_range(toys)


@tried_with(MAPS | JSON | st.binary(max_size=100), st.integers(0, 127))
def test_random_maps_are_loaded_and_stay_in_range_or_are_refused_whole(data, value):
    toys = chain()
    midi_map = MidiMap(toys)
    before = list(midi_map)
    with tempfile.TemporaryDirectory() as folder:
        try:
            midi_map.load(written(folder, data))
        except RtspecError as error:
            assert "\n" not in str(error)
            assert list(midi_map) == before
    for status, number in ((0xB0, 1), (0xB0, 33), (0xE0, 5), (0x90, 60)):
        for message in MidiParser().feed([status, number, value]):
            midi_map.feed(message)
    assert in_range(toys)


@tried_with(st.text(max_size=70))
def test_any_name_is_saved_inside_the_folder_or_refused(name):
    with tempfile.TemporaryDirectory() as folder:
        bank = Bank(chain(), Path(folder) / "bank")
        try:
            path = bank.save(name)
        except RtspecError as error:
            assert "\n" not in str(error)
            assert list(Path(folder).iterdir()) in ([], [Path(folder) / "bank"])
        else:
            assert path.resolve().parent == (Path(folder) / "bank").resolve() and bank.saved() == [name]


@tried_with(st.lists(st.floats(0, 1), min_size=8, max_size=8), st.floats(0, 1), st.floats(0, 1))
def test_a_morph_never_leaves_the_range_that_its_corners_span(shares, x, y):
    toys, corners = chain(), []
    for k in range(4):
        for parameter, share in zip(Directory(toys).values(), shares[k:] + shares[:k], strict=True):
            parameter.raw_value = share
        corners.append(capture(toys, str(k)))
    for address, value in Morph(toys, corners).at(x, y).items():
        ends = [corner.values[address] for corner in corners]
        slack = 1e-9 * max(1.0, *map(abs, ends))
        assert min(ends) - slack <= value <= max(ends) + slack
