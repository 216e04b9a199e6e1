"""Spectral freeze: what the sound would be if it just stayed as it is, kept ready for when the engine is late.

The engine looks at its newest output now and then and writes `LENGTH` frames of how it would go on: each peak of the
spectrum turns on at its own frequency and takes the bins around it along, as in a phase vocoder that stands still. The
callback only copies. Of three sounds each thread owns one, and the third lies between them: whoever wants it gives its
own for it in one atomic exchange, so that neither waits, and none can be written to and read at once, whatever holds a
thread up.

References
----------
.. [1] J. Laroche and M. Dolson, "Improved phase vocoder time-scale modification of audio", IEEE TSAP 7(3), 1999:
   identity phase locking.
"""

import numpy as np
from numba import carray, njit

from ..buffers.atomics import exchange, load_acquire, publish, store_release
from ..buffers.memory import address, aligned, complexes, floats, integers, memmove, memset, pointer
from ..frames.fft import execute
from ..frames.transforms import real_fft

N_FFT, HOP = 1024, 256
REFRESH = 1024
"""Frames of output between two looks."""

LENGTH = 8192
"""Frames that a look provides for."""

SOUNDS = 3
FRESH = 4
"""Added to the number of the sound in between while the callback has not taken it."""

_FIRST = {"between": 1, "front": -1, "back": 2}
"""Who owns which sound at first: `back` is the engine's. The callback's own is 0, in which nothing is yet."""

_NAMES = (
    *_FIRST,
    *("channels", "since", "history", "windowed", "spectrum", "turns", "turned", "frame", "window"),
    *("sounds", "origins", "fft", "fft_plan", "inverse", "inverse_plan"),
)
FREEZE = np.dtype([(name, "i8") for name in _NAMES])
_FRONT = 8


@njit(inline="always")
def _power(spectrum, m):
    return spectrum[m].real * spectrum[m].real + spectrum[m].imag * spectrum[m].imag


@njit
def _turn_of(spectrum, peak):
    """How far the sinusoid at a peak turns in a hop: its frequency by a parabola through log powers."""
    offset = 0.0
    if 0 < peak < N_FFT // 2:
        tiny = 1e-30
        a, b, c = (
            np.log(_power(spectrum, peak - 1) + tiny),
            np.log(_power(spectrum, peak) + tiny),
            np.log(_power(spectrum, peak + 1) + tiny),
        )
        bend = a - 2.0 * b + c
        offset = 0.5 * (a - c) / bend if bend < 0.0 else 0.0
    angle = 2.0 * np.pi * HOP * (peak + offset) / N_FFT
    return np.complex64(complex(np.cos(angle), np.sin(angle)))


@njit
def _turn_regions(spectrum, turns):
    """Every bin turns with the peak of its hill."""
    first = peak = np.int64(0)  # a bare 0 is a type of its own: the callee compiles twice
    n_bins = N_FFT // 2 + 1
    for m in range(1, n_bins + 1):
        last = m == n_bins
        rising = not last and _power(spectrum, m) > _power(spectrum, m - 1)
        if last or (rising and peak < m - 1):
            turn = _turn_of(spectrum, peak)
            for k in range(first, m):
                turns[k] = turn
            first, peak = m, m
        if rising:
            peak = m


@njit
def _continue_channel(h, c, sound):
    """Write how one channel would go on."""
    n_bins = N_FFT // 2 + 1
    past, window = floats(h.history + 4 * N_FFT * c, N_FFT), floats(h.window, N_FFT)
    windowed = floats(h.windowed, N_FFT)
    for i in range(N_FFT):
        windowed[i] = past[i] * window[i]
    execute(h.fft, h.fft_plan, h.windowed, h.spectrum)
    spectrum, turns, frame = complexes(h.spectrum, n_bins), complexes(h.turns, n_bins), floats(h.frame, N_FFT)
    _turn_regions(spectrum, turns)
    # Squared windows a quarter apart sum to 1.5.
    out, scale = floats(sound, LENGTH * h.channels), np.float32(1.0 / (1.5 * N_FFT))
    for start in range(HOP - N_FFT, LENGTH, HOP):
        for m in range(n_bins):
            spectrum[m] *= turns[m]
        memmove(h.turned, h.spectrum, 8 * n_bins)
        execute(h.inverse, h.inverse_plan, h.turned, h.frame)
        for i in range(max(0, -start), min(N_FFT, LENGTH - start)):
            out[(start + i) * h.channels + c] += scale * frame[i] * window[i]


@njit
def _refresh(freeze, h, end):
    """Write a sound into the engine's own place, and offer it."""
    sound = h.sounds + 4 * LENGTH * h.channels * h.back
    memset(sound, 0, 4 * LENGTH * h.channels)
    for c in range(h.channels):
        _continue_channel(h, c, sound)
    integers(h.origins, SOUNDS)[h.back] = end
    h.back = offer(freeze, h.back)


@njit
def offer(freeze, back):
    """Put the engine's sound, of number `back`, between both threads: the number of the one that it gets for it."""
    return exchange(freeze, back + FRESH) % FRESH


@njit
def note_output(freeze, frames, n, end):
    """Look at `n` interleaved frames of output, at most N_FFT; the next one will lie at place `end` of the ring."""
    h = carray(pointer(freeze), 1, FREEZE)[0]
    fresh = floats(frames, n * h.channels)
    for c in range(h.channels):
        start = h.history + 4 * N_FFT * c
        memmove(start, start + 4 * n, 4 * (N_FFT - n))
        newest = floats(start + 4 * (N_FFT - n), n)
        for i in range(n):
            newest[i] = fresh[i * h.channels + c]
    h.since += n
    if h.since >= REFRESH:
        h.since = 0
        _refresh(freeze, h, end)


@njit
def grab(freeze):
    """The newest sound, the callback's own until the next grab: its number, or -1 if there is none yet."""
    front = load_acquire(freeze + _FRONT)
    if load_acquire(freeze) >= FRESH:
        front = exchange(freeze, max(front, 0)) - FRESH
        store_release(freeze + _FRONT, front)
    return front


@njit
def frozen_frames(freeze, number, place):
    """The address of the sound's frame for place `place` of the ring, and how many follow from there on."""
    h = carray(pointer(freeze), 1, FREEZE)[0]
    at = place - integers(h.origins, SOUNDS)[number]
    if at < 0 or at >= LENGTH:
        return 0, 0
    return h.sounds + 4 * h.channels * (LENGTH * number + at), LENGTH - at


class Freeze:
    """Memory for the spectral freeze of one stream; `address` is what compiled code takes."""

    def __init__(self, channels: int):
        n_bins, fft = N_FFT // 2 + 1, real_fft(N_FFT)
        window = aligned(N_FFT)
        window[:] = np.hanning(N_FFT + 1)[:-1]
        self._arrays = {
            "history": aligned((channels, N_FFT)),
            "windowed": aligned(N_FFT),
            "spectrum": aligned(n_bins, np.complex64),
            "turns": aligned(n_bins, np.complex64),
            "turned": aligned(n_bins, np.complex64),
            "frame": aligned(N_FFT),
            "window": window,
            "sounds": aligned((SOUNDS, LENGTH, channels)),
            "origins": aligned(SOUNDS, np.int64),
        }
        self._arrays["sounds"].fill(0)  # touches every page now, so that the callback never waits for one
        self._record = aligned(1, FREEZE)
        for name, array in self._arrays.items():
            self._record[name] = address(array)
        self._record["channels"] = channels
        self._record["fft"], self._record["fft_plan"] = fft.forward
        self._record["inverse"], self._record["inverse_plan"] = fft.inverse
        for i, number in enumerate(_FIRST.values()):
            publish(self._record.view(np.int64), i, number)
        self.address = address(self._record)
