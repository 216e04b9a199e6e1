"""The engine: one compiled loop that never returns while the stream runs and never holds the GIL.

It sleeps on the callback's semaphore, takes a block from the ring, walks the program's table and puts the block
into the other ring. The table is found through one pointer, so that a new chain is one release store away and the
engine itself is compiled once. A program may say what plays after it, and when: so an edit's cross-fade ends by itself.
"""

import threading
import time

import numpy as np
from numba import carray, njit

from ..audio.exchange import Exchange
from ..audio.freeze import Freeze, note_output
from ..buffers.atomics import load_acquire, publish, read, store_release
from ..buffers.clock import Histogram, note_duration, now_ns
from ..buffers.denormals import flush_denormals
from ..buffers.events import EventQueue, apply_due, collect, samples_until_next
from ..buffers.memory import address, aligned, floats, integers, pointer
from ..buffers.priority import become_real_time
from ..buffers.ring import readable, take, write
from ..buffers.semaphore import Semaphore, sem_post, sem_wait
from ..buffers.step import run_rows
from ..chain.beside import threads_of
from ..chain.program import STRIDE, Program
from .governor import Governor, apply_level, govern
from .memory_lock import lock_memory, unlock_memory

PRIORITY = 4
"""SCHED_FIFO priority of the engine's thread: real time, below any audio server's own threads."""

_SHARED = ("program", "running", "blocks", "bad_samples")
_PLACES = (
    *("to_engine", "from_engine", "period", "wake", "settled", "events", "freeze", "governor"),
    *("staged", "timespec", "histogram", "sensors", "to_listen", "staged_sensor"),
)
ENGINE = np.dtype([(name, "i8") for name in (*_SHARED, "channels", "block", "wanted", "current", *_PLACES)])
"""`wanted` is the entry taken up last, `current` the one that plays: what follows `wanted`, once that has passed."""

_PROGRAM, _RUNNING, _BLOCKS = 0, 1, 2
"""Words of the record that two threads share."""
ENTRY = np.dtype(
    [
        (name, "i8")
        for name in ("rows", "n_rows", "x", "y", "governed", "n_governed", "remaining", "following", "sensor")
    ]
)
"""A program to the engine; `following` is the entry that plays once `remaining` samples have passed, 0 for none."""

STUCK_S = 1.0
"""A block that takes so long counts as a program that hangs."""


@njit
def _to_planar(interleaved, planar, channels, n):
    """Spread interleaved frames over the channels; non-finite samples become zero. Returns how many there were."""
    frames, bad = floats(interleaved, n * channels), 0
    for c in range(channels):
        lane = floats(planar + 4 * c * STRIDE, n)
        for i in range(n):
            sample = frames[i * channels + c]
            if not np.isfinite(sample):
                sample = np.float32(0.0)
                bad += 1
            lane[i] = sample
    return bad


@njit
def _to_interleaved(planar, interleaved, channels, n):
    frames = floats(interleaved, n * channels)
    for c in range(channels):
        lane = floats(planar + 4 * c * STRIDE, n)
        for i in range(n):
            frames[i * channels + c] = lane[i]


@njit
def _run_program(program, frames, channels, n):
    """Process `n` interleaved frames in place; returns how many input samples were not finite."""
    bad = _to_planar(frames, program.x, channels, n)
    run_rows(program.rows, program.n_rows, n)
    _to_interleaved(program.y, frames, channels, n)
    return bad


@njit
def _spread_sensor(s, place, first, n):
    """Sensor frames to the program's own buffer, as they are: whoever listens judges them."""
    if place == 0:
        return
    frames = floats(s.staged_sensor + 4 * s.sensors * first, n * s.sensors)
    for c in range(s.sensors):
        lane = floats(place + 4 * c * STRIDE, n)
        for i in range(n):
            lane[i] = frames[i * s.sensors + c]


@njit
def _take_up(s, entry):
    """Let a program be the current one."""
    program = carray(pointer(entry), 1, ENTRY)[0]
    apply_level(s.governor, program.governed, program.n_governed)
    s.current = entry


@njit
def _begin(state, s):
    """Take up a program that was released since the last block."""
    wanted = load_acquire(state + 8 * _PROGRAM)
    if wanted != s.wanted:
        s.wanted = wanted
        _take_up(s, wanted)
        if carray(pointer(wanted), 1, ENTRY)[0].following == 0:
            sem_post(s.settled)


@njit
def _go_on(s, program):
    """After a block: the program that follows, once its time has come."""
    if program.following == 0:
        return
    program.remaining -= s.block
    if program.remaining <= 0:
        _take_up(s, program.following)
        sem_post(s.settled)


@njit
def _play_block(state):
    """Take, process and put one block with the program that is current now."""
    s = carray(pointer(state), 1, ENGINE)[0]
    start = now_ns(s.timespec)
    _begin(state, s)
    program = carray(pointer(s.current), 1, ENTRY)[0]
    take(s.to_engine, s.staged, s.block)
    if s.sensors > 0:
        take(s.to_listen, s.staged_sensor, s.block)
    collect(s.events)
    first, done = s.blocks * s.block, np.int64(0)  # a bare 0 is a type of its own: the callee compiles twice
    while done < s.block:
        apply_due(s.events, first + done)
        n = samples_until_next(s.events, first + done, s.block - done)
        if s.sensors > 0:
            _spread_sensor(s, program.sensor, done, n)
        s.bad_samples += _run_program(program, s.staged + 4 * s.channels * done, s.channels, n)
        done += n
    write(s.from_engine, s.staged, s.block)
    note_output(s.freeze, s.staged, s.block, load_acquire(s.from_engine))
    period = integers(s.period, 1)[0]  # a device that asks for more at once brings several blocks together
    duration, behind = now_ns(s.timespec) - start, readable(s.to_engine) >= max(s.block, period)
    note_duration(s.histogram, duration)
    govern(s.governor, program.governed, program.n_governed, duration, behind)
    _go_on(s, program)
    store_release(state + 8 * _BLOCKS, s.blocks + 1)


@njit(cache=True, nogil=True)
def _engine_loop(state):
    s = carray(pointer(state), 1, ENGINE)[0]
    while True:
        sem_wait(s.wake)
        if load_acquire(state + 8 * _RUNNING) == 0:
            return
        while readable(s.to_engine) >= s.block:
            _play_block(state)


def is_compiled() -> bool:
    """Whether the loop lies in numba's cache; False where numba keeps none or cannot tell."""
    try:
        return bool(_engine_loop._cache._cache_file._load_index())  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return False


class Engine:
    """Runs a program between an exchange's two rings in a thread of its own.

    Parameters
    ----------
    exchange : Exchange
    channels, block : int
        Channels, and the samples that the program gets at a time (at most `program.MAX_BLOCK`).
    program : Program
        What plays first.

    Attributes
    ----------
    events : EventQueue
        Timed changes; their times count the samples that the engine has taken since its start.
    governor : Governor
        How much of its time the engine uses, and what it does about it.
    """

    def __init__(self, exchange: Exchange, channels: int, block: int, program: Program):
        self.histogram, self.events = Histogram(), EventQueue()
        self._exchange = exchange
        self._record = aligned(1, ENGINE)
        self._staged, self._timespec = aligned((block, channels)), aligned(2, np.int64)
        self._settled, self._freeze = Semaphore(), Freeze(channels)
        self.governor = Governor(block, exchange.sample_rate)
        exchange.conceal_with(self._freeze)
        for name, value in {
            "channels": channels,
            "block": block,
            "to_engine": exchange.to_engine.address,
            "from_engine": exchange.from_engine.address,
            "period": exchange.period_address,
            "wake": exchange.wake.address,
            "staged": address(self._staged),
            "settled": self._settled.address,
            "events": self.events.address,
            "freeze": self._freeze.address,
            "governor": self.governor.address,
            "timespec": address(self._timespec),
            "histogram": self.histogram.address,
        }.items():
            self._record[name] = value
        self._hear(exchange, block)
        self._words = self._record.view(np.int64)
        self._kept: list = []
        self._goal = 0
        self._turning = threading.RLock()
        self.real_time = self._locked = False
        self._thread: threading.Thread | None = None
        self.play(program)
        self._compile()
        self._progress, self._reported = (0, time.monotonic()), (0, False)
        self._ready = threading.Event()

    def _hear(self, exchange: Exchange, block: int) -> None:
        """Take the sensor's frames beside the input's, where the exchange has them."""
        if exchange.to_listen is None:
            return
        self._staged_sensor = aligned((block, exchange.to_listen.channels))
        self._staged_sensor.fill(0)
        self._record["sensors"], self._record["to_listen"] = exchange.to_listen.channels, exchange.to_listen.address
        self._record["staged_sensor"] = address(self._staged_sensor)

    def play(self, program: Program, following: Program | None = None, after_samples: int = 0) -> None:
        """Release a new program; the engine takes it up at its next block, and `following` when that has played
        `after_samples`. While the engine runs, :meth:`settle` before the next call."""
        last = None if following is None else _entry(following)
        entry = _entry(program, last, after_samples)
        for each in [program, *([following] if following else [])]:
            for beside in threads_of(each):
                beside.hurry(PRIORITY)
        with self._turning:
            self._kept = [*(self._kept if self._lives else ()), program, entry, following, last]
            self._goal = address(entry if last is None else last)
            if not self._lives:
                self._record["wanted"] = self._record["current"] = address(entry)
            publish(self._words, _PROGRAM, address(entry))

    def settle(self) -> None:
        """Wait until the newest program, or the one that follows it, plays or the engine ends; let the others go."""
        while self.running and not self._is_settled():
            self._settled.wait()
        if self._is_settled():
            self._kept = self._kept[-4:]

    def _is_settled(self) -> bool:
        return int(self._record["current"][0]) == self._goal

    @property
    def _lives(self) -> bool:
        """Whether its thread may still play what it was given: for longer than it is :attr:`running`."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def running(self) -> bool:
        """Between start and stop."""
        return bool(read(self._words, _RUNNING))

    def _compile(self) -> None:
        """Compile or fetch the loop before the first sound: with `running` at 0 it returns at once."""
        self._exchange.wake.post()
        _engine_loop(address(self._record))

    def start(self) -> None:
        """Start the thread; real-time scheduling and locked memory where the system permits.

        Returns once the memory is locked: locking takes milliseconds in which no other thread gets a new page.
        """
        with self._turning:  # a program that is released now is the first one, or is taken up
            publish(self._words, _RUNNING, 1)
            self._thread = threading.Thread(target=self._run, name="rtspec-engine", daemon=True)
            self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        self.real_time = become_real_time(PRIORITY)
        self._locked = self.real_time and lock_memory()
        flush_denormals()
        self._ready.set()
        _engine_loop(address(self._record))

    def stop(self, timeout: float = 5.0) -> bool:
        """End the loop; False if the thread did not end in time (a model that hangs)."""
        publish(self._words, _RUNNING, 0)
        self._exchange.wake.post()
        self._settled.post()
        if self._thread is not None:
            self._thread.join(timeout)
            if self._locked:
                unlock_memory()
                self._locked = False
            return not self._thread.is_alive()
        return True

    @property
    def stuck_s(self) -> float:
        """For how long a program has been hanging in one block, as far as :meth:`look` has seen; 0.0 if it is not."""
        waiting = len(self._exchange.to_engine) >= int(self._record["block"][0])
        since = time.monotonic() - self._progress[1]
        return since if waiting and self.running and since >= STUCK_S else 0.0

    def look(self) -> list[str]:
        """What has changed since the last look, a line each: a program that hangs or is back, iterations given up.

        To be called a few times a second.
        """
        blocks = read(self._words, _BLOCKS)
        if blocks != self._progress[0]:
            self._progress = (blocks, time.monotonic())
        before, now = self._reported, (self.governor.level, self.stuck_s > 0.0)
        self._reported, lines = now, []
        if now[0] != before[0]:
            change = "more than it can do: fewer" if now[0] > before[0] else "time again: more"
            lines.append(f"the engine has {change} iterations, 1/{2 ** now[0]} of all")
        if now[1] != before[1]:
            lines.append("a model hangs: silence until it comes back" if now[1] else "the model is back: playing on")
        return lines

    @property
    def bad_samples(self) -> int:
        """Non-finite input samples replaced by zero so far."""
        return int(self._record["bad_samples"][0])


def _entry(program: Program, following: np.ndarray | None = None, remaining: int = 0) -> np.ndarray:
    entry = aligned(1, ENTRY)
    entry["rows"], entry["n_rows"] = address(program.table), len(program.table)
    entry["x"], entry["y"] = address(program.x), address(program.y)
    entry["governed"], entry["n_governed"] = address(program.governed), len(program.governed)
    entry["sensor"] = 0 if program.sensor is None else address(program.sensor)
    if following is not None:
        entry["following"], entry["remaining"] = address(following), remaining
    return entry
