"""A sensor as a source of sound: its levels in shared memory, and the stage that turns their frames into band powers.

A file's levels are all there from the start. Those of a stream come by UDP, as JSON records or OSC messages, whenever
the network pleases: a thread checks and mends them and puts frame after frame into a ring; the stage plays it at the
sensor's own pace, about a frame and a half behind the newest, and drifts after it when clocks differ. Where frames
stay away, the last one holds and then fades. Between frames power is interpolated, which keeps its mean.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numba import carray, njit

from ..audio.levels import (
    LONGEST_PERIOD_S,
    MOST_BANDS,
    SHORTEST_PERIOD_S,
    LevelError,
    LevelFrames,
    cleaned,
    default_centres,
    powers_for,
    read_levels,
    record,
)
from ..buffers.atomics import load_acquire, publish
from ..buffers.memory import aligned, floats, pointer
from ..buffers.step import Stage, step
from ..control.osc import LOOPBACK, bound_socket, parsed_messages
from ..errors import InvalidValue
from ..frames.bands import BandFilters
from ..frames.levels import FAST_S, FULL_SCALE_DB, SILENCE_DB

RING_FRAMES = 256
BEHIND_FRAMES = 1.5
"""How far the stage plays behind the newest frame of a stream."""

FARTHEST_FRAMES = 6.0
"""Farther behind than this, the stage leaps to where it belongs: what is heard is never old, and never hurried."""

PULL = 0.02
"""Share of the distance from its place by which the stage changes its pace."""

PATIENCE_S = 1.0
"""How long the last frame holds when none follows, beyond two periods; then it fades."""

FADE_PER_S = 0.01
"""What power is multiplied by each second while it fades: 20 dB."""

FADE_IN_S = 0.3
"""In which a stream's sound rises when it begins, and when it comes back."""

CEILING, KNEE = 0.98, 0.7
"""Of the limiter: no sample is louder than the first, none below the second is changed."""

PLAYER = np.dtype(
    [(n, "i8") for n in ("n_bands", "capacity", "ring", "count", "is_stream", "started", "starved")]
    + [(n, "f8") for n in ("pace", "position", "first", "patience", "fade", "gain", "rise")]
)


@njit
def _advance(s, count):
    """Move the play-head one frame of sound on."""
    if not s.started:
        s.position, s.started = (count - 1.0 - BEHIND_FRAMES if s.is_stream else s.first), 1
        return
    distance = count - 1.0 - s.position
    s.position += s.pace * (1.0 + PULL * (distance - BEHIND_FRAMES)) if s.is_stream else s.pace
    if s.is_stream and distance > FARTHEST_FRAMES:
        s.position = count - 1.0 - BEHIND_FRAMES
    if s.position > count - 1.0:
        s.position = count - 1.0
        s.starved += 1
    else:
        s.starved = 0
    s.gain = s.gain * s.fade if s.starved > s.patience else min(1.0, s.gain + s.rise)


@step
def play_levels(state, x, n, y):
    """→ `n` float32 frames of n_bands powers; `x` is not read."""
    s = carray(pointer(state), 1, PLAYER)[0]
    for t in range(n):
        out = floats(y + 4 * t * s.n_bands, s.n_bands)
        count = load_acquire(s.count)
        if count == 0:
            for b in range(s.n_bands):
                out[b] = 0
            continue
        _advance(s, count)
        place = max(s.position, 0.0)
        whole = int(place)
        part = np.float32(place - whole)
        now = floats(s.ring + 4 * s.n_bands * (whole % s.capacity), s.n_bands)
        after = floats(s.ring + 4 * s.n_bands * (min(whole + 1, count - 1) % s.capacity), s.n_bands)
        for b in range(s.n_bands):
            out[b] = np.float32(s.gain) * (now[b] + part * (after[b] - now[b]))
    return n


LIMITER = np.dtype([("n_samples", "i8")])


@step
def limit(state, x, n, y):
    """`n` hops of float32 samples → the same, bent smoothly above KNEE and never beyond CEILING; no number is 0."""
    n_samples = n * carray(pointer(state), 1, LIMITER)[0].n_samples
    samples, out = floats(x, n_samples), floats(y, n_samples)
    room = CEILING - KNEE
    for i in range(n_samples):
        value = samples[i]
        loudness = abs(value)
        if not np.isfinite(value):
            value = np.float32(0)
        elif loudness > KNEE:
            bent = np.float32(KNEE + room * np.tanh((loudness - KNEE) / room))
            value = bent if value > 0 else -bent
        out[i] = value
    return n


def limiter_stage(hop: int) -> Stage:
    """The limiter as a stage on hops, no delay: whatever a sensor sends, the ear is safe."""
    return Stage(limit, LIMITER, n_samples=hop)


class LevelSource:
    """Levels that can be played, by any number of stages at once.

    Parameters
    ----------
    centres_hz : ndarray, shape (n_bands,)
    period_s : float
    full_scale_db : float
        Level of a sound whose mean square is one.
    weighting : str, optional
        "A" where the levels are A-weighted.
    """

    is_stream = False

    def __init__(self, centres_hz: np.ndarray, period_s: float, full_scale_db: float, weighting: str | None):
        self.centres_hz, self.period_s = np.asarray(centres_hz, float), period_s
        self.full_scale_db, self.weighting = full_scale_db, weighting
        self._rings: list[tuple[BandFilters, np.ndarray]] = []
        self._count = aligned(1, np.int64)

    def _ring(self, filters: BandFilters) -> np.ndarray:
        """The memory that stages of these filters read."""
        for known, ring in self._rings:
            if known is filters:
                return ring
        self._rings.append((filters, self._filled(filters)))
        return self._rings[-1][1]

    def _filled(self, filters: BandFilters) -> np.ndarray:
        raise NotImplementedError

    def stage(self, filters: BandFilters) -> Stage:
        """The levels as a stage, no delay of its own: nothing → (n_bands,) float32 band powers."""
        plan, ring = filters.plan, self._ring(filters)
        frame_s = 1 / plan.frame_rate_hz
        centre_s = frame_s - plan.length / (2 * plan.sample_rate)
        return Stage(
            play_levels,
            PLAYER,
            keep=(self, ring),
            n_bands=filters.n_bands,
            capacity=len(ring),
            ring=ring.ctypes.data,
            count=self._count.ctypes.data,
            is_stream=self.is_stream,
            started=0,
            starved=0,
            pace=frame_s / self.period_s,
            position=0.0,
            first=centre_s / self.period_s - 0.5,
            patience=(PATIENCE_S + 2 * self.period_s) / frame_s,
            fade=FADE_PER_S**frame_s,
            gain=0.0 if self.is_stream else 1.0,
            rise=frame_s / FADE_IN_S,
        )


class StoredLevels(LevelSource):
    """A file's levels, or any others that are known as a whole.

    Parameters
    ----------
    levels : LevelFrames
    full_scale_db, weighting
        As in :class:`LevelSource`.
    """

    def __init__(self, levels: LevelFrames, full_scale_db: float = FULL_SCALE_DB, weighting: str | None = None):
        super().__init__(levels.centres_hz, levels.period_s, full_scale_db, weighting)
        self.levels = levels
        publish(self._count, 0, len(levels.levels_db))

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.levels.seconds

    def _filled(self, filters: BandFilters) -> np.ndarray:
        powers = self.levels.powers(filters, self.full_scale_db, self.weighting)
        ring = aligned(powers.shape)
        ring[...] = powers
        return ring


@dataclass
class SensorStatistics:
    """What a stream of levels has brought: frames taken, and what was concealed or refused."""

    frames: int = 0
    filled: int = 0
    late: int = 0
    mended: int = 0
    refused: int = 0
    garbage: int = 0


class SensorStream(LevelSource):
    """Levels that come by UDP: OSC messages of floats, or JSON records. A context manager; listens at once.

    Parameters
    ----------
    port : int
        UDP port; 0 takes a free one.
    n_bands : int
        Bands that each message must have.
    period_s : float
        Seconds from frame to frame.
    centres_hz : ndarray, optional
        Third-octave centres from 20 Hz upwards where None.
    full_scale_db, weighting
        As in :class:`LevelSource`.
    host : str
        Address to listen on; loop-back unless told otherwise.
    report : callable, optional
        Gets a line of text, once for each kind of trouble.

    Notes
    -----
    OSC: ``/levels t l1 l2 …`` with the time in seconds first, or ``/levels l1 l2 …`` in the order of arrival.
    """

    is_stream = True

    def __init__(
        self,
        port: int,
        n_bands: int,
        period_s: float = FAST_S,
        centres_hz: np.ndarray | None = None,
        full_scale_db: float = FULL_SCALE_DB,
        weighting: str | None = None,
        host: str = LOOPBACK,
        report: Callable[[str], None] | None = None,
    ):
        if not 1 <= n_bands <= MOST_BANDS:
            raise InvalidValue(f"n_bands={n_bands} must be 1 to {MOST_BANDS}")
        if not SHORTEST_PERIOD_S <= period_s <= LONGEST_PERIOD_S:
            raise InvalidValue(f"period_s={period_s} must be {SHORTEST_PERIOD_S} to {LONGEST_PERIOD_S:g}; try {FAST_S}")
        centres = default_centres(n_bands) if centres_hz is None else np.asarray(centres_hz, float)
        super().__init__(centres, period_s, full_scale_db, weighting)
        self.n_bands, self.statistics, self.reports = n_bands, SensorStatistics(), deque[str](maxlen=100)
        self._report, self._told = report, set[str]()
        self._last_db, self._last_index, self._last_time = np.full(n_bands, SILENCE_DB), -1, float("nan")
        self._arrivals = deque[float](maxlen=64)
        self._lock = threading.Lock()
        self._socket = bound_socket(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtspec sensor", daemon=True)
        self._thread.start()

    def _filled(self, filters: BandFilters) -> np.ndarray:
        powers_for(self._last_db[np.newaxis], self.centres_hz, filters)  # bands that do not fit are told here
        return aligned((RING_FRAMES, filters.n_bands))

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop the thread and free the port; safe to call twice."""
        self._ending.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._socket.close()

    def __enter__(self) -> "SensorStream":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    # In the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError, ConnectionError):
                self.receive(self._socket.recv(65536))

    def receive(self, datagram: bytes) -> None:
        """Act on a datagram, whatever is in it."""
        try:
            frames = self._frames(datagram)
        except LevelError as error:
            self.statistics.garbage += 1
            self._say("garbage", f"a datagram {error}")
            return
        for time_s, levels in frames:
            self.take(time_s, levels)

    def _frames(self, datagram: bytes) -> list[tuple[float, list[float]]]:
        messages = parsed_messages(datagram) if datagram[:1] in (b"/", b"#") else None
        if messages is None:
            time_s, levels, _ = record(datagram)
            return [(time_s, levels)]
        return [self._timed(arguments) for address, arguments in messages if address.endswith("/levels")]

    def _timed(self, arguments: list) -> tuple[float, list[float]]:
        numbers = [float(a) if isinstance(a, int | float) else float("nan") for a in arguments]
        if len(numbers) == self.n_bands + 1:
            return numbers[0], numbers[1:]
        return float("nan"), numbers

    def take(self, time_s: float, levels: list[float]) -> None:
        """Put a frame into the ring: in its order, mended, with those that are missing before it filled in."""
        if len(levels) != self.n_bands:
            self.statistics.refused += 1
            self._say("count", f"a frame of {len(levels)} levels is refused: the sensor has {self.n_bands} bands")
            return
        with self._lock:
            missing = self._missing(time_s)
            if missing is None:
                self.statistics.late += 1
                self._say("late", "frames that come twice or too late are left out")
                return
            mended, counts = cleaned(np.array([levels]), self._last_db)
            if any(counts.values()):
                self.statistics.mended += 1
                self._say("mended", "levels that are no finite numbers are mended: NaN holds the last, -inf is silence")
            self._put(mended[0].astype(float), missing)

    def _missing(self, time_s: float) -> int | None:
        """How many frames are lacking before this one; None if it is no new one."""
        self._watch_rate()
        if not isfinite(time_s):
            return 0
        if not isfinite(self._last_time):
            self._last_time = time_s
            return 0
        steps = round((time_s - self._last_time) / self.period_s)
        if -1000 < steps < 1:
            return None
        self._last_time = time_s
        if 1 < steps <= RING_FRAMES // 8:
            self._say("gap", "a gap in the frames is bridged")
            return steps - 1
        return 0

    def _watch_rate(self) -> None:
        self._arrivals.append(time.monotonic())
        if len(self._arrivals) == 64 and (span := self._arrivals[-1] - self._arrivals[0]) < 63 * self.period_s / 3:
            times = 63 * self.period_s / max(span, 1e-9)
            self._say(
                "rate", f"levels come {times:.0f} times as fast as every {self.period_s:g} s: the newest are heard"
            )

    def _put(self, levels: np.ndarray, missing: int) -> None:
        before, self._last_db = self._last_db, levels
        shares = np.arange(1, missing + 2)[:, np.newaxis] / (missing + 1)
        rows = before + shares * (levels - before) if missing else levels[np.newaxis]
        for row in rows:
            index = self._last_index = self._last_index + 1
            for filters, ring in self._rings:
                ring[index % RING_FRAMES] = powers_for(
                    row[np.newaxis], self.centres_hz, filters, self.full_scale_db, self.weighting
                )[0]
            publish(self._count, 0, index + 1)
        self.statistics.frames += 1
        self.statistics.filled += missing

    def _say(self, kind: str, line: str) -> None:
        if kind in self._told:
            return
        self._told.add(kind)
        self.reports.append(f"sensor: {line}")
        if self._report is not None:
            with suppress(Exception):
                self._report(f"sensor: {line}")


def open_levels(spec: str, full_scale_db: float = FULL_SCALE_DB, weighting: str | None = None) -> LevelSource:
    """Levels by a word: a file's path, or "udp:PORT[:BANDS[:PERIOD_S]]" ("osc:…" means the same).

    Examples
    --------
    >>> open_levels("udp:0:29:0.125").n_bands  # doctest: +SKIP
    29
    """
    kind, _, rest = str(spec).partition(":")
    if kind not in ("udp", "osc"):
        return StoredLevels(read_levels(spec), full_scale_db, weighting)
    words = rest.split(":")
    try:
        port, n_bands = int(words[0]), int(words[1]) if len(words) > 1 else 29
        period_s = float(words[2]) if len(words) > 2 else FAST_S
    except ValueError:
        raise InvalidValue(
            f"levels={spec!r} must be a file or udp:PORT[:BANDS[:PERIOD_S]]; try udp:9001:29:0.125"
        ) from None
    return SensorStream(port, n_bands, period_s, None, full_scale_db, weighting)
