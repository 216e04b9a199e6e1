"""Pictures of the sound: band spectra of input and output, from rings that the callback fills for the panel alone."""

import struct
from collections.abc import Callable

import numpy as np
from numba import njit

from ..audio.exchange import Exchange, Levels
from ..buffers.memory import aligned
from ..buffers.ring import Ring
from ..frames.fft import execute
from ..frames.transforms import real_fft

N_BANDS = 160
N_FFT = 4096
LOWEST_HZ, HIGHEST_HZ = 30.0, 20000.0
FLOOR_DB = -100.0
"""Of a band's byte 0; 255 is full scale."""

RING_S = 0.5
HEAD = struct.Struct("<BB2x4f")
"""Before the bands of input and output: 1, the number of bands, two peaks since the last picture, the engine's load and
the source's place (s)."""


class Bands:
    """Levels of log-spaced bands, from the last samples of several sounds.

    Parameters
    ----------
    sample_rate : float
        Hz.
    n_sounds : int
    n_bands : int
    """

    def __init__(self, sample_rate: float, n_sounds: int = 1, n_bands: int = N_BANDS):
        top = min(HIGHEST_HZ, 0.49 * sample_rate)
        edges = np.geomspace(LOWEST_HZ, top, n_bands + 1) * N_FFT / sample_rate
        self._starts = np.minimum(edges[:-1].round().astype(int), N_FFT // 2 - 1)
        window = np.hanning(N_FFT)
        self._window = (window * 2.0 / window.sum()).astype(np.float32)
        self._past = np.zeros((n_sounds, N_FFT), np.float32)
        self._windowed, self._spectrum = aligned(N_FFT), aligned(N_FFT // 2 + 1, np.complex64)
        self._transform = real_fft(N_FFT).forward

    def push(self, *sounds: np.ndarray) -> None:
        """Take in float32 frames (n, channels) of each sound; the mean of the first two channels is looked at."""
        for past, frames in zip(self._past, sounds, strict=True):
            _push(past, frames[-N_FFT:])

    def levels(self) -> np.ndarray:
        """uint8, shape (n_sounds, n_bands): 0 at :data:`FLOOR_DB` and below, 255 at full scale."""
        out = np.empty((len(self._past), len(self._starts)), np.uint8)
        for past, levels in zip(self._past, out, strict=True):
            _levels(past, self._window, self._windowed, self._spectrum, self._starts, *self._transform, levels)
        return out


@njit(cache=True, nogil=True)
def _push(past, frames):
    """Let what has come follow what was there: one channel, or the mean of two."""
    n, channels = frames.shape
    for i in range(len(past) - n):
        past[i] = past[i + n]
    for i in range(n):
        mean = frames[i, 0] if channels == 1 else (frames[i, 0] + frames[i, 1]) * np.float32(0.5)
        past[len(past) - n + i] = mean


@njit(cache=True, nogil=True)
def _levels(past, window, windowed, spectrum, starts, forward, plan, out):
    """The loudest bin of each band as a share of the range from :data:`FLOOR_DB` to full scale, 0 to 255; a band
    ends where the next begins, and has its first bin at least."""
    for i in range(len(past)):
        windowed[i] = past[i] * window[i]
    execute(forward, plan, windowed, spectrum)
    for band in range(len(starts)):
        end = starts[band + 1] if band + 1 < len(starts) else len(spectrum)
        highest = np.float32(1e-12)
        for k in range(starts[band], max(end, starts[band] + 1)):
            highest = max(highest, spectrum[k].real * spectrum[k].real + spectrum[k].imag * spectrum[k].imag)
        out[band] = np.uint8(min(max(np.log10(highest) * (-2550.0 / FLOOR_DB) + 255.0, 0.0), 255.0))


class Pictures:
    """Makes pictures of a stream as it is now, whatever its device.

    Parameters
    ----------
    exchange : callable
        Gives the exchange that plays now.
    """

    def __init__(self, exchange: Callable[[], Exchange]):
        self._exchange_now = exchange
        self._exchange: Exchange | None = None

    def _follow(self) -> Exchange:
        now = self._exchange_now()
        if now is not self._exchange:
            channels = now.to_engine.channels
            capacity = round(RING_S * now.sample_rate)
            self._rings = Ring(capacity, channels), Ring(capacity, channels)
            self._bands = Bands(now.sample_rate, 2)
            self._levels = Levels(now)
            now.tap_to(self._rings)
            self._exchange = now
        return now

    def take(self, load: float, source_s: float) -> bytes:
        """The next picture."""
        self._follow()
        self._bands.push(*(ring.read(len(ring)) for ring in self._rings))
        return HEAD.pack(1, N_BANDS, *self._levels.look(), load, source_s) + self._bands.levels().tobytes()

    def rest(self) -> None:
        """Nobody looks: the callback puts nothing into the rings until the next picture."""
        if self._exchange is not None:
            self._exchange.tap_to(None)
            self._exchange = None
