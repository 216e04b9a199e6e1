"""``rtspec midi`` with a back end that the test plays (real ports: tests/device)."""

import json
import threading

import pytest

from rtspec.control.midi import ports as midi_ports


class Driver:
    """One port, and messages that come one at a poll."""

    def __init__(self, ports):
        self.ports, self.queue = ports, []

    def get_ports(self):
        return self.ports

    def get_message(self):
        return (self.queue.pop(0), 0.001) if self.queue else None

    def open_port(self, index, name): ...

    def close_port(self): ...

    def ignore_types(self, **_): ...

    def delete(self): ...


@pytest.fixture
def play(monkeypatch):
    """``play(ports, messages)``: what the machine has from now on."""

    def start(ports, messages=()):
        driver = Driver(ports)
        driver.queue = [list(message) for message in messages]
        monkeypatch.setattr(midi_ports, "back_ends", lambda: [0] if ports else [])
        monkeypatch.setattr(midi_ports, "api_name", lambda api: "Test")
        monkeypatch.setattr(midi_ports, "open_client", lambda api, direction="input": driver)
        return driver

    return start


def test_list_names_inputs_and_outputs(rtspec, play):
    play(["Keys", "Pads"])
    ran = rtspec("midi", "list")
    assert ran.status == 0 and ran.out.splitlines() == [
        *("inputs:", "  0 Keys, Test", "  1 Pads, Test"),
        *("outputs:", "  0 Keys, Test", "  1 Pads, Test"),
    ]
    found = json.loads(rtspec("midi", "list", "--json").out)
    assert found["inputs"][1] == {"index": 1, "name": "Pads", "api": "Test"}


def test_a_machine_without_midi_is_no_failure(rtspec, play):
    play([])
    ran = rtspec("midi", "list")
    assert ran.status == 0 and "none" in ran.out and "plug a controller in" in ran.out
    assert "listening to the first port that comes" in rtspec("midi", "monitor", "--seconds", "0.1").out
    assert json.loads(rtspec("midi", "monitor", "--seconds", "0.1", "--json").out)["messages"] == []


def test_monitor_prints_messages_and_leaves_the_clock_out(rtspec, play):
    messages = [[0xF8], [0x90, 60, 64], [0xFE], [0xB0, 1, 2]]
    play(["Keys"], messages)
    ran = rtspec("midi", "monitor", "--count", "2", "--seconds", "20")
    assert ran.status == 0
    assert "note_on channel=0 note=60 velocity=64\n" in ran.out and "control=1 value=2" in ran.out
    assert "clock" not in ran.out and "4 messages, 0 garbage, 0 dropped" in ran.out
    play(["Keys"], messages)
    found = json.loads(rtspec("midi", "monitor", "--count", "3", "--seconds", "20", "--timing", "--json").out)
    assert [entry["message"].split()[0] for entry in found["messages"]][:3] == ["clock", "note_on", "active_sensing"]


def learn(rtspec, *words):
    return rtspec("midi", "learn", "--processor", "inversion", *words)


def test_learn_writes_a_map_and_adds_to_it(rtspec, play, tmp_path):
    path = tmp_path / "map.json"
    play(["Keys"], [[0xB0, 20, 0], [0xB0, 20, 99]])
    ran = learn(rtspec, "--parameter", "mix", "--map", path, "--take-over")
    assert ran.status == 0, ran.err
    assert "move the knob for mix" in ran.out and "cc 20 → 1-spectral-inversion/mix" in ran.out
    play(["Keys"], [[0xE0, 0, 0], [0xE0, 0, 99]])
    found = json.loads(learn(rtspec, "--parameter", "output_db", "--map", path, "--json").out)
    saved = json.loads(path.read_text())["assignments"]
    assert found["assignments"] == saved
    moved = {entry["parameter"].removeprefix("1-spectral-inversion/"): entry for entry in saved}
    assert {name: (moved[name]["control"], moved[name]["take_over"]) for name in ("mix", "output_db")} == {
        "mix": ("cc 20", True),
        "output_db": ("bend", False),
    }


def test_learn_fails_in_one_line(rtspec, play, tmp_path):
    path = tmp_path / "map.json"
    play(["Keys"])
    assert "needs a parameter and a file" in learn(rtspec).failed_in_one_line()
    ran = learn(rtspec, "--parameter", "gain", "--map", path)
    assert "'gain' is no parameter of this chain; choose one of 1-spectral-inversion/" in ran.failed_in_one_line()
    ran = learn(rtspec, "--parameter", "mix", "--map", path, "--timeout", "0.1")
    assert "no control moved in 0.1 s at 'Keys'; rtspec midi monitor shows" in ran.failed_in_one_line()
    assert not path.exists()
    path.write_text("{")
    ran = learn(rtspec, "--parameter", "mix", "--map", path)
    assert "map.json is damaged" in ran.failed_in_one_line() and path.read_text() == "{"
    ran = rtspec("midi", "monitor", "--port", "Pads")
    assert "'Pads' is no MIDI input port; choose one of 0 'Keys'" in ran.failed_in_one_line()


def test_no_thread_stays_behind(rtspec, play):
    play(["Keys"])
    rtspec("midi", "monitor", "--seconds", "0.05")
    assert not [thread for thread in threading.enumerate() if thread.name == "rtspec MIDI"]


def edit(rtspec, *words):
    return rtspec("midi", "map", *words)


SYNTH = ("--processor", "timbre-synth")


def test_map_shows_the_defaults_where_there_is_no_file(rtspec):
    ran = edit(rtspec, "show", *SYNTH)
    assert ran.status == 0 and "cc 16 → 1-timbre-synth/z1" in ran.out
    told = json.loads(edit(rtspec, "show", "--processor", "inversion", "--json").out)["assignments"]
    assert [(a["control"], a["parameter"]) for a in told] == [
        ("cc 7", "1-spectral-inversion/output_db"),
        ("cc 64", "1-spectral-inversion/freeze"),
    ]


def test_map_set_writes_one_control_and_clear_takes_it_away(rtspec, tmp_path):
    path = tmp_path / "map.json"
    ran = edit(rtspec, "set", *SYNTH, "--parameter", "z1", "--control", "rel-twos 21", "--map", path)
    assert (
        ran.status == 0 and "rel-twos 21 → 1-timbre-synth/z1" in ran.out and "cc 16 → 1-timbre-synth/z1" not in ran.out
    )
    span = ("--minimum", "0.2", "--maximum", "0.8", "--channel", "3", "--toggle")
    ran = edit(rtspec, "set", *SYNTH, "--parameter", "fade", "--control", "nrpn 133", *span, "--map", path)
    assert "nrpn 133 on channel 3 → 1-timbre-synth/fade, 0.2 to 0.8, each press the other end" in ran.out
    saved = {a["parameter"]: a for a in json.loads(path.read_text())["assignments"]}
    assert saved["1-timbre-synth/fade"]["toggle"] and saved["1-timbre-synth/z1"]["control"] == "rel-twos 21"
    ran = edit(rtspec, "clear", *SYNTH, "--parameter", "z1", "--map", path)
    assert ran.status == 0 and "z1" not in {
        a["parameter"].split("/")[1] for a in json.loads(path.read_text())["assignments"]
    }
    ran = edit(rtspec, "clear", *SYNTH, "--map", path)
    assert "nothing is assigned" in ran.out and json.loads(path.read_text())["assignments"] == []
    assert "nothing is assigned" in edit(rtspec, "show", *SYNTH, "--map", path).out


@pytest.mark.parametrize(
    "words, told",
    [
        (("set", "--parameter", "z1", "--control", "cc 21"), "needs the file that it changes"),
        (("set", "--parameter", "z1", "--map", "m.json"), "needs one control and one parameter"),
        (("set", "--parameter", "z1", "--control", "knob 4", "--map", "m.json"), "'knob' is not known"),
        (("set", "--parameter", "zz", "--control", "cc 4", "--map", "m.json"), "'zz' is no parameter of this chain"),
        (("set", "--parameter", "z1", "--control", "cc 4", "--channel", "17", "--map", "m.json"), "must be 1 to 16"),
        (("set", "--parameter", "z1", "--control", "cc 4", "--maximum", "7", "--map", "m.json"), "7"),
        (("clear", "--parameter", "fade", "--map", "m.json"), "nothing moves 'fade' in this map"),
    ],
)
def test_map_refuses_in_one_line_and_writes_nothing(rtspec, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    assert told in edit(rtspec, *words, *SYNTH).failed_in_one_line()
    assert not (tmp_path / "m.json").exists()
