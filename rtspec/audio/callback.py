"""The compiled audio callback: it copies, counts and signals, nothing else.

It takes input from the device or, where a source is set, from a prepared sound; hands it to the engine's ring; takes
finished sound from the other ring; and keeps both on a tape where one is set. When the engine is late it conceals:
the sound stays as it was (:mod:`rtspec.audio.concealment`) and fades; what comes too late is dropped. The delay grows
only where the device begins to ask for more at once (:mod:`rtspec.audio.period`).
"""

import numba
import numpy as np
from numba import carray, njit, types

from ..buffers.atomics import load_acquire, read, store_release
from ..buffers.clock import Histogram, note_duration, now_ns
from ..buffers.memory import address, aligned, floats, integers, memmove, memset, pointer
from ..buffers.ring import Ring, take, writable, write
from ..buffers.semaphore import Semaphore, sem_post
from .channels import SILENT, input_map
from .concealment import PAST, fetch, put_between
from .hold import Hold
from .period import LISTEN_S, LONGEST, listen, ready_frames, watch_period

STAGING = 8192
"""Frames that one turn of the callback handles at most; larger device blocks take several turns."""

BACKLOG = 8192
"""Frames of input that wait at least for an engine that is late, before any is lost."""

MARKS = 8
"""Moments that the callback's clock keeps, so that a reader has some callbacks' time to read one."""

EVENT_DELAY_S = 0.001
"""What a MIDI thread that looks for messages every millisecond needs to hand one over."""

RESYNC_NS = 20_000_000
"""A callback this far from where it is expected sets the clock anew."""

_COUNTERS = (
    "callbacks",
    "late_callbacks",
    "underruns",
    "overruns",
    "concealed_frames",
    "unrecorded_frames",
    "unread_frames",
    "device_xruns",
)
_FLAGS = ("finished", "marked")
_NUMBERS = (
    *("channels", "device_inputs", "device_outputs", "drain", "prefill"),
    *("debt", "fade", "held", "joined", "hole", "shifted", "owed", "inserted", "listening", "listened"),
    *("period", "provided", "engine_block", "split", "called_ns", "asked", "short", "short_ns", "noted", "widened"),
    *("source_frames", "source_at", "loop", "written", "inject_frames", "tape_frames", "tape_at"),
)
_PLACES = (
    *("to_engine", "from_engine", "wake", "staged_in", "staged_out", "past", "timespec", "histogram"),
    *("source", "source_ring", "inject", "tape_in", "tape_out", "marks", "disk_in", "disk_out", "hold", "substitute"),
    *("offset", "in_map", "out_map"),
)
_REALS = ("ns_a_frame", "burst", "most", "peak_in", "peak_out")
EXCHANGE = np.dtype(
    [(name, "i8") for name in (*_COUNTERS, *_FLAGS, *_NUMBERS, *_PLACES)] + [(name, "f8") for name in _REALS]
)
_FINISHED, _MARKED = (EXCHANGE.fields[name][1] for name in ("finished", "marked"))  # type: ignore[index]


@njit
def _gather(s, device, n):
    """Stage `n` input frames for the engine: from the source if there is one, else from the device, else silence."""
    staged = floats(s.staged_in, n * s.channels)
    if s.source_ring != 0:
        _gather_from_disk(s, n)
    elif s.source != 0:
        for i in range(n):
            at = s.source_at + i
            at = at % s.source_frames if s.loop else at
            frame = floats(s.source + 4 * at * s.channels, s.channels)
            for c in range(s.channels):
                staged[i * s.channels + c] = frame[c] if at < s.source_frames else np.float32(0.0)
    elif device == 0 or s.device_inputs == 0:
        memset(s.staged_in, 0, 4 * n * s.channels)
    else:
        samples, places = floats(device, n * s.device_inputs), integers(s.in_map, s.channels)
        for i in range(n):
            for c in range(s.channels):
                staged[i * s.channels + c] = samples[i * s.device_inputs + places[c]]


@njit
def _gather_from_disk(s, n):
    """Take what was read of a file; where the disk is late there is silence, counted, and the file goes on behind. What
    a program writes may have gaps."""
    taken = take(s.source_ring, s.staged_in, n)
    memset(s.staged_in + 4 * taken * s.channels, 0, 4 * (n - taken) * s.channels)
    late = n - taken if s.loop or s.written else max(0, min(n, s.source_frames - s.source_at) - taken)
    s.unread_frames += 0 if s.written else late
    s.source_at -= late


@njit
def _add_injected(s, n):
    staged = floats(s.staged_out, n * s.channels)
    extra = floats(s.inject, s.inject_frames * s.channels)
    first = s.source_at * s.channels
    for i in range(min(n * s.channels, len(extra) - first)):
        staged[i] += extra[first + i]


@njit
def _keep_on_tape(s, n):
    kept = min(n, s.tape_frames - s.tape_at)
    if kept > 0:
        offset, n_bytes = 4 * s.tape_at * s.channels, 4 * kept * s.channels
        memmove(s.tape_in + offset, s.staged_in, n_bytes)
        memmove(s.tape_out + offset, s.staged_out, n_bytes)
        s.tape_at += kept


@njit
def _keep_for_disk(s, n):
    """Hand input and output to whoever writes them to a disk; what does not fit is counted."""
    kept = min(n, writable(s.disk_in), writable(s.disk_out))
    write(s.disk_in, s.staged_in, kept)
    write(s.disk_out, s.staged_out, kept)
    s.unrecorded_frames += n - kept


@njit
def _peak(place, n, peak):
    """The largest magnitude of `n` samples and of what was before."""
    samples = floats(place, n)
    for i in range(n):
        peak = max(peak, abs(samples[i]))
    return peak


@njit
def _scatter(s, device, n):
    if device == 0:
        return
    staged, samples = floats(s.staged_out, n * s.channels), floats(device, n * s.device_outputs)
    places = integers(s.out_map, s.device_outputs)
    for i in range(n):
        for c in range(s.device_outputs):
            heard = staged[i * s.channels + places[c]] if places[c] != SILENT else np.float32(0.0)
            samples[i * s.device_outputs + c] = heard


@njit
def _give(s, n):
    """Hand the staged input to the engine; where it is so late that there is no room, leave a hole in its sound."""
    if writable(s.to_engine) >= n:
        write(s.to_engine, s.staged_in, n)
        return
    s.overruns += 1
    s.debt -= n  # what never went in never comes out
    s.hole = load_acquire(s.to_engine) + s.prefill


@njit
def _turn(s, device_in, device_out, n):
    _gather(s, device_in, n)
    _give(s, n)
    sem_post(s.wake)
    between = min(n, s.owed)
    if between > 0:
        put_between(s, between)
    fetch(s, between, n)
    if s.inject != 0:
        _add_injected(s, n)
    _keep_on_tape(s, n)
    if s.disk_out != 0:
        _keep_for_disk(s, n)
    s.peak_in = _peak(s.staged_in, n * s.channels, s.peak_in)
    s.peak_out = _peak(s.staged_out, n * s.channels, s.peak_out)
    _scatter(s, device_out, n)
    s.source_at += n


@njit
def _mark(state, s, now, n):
    """Note how many frames the engine has been given by now. A late wake-up moves the clock by a sixteenth only."""
    frames, last = load_acquire(s.to_engine), integers(s.marks + 16 * ((s.marked - 1) % MARKS), 2)
    expected = last[1] + np.int64(n * s.ns_a_frame)
    error = now - expected
    mark = integers(s.marks + 16 * (s.marked % MARKS), 2)
    mark[0], mark[1] = frames, (now if abs(error) > RESYNC_NS else expected + error // 16)
    store_release(state + _MARKED, s.marked + 1)


@njit
def exchange(state, device_in, device_out, n):
    """One callback: `n` interleaved float32 frames at address `device_in` in, as many out at `device_out` (0: none)."""
    s = carray(pointer(state), 1, EXCHANGE)[0]
    start = now_ns(s.timespec)
    watch_period(s, n, start)
    if s.listening > 0:
        listen(s, n)
        memset(device_out, 0, 4 * n * s.device_outputs)
        return
    done = 0
    while done < n:
        m = min(n - done, STAGING)
        at_in = device_in + 4 * done * s.device_inputs if device_in != 0 else 0
        at_out = device_out + 4 * done * s.device_outputs if device_out != 0 else 0
        _turn(s, at_in, at_out, m)
        done += m
    if (
        (s.source != 0 or s.source_ring != 0)
        and not s.loop
        and not s.written
        and s.source_at >= s.source_frames + s.drain
    ):
        store_release(state + _FINISHED, 1)
    _mark(state, s, start, n)
    duration = now_ns(s.timespec) - start
    note_duration(s.histogram, duration)
    s.callbacks += 1
    s.late_callbacks += duration > n * s.ns_a_frame


_XRUNS = 0b1111
"""PortAudio's flags for input and output that were too early or too late."""


def _portaudio(device_in, device_out, n, time_info, flags, state):
    carray(pointer(np.int64(state)), 1, EXCHANGE)[0].device_xruns += (flags & _XRUNS) != 0
    exchange(np.int64(state), np.int64(device_in), np.int64(device_out), np.int64(n))
    return np.int32(0)


def portaudio_callback():
    """The compiled callback with PortAudio's signature, its `userdata` being :attr:`Exchange.address`.

    Keep it while a stream runs.
    """
    place = types.intp
    signature = types.int32(place, place, types.uint64, place, types.uint64, place)
    return numba.cfunc(signature, cache=True, error_model="numpy")(_portaudio)


def _work_space(channels: int) -> dict[str, np.ndarray]:
    staged = {name: aligned((STAGING, channels)) for name in ("staged_in", "staged_out", "substitute")}
    clock = {"timespec": aligned(2, np.int64), "marks": aligned((MARKS, 2), np.int64)}
    return {**staged, **clock, "past": aligned((PAST, channels)), "offset": aligned(channels)}


def _kept(places: np.ndarray) -> np.ndarray:
    """A channel map where compiled code finds it, one entry at least."""
    kept = aligned(len(places) + 1, np.int64)
    kept[:-1] = places
    return kept


class Exchange:
    """What callback and engine share: two rings, a semaphore, counters; a source, an injection, a tape.

    Parameters
    ----------
    channels : int
        Of the engine.
    device_inputs, device_outputs : int
        Channels of the device, 0 for none.
    block : int
        Frames a callback: the device's period, as far as it is known.
    prefill : int
        Frames of silence that lie ready in the output ring: the time the engine has.
    sample_rate : float
        Hz.
    source, inject : ndarray, float32, shape (frames, channels), optional
        Played in place of the input; added to the output.
    loop : bool
        Play the source again and again.
    drain : int
        Frames after the source's end until it counts as finished.
    tape_frames : int
        Frames of input and output to keep.
    engine_block : int, optional
        Frames that the engine takes at a time; a block where None.
    inputs, outputs : ndarray of int64, optional
        For each channel of the engine the device's, for each of the device the engine's
        (:mod:`rtspec.audio.channels`); the first ones where None, missing ones repeating the last.
    split : int
        Frames of the shortest callback that may be one of several in a burst, for which the delay then grows; 0 where
        the period is known for ever.
    """

    def __init__(
        self,
        *,
        channels: int,
        device_inputs: int,
        device_outputs: int,
        block: int,
        prefill: int,
        sample_rate: float,
        source: np.ndarray | None = None,
        inject: np.ndarray | None = None,
        loop: bool = False,
        drain: int = 0,
        tape_frames: int = 0,
        engine_block: int | None = None,
        inputs: np.ndarray | None = None,
        outputs: np.ndarray | None = None,
        split: int = 0,
    ):
        self.record = aligned(1, EXCHANGE)
        self.address = address(self.record)
        capacity = max(4 * (block + prefill), 4 * LONGEST if split else BACKLOG)
        self.to_engine, self.from_engine = Ring(capacity, channels), Ring(capacity, channels, filled=prefill)
        self.wake, self.histogram = Semaphore(), Histogram()
        self._words = self.record.view(np.int64)
        self.tape_in, self.tape_out = (aligned((tape_frames, channels)) for _ in range(2))
        inputs = input_map(None, channels, max(1, device_inputs), "") if inputs is None else inputs
        outputs = np.minimum(np.arange(device_outputs), channels - 1) if outputs is None else outputs
        maps = {"in_map": _kept(inputs), "out_map": _kept(outputs)}
        self._arrays = {**maps, **_work_space(channels), "tape_in": self.tape_in, "tape_out": self.tape_out}
        for name in self._arrays.keys() - maps:
            self._arrays[name].fill(0)  # touches every page now, so that the callback never waits for one
        self._set(channels=channels, device_inputs=device_inputs, device_outputs=device_outputs, loop=loop, drain=drain)
        self._set(period=block, engine_block=engine_block or block, split=split, tape_frames=tape_frames)
        if split == 1:
            self._set(listening=round(LISTEN_S * sample_rate), listened=round(LISTEN_S * sample_rate / 2))
        self._set(provided=int(ready_frames(block, engine_block or block)))
        self.record["ns_a_frame"], self._block, self.sample_rate = 1e9 / sample_rate, block, sample_rate
        self._set(to_engine=self.to_engine.address, from_engine=self.from_engine.address)
        self._set(held=-1, hole=-1, prefill=prefill, wake=self.wake.address, histogram=self.histogram.address)
        self._set(**{name: address(array) for name, array in self._arrays.items()})
        self._lend("source", source)
        self._lend("inject", inject)

    def play_ring(self, ring: Ring, frames: int) -> None:
        """Take the input from this ring, which somebody else fills with so many frames in all."""
        self._source_ring = ring  # keeps it alive
        self._set(source_ring=ring.address, source_frames=frames)

    def play_written(self, ring: Ring) -> None:
        """From now on take the input from this ring, which a program fills when it likes, without an end."""
        self._set(written=1)
        self.play_ring(ring, 0)

    def _set(self, **values: int) -> None:
        for name, value in values.items():
            self.record[name] = value

    def _lend(self, name: str, frames: np.ndarray | None) -> None:
        if frames is not None:
            self._arrays[name] = np.ascontiguousarray(frames, np.float32)
            self._set(**{name: address(self._arrays[name]), f"{name}_frames": len(frames)})

    @property
    def period(self) -> int:
        """Frames that the device asks for at once, at most, as far as it has shown."""
        return int(self.record["period"][0])

    @property
    def called_ns(self) -> int:
        """When the device last called, on the monotonic clock; 0: never."""
        return int(self.record["called_ns"][0])

    @property
    def asked(self) -> int:
        """Frames that the device asked for in its last callback; 0 before the first."""
        return int(self.record["asked"][0])

    @property
    def ready(self) -> int:
        """Frames that lie ready for such a period: the engine's time, less what it was given beyond."""
        return int(self.record["provided"][0])

    @property
    def widened(self) -> int:
        """Frames by which the delay has grown while playing."""
        return int(self.record["widened"][0])

    @property
    def finished(self) -> bool:
        """Whether the source has been played to its end and the engine's delay has passed."""
        return bool(self.record["finished"][0])

    @property
    def period_address(self) -> int:
        """Where compiled code reads :attr:`period`."""
        return self.address + int(EXCHANGE.fields["period"][1])  # type: ignore[index]

    def conceal_with(self, hold: Hold) -> None:
        """Conceal gaps by a spectral hold, which the engine keeps up to date, from now on."""
        self._hold = hold  # keeps it alive
        self._set(hold=hold.address)

    def clock(self) -> tuple[int, float]:
        """How many frames had come in at which moment of :func:`time.monotonic`, lately; 0, 0.0 before the first."""
        marked = read(self._words, _MARKED // 8)
        frames, then_ns = (int(word) for word in self._arrays["marks"][(marked - 1) % MARKS])
        return frames, 1e-9 * then_ns

    def sample_at(self, time_s: float) -> int:
        """The frame, counted as the engine counts them, at which what happened at a moment of :func:`time.monotonic` is
        to act.

        It is :data:`EVENT_DELAY_S` later than the frame that came in then, or a block if that is shorter: so what is
        sent at once is there in time, and every event has the same delay, wherever in a block it falls.
        """
        frames, then_s = self.clock()
        delay = min(self._block, round(EVENT_DELAY_S * self.sample_rate))
        return max(0, round(frames + (time_s - then_s) * self.sample_rate) + delay) if frames else 0

    def rewind(self) -> None:
        """Begin the tape anew."""
        self.record["tape_at"] = 0

    def record_to(self, rings: tuple[Ring, Ring]) -> None:
        """From now on put input and output into these rings, which somebody else empties."""
        self._recording = rings
        self._set(disk_in=rings[0].address, disk_out=rings[1].address)

    def peaks(self) -> tuple[float, float]:
        """The largest magnitudes of input and output since the last call."""
        found = float(self.record["peak_in"][0]), float(self.record["peak_out"][0])
        self.record["peak_in"] = self.record["peak_out"] = 0.0
        return found

    @property
    def taped_frames(self) -> int:
        """Frames on the tape so far."""
        return int(self.record["tape_at"][0])

    def counters(self) -> dict[str, int]:
        """Callbacks, late ones (longer than their own period), underruns, overruns, concealed, unrecorded frames."""
        return {name: int(self.record[name][0]) for name in _COUNTERS}
