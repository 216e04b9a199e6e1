"""Controllers move a playing stream's parameters, and a missing port is told before anything plays."""

import json
import socket
import time

import mido
import numpy as np
import pytest
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from pythonosc.udp_client import SimpleUDPClient

import rtspec
from rtspec.control.mapping import MidiMap
from rtspec.errors import RtspecError

SOURCE = np.full((1, 48000), 0.1, np.float32)


def stream(board, tape_seconds=3.0, **options):
    return rtspec.AudioStream(
        plugins=board,
        source=rtspec.Loop(SOURCE),
        devices=rtspec.Devices(virtual=True),
        measuring=rtspec.Measuring(tape_seconds=tape_seconds),
        **options,
    )


def test_osc_moves_what_is_heard():
    board = rtspec.Pedalboard([rtspec.OnnxProcessor("identity", n_fft=256)])
    with stream(board, control=rtspec.Control(osc_port=0)) as playing:
        osc = playing.controllers.osc
        assert osc is not None
        time.sleep(0.3)
        SimpleUDPClient(osc.host, osc.port).send_message("/rtspec/1-onnx/output_db", -60.0)
        time.sleep(0.7)
        heard = np.abs(playing.recorded[1][0])
    assert board[0].output_db == -60.0
    assert heard[4000:9000].max() > 0.09
    assert heard[-1000:].max() < 2e-4
    assert not osc.active


class Surface:
    """A control surface with a port of its own."""

    def __init__(self, osc):
        self._socket, self._to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), (osc.host, osc.port)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(10)

    def ask(self, address, *arguments):
        builder = OscMessageBuilder(address=address)
        for argument in arguments:
            builder.add_arg(argument)
        self._socket.sendto(builder.build().dgram, self._to)

    def hear(self):
        found = OscMessage(self._socket.recv(65536))
        return [found.address, *found.params]


def until_level(playing, wanted_db):
    """Wait until the last samples have a peak; an edit is heard when its program is ready."""
    end, heard_db = time.monotonic() + 20, -200.0
    while abs(heard_db - wanted_db) > 0.5 and time.monotonic() < end:
        time.sleep(0.05)
        heard_db = 20 * np.log10(np.abs(playing.recorded[1][0])[-1000:].max() + 1e-10)
    assert heard_db == pytest.approx(wanted_db, abs=0.5)


def test_osc_makes_changes_and_ends_routes_of_the_modulation():
    board = rtspec.Pedalboard([rtspec.OnnxProcessor("identity", n_fft=256, output_db=-20)])
    with stream(board, 60.0, control=rtspec.Control(osc_port=0)) as playing:
        surface = Surface(playing.controllers.osc)
        surface.ask("/rtspec/modulation/add", "envelope", "output_db", 0.5)
        assert surface.hear() == [
            "/rtspec/modulation/route",
            1,
            "envelope",
            "1-onnx/output_db",
            0.5,
            "linear",
            0.0,
            0.0,
        ]
        surface.ask("/rtspec/modulation/depth", 1, -0.25)
        surface.ask("/rtspec/modulation/list")
        assert surface.hear()[4] == -0.25 and surface.hear() == ["/rtspec/modulation/end", 1]
        until_level(playing, -40 - 0.25 * 84 * (1 - 20 / 60))  # the envelope of -20 dB, of the 60 that it shows
        for wrong in (("depth", 2, 0.5), ("depth", 1, 7.0), ("add", "lfo:fast", "output_db"), ("remove",)):
            surface.ask(f"/rtspec/modulation/{wrong[0]}", *wrong[1:])
            assert surface.hear()[0] == "/rtspec/error", wrong
        surface.ask("/rtspec/modulation/remove", 1)
        surface.ask("/rtspec/modulation/list")
        assert surface.hear() == ["/rtspec/modulation/end", 0]
        until_level(playing, -40)


def test_osc_hears_what_a_processor_finds_while_it_plays():
    board = rtspec.Pedalboard([rtspec.SceneEqualizer("scene", listen="signal")])
    with stream(board, control=rtspec.Control(osc_port=0)) as playing:
        surface = Surface(playing.controllers.osc)
        surface.ask("/rtspec/1-scene-equalizer/reading/share")
        assert surface.hear()[0] == "/rtspec/1-scene-equalizer/reading/share"
        surface.ask("/rtspec/1-scene-equalizer/reading/share", 1.0)
        assert surface.hear()[0] == "/rtspec/error"
        surface.ask("/rtspec/readings")
        names = set(board[0].readings())
        found = {surface.hear()[0].rpartition("/")[2] for _ in names}
        assert found == names
        changed = {surface.hear()[0].rpartition("/")[2] for _ in range(20)}
        assert changed <= names
        surface.ask("/rtspec/unsubscribe")


def test_a_midi_map_moves_what_is_heard_without_a_zip():
    board = rtspec.Pedalboard([rtspec.OnnxProcessor("identity", n_fft=256)])
    with stream(board) as playing:
        time.sleep(0.3)
        MidiMap(board).feed(mido.Message("control_change", control=7, value=0))
        time.sleep(0.7)
        heard = playing.recorded[1][0]
    settled = heard[2000:]
    assert np.abs(settled[-1000:]).max() < 2e-4
    assert np.abs(np.diff(settled)).max() < 1e-3


def test_a_midi_port_that_is_not_there_is_told_before_anything_plays():
    asked = stream(rtspec.Pedalboard(), control=rtspec.Control(midi="no such port", osc_port=0))
    with pytest.raises(RtspecError, match="MIDI input port"):
        asked.start()
    assert asked.statistics.callbacks == 0
    asked.stop()


def test_a_map_that_cannot_be_read_is_told_before_anything_plays(tmp_path):
    bad = tmp_path / "map.json"
    bad.write_text(json.dumps({"kind": "nonsense"}))
    asked = stream(rtspec.Pedalboard(), control=rtspec.Control(midi="auto", midi_map=bad))
    with pytest.raises(RtspecError, match=r"map\.json"):
        asked.start()
    asked.stop()


def test_a_pad_that_nothing_moves_is_told_before_anything_plays():
    with pytest.raises(RtspecError, match="pad needs what moves it; open a MIDI port, OSC or the panel too"):
        stream(rtspec.Pedalboard(), control=rtspec.Control(pad=["Default", "Dry"])).start()
