"""A stream while it plays: it starts and stops, notices that its device has vanished, and looks for it.

It knows nothing of the :class:`rtspec.AudioStream` that it belongs to, and so ends when nobody holds that any more.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import rtspec

from ..audio.devices import look_again
from ..chain.board import Pedalboard
from ..control.parameters import Parameter
from ..errors import DeviceError, InvalidValue
from .arguments import panel_settings
from .controllers import Controllers
from .handing import Handing
from .opening import DevicePair, moved, opened, reopened, unfit_reported
from .options import Control, Recording
from .precompile import compile_driver
from .session import LiveSession, Settings
from .statistics import Statistics
from .takes import Takes
from .watch import Pulse, Watch, turn_before_the_end

POLL_S = 0.02
RETRY_S = (0.25, 5.0)
"""Pauses between attempts to reopen a lost device: the first one, each the double of the one before, the longest."""

VANISHED = "the audio device vanished while playing"
UNMOVED = "only a stream that plays can move to another device; start it first"


class Performance:
    """A chain on its devices, from start to stop.

    Parameters
    ----------
    settings : Settings
    devices : pair of Device or None
        Input and output; the virtual device where there is no output.
    board : Pedalboard
    control : Control
        What moves the chain from outside.
    recording : Recording
        A take that begins with it.
    reopen : bool
        Look for a device that has vanished.
    report : callable, optional
        Gets lines of text.

    Attributes
    ----------
    session : LiveSession
        What plays, another one after the device came back.
    controllers : Controllers
    handing : Handing
        Sound that a program gives and takes piece by piece.
    takes : Takes
    n_said : int
        Lines that were said so far; the last ones are in `said`.
    running, lost, moving : bool
        Between start and stop; whether the device has vanished; while :meth:`move_to` has neither device.
    """

    def __init__(
        self,
        settings: Settings,
        devices: DevicePair,
        board: Pedalboard,
        *,
        control: Control,
        recording: Recording,
        reopen: bool = False,
        report: Callable[[str], None] | None = None,
    ):
        self.board, self.reopen, self.said = board, reopen, deque[str](maxlen=100)
        self.n_said, self.takes = 0, Takes(recording, self.say)
        self._pulse, self._watch, self._reopened, self._past = Pulse(), Watch(), 0, Counter[str]()
        self._turning, self._judging = threading.RLock(), threading.Lock()
        self.running = self._stopped = self.moving = self.lost = False
        self._report, self._shown, self.panel = report or (lambda line: None), panel_settings(control.panel), None
        self.controllers = Controllers(board, self, control, self.say)
        self.session = opened(settings, devices, board, self.say)
        self.handing = Handing(self.session.settings, self.session.exchange)

    # Start and stop -----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Open recording and controllers, start engine and device; all or nothing. Where it runs nothing happens."""
        with self._turning:
            if self.running:
                return
            if self._stopped:
                self._renew()
            self.running = True
            try:
                self._begin()
            except BaseException:
                self.stop()
                raise

    def _renew(self) -> None:
        """After a stop: everything anew, on the same devices."""
        self.session = opened(self.session.settings, self.session.devices, self.board, self.say)
        self.handing = Handing(self.session.settings, self.session.exchange)
        self.lost = self._stopped = False
        self._watch, self._past = Watch(), Counter()

    def _begin(self) -> None:
        self.controllers.open()
        self.session.go_on_at(0)
        self.session.engine.start()
        self.takes.begin(self.session)  # last: a start that fails must not cost an earlier recording of this name
        self.session.device_stream.start()
        self._pulse = Pulse()
        self._watch.begin(self._look)
        if self._shown is not None:
            self.panel = rtspec.Panel(self, self._shown)

    def stop(self) -> None:
        """Stop device and engine; safe to call twice, and after the device has vanished."""
        self._watch.end()
        with self._turning:
            self._watch.join()
            if self.panel is not None:
                self.panel.close()
                self.panel = None
            self.controllers.close()
            self.session.stop()
            self.takes.stop(self.session.exchange)
            self.running, self._stopped = False, True

    def give_up(self) -> None:
        """Stop because nobody holds the stream any more; Python may find that in a thread of the stream's own, which
        cannot wait for itself."""
        if threading.current_thread() is threading.main_thread():
            self.stop()
        else:
            threading.Thread(target=self.stop, name="rtspec end").start()

    @property
    def active(self) -> bool:
        """Whether the device calls: False while it has vanished."""
        return not self.lost and self.session.device_stream.active

    def pause(self, until: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until something is so; False at the timeout. Raises where the device is gone for good."""
        end = None if timeout is None else time.monotonic() + timeout
        while not until():
            if self.lost and not self.reopen:
                raise DeviceError(f"{VANISHED}; plug it in or start its server, then start again")
            if end is not None and time.monotonic() >= end:
                return False
            time.sleep(POLL_S)
        return True

    # Piece by piece -----------------------------------------------------------------------------------------------

    def write(self, frames: np.ndarray) -> None:
        """Play interleaved frames, float32 (n, channels), in place of the input, as soon as there is room."""
        rate = self.handing.sample_rate
        while len(frames):
            self.pause(lambda: self.handing.has_room)
            frames, rate = self.handing.give(frames, rate)

    def read(self, n: int, ignore_dropped: bool) -> np.ndarray:
        """`n` frames of input, float32 (channels, n); what has come in where 0."""
        if self.takes.wanted is not None or self.takes.active:
            raise InvalidValue("a stream that records cannot be read; read the file of its input, take-input.wav say")
        self.handing.check_dropped(ignore_dropped)
        parts = [self.handing.take(n)]
        while (missing := n - sum(map(len, parts))) > 0:
            self.pause(lambda: self.handing.n_waiting > 0)
            parts.append(self.handing.take(missing))
        return np.ascontiguousarray(np.concatenate(parts).T)

    # A device that vanishes -----------------------------------------------------------------------------------------

    def _look(self) -> bool:
        """Tell what the engine has to tell; notice that the device has vanished, and look for it until it is back."""
        for line in self.session.news():
            self.say(line)
        with self._judging:  # a session that a move has just stopped is not lost, and the virtual device cannot be
            if self.moving or self.session.devices[1] is None or self._pulse.is_felt(self.session):
                return True
            self.lost = True
        if self.session.device_stream.on_jack:
            self.controllers.device_lost()
        if self.reopen:
            self.say(f"{VANISHED}; playing on as soon as it is there again")
            self._seek()
        return self.reopen

    def _seek(self) -> None:
        before, died, pause_s, reported = self.session, True, RETRY_S[0], set[str]()
        before.stop()
        while self._watch.goes_on(pause_s):
            pause_s = min(2 * pause_s, RETRY_S[1])
            with unfit_reported(self.say, reported):
                look_again(died)
                died = False
                self.session = reopened(before, self.board, self.say)
                if self._watch.goes_on(0.0):  # else it was stopped meanwhile, and nobody waits any more
                    self._go_on_from(before)
                    return
            if self.session is not before:
                self.session.stop()  # it could be built, but not be started

    def move_to(self, devices: DevicePair, buffer_size: int | None) -> None:
        """Play on other devices, or in other blocks; where they refuse, on the present ones, and the error says why."""
        compile_driver(virtual=devices[1] is None)  # at its first use it takes seconds, in which the present ones play
        with turn_before_the_end(self._turning, self._watch, UNMOVED):
            with self._judging:
                if not self.running or self.lost:
                    raise InvalidValue(UNMOVED)
                before, self.moving = self.session, True
            try:
                before.stop()
                settings = replace(before.settings, buffer_size=buffer_size)
                self.session, refusal = moved(before, settings, devices, self.board, self.say)
                self._go_on_from(before)
            finally:
                self.moving = False
        if refusal is not None:
            raise refusal

    def _go_on_from(self, before: LiveSession) -> None:
        """Play on where the sound broke off."""
        self.session.go_on_from(before)
        self.takes.go_on(self.session, before.settings.sample_rate)
        self.handing.go_on(self.session.exchange, self.session.settings.sample_rate)
        self.session.engine.start()
        self.session.device_stream.start()
        self._past.update(before.exchange.counters())
        self._pulse = Pulse()
        if self.lost:
            self.say(f"the audio device is there again, at {self.session.settings.sample_rate:g} Hz; playing on")
            self._reopened += 1
        self.lost = False

    # What is asked while it plays -----------------------------------------------------------------------------------

    @property
    def clock(self) -> tuple[int, float]:
        """How many frames had come in at which moment of :func:`time.monotonic`, lately."""
        return self.session.exchange.clock()

    def send(self, message: Any, time_s: float | None = None, processor: Any = None) -> bool:
        """Play a MIDI channel message: :meth:`rtspec.AudioStream.send`."""
        if processor is None:
            self.session.control(message, time_s)
        return self.session.send(message, time_s, processor)

    def control(self, message: Any, time_s: float | None = None) -> None:
        """Let a MIDI message move the sources of the chain's modulation."""
        self.session.control(message, time_s)

    def set(self, parameter: Parameter, value: float, time_s: float | None = None) -> bool:
        """Move a parameter at a moment, as :meth:`send` does messages; False where too many events wait."""
        return self.session.set(parameter, value, time_s)

    def record(self, path: str | Path) -> tuple[Path, Path]:
        """Begin a take while playing: :meth:`rtspec.AudioStream.record`."""
        if not self.running:
            raise InvalidValue(
                "only what plays can be recorded; start the stream first, or give recording=rtspec.Recording(PATH)"
            )
        if self.handing.has_taken:
            raise InvalidValue("a stream that is read cannot be recorded; read() gives its input already")
        return self.takes.record(path, self.session)

    def say(self, line: str) -> None:
        """Note a line, and hand it to whoever listens."""
        self.said.append(line)
        self.n_said += 1
        with suppress(Exception):  # whoever listens must not end what speaks
            self._report(line)

    @property
    def statistics(self) -> Statistics:
        """What happened so far."""
        return self.session.statistics(self._past, self._reopened)
