"""Controllers move a playing stream's parameters, and a missing port is told before anything plays."""

import json
import time

import mido
import numpy as np
import pytest
from pythonosc.udp_client import SimpleUDPClient

import rtspec
from rtspec.control.mapping import MidiMap
from rtspec.errors import RtspecError

SOURCE = np.full((1, 48000), 0.1, np.float32)


def stream(board, **options):
    return rtspec.AudioStream(
        plugins=board,
        source=rtspec.Loop(SOURCE),
        devices=rtspec.Devices(virtual=True),
        measuring=rtspec.Measuring(tape_seconds=3),
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
