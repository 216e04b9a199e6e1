"""What the audio callback and the engine share: one record for compiled code, and the memory that it points to."""

from collections import deque

import numpy as np

from ..buffers.atomics import publish, read
from ..buffers.clock import MARKS, Histogram
from ..buffers.memory import address, aligned, aligned_copy
from ..buffers.ring import Ring
from ..buffers.semaphore import Semaphore
from .channels import input_map
from .concealment import PAST
from .freeze import Freeze
from .period import LISTEN_S, LONGEST, ready_frames
from .sensing import CUBIC

STAGING = 8192
"""Frames that one turn of the callback handles at most; larger device blocks take several turns."""

BACKLOG = 8192
"""Frames of input that wait at least for an engine that is late, before any is lost."""

PEAKS, PEAK_S = 4096, 0.01
"""Levels that are kept, each of so many seconds: whoever looks keeps the number of the one that he has seen last."""

_KEPT = 3
"""Pairs of rings that stay alive: a callback that is held up may still write to one that was taken away since."""

EVENT_DELAY_S = 0.001
"""What a MIDI thread that looks for messages every millisecond needs to hand one over."""

COUNTERS = (
    "callbacks",
    "late_callbacks",
    "underruns",
    "overruns",
    "concealed_frames",
    "unrecorded_frames",
    "unread_frames",
    "device_xruns",
    "unheard_frames",
)
_FLAGS = ("finished", "marked", "peaked")
_NUMBERS = (
    *("channels", "device_inputs", "device_outputs", "drain", "prefill"),
    *("debt", "fade", "frozen", "joined", "hole", "shifted", "owed", "inserted", "listening", "listened"),
    *("period", "provided", "engine_block", "split", "called_ns", "asked", "short", "short_ns", "noted", "widened"),
    *("source_frames", "source_at", "loop", "written", "inject_frames", "tape_frames", "tape_at"),
    *("paused", "resting", "peak_frames", "peak_most"),
    *("sensors", "sensor_frames", "sensor_flows", "sensor_fill"),
)
_PLACES = (
    *("to_engine", "from_engine", "wake", "staged_in", "staged_out", "past", "timespec", "histogram"),
    *("source", "source_ring", "inject", "tape_in", "tape_out", "marks", "seen", "disk", "tap", "freeze", "substitute"),
    *("offset", "in_map", "out_map", "peaks"),
    *("to_listen", "staged_sensor", "sensor_map", "sensor_source", "sensor_ring", "sensor_held"),
)
_REALS = (
    *("ns_a_frame", "burst", "most", "peak_in", "peak_out", "source_gain"),
    *("sensor_step", "sensor_at", "sensor_mean"),
)
EXCHANGE = np.dtype(
    [(name, "i8") for name in (*COUNTERS, *_FLAGS, *_NUMBERS, *_PLACES)] + [(name, "f8") for name in _REALS]
)
FINISHED, MARKED, PEAKED, RESTING, CALLBACKS, DISK, TAP = (
    EXCHANGE.fields[n][1]  # type: ignore[index]
    for n in ("finished", "marked", "peaked", "resting", "callbacks", "disk", "tap")
)


def _work_space(channels: int) -> dict[str, np.ndarray]:
    staged = {name: aligned((STAGING, channels)) for name in ("staged_in", "staged_out", "substitute")}
    clock = {"timespec": aligned(2, np.int64), **{name: aligned((MARKS, 2), np.int64) for name in ("marks", "seen")}}
    kept = {"past": aligned((PAST, channels)), "offset": aligned(channels), "peaks": aligned((PEAKS, 2))}
    return {**staged, **clock, **kept}


def _handed() -> dict[int, deque]:
    """What was given to disk and tap lately, which lives as long as a callback may still write to it."""
    return {word: deque(maxlen=_KEPT) for word in (DISK, TAP)}


def _kept(places: np.ndarray) -> np.ndarray:
    """A channel map where compiled code finds it, one entry at least."""
    kept = aligned(len(places) + 1, np.int64)
    kept[:-1] = places
    return kept


def _maps(
    channels: int, device_inputs: int, device_outputs: int, inputs: np.ndarray | None, outputs: np.ndarray | None
) -> dict[str, np.ndarray]:
    """The channel maps, where compiled code finds them; the first channels where none is given."""
    inputs = input_map(None, channels, max(1, device_inputs), "") if inputs is None else inputs
    outputs = np.minimum(np.arange(device_outputs), channels - 1) if outputs is None else outputs
    return {"in_map": _kept(inputs), "out_map": _kept(outputs)}


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

    to_listen: Ring | None = None

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
        self._words, self._paused_at, self._handed = self.record.view(np.int64), 0, _handed()
        self.tape_in, self.tape_out = (aligned((tape_frames, channels)) for _ in range(2))
        maps = _maps(channels, device_inputs, device_outputs, inputs, outputs)
        self._arrays = {**maps, **_work_space(channels), "tape_in": self.tape_in, "tape_out": self.tape_out}
        for name in self._arrays.keys() - maps:
            self._arrays[name].fill(0)  # touches every page now, so that the callback never waits for one
        self._set(channels=channels, device_inputs=device_inputs, device_outputs=device_outputs, loop=loop, drain=drain)
        self.record["ns_a_frame"], self._block, self.sample_rate = 1e9 / sample_rate, block, sample_rate
        self._expect(block, engine_block or block, split)
        self._set(to_engine=self.to_engine.address, from_engine=self.from_engine.address, wake=self.wake.address)
        self._set(histogram=self.histogram.address, peak_most=max(1, round(PEAK_S * sample_rate)))
        self._set(frozen=-1, hole=-1, prefill=prefill, tape_frames=tape_frames)
        self.record["source_gain"], self.levels = 1.0, Levels(self)
        self._set(**{name: address(array) for name, array in self._arrays.items()})
        self._lend("source", source)
        self._lend("inject", inject)

    def _expect(self, period: int, engine_block: int, split: int) -> None:
        """Provide for callbacks of this period; where the driver has buffers of its own, listen to it first."""
        self._set(period=period, engine_block=engine_block, split=split)
        if split == 1:
            self._set(listening=round(LISTEN_S * self.sample_rate), listened=round(LISTEN_S * self.sample_rate / 2))
        self._set(provided=int(ready_frames(period, engine_block)))

    def play_ring(self, ring: Ring, frames: int) -> None:
        """Take the input from this ring, which somebody else fills with so many frames in all."""
        self._source_ring = ring  # keeps it alive
        self._set(source_ring=ring.address, source_frames=frames)

    def play_written(self, ring: Ring) -> None:
        """From now on take the input from this ring, which a program fills when it likes, without an end."""
        self._set(written=1)
        self.play_ring(ring, 0)

    def hear(
        self, sensors: int, places: np.ndarray | None = None, sound: np.ndarray | None = None, ring: Ring | None = None
    ) -> None:
        """Hand the engine so many channels of a sensor beside the input, which no tape keeps: those of the device at
        `places`, or what is in `sound`, float32 (frames, sensors), or in `ring`."""
        self.to_listen = Ring(2 * self.to_engine.capacity, sensors)
        space = {"staged_sensor": aligned((STAGING, sensors)), "sensor_held": aligned((CUBIC, sensors))}
        space["sensor_map"] = np.zeros(sensors, np.int64) if places is None else places.astype(np.int64)
        for name, array in space.items():
            array += 0  # touches every page now
            self._arrays[name] = array
            self._set(**{name: address(array)})
        self._lend("sensor_source", sound)
        self._sensor_ring = ring  # keeps it alive
        self._set(sensors=sensors, to_listen=self.to_listen.address, sensor_ring=0 if ring is None else ring.address)
        self._set(sensor_frames=0 if sound is None else len(sound))

    def follow(self, ring: Ring, frames: int, rate: float, fill: int) -> None:
        """What :meth:`hear` plays comes from a file of so many `frames`; or, where `fill` is not 0, from another device
        at `rate` Hz, of whose frames so many are to lie in the ring."""
        self._set(sensor_ring=ring.address, sensor_frames=frames, sensor_fill=fill)
        if fill:
            self.record["sensor_step"] = rate / self.sample_rate

    def _set(self, **values: int) -> None:
        for name, value in values.items():
            self.record[name] = value

    def _lend(self, name: str, frames: np.ndarray | None) -> None:
        if frames is not None:
            self._arrays[name] = np.ascontiguousarray(frames, np.float32)
            self._set(**{name: address(self._arrays[name]), f"{name.partition('_')[0]}_frames": len(frames)})

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

    def conceal_with(self, freeze: Freeze) -> None:
        """Conceal gaps by a spectral freeze, which the engine keeps up to date, from now on."""
        self._freeze = freeze  # keeps it alive
        self._set(freeze=freeze.address)

    def clock(self) -> tuple[int, float]:
        """How many frames had come in at which moment of :func:`time.monotonic`, lately; 0, 0.0 before the first."""
        marked = read(self._words, MARKED // 8)
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

    def record_to(self, rings: tuple[Ring, Ring] | None) -> None:
        """From now on put input and output into these rings, which somebody else empties; into none where None."""
        self._hand_to(DISK, rings)

    def tap_to(self, rings: tuple[Ring, Ring] | None) -> None:
        """From now on put input and output into these rings too, for somebody who looks and may miss something."""
        self._hand_to(TAP, rings)

    def _hand_to(self, word: int, rings: tuple[Ring, Ring] | None) -> None:
        """One word names both rings, so that no callback finds one of them alone."""
        pair = None if rings is None else aligned_copy(np.array([ring.address for ring in rings]), np.int64)
        self._handed[word].append((rings, pair))
        publish(self._words, word // 8, 0 if pair is None else address(pair))

    def pause_source(self, paused: bool) -> None:
        """Let the source rest where it is, faded out and in within some milliseconds; or go on."""
        self._set(paused=int(paused))
        self._paused_at = self._callbacks

    @property
    def source_rests(self) -> bool:
        """Whether the source is faded out, and the callback leaves it alone: one that began before it was told to, and
        may have found it playing, has ended, and so has the next."""
        return self._callbacks >= self._paused_at + 2 and bool(read(self._words, RESTING // 8))

    @property
    def _callbacks(self) -> int:
        return read(self._words, CALLBACKS // 8)

    def peaks_since(self, number: int) -> tuple[int, float, float]:
        """The largest magnitudes of input and output from the level of this number on, and the number of the next."""
        made = read(self._words, PEAKED // 8)
        first = max(number, made - PEAKS + 2)  # what may just be overwritten is left out
        peaks, begin, end = self._arrays["peaks"], first % PEAKS, made % PEAKS
        kept = peaks[begin:end] if first >= made or begin < end else np.concatenate((peaks[begin:], peaks[:end]))
        now = float(self.record["peak_in"][0]), float(self.record["peak_out"][0])
        highest = kept.max(axis=0).tolist() if first < made else (0.0, 0.0)
        return made, max(highest[0], now[0]), max(highest[1], now[1])

    @property
    def taped_frames(self) -> int:
        """Frames on the tape so far."""
        return int(self.record["tape_at"][0])

    def counters(self) -> dict[str, int]:
        """Callbacks, late ones (longer than their own period), underruns, overruns, concealed, unrecorded frames."""
        return {name: int(self.record[name][0]) for name in COUNTERS}


class Levels:
    """One reader's look at the levels; it takes nothing away from others.

    Parameters
    ----------
    exchange : Exchange
    """

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._next = read(exchange._words, PEAKED // 8)

    def look(self) -> tuple[float, float]:
        """The largest magnitudes of input and output since the last look, or of the last 40 s."""
        self._next, *found = self._exchange.peaks_since(self._next)
        return found[0], found[1]
