"""The panel without a browser: pictures, cards, messages that move the engine's own table, two panels in step."""

import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from panel_clients import heard, panel_client, state_of, tell
from websockets.exceptions import ConnectionClosed

import rtspec
from rtspec.cache import tell_compiling
from rtspec.chain.board import Pedalboard
from rtspec.live import performance
from rtspec.panel.describing import principal
from rtspec.panel.desk import Desk
from rtspec.panel.loops import Loops
from rtspec.panel.panel import VERBS
from rtspec.panel.pictures import FLOOR_DB, HEAD, LOWEST_HZ, N_BANDS, Bands
from rtspec.panel.state import State

pytestmark = pytest.mark.timeout(180, func_only=True)  # a first start compiles
RATE = 48000


def tone(hz, seconds=1.0, level=0.5):
    return (level * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def stream():
    plugins = [rtspec.SpectralInversion(), rtspec.Equalizer()]
    with rtspec.AudioStream(
        plugins=plugins,
        source=rtspec.Loop(tone(440)[None]),
        devices=rtspec.Devices(virtual=True),
        control=rtspec.Control(panel=True),
    ) as playing:
        yield playing


@pytest.fixture
def client(stream):
    with panel_client(stream.panel_url) as opened:
        opened.told = state_of(opened)
        yield opened


def addresses(client, name):
    return [p["address"] for card in client.told["chain"] for p in card["parameters"] if p["name"] == name]


def until(condition, timeout_s=20.0):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


# Pictures -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hz", [50.0, 440.0, 3000.0, 15000.0])
@pytest.mark.parametrize("level", [1.0, 0.01])
def test_a_tone_is_the_highest_band_at_its_own_level(hz, level):
    bands = Bands(RATE)
    bands.push(tone(hz, level=level)[:, None])
    shown = bands.levels()[0]
    edges = np.geomspace(LOWEST_HZ, 20000.0, N_BANDS + 1)
    assert abs(np.argmax(shown) - (np.searchsorted(edges, hz) - 1)) <= 2 + (hz < 100) * 6
    decibels = FLOOR_DB * (1 - shown.max() / 255)
    assert decibels == pytest.approx(20 * np.log10(level), abs=2.0)


def test_silence_is_black():
    assert Bands(RATE).levels().max() == 0


def test_pictures_come_thirty_times_a_second_with_levels_of_what_plays(client):
    pictures, end = [], time.monotonic() + 2.0
    while time.monotonic() < end:
        found = client.recv(timeout=2)
        pictures += [found] if isinstance(found, bytes) else []
    assert len(pictures) > 40  # 60, but for a machine that is busy
    _, n_bands, loudest, *_ = HEAD.unpack_from(pictures[-1])
    assert n_bands == N_BANDS and len(pictures[-1]) == HEAD.size + 2 * N_BANDS
    assert loudest == pytest.approx(0.5, abs=0.01)


def test_readers_of_levels_do_not_rob_each_other(stream):
    one, other = stream.level_reader(), stream.level_reader()
    time.sleep(0.1)
    assert one.look()[0] == pytest.approx(0.5, abs=0.01)
    assert other.look()[0] == pytest.approx(0.5, abs=0.01)


# Messages -------------------------------------------------------------------------------------------------------------


def test_a_message_moves_the_engines_own_parameter(stream, client):
    tell(client, "set", address=addresses(client, "mix")[0], value=0.25)
    until(lambda: stream.plugins[0].mix == 0.25)
    tell(client, "undo")
    until(lambda: stream.plugins[0].mix == 1.0)


@pytest.mark.parametrize("value", [7, -1, "loud", None, True])
def test_a_value_outside_the_table_is_refused_with_the_tables_own_words(stream, client, value):
    tell(client, "set", address=addresses(client, "mix")[0], value=value)
    assert "must be a number" in heard(client, lambda message: message.get("error"))
    assert stream.plugins[0].mix == 1.0


def test_two_panels_stay_in_step(stream, client):
    mix = addresses(client, "mix")[1]
    with panel_client(stream.panel_url) as other:
        state_of(other)
        tell(other, "set", address=mix, value=0.5)
        assert heard(client, lambda message: message.get("values", {}).get(mix) == 0.5)
        stream.plugins[1].mix = 0.75  # from Python too
        assert heard(other, lambda message: message.get("values", {}).get(mix) == 0.75)
    stream.plugins[1].mix = 1.0


def test_the_chain_is_reordered_bypassed_removed_and_added_to(stream, client):
    first, second = stream.plugins
    names = [card["name"] for card in client.told["chain"]]
    tell(client, "move", card=names[0], to=1)
    until(lambda: list(stream.plugins) == [second, first])
    tell(client, "bypass", card=names[0], on=True)
    until(lambda: first.bypass == 1.0)
    tell(client, "bypass", card=names[0], on=False)
    tell(client, "add", spec="equalizer", at=0)
    until(lambda: len(stream.plugins) == 3)
    added = heard(client, lambda m: len(m.get("state", {}).get("chain", [])) == 3 and m["state"]["chain"])[0]
    tell(client, "remove", card=added["name"])
    until(lambda: len(stream.plugins) == 2)
    tell(client, "move", card=names[0], to=0)
    until(lambda: list(stream.plugins) == [first, second])
    assert stream.settle(10)


def test_who_comes_right_after_an_edit_sees_the_chain_as_it_is(stream, client):
    """A card that is gone would be clicked in vain."""
    for _ in range(5):
        tell(client, "add", spec="equalizer", at=0)
        until(lambda: len(stream.plugins) == 3)
        with panel_client(stream.panel_url) as other:
            cards = state_of(other)["chain"]
        assert len(cards) == 3
        tell(client, "remove", card=cards[0]["name"])
        until(lambda: len(stream.plugins) == 2)
        with panel_client(stream.panel_url) as other:
            assert len(state_of(other)["chain"]) == 2


def test_steps_and_toggles_add_up_however_quickly_they_come(stream, client):
    first, second = stream.plugins
    name = client.told["chain"][0]["name"]
    for by in (1, 1, -1, 1):
        tell(client, "shift", card=name, by=by)
    for _ in range(3):
        tell(client, "bypass", card=name, on=None)
    until(lambda: list(stream.plugins) == [second, first] and first.bypass == 1.0)
    tell(client, "bypass", card=name, on=None)
    tell(client, "shift", card=name, by=-5)
    until(lambda: list(stream.plugins) == [first, second] and first.bypass == 0.0)


def test_files_of_this_machine_cannot_be_named(client):
    tell(client, "add", spec="onnx:/etc/passwd", at=None)
    assert "drop the model" in heard(client, lambda message: message.get("error"))


def test_presets_are_saved_loaded_and_played_between(stream, client, tmp_path):
    stream.controllers.bank.folder = tmp_path
    tell(client, "set", address=addresses(client, "mix")[0], value=0.4)
    tell(client, "save", name="Mine", program=None, replace=False)
    until((tmp_path / "Mine.json").exists)
    tell(client, "load", name="Default")
    until(lambda: stream.plugins[0].mix == 1.0)
    tell(client, "corners", names=["Dry", "Default"])
    tell(client, "set", address="pad/x", value=0.25)
    until(lambda: stream.plugins[0].mix == 0.25)
    tell(client, "load", name="Default")
    until(lambda: stream.plugins[0].mix == 1.0)


def test_a_path_is_looped_until_it_is_stopped(stream, client):
    mix = addresses(client, "mix")[1]
    tell(client, "loop", addresses=[mix], points=[[0.0, 0.2], [0.2, 0.8], [0.4, 0.2]])
    seen = set()
    until(lambda: seen.add(round(stream.plugins[1].mix, 1)) or {0.3, 0.5, 0.7} <= seen)
    tell(client, "unloop", address=mix)
    heard(client, lambda message: message.get("state", {}).get("loops") == [])
    stream.plugins[1].mix = 1.0


def test_what_a_client_holds_is_let_go_when_it_is_gone():
    played = []
    desk = Desk(SimpleNamespace(board=Pedalboard([]), send=lambda message: played.append(message) or True))
    for verb, *fields in (("note", 60, 90), ("note", 62, 90), ("bend", 800), ("controller", 64, 127), ("note", 62, 0)):
        VERBS[verb].act(desk, 1, *fields)
    VERBS["note"].act(desk, 2, 70, 90)
    before = len(played)
    desk.let_go(1)
    assert sorted(map(str, played[before:])) == [
        "control_change channel=0 control=64 value=0 time=0",
        "note_off channel=0 note=60 velocity=64 time=0",
        "pitchwheel channel=0 pitch=0 time=0",
    ]


def test_a_path_of_other_sizes_is_refused():
    with pytest.raises(ValueError, match="a time and a value per parameter"):
        Loops().begin(["a"], [[0.0, 1.0, 2.0]], 0.0)


def test_a_take_is_recorded_while_it_plays(stream, client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("take.wav", "take-2.wav"):
        tell(client, "record", name="take")
        until(lambda: stream._performance.takes.active)
        time.sleep(0.3)
        tell(client, "stop_recording")
        assert "is whole" in heard(client, lambda message: "whole" in message.get("say", "") and message["say"])
        sound, rate = soundfile.read(tmp_path / name)
        assert rate == RATE and len(sound) > 0.2 * RATE and np.isfinite(sound).all()
        heard_in, _ = soundfile.read(tmp_path / name.replace(".wav", "-input.wav"))
        assert np.abs(heard_in).max() == pytest.approx(0.5, abs=0.01)


def test_the_source_rests_and_is_moved(stream, client):
    tell(client, "pause", on=True)
    until(lambda: stream._session.exchange.source_rests)
    look = stream.level_reader()
    until(lambda: time.sleep(0.02) or look.look()[0] == 0.0)
    tell(client, "seek", seconds=0.5)
    tell(client, "pause", on=False)
    until(lambda: look.look()[0] > 0.4)
    tell(client, "seek", seconds=1e6)
    assert "has no other" in heard(client, lambda message: message.get("error"))


def test_a_controller_is_learnt_with_its_range(stream, client):
    import mido

    address = addresses(client, "mix")[0]
    how = {"channel": None, "minimum": 0.2, "maximum": 0.6, "curve": None, "take_over": False, "toggle": False}
    tell(client, "learn", address=address, **how)
    heard(client, lambda message: message.get("state", {}).get("learn") == address)
    for value in (10, 60, 127):
        stream.controllers.midi_map.feed(mido.Message("control_change", control=21, value=value))
    heard(client, lambda message: "learn" in message.get("state", {}) and message["state"]["learn"] is None)
    stream.controllers.midi_map.feed(mido.Message("control_change", control=21, value=127))
    assert stream.plugins[0].mix == pytest.approx(0.6)
    stream.plugins[0].mix = 1.0


def test_a_map_is_saved_and_loaded(stream, client, tmp_path, monkeypatch):
    from rtspec.control.assignments import Assignment
    from rtspec.control.midi.messages import Control

    monkeypatch.setenv("RTSPEC_PRESETS", str(tmp_path / "presets"))
    midi_map, before = stream.controllers.midi_map, list(stream.controllers.midi_map)
    name = next(each for each in stream.controllers.directory if each.endswith("/mix"))
    midi_map.replace([Assignment(name, Control.parse("cc 33"))])
    tell(client, "save_map", name="stage")
    assert "is saved" in heard(
        client, lambda message: message.get("say") and "saved" in message["say"] and message["say"]
    )
    midi_map.replace([])
    for wrong in ("none", "../stage"):
        tell(client, "load_map", name=wrong)
        assert heard(client, lambda message: message.get("error"))
    assert list(midi_map) == []
    tell(client, "load_map", name="stage")
    until(lambda: [str(each.control) for each in midi_map] == ["cc 33"])
    midi_map.replace(before)


def test_another_block_is_played_on_in(stream, client):
    tell(client, "device", output="virtual", input=None, block=256)
    until(lambda: stream.buffer_size == 256 and stream.active)
    assert heard(client, lambda message: message.get("picture"))
    look = stream.level_reader()
    until(lambda: look.look()[0] > 0.4)


def test_a_stream_that_moves_is_not_told_as_one_whose_device_is_away(stream, client, monkeypatch):
    told, moved = threading.Event(), performance.moved
    monkeypatch.setattr(performance, "moved", lambda *words: told.wait(10) and moved(*words))
    tell(client, "device", output="virtual", input=None, block=128)
    for moving in (True, False):
        heard(client, lambda message, now=moving: message.get("state", {}).get("stream", {}).get("moving") is now)
        told.set()
    until(lambda: stream.buffer_size == 128 and stream.active and not stream._performance.lost)


def test_what_takes_long_is_told_and_holds_up_neither_keys_nor_knobs(stream, client, monkeypatch):
    """At the first move between the virtual device and a real one what drives it is compiled: a minute, beside load."""
    go_on, compiled = threading.Event(), performance.compile_driver

    def compiling(virtual):
        tell_compiling(in_memory=False)
        assert go_on.wait(20)
        compiled(virtual)

    monkeypatch.setattr(performance, "compile_driver", compiling)
    first, second = stream.plugins
    mix, block = addresses(client, "mix")[0], stream.buffer_size
    tell(client, "device", output="virtual", input=None, block=2 * block)
    tell(client, "move", card=client.told["chain"][0]["name"], to=1)
    tell(client, "set", address=mix, value=0.25)
    line = heard(client, lambda message: message.get("say"))
    assert line.startswith("changing the device takes a while: what it needs is compiled, once on this machine")
    until(lambda: first.mix == 0.25)
    assert list(stream.plugins) == [first, second] and stream.buffer_size == block
    go_on.set()
    until(lambda: list(stream.plugins) == [second, first] and stream.buffer_size == 2 * block)
    tell(client, "move", card=client.told["chain"][0]["name"], to=0)
    until(lambda: list(stream.plugins) == [first, second])


def test_who_still_waits_when_the_panel_ends_is_let_go(monkeypatch):
    """For a look at a model, say; asyncio told of tasks that were destroyed."""
    go_on, asked = threading.Event(), threading.Event()
    monkeypatch.setitem(VERBS, "dropped", replace(VERBS["dropped"], act=lambda *_, **__: asked.set() or go_on.wait(20)))
    with (
        rtspec.AudioStream(devices=rtspec.Devices(virtual=True), control=rtspec.Control(panel=True)) as playing,
        panel_client(playing.panel_url) as client,
    ):
        panel = playing._performance.panel
        assert panel is not None
        tell(client, "dropped", at=None)
        assert asked.wait(10) and panel._answering
    go_on.set()
    assert not panel._answering


# Besides --------------------------------------------------------------------------------------------------------------


def test_the_plane_of_anchors_holds_what_differs_most():
    places = np.random.default_rng(0).standard_normal((30, 5)) * [0.1, 5.0, 0.1, 3.0, 0.1]
    mean, axes = principal(places)
    assert np.allclose(mean, places.mean(axis=0)) and np.allclose(axes @ axes.T, np.eye(2))
    assert abs(axes[0, 1]) > 0.99 and abs(axes[1, 3]) > 0.99


def test_a_struck_pad_moves_the_users_own_table_in_a_stream():
    """Streams let stages follow values of their own; what a pad chose was overwritten from the user's at once."""
    import mido

    style = rtspec.StyleTransfer("rain")
    with rtspec.AudioStream(
        plugins=[style], source=rtspec.Loop(tone(440)[None]), devices=rtspec.Devices(virtual=True)
    ) as playing:
        playing.send(mido.Message("note_on", note=36, velocity=127))
        until(lambda: style.style == "bells" and style.strength == 1.0)


def test_a_turn_that_fails_is_told_and_the_panel_goes_on(stream, client, monkeypatch):
    look, failures = State.changes, []

    def failing(state):
        if len(failures) < 3:
            failures.append(1)
            raise KeyError("an edit came in between")
        return look(state)

    monkeypatch.setattr(State, "changes", failing)
    equalizer = stream.plugins[-1]
    equalizer.mix = 0.5
    place = addresses(client, "mix")[-1]
    heard(client, lambda told: told.get("values", {}).get(place) == 0.5)
    assert sum("the panel failed: KeyError" in line for line in stream._performance.said) == 1


def test_a_client_whose_welcome_fails_is_let_go(stream, monkeypatch):
    def failing(state):
        raise KeyError("an edit came in between")

    until(lambda: stream._performance.panel.n_clients == 0)  # those of other tests are gone
    monkeypatch.setattr(State, "full", failing)
    with pytest.raises(ConnectionClosed), panel_client(stream.panel_url) as opened:
        state_of(opened)
    until(lambda: stream._performance.panel.n_clients == 0)
