"""A chain that is rendered piece by piece, as a stream plays it, while automation moves it and a sensor hears."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ..buffers.events import Event, send_event
from ..control.automation import Automation
from ..control.midi.mpe import messages_for
from ..control.modulation import Matrix
from .player import Player
from .plugin import is_plugin
from .program import FOR_STREAM, MAX_BLOCK, Playback, Program

STILL = Automation([], [])
"""Nothing moves."""


class Streamed(Protocol):
    """A board: its plugins in order, and what moves their parameters."""

    @property
    def modulation(self) -> Matrix | None: ...

    def flat(self) -> list: ...


class AutomatedPlayback:
    """Plays a board from its start; every change is heard from its time on and not before.

    A change acts at its sample of the sound as it leaves the processor, so it is put off by the delay up to there: what
    is heard fits the rendered sound, whose delay is removed. What changes at time 0 is so from the start.

    Parameters
    ----------
    board : Pedalboard
    sample_rate : float
        Hz.
    channels : int
    automation : Automation
    sensors : int
        Channels of the sensor.
    """

    def __init__(
        self, board: Streamed, sample_rate: float, channels: int, automation: Automation = STILL, sensors: int = 0
    ):
        token = FOR_STREAM.set(False)
        try:
            self._player = Player(board.flat, sample_rate, channels, sensors=sensors, matrix=board.modulation)
        finally:
            FOR_STREAM.reset(token)
        self._playback, self._rate, self._now = Playback(self._player.program), sample_rate, 0
        self._events = sorted(self._timed(automation), key=lambda event: event.time)
        self._next = 0

    def _timed(self, automation: Automation) -> Iterator[Event]:
        delays = self._player.delays()
        tables = [(plugin.parameters, delay) for plugin, _, delay in delays if is_plugin(plugin)]
        delay_of = {parameter: delay for table, delay in tables for parameter in table.values()}
        for change in automation.changes:
            at = round(change.time_s * self._rate)
            yield change.parameter.event(at and at + delay_of[change.parameter], change.value)
        for at, message in automation.messages:
            yield from self._player.control_events(round(at * self._rate), message)
        for plugin, before, _ in delays:
            inboxes = self._player.inboxes(plugin)
            for at, message in messages_for(plugin, automation.messages) if inboxes else ():
                yield from (send_event(round(at * self._rate) + before, inbox, message) for inbox in inboxes)

    @property
    def program(self) -> Program:
        """What plays."""
        return self._player.program

    def follow(self) -> None:
        """Routes that are others than at the last piece act from the next on."""
        self._player.update()
        self._playback.program = self._player.program

    def piece(self, audio: np.ndarray, heard: np.ndarray | None = None, block: int = MAX_BLOCK) -> np.ndarray:
        """The next piece, float32 (channels, n): fewer samples come out while the delay fills, then as many. `heard` is
        what the sensor hears meanwhile, float32 (sensors, n)."""
        end, first = self._now + audio.shape[1], self._next
        while self._next < len(self._events) and self._events[self._next].time < end:
            self._next += 1
        due = [event._replace(time=event.time - self._now) for event in self._events[first : self._next]]
        self._now = end
        return self._playback.piece(np.ascontiguousarray(audio, np.float32), block, due, heard)
