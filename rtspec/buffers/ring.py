"""A ring of interleaved float32 audio for one writer and one reader in different threads.

The writer alone stores `head`, the reader alone stores `tail`; both only grow. The two lie on cache lines of their own.
"""

import numpy as np
from numba import carray, njit

from .atomics import load_acquire, store_release
from .memory import address, aligned, memmove, pointer

RING = np.dtype(
    {
        "names": ["head", "tail", "capacity", "channels", "samples"],
        "formats": ["i8"] * 5,
        "offsets": [0, 64, 128, 136, 144],
        "itemsize": 192,
    }
)
_TAIL = RING.fields["tail"][1]  # type: ignore[index]


@njit(inline="always")
def _ring(location):
    return carray(pointer(location), 1, RING)[0]


@njit(inline="always")
def readable(location):
    """Frames that the reader may take from the ring at this address."""
    return load_acquire(location) - load_acquire(location + _TAIL)


@njit(inline="always")
def next_place(location):
    """The number of the frame that the reader takes next, counted from the ring's start."""
    return load_acquire(location + _TAIL)


@njit(inline="always")
def writable(location):
    """Frames that the writer may put."""
    return _ring(location).capacity - readable(location)


@njit
def _copy(location, start, n, outside, inward):
    """Copy `n` frames between the ring's place `start` (wrapped) and the contiguous floats at address `outside`."""
    r = _ring(location)
    frame_bytes = 4 * r.channels
    at = start & (r.capacity - 1)
    first = min(n, r.capacity - at) * frame_bytes
    rest = n * frame_bytes - first
    inside = r.samples + at * frame_bytes
    if inward:
        memmove(inside, outside, first)
        memmove(r.samples, outside + first, rest)
    else:
        memmove(outside, inside, first)
        memmove(outside + first, r.samples, rest)


@njit
def write(location, source, n):
    """Put up to `n` interleaved frames from address `source`; returns how many fitted."""
    n = min(n, writable(location))
    head = _ring(location).head
    _copy(location, head, n, source, True)
    store_release(location, head + n)
    return n


@njit
def take(location, target, n):
    """Take up to `n` interleaved frames to address `target`; returns how many there were."""
    n = min(n, readable(location))
    tail = _ring(location).tail
    _copy(location, tail, n, target, False)
    store_release(location + _TAIL, tail + n)
    return n


@njit
def skip(location, n):
    """Drop up to `n` frames unread; returns how many there were."""
    n = min(n, readable(location))
    store_release(location + _TAIL, _ring(location).tail + n)
    return n


@njit(cache=True)
def _length(location):
    taken = load_acquire(
        location + _TAIL
    )  # first: what is read meanwhile was there, so the difference is never negative
    return load_acquire(location) - taken


@njit(cache=True, nogil=True)
def _write(location, source, n):
    return write(location, source, n)


@njit(cache=True, nogil=True)
def _take(location, target, n):
    return take(location, target, n)


class Ring:
    """A single-writer single-reader ring of interleaved float32 frames.

    Parameters
    ----------
    capacity : int
        Frames that must fit; rounded up to a power of two.
    channels : int
    filled : int
        Frames of silence that lie in the ring at the start.
    """

    def __init__(self, capacity: int, channels: int, filled: int = 0):
        self.capacity = 1 << max(0, int(capacity) - 1).bit_length()
        self.channels = channels
        self._samples = aligned((self.capacity, channels))
        self._samples.fill(0)  # touches every page now, so that no real-time thread waits for one
        self._control = aligned(1, RING)
        self._control["capacity"] = self.capacity
        self._control["channels"] = channels
        self._control["head"] = filled
        self._control["samples"] = address(self._samples)
        self.address = address(self._control)

    def __len__(self) -> int:
        """Frames that wait to be read."""
        return _length(self.address)

    def write(self, frames: np.ndarray) -> int:
        """Put interleaved frames, float32 of shape (n, channels); returns how many fitted."""
        frames = np.ascontiguousarray(frames, np.float32).reshape(-1, self.channels)
        return _write(self.address, address(frames), len(frames))

    def read(self, n: int) -> np.ndarray:
        """Take up to `n` frames, float32 of shape (taken, channels)."""
        out = np.empty((n, self.channels), np.float32)
        return out[: _take(self.address, address(out), n)]
