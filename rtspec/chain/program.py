"""A program: stages in order with their buffers, ready to run at one sample rate and channel count, in any driver."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar

import numpy as np
from numba import njit

from ..buffers.denormals import flushed
from ..buffers.events import Event, apply_due, collect, queue_of, samples_until_next
from ..buffers.inbox import Inbox
from ..buffers.memory import address, aligned, memmove
from ..buffers.step import Row, Stage, run_rows, table
from .cutting import cut, put

MAX_BLOCK = 1024
"""Samples that drivers give a program at most at once; longer blocks are cut, which changes no sample."""

STRIDE = 8 * MAX_BLOCK
"""Samples from one channel of a buffer to the next: room for a block at a higher sample rate."""


FOR_STREAM: ContextVar[bool] = ContextVar("for a stream", default=True)
"""Whether programs that are made now are for a stream; False while one is made to render with."""


class Program:
    """Audio stages strung together: reads planar float32 audio in `x`, writes it to `y`, as many samples out as in.

    Parameters
    ----------
    rows : sequence of Row
        Rows of the table, in order (:meth:`rtspec.buffers.step.Stage.row`).
    stages : sequence of Stage
        All stages, nested ones too: what :meth:`reset` resets.
    x, y : ndarray, float32, shape (channels, STRIDE)
        Input and output buffer.
    latency : dict of str to int
        Delay in samples by item.
    keep : tuple
        What else must live as long as the program: the programs that it was joined from.
    inboxes : sequence of Inbox
        Where its stages look for MIDI messages.
    natives : sequence of NativeStep
        The native plugins in it.
    sensor : ndarray, float32, shape (sensor channels, STRIDE), optional
        Where a driver puts what a sensor hears meanwhile.
    listeners : sequence of Stage
        Those of `stages` that analyse sensor and final output, and touch neither (:mod:`rtspec.chain.cells`).
    readings : mapping of str to int, optional
        Addresses of float64 that they keep up to date, which a modulation may follow.

    Attributes
    ----------
    governed : ndarray, int64, shape (n, 2)
        Where its stages keep how often they iterate, and how often they do in full.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        stages: Sequence[Stage],
        x: np.ndarray,
        y: np.ndarray,
        latency: dict[str, int],
        keep: tuple = (),
        inboxes: Sequence[Inbox] = (),
        natives: Sequence = (),
        sensor: np.ndarray | None = None,
        listeners: Sequence[Stage] = (),
        readings: Mapping[str, int] | None = None,
    ):
        self.readings = dict(readings or {})
        self.sensor, self.listeners = sensor, list(listeners)
        self.rows, self.stages, self.x, self.y, self.latency = list(rows), list(stages), x, y, dict(latency)
        self._kept, self.inboxes, self.natives = keep, list(inboxes), list(natives)
        self.governed = self._governed()
        self.table = table(self.rows)

    def _governed(self) -> np.ndarray:
        inner = [pair for program in self.parts for pair in program.governed]
        own = [stage.numbers("iterations") for stage in self.stages]
        pairs = [*inner, *(pair for pair in own if pair is not None)]
        governed = aligned((len(pairs), 2), np.int64)
        governed[:] = np.reshape(pairs, (-1, 2))
        return governed

    @property
    def parts(self) -> list["Program"]:
        """The programs that it was joined from."""
        return [part for part in self._kept if isinstance(part, Program)]

    @property
    def channels(self) -> int:
        """Channels of input and output."""
        return len(self.x)

    @property
    def latency_samples(self) -> int:
        """Delay from input to output."""
        return sum(self.latency.values())

    def reset(self) -> None:
        """Back to the state of a fresh program, to the bit."""
        for stage in self.stages:
            stage.reset()
        for inbox in self.inboxes:
            inbox.clear()

    def kept_state(self) -> list[list[np.ndarray]]:
        """What its stages hold now, for :meth:`restore`. Lists of arrays, their shapes and dtypes as each stage
        declares them."""
        return [stage.kept_state() for stage in self.stages]

    def restore(self, state: list[list[np.ndarray]]) -> None:
        """Back to what :meth:`kept_state` gave. Arrays of the same shapes and dtypes."""
        for stage, then in zip(self.stages, state, strict=True):
            stage.restore(then)

    def run(
        self,
        audio: np.ndarray,
        block: int = MAX_BLOCK,
        events: Iterable[Event] = (),
        heard: np.ndarray | None = None,
    ) -> np.ndarray:
        """Stream audio through, float32 C-contiguous (channels, n) → the same shape, delayed; without the GIL.

        `events` act at their sample of `audio`; `heard`, float32 C-contiguous (sensor channels, n), is what the sensor
        hears meanwhile.
        """
        out, queue = np.empty_like(audio), queue_of(events)
        ears = heard if heard is not None and self.sensor is not None else np.zeros((0, 0), np.float32)
        with flushed():
            _run_blocks(
                *(address(self.table), len(self.table), address(self.x), address(self.y)),
                *(address(audio), address(out), len(audio), audio.shape[1], min(block, MAX_BLOCK)),
                queue.address,
                *(address(ears), address(self.sensor) if len(ears) and self.sensor is not None else 0, len(ears)),
            )
        return out


class Playback:
    """A program driven from Python: a sound whole, or in pieces; the delay is taken away at its start.

    Parameters
    ----------
    program : Program
        Fresh, or just reset.
    """

    def __init__(self, program: Program):
        self.program, self._to_skip = program, program.latency_samples
        self._waiting: list[Event] = []

    def reset(self) -> None:
        """Back to the start."""
        self.program.reset()
        self._waiting = []
        self._to_skip = self.program.latency_samples

    def process(self, audio: np.ndarray, block: int, events: Iterable[Event] = ()) -> np.ndarray:
        """A sound from its first to its last sample, as long as it went in, float32 (channels, n); `events` act at
        their sample."""
        delay, out = self.program.latency_samples, np.empty_like(audio)
        waiting = deque(sorted(events, key=lambda event: event.time))
        for start, piece in cut(audio, audio.shape[1] + delay):
            due: list[Event] = []
            while waiting and waiting[0].time < start + piece.shape[1]:
                event = waiting.popleft()
                due.append(event._replace(time=event.time - start))
            put(out, start - delay, self.program.run(piece, block, due))
        return out

    def played(self, audio: np.ndarray, block: int, events: Iterable[Event] = ()) -> np.ndarray:
        """The next piece of what an instrument plays, as long as `audio` and without the delay: pieces joined are what
        one piece would be, to the bit. Events that are due later wait for the next. Float32 of shape (channels,
        n_samples)."""
        n = audio.shape[1]
        due = sorted([*self._waiting, *events], key=lambda event: event.time)
        self._waiting = [event._replace(time=event.time - n) for event in due if event.time >= n]
        out = self.program.run(audio, block, [event for event in due if event.time < n])
        delay = self.program.latency_samples
        kept = self.program.kept_state()
        rest = self.program.run(np.zeros((len(audio), delay), np.float32), block)
        self.program.restore(kept)
        return np.ascontiguousarray(np.concatenate([out, rest], axis=1)[:, delay:])

    def piece(
        self, audio: np.ndarray, block: int, events: Iterable[Event] = (), heard: np.ndarray | None = None
    ) -> np.ndarray:
        """The next piece of a sound: fewer samples come out while the delay fills, then as many; `events` act at their
        sample of the piece, and `heard` is what the sensor hears meanwhile. Float32 of shape (channels, n_samples),
        `heard` of shape (sensors, n_samples)."""
        skipped = min(self._to_skip, audio.shape[1])
        self._to_skip -= skipped
        return self.program.run(audio, block, events, heard)[:, skipped:]

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces; the next piece begins a new one. Float32 of shape (channels,
        n_samples)."""
        silence = np.zeros((self.program.channels, self.program.latency_samples), np.float32)
        rest = self.program.run(silence)[:, self._to_skip :]
        self.reset()
        return rest


@njit(cache=True, nogil=True)
def _run_blocks(rows, n_rows, x, y, audio, out, channels, n_samples, block, queue, heard, ears, sensors):
    collect(queue)
    start = np.int64(0)  # a bare 0 is a type of its own: the callee compiles twice
    while start < n_samples:
        apply_due(queue, start)
        n = samples_until_next(queue, start, min(block, n_samples - start))
        for c in range(channels):
            memmove(x + 4 * c * STRIDE, audio + 4 * (c * n_samples + start), 4 * n)
        for c in range(sensors):
            memmove(ears + 4 * c * STRIDE, heard + 4 * (c * n_samples + start), 4 * n)
        run_rows(rows, n_rows, n)
        for c in range(channels):
            memmove(out + 4 * (c * n_samples + start), y + 4 * c * STRIDE, 4 * n)
        start += n


def audio_buffer(channels: int) -> np.ndarray:
    """A planar block of audio between two stages: zeroed float32 of shape (channels, STRIDE)."""
    return aligned((channels, STRIDE))
