"""Levels as a sensor sends them: by UDP, as JSON records or OSC messages, whenever the network pleases.

A thread checks and mends them and puts frame after frame into the ring that
:mod:`rtspec.processors.inversion.sensor` plays.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import isfinite

import numpy as np

from ... import checks
from ...buffers.atomics import publish
from ...buffers.memory import aligned
from ...control.osc.datagrams import LARGEST, LOOPBACK, Listener
from ...control.osc.parsing import parsed_messages
from ...errors import InvalidValue
from ...frames.bands import BandFilters
from ...frames.levels import FAST_S, FULL_SCALE_DB, SILENCE_DB
from .level_tables import (
    LONGEST_PERIOD_S,
    MOST_BANDS,
    SHORTEST_PERIOD_S,
    LevelError,
    cleaned,
    default_centres,
    powers_for,
    read_levels,
    record,
)
from .sensor import LevelSource, StoredLevels

RING_FRAMES = 256


@dataclass
class SensorStatistics:
    """What a stream of levels has brought: frames taken, and what was concealed or refused."""

    frames: int = 0
    filled: int = 0
    late: int = 0
    mended: int = 0
    refused: int = 0
    garbage: int = 0


class SensorStream(LevelSource, Listener):
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

    is_stream, power = True, "can send levels"

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
        checks.within("n_bands", n_bands, 1, MOST_BANDS)
        checks.within("period_s", period_s, SHORTEST_PERIOD_S, LONGEST_PERIOD_S, f"try {FAST_S}")
        centres = default_centres(n_bands) if centres_hz is None else np.asarray(centres_hz, float)
        LevelSource.__init__(self, centres, period_s, full_scale_db, weighting)
        Listener.__init__(self, "levels", port, host, report)
        self.n_bands, self.statistics, self._reported = n_bands, SensorStatistics(), set[str]()
        self._last_db, self._last_index, self._last_time = np.full(n_bands, SILENCE_DB), -1, float("nan")
        self._arrivals = deque[float](maxlen=64)
        self._lock = threading.Lock()
        self._listen()

    def _filled(self, filters: BandFilters) -> np.ndarray:
        powers_for(self._last_db[np.newaxis], self.centres_hz, filters)  # bands that do not fit are told here
        return aligned((RING_FRAMES, filters.n_bands))

    # In the thread ------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        with suppress(TimeoutError, ConnectionError):
            self.receive(self._socket.recv(LARGEST))

    def receive(self, datagram: bytes) -> None:
        """Act on a datagram, whatever is in it."""
        try:
            frames = self._frames(datagram)
        except LevelError as error:
            self.statistics.garbage += 1
            self._once("garbage", f"a datagram {error}")
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
            self._once("count", f"a frame of {len(levels)} levels is refused: the sensor has {self.n_bands} bands")
            return
        with self._lock:
            missing = self._missing(time_s)
            if missing is None:
                self.statistics.late += 1
                self._once("late", "frames that come twice or too late are left out")
                return
            mended, counts = cleaned(np.array([levels]), self._last_db)
            if any(counts.values()):
                self.statistics.mended += 1
                self._once("mended", "levels that are no finite numbers are mended: NaN holds the last, -inf is none")
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
            self._once("gap", "a gap in the frames is bridged")
            return steps - 1
        return 0

    def _watch_rate(self) -> None:
        self._arrivals.append(time.monotonic())
        if len(self._arrivals) == 64 and (span := self._arrivals[-1] - self._arrivals[0]) < 63 * self.period_s / 3:
            times = 63 * self.period_s / max(span, 1e-9)
            self._once(
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

    def _once(self, kind: str, line: str) -> None:
        """Say something the first time that it happens."""
        if kind not in self._reported:
            self._reported.add(kind)
            self._say(f"sensor: {line}")


def open_levels(
    spec: str,
    full_scale_db: float = FULL_SCALE_DB,
    weighting: str | None = None,
    report: Callable[[str], None] | None = None,
) -> LevelSource:
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
    return SensorStream(port, n_bands, period_s, None, full_scale_db, weighting, report=report)
