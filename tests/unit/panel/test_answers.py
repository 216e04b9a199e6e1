"""What a client is told knows how many of its messages had been acted on, so that a page can tell news from echoes."""

import asyncio
import json
import threading

import numpy as np
import pytest
from panel_clients import heard, panel_client, state_of, tell

import rtspec
from rtspec.control.assignments import Assignment
from rtspec.control.mapping import MidiMap
from rtspec.control.midi.messages import Control
from rtspec.panel.clients import Client
from rtspec.panel.desk import Desk
from rtspec.panel.state import PRESETS_EVERY, State

pytestmark = pytest.mark.timeout(120, func_only=True)  # a first start compiles


def texts(client):
    return [json.loads(text) for text in asyncio.run(client.next())]


def test_values_that_replace_each_other_are_told_as_of_the_last_moment():
    client = Client(1)
    client.acted = 3
    client.tell(sections={"map": 1}, values={"a": 0.3, "b": 1.0})
    client.acted = 7
    client.tell(sections=None, values={"a": 0.7})
    assert texts(client) == [
        {"values": {"a": 0.7, "b": 1.0}, "acted": 7},
        {"state": {"map": 1}, "acted": 3},
    ]


def test_an_answer_without_news_is_told_once():
    client = Client(1)
    client.acted = 2
    for _ in range(2):
        client.tell(sections={}, values={})
    assert texts(client) == [{"values": {}, "acted": 2}, {"state": {}, "acted": 2}]
    client.tell(sections={}, values={})
    assert texts(client) == []


def test_a_picture_comes_before_what_takes_time_to_show():
    client = Client(1)
    client.tell(sections={"chain": []}, values={})
    client.show(b"a picture")
    first, *others = asyncio.run(client.next())
    assert first == b"a picture" and json.loads(others[-1])["state"] == {"chain": []}


@pytest.fixture(scope="module")
def stream():
    silence = rtspec.Loop(np.zeros((1, 4800), np.float32))
    with rtspec.AudioStream(
        plugins=[rtspec.Equalizer()],
        source=silence,
        devices=rtspec.Devices(virtual=True),
        control=rtspec.Control(panel=True),
    ) as playing:
        yield playing


def test_every_message_is_answered_also_one_that_is_refused_or_changes_nothing(stream):
    with panel_client(stream.panel_url) as client:
        address = next(p["address"] for p in state_of(client)["chain"][0]["parameters"] if p["name"] == "mix")
        tell(client, "set", address=address, value=0.5)
        told = heard(client, lambda m: m.get("acted") == 1 and "values" in m and m)
        assert told["values"] == {address: 0.5}
        for message in ('{"do":"set"}', "no JSON", json.dumps({"do": "set", "address": address, "value": 7})):
            client.send(message)
        tell(client, "set", address=address, value=0.5)
        assert heard(client, lambda m: m.get("acted") == 5 and "values" in m and m)["values"] == {}
        tell(client, "set", address=address, value=0.25)
        tell(client, "undo")
        heard(client, lambda m: m.get("acted") == 7 and "state" in m)
        with panel_client(stream.panel_url) as other:
            assert heard(other, lambda m: "values" in m and m)["acted"] == 0


def test_a_value_that_goes_back_before_the_next_turn_is_told_to_who_came_between(stream):
    parameter = stream.plugins[0].parameters["mix"]
    state = State(Desk(stream._performance))
    state.changes()
    before = parameter.value
    parameter.value = 0.125
    address = next(a for a, value in state.full()[1].items() if value == 0.125)
    parameter.value = before
    assert state.changes()[1][address] == before


def test_a_part_that_is_looked_at_again_and_is_as_it_was_is_not_told(stream):
    state = State(Desk(stream._performance))
    assert "presets" in (state.changes()[0] or {})
    later = [state.changes()[0] or {} for _ in range(2 * PRESETS_EVERY)]
    assert not any("presets" in parts for parts in later) and any("stream" in parts for parts in later)


def test_a_row_that_has_changed_meanwhile_is_neither_edited_nor_taken_out():
    equalizer = rtspec.Equalizer()
    names = [name for name in MidiMap(equalizer, []).directory if name.endswith(("mix", "output_db"))]
    old, other = (Assignment(name, Control("cc", 20 + i)) for i, name in enumerate(names))
    midi_map = MidiMap(equalizer, [old, other])
    new = Assignment(old.parameter, Control("cc", 30), minimum=0.25)
    midi_map.exchange(old, new)
    assert list(midi_map) == [new, other]
    for wanted in (None, new):
        with pytest.raises(rtspec.errors.InvalidValue, match="no longer in the map as it was"):
            midi_map.exchange(old, wanted)
    with pytest.raises(rtspec.errors.InvalidValue):
        midi_map.exchange(new, Assignment(new.parameter, Control("cc", 30), minimum=99.0))
    midi_map.exchange(new, None)
    assert list(midi_map) == [other]


def test_knobs_move_while_a_model_is_looked_at_and_no_other_comes_between(stream, monkeypatch):
    from rtspec.panel import models

    looked, gate = threading.Event(), threading.Event()

    def slow(path):
        looked.set()
        gate.wait(60)
        return {"kind": "bare", "name": path.stem}

    monkeypatch.setattr(models, "looked_at", slow)
    with panel_client(stream.panel_url) as client:
        address = next(p["address"] for p in state_of(client)["chain"][0]["parameters"] if p["name"] == "mix")
        tell(client, "drop", name="a.onnx", size=3)
        client.send(b"abc")
        tell(client, "dropped", at=None)
        assert looked.wait(20)
        tell(client, "set", address=address, value=0.75)
        assert heard(client, lambda m: m.get("values", {}).get(address) == 0.75)
        for verb, fields in (("drop", {"name": "b.onnx", "size": 3}), ("dropped", {"at": None})):
            tell(client, verb, **fields)
            assert "still being looked at" in heard(client, lambda m: m.get("error"))
        gate.set()
        assert heard(client, lambda m: m.get("drop"))["name"] == "a"
        tell(client, "drop", name="b.onnx", size=3)
        tell(client, "set", address=address, value=1.0)
        heard(client, lambda m: m.get("values", {}).get(address) == 1.0)
