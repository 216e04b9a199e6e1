"""MIDI inputs without a cable: port names, times, and a thread that nothing ends (real ports: tests/device)."""

import threading
import time

import mido
import numpy as np
import pytest

from rtspec.control.midi import inputs, ports
from rtspec.control.midi.delta_clock import DeltaClock
from rtspec.control.midi.inputs import MidiInput
from rtspec.control.midi.ports import MidiPort, choose_port, find_port, list_ports
from rtspec.errors import DeviceError

CC = [0xB0, 1, 2]


class Driver:
    """A back end whose ports and messages the test decides, and which can fail."""

    def __init__(self):
        self.ports, self.queue, self.trouble, self.closed = ["Keys"], [], None, 0
        self.opened = []

    def get_ports(self):
        return list(self.ports)

    def get_message(self):
        if self.trouble:
            trouble, self.trouble = self.trouble, None
            raise trouble
        return (self.queue.pop(0), 0.0) if self.queue else None

    def open_port(self, index, name):
        self.opened.append(self.ports[index])

    def close_port(self):
        self.closed += 1

    def ignore_types(self, **_):
        pass

    def delete(self):
        pass


@pytest.fixture
def driver(monkeypatch):
    found = Driver()
    monkeypatch.setattr(ports, "back_ends", lambda: [0])
    monkeypatch.setattr(ports, "api_name", lambda api: "Test")
    monkeypatch.setattr(ports, "open_client", lambda api, direction="input": found)
    monkeypatch.setattr(inputs, "LOOK_S", 0.01)
    return found


def until(condition):
    end, pause = time.monotonic() + 10, threading.Event()
    while not condition() and time.monotonic() < end:
        pause.wait(0.002)
    assert condition()


# Ports ----------------------------------------------------------------------------------------------------------------


def test_alsas_changing_numbers_are_no_part_of_a_name():
    assert MidiPort(0, "nano:nano MIDI 1 20:0", "ALSA").stable_name == "nano:nano MIDI 1"
    assert MidiPort(0, "sender:out 20:0", "JACK").stable_name == "sender:out 20:0"
    assert MidiPort(0, "20:0", "ALSA").stable_name == "20:0"


def test_a_port_is_chosen_by_index_name_or_part_of_a_name():
    ports = [
        MidiPort(0, "Midi Through:Midi Through Port-0 14:0", "ALSA"),
        MidiPort(1, "nanoKONTROL2 MIDI 1 20:0", "ALSA"),
        MidiPort(2, "Keys 24:0", "ALSA"),
        MidiPort(3, "Keys Extra 25:0", "ALSA"),
    ]
    chosen = {
        name: [p.index for p in choose_port(ports, name)] for name in (1, "1", "nano", "Keys", "keys", "auto", "Pads")
    }
    assert chosen == {1: [1], "1": [1], "nano": [1], "Keys": [2], "keys": [2, 3], "auto": [1], "Pads": []}


def test_a_missing_port_is_refused_with_those_that_are_there(driver):
    assert [port.name for port in list_ports()] == ["Keys"]
    with pytest.raises(DeviceError, match="'Pads' is no MIDI input port; choose one of 0 'Keys'"):
        MidiInput("Pads")
    driver.ports = ["Keys A", "Keys B"]
    with pytest.raises(DeviceError, match="'Keys' fits several ports; choose one of 0 'Keys A'; 1 'Keys B'"):
        find_port("Keys")
    driver.ports = []
    with pytest.raises(DeviceError, match="there is no MIDI input port; plug a controller in"):
        find_port()


# Time -----------------------------------------------------------------------------------------------------------------


def test_times_keep_the_back_ends_spacing_however_late_they_are_read():
    rng = np.random.default_rng(0)
    happened = 100 + np.cumsum(rng.uniform(0.001, 0.02, 2000))
    read = happened + rng.exponential(0.002, 2000)
    clock = DeltaClock()
    deltas = np.diff(happened, prepend=happened[0])
    stamps = np.array([clock.time_s(d, now) for d, now in zip(deltas, read, strict=True)])
    assert np.all(stamps <= read) and np.all(np.diff(stamps) >= 0)
    late = (stamps - happened)[100:]
    assert late.max() - late.min() < 0.0005, "read with a jitter of 20 ms"


def test_a_clock_that_lost_deltas_starts_anew():
    clock = DeltaClock()
    clock.time_s(0.0, 10.0)
    assert clock.time_s(0.001, 15.0) == 15.0
    assert clock.time_s(float("nan"), 15.1) <= 15.1
    assert clock.time_s(-3.0, 15.2) <= 15.2


# The thread -----------------------------------------------------------------------------------------------------------


def test_events_are_kept_in_order_until_they_are_read(driver):
    driver.queue = [[0xB0, 1, value] for value in range(100)]
    with MidiInput("Keys") as source:
        until(lambda: source.statistics.messages == 100)
        events = source.read()
        assert [event.message.value for event in events] == list(range(100))
        assert source.read() == [] and source.statistics.dropped == 0


def test_what_nobody_reads_falls_out_oldest_first_and_is_counted(driver, monkeypatch):
    monkeypatch.setattr(inputs, "QUEUE", 8)
    driver.queue = [[0xB0, 1, value] for value in range(20)]
    with MidiInput() as source:
        until(lambda: source.statistics.messages == 20)
        assert [event.message.value for event in source.read()] == list(range(12, 20))
        assert source.statistics.dropped == 12 and source.statistics.overflows > 0


def test_garbage_is_counted_and_the_next_message_heard(driver):
    driver.queue = [[1, 2], [0xF4], [], [999], CC]
    with MidiInput() as source:
        until(lambda: source.statistics.messages == 1)
        assert source.statistics.garbage == 4
        assert source.read()[0].message == mido.Message("control_change", control=1, value=2)


def test_a_listener_that_raises_is_reported_once_and_called_again(driver):
    heard, said = [], []

    def listener(event):
        heard.append(event)
        raise ValueError("no such\nthing")

    driver.queue = [CC, CC, CC]
    with MidiInput(listener=listener, report=said.append) as source:
        until(lambda: len(heard) == 3)
        until(lambda: source.statistics.failed == 3)
        assert source.active
    assert len(said) == 1 and said[0].endswith("was not handled: ValueError: no such thing")


def test_a_driver_that_raises_is_reported_and_opened_again(driver):
    with MidiInput() as source:
        driver.trouble = SystemError("the cable burns")
        until(lambda: len(source.reports) == 2)
        driver.queue.append(CC)
        until(lambda: source.statistics.messages == 1)
        assert "SystemError: the cable burns; looking for the port again" in source.reports[0]
        assert driver.opened == ["Keys", "Keys"] and source.active


def test_a_port_that_vanishes_is_said_once_and_a_report_that_raises_harms_nothing(driver):
    def report(line):
        raise RuntimeError(line)

    with MidiInput("Keys", report=report) as source:
        driver.ports = ["Other"]
        until(lambda: source.port is None)
        threading.Event().wait(0.1)
        assert list(source.reports) == ["MIDI port 'Keys' vanished; plug it in again and it plays on"]
        driver.ports = ["Other", "Keys"]
        until(lambda: source.port is not None)
        assert (
            source.port
            and source.port.index == 1
            and source.statistics.lost_ports == 1
            and source.statistics.connections == 2
        )


def test_auto_stays_with_the_port_that_it_found(driver):
    with MidiInput("auto") as source:
        until(lambda: source.port is not None)
        driver.ports = ["Other"]
        until(lambda: source.port is None)
        threading.Event().wait(0.1)
        assert source.port is None and driver.opened == ["Keys"]


def test_close_ends_the_thread_and_the_port_and_may_be_called_twice(driver):
    source = MidiInput()
    assert source.active
    source.close()
    source.close()
    assert not source.active and driver.closed == 1 and source.port is None


def test_messages_that_jack_lost_are_counted_and_told_once(driver):
    said = []
    with MidiInput(report=said.append) as source:
        for lost, torn in ((0, 0), (0, 2), (1, 3)):
            source._count_losses(lost, torn)
        assert (source.statistics.lost, source.statistics.torn) == (1, 5)
    assert [line for line in said if "lost" in line] == [
        "MIDI messages were lost: the machine was too busy for a period of JACK; a key may stay down"
    ]
