"""A MIDI input that a Python thread polls off the audio path.

The back end never calls Python: on JACK such a callback would take the GIL in the server's real-time thread. There a
semaphore wakes the thread, elsewhere it asks every millisecond; times come from the back end's own clock, so that the
asking adds no jitter to them.
"""

import ctypes
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...buffers.priority import become_real_time
from ...plain import AsDict
from . import ports
from .delta_clock import DeltaClock
from .jack import JackMidiInput
from .messages import MidiEvent, MidiParser
from .ports import QUEUE, MidiPort, choose_port, find_port

POLL_S = 0.001

WAIT_S = 0.02
"""The longest that an input waits for a message that a back end would wake it for."""

SENSING_S = 0.42
"""Silence after which a controller with active sensing counts as gone; MIDI says 300 ms, and some are late."""

LOOK_S = 1.0
"""How often an input looks whether its port has vanished or come back."""

PRIORITY = 1
"""SCHED_FIFO priority of an input's thread: it works for microseconds, and other programs must not keep it waiting."""

_ACTIVE_SENSING = [0xFE]


@dataclass
class MidiStatistics(AsDict):
    """What an input has seen. `garbage` are bytes that made no message, `dropped` messages that nobody read in time,
    `overflows` polls that found the back end's queue full, `lost` messages that found JACK's full, `torn` those that
    the server had overwritten when a late client came for them, `failed` messages whose listener raised."""

    messages: int = 0
    garbage: int = 0
    dropped: int = 0
    overflows: int = 0
    lost: int = 0
    torn: int = 0
    failed: int = 0
    lost_ports: int = 0
    connections: int = 0


class MidiInput:
    """Listens to one MIDI port from a thread of its own; finds it again when it comes back. A context manager.

    Parameters
    ----------
    port : str or int
        Index, name or part of a name; must be there. "auto" takes the first port there is, and waits for one.
    listener : callable, optional
        Gets each :class:`MidiEvent` in the input's thread. Without one, events are kept for :meth:`read`.
    report : callable, optional
        Gets a line of text when the port vanishes, comes back or the listener fails the first time; all lines are in
        `reports` too.
    lost : callable, optional
        Called in the input's thread when the port has vanished: what it held down will never be let go.

    Attributes
    ----------
    statistics : MidiStatistics
    reports : deque of str

    Raises
    ------
    DeviceError
        There is no such port.

    Notes
    -----
    Times are those at which the back end received the message: on JACK its frame within the period.
    """

    def __init__(
        self,
        port: str | int = "auto",
        listener: Callable[[MidiEvent], object] | None = None,
        report: Callable[[str], None] | None = None,
        lost: Callable[[], object] | None = None,
    ):
        self._on_loss = lost
        self.statistics, self.reports = MidiStatistics(), deque[str](maxlen=100)
        self._wanted = port if port == "auto" else find_port(port).stable_name
        self._listener, self._report, self._events = listener, report, deque[MidiEvent]()
        self._port: MidiPort | None = None
        self._sensed_at = 0.0
        self._clients: dict[int, Any] = {}
        self._client: Any = None
        MidiParser().feed([0xB0, 0, 0])  # loads mido now: the first message must not wait for that
        self._parser, self._clock, self._look_at = MidiParser(), DeltaClock(), 0.0
        self._ending, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtspec MIDI", daemon=True)
        self._connect()
        if self._port is None:
            self._say("no MIDI port yet: a controller plays once it is plugged in (the panel has keys on the screen)")
        self._thread.start()

    @property
    def port(self) -> MidiPort | None:
        """The port that is listened to; None while there is none."""
        return self._port

    @property
    def active(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def read(self) -> list[MidiEvent]:
        """The events since the last call, in order; always empty with a listener."""
        found: list[MidiEvent] = []
        with suppress(IndexError):  # the thread may take the oldest away from a full queue meanwhile
            found.extend(self._events.popleft() for _ in range(len(self._events)))
        return found

    def server_lost(self) -> None:
        """Say that the JACK server has died: the input drops its client and looks for the port on the next server.

        JACK keeps a dead server's ports listed, so an input cannot tell; a stream whose device vanished can.
        """
        self._lost.set()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop the thread and close the port; safe to call twice."""
        self._ending.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def __enter__(self) -> "MidiInput":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # In the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        become_real_time(PRIORITY)
        while not self._ending.is_set():
            try:
                self._pause()
                self._turn()
            except Exception as error:  # the thread must outlive whatever a driver comes up with
                self._say(f"MIDI input failed: {type(error).__name__}: {error}; looking for the port again")
                self._drop_clients()
        self._drop_clients()

    def _pause(self) -> None:
        """Until a message comes, where the back end can say so; else for a moment."""
        if isinstance(self._client, JackMidiInput) and not self._lost.is_set():
            self._client.wait(WAIT_S)
        else:
            self._ending.wait(POLL_S)

    def _turn(self) -> None:
        if self._lost.is_set():
            self._abandon()
        if self._port is not None:
            self._drain()
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + LOOK_S
            self._look()

    def _drain(self) -> None:
        taken, now_s = 0, time.monotonic()
        while taken < QUEUE and (item := self._client.get_message()) is not None:
            at_s = self._clock.time_s(item[1], time.monotonic())
            self._sensed_at = now_s if item[0] == _ACTIVE_SENSING or self._sensed_at else 0.0
            self._take(item[0], self._client.message_time_s() if isinstance(self._client, JackMidiInput) else at_s)
            taken += 1
        self.statistics.overflows += taken >= QUEUE - 1
        self._watch(now_s)
        if isinstance(self._client, JackMidiInput):
            self._count_losses(*self._client.losses())

    def _count_losses(self, lost: int, torn: int) -> None:
        seen = self.statistics
        if lost + torn and not seen.lost + seen.torn:
            self._say("MIDI messages were lost: the machine was too busy for a period of JACK; a key may stay down")
        seen.lost, seen.torn = seen.lost + lost, seen.torn + torn

    def _watch(self, now_s: float) -> None:
        """A controller that sends active sensing and falls silent is gone, and will never let its keys go."""
        if self._sensed_at and now_s - self._sensed_at > SENSING_S:
            self._sensed_at = 0.0
            self._say("MIDI: the controller has fallen silent (active sensing): what it held is let go")
            self._tell_loss()

    def _take(self, data: list[int], time_s: float) -> None:
        for message in self._parser.feed_message(data):
            self.statistics.messages += 1
            self._deliver(MidiEvent(time_s, message))
        self.statistics.garbage = self._parser.garbage

    def _deliver(self, event: MidiEvent) -> None:
        if self._listener is None:
            self._keep(event)
            return
        try:
            self._listener(event)
        except Exception as error:
            self.statistics.failed += 1
            if self.statistics.failed == 1:
                self._say(f"MIDI message {event.message} was not handled: {type(error).__name__}: {error}")

    @property
    def is_woken(self) -> bool:
        """Whether the back end wakes the thread for each message, which else looks every :data:`POLL_S`."""
        return isinstance(self._client, JackMidiInput)

    def _keep(self, event: MidiEvent) -> None:
        if len(self._events) >= QUEUE:
            self._events.popleft()
            self.statistics.dropped += 1
        self._events.append(event)

    # Ports --------------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        if self._port is None:
            self._connect()
        elif self._port.name not in self._client.get_ports():
            self.statistics.lost_ports += 1
            self._say(f"MIDI port {self._port.name!r} vanished; plug it in again and it plays on")
            self._client.close_port()
            self._client, self._port = None, None
            self._tell_loss()

    def _tell_loss(self) -> None:
        if self._on_loss is not None:
            self._on_loss()

    def _connect(self) -> None:
        """Listen to the wanted port if it is there."""
        for api in ports.back_ends():
            with suppress(Exception):  # a back end that does not run now may run at the next look
                if self._connect_over(api):
                    break

    def _connect_over(self, api: int) -> bool:
        client = self._clients[api] = self._clients.get(api) or ports.open_client(api)
        there = [MidiPort(i, name, ports.api_name(api)) for i, name in enumerate(client.get_ports())]
        chosen = choose_port(there, self._wanted)[:1]
        if chosen:
            client.ignore_types(sysex=True, timing=False, active_sense=False)
            client.open_port(chosen[0].index, "in")
            self._client, self._port, self._clock = client, chosen[0], DeltaClock()
            self._connected(chosen[0])
        return bool(chosen)

    def _connected(self, port: MidiPort) -> None:
        if self._wanted == "auto":
            self._wanted = port.stable_name
        self.statistics.connections += 1
        if self._thread.is_alive():
            self._say(f"MIDI port {port.name!r} is there; listening")

    def _drop_clients(self) -> None:
        clients, self._clients, self._client, self._port = self._clients, {}, None, None
        for client in clients.values():
            with suppress(Exception):
                client.close_port()
                client.delete()

    def _abandon(self) -> None:
        """Drop a dead server's clients without closing them: libjack frees them with the next; twice is a crash."""
        self._lost.clear()
        clients, self._clients, self._client, self._port = self._clients, {}, None, None
        for client in clients.values():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(client))  # its destructor would close it
        self._tell_loss()
        if clients:
            self._say("MIDI: the server of the ports ended; looking for its port on the next one")

    def _say(self, line: str) -> None:
        line = " ".join(line.split())
        self.reports.append(line)
        if self._report is not None:
            with suppress(Exception):
                self._report(line)
