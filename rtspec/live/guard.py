"""Feedback guard: a limiter, and an ear for howling, as the last stage of a live chain. Off unless asked for.

Between a loudspeaker and a microphone one frequency builds up: it alone holds most of the power, stays where it is and
grows until something limits it. Where that goes on for a quarter of a second the guard turns the sound down at once and
lets it come back slowly. A tone that somebody holds does not grow and is left alone.
"""

from math import exp

import numpy as np
from numba import njit

from ..buffers.memory import aligned
from ..buffers.record import Record
from ..buffers.step import Stage, step
from ..buffers.views import float_rows
from ..chain.program import STRIDE
from ..frames.fft import execute
from ..frames.transforms import real_fft

CEILING_DB = -0.5
"""No sample is louder."""

N_FFT = 1024
NARROW = 0.7
"""Share of the power that a howl's three bins hold at least."""

GROWTH = 1.02
"""Factor by which a howl grows from one look to the next at least, unless it is limited already."""

LOOKS = 12
"""Looks in a row that make a howl: a quarter of a second at 48 kHz."""

DUCK, DEEPEST = 0.1, 1e-3
"""Factor of the level at each howl, and the least level."""

RELEASE_S, RECOVERY_S, ATTACK_S = 0.05, 2.0, 0.005
GUARD = Record(
    "Guard",
    counts="channels at=0 last_bin=-2 suspected=0 limited_samples=0 howls=0 limits=0",
    addresses="fft fft_plan",
    arrays=f"heard:f4[{N_FFT}]",
    constants=f"window:f4[{N_FFT}]",
    transformed=f"windowed:f4[{N_FFT}] spectrum:c8[{N_FFT // 2 + 1}]",
    reals="ceiling gain=1 duck=1 goal=1 level=0 release attack recovery",
)


@njit
def _loudest(x, i, channels):
    peak = 0.0
    for c in range(channels):
        peak = max(peak, abs(x[c, i]))
    return peak


@njit
def _is_howl(s):
    """Whether what was heard is one frequency, the same as before, that grows or is being limited."""
    heard, window, windowed = s.heard, s.window, s.windowed
    for i in range(N_FFT):
        windowed[i] = heard[i] * window[i]
    execute(s.fft, s.fft_plan, s.windowed, s.spectrum)
    spectrum, total, loudest, peak = s.spectrum, 0.0, 0.0, 0
    for m in range(1, N_FFT // 2):
        power = spectrum[m].real ** 2 + spectrum[m].imag ** 2
        total += power
        if power > loudest:
            loudest, peak = power, m
    near = 0.0
    for m in range(max(1, peak - 1), min(N_FFT // 2, peak + 2)):
        near += spectrum[m].real ** 2 + spectrum[m].imag ** 2
    level, before, last = np.sqrt(total), s.level, s.last_bin
    s.level, s.last_bin = level, peak
    narrow = total > 0.0 and near > NARROW * total and abs(peak - last) <= 1
    return narrow and (s.limits > 0 or level > GROWTH * before)


@njit
def _listen(s):
    """A look at what was heard; a howl turns the sound down."""
    s.suspected = s.suspected + 1 if _is_howl(s) else 0
    s.limits = 0
    if s.suspected >= LOOKS:
        s.suspected = 0
        s.howls += 1
        s.goal = max(DEEPEST, DUCK * min(s.goal, s.duck))


@step
def guard(state, x, n, y):
    """`n` samples of planar float32, limited, and turned down where they howl."""
    s = GUARD(state)
    heard, came, go = s.heard, float_rows(x, s.channels, STRIDE), float_rows(y, s.channels, STRIDE)
    for i in range(n):
        if s.duck > s.goal:
            s.duck = max(s.goal, s.duck * s.attack)
        else:
            s.goal = s.duck = s.duck + s.recovery * (1.0 - s.duck)
        peak = s.duck * _loudest(came, i, s.channels)
        s.gain += s.release * (1.0 - s.gain)
        if s.gain * peak > s.ceiling:
            s.gain = s.ceiling / peak
            s.limits += 1
            s.limited_samples += 1
        scale, total = np.float32(s.gain * s.duck), np.float32(0.0)
        for c in range(s.channels):
            sample = came[c, i]
            go[c, i] = sample * scale
            total += sample
        heard[s.at] = total
        s.at += 1
        if s.at == N_FFT:
            s.at = 0
            _listen(s)
    return n


class Guard:
    """The guard of one stream.

    Parameters
    ----------
    sample_rate : float
        Hz.
    channels : int

    Attributes
    ----------
    stage : Stage
        Planar float32, no delay.
    """

    def __init__(self, sample_rate: float, channels: int):
        fft, plan = real_fft(N_FFT).forward
        window = aligned(N_FFT)
        window[:] = np.hanning(N_FFT + 1)[:-1]
        window.flags.writeable = False
        self.stage = Stage(
            guard,
            GUARD,
            channels=channels,
            heard=aligned(N_FFT),
            windowed=aligned(N_FFT),
            spectrum=aligned(N_FFT // 2 + 1, np.complex64),
            window=window,
            fft=fft,
            fft_plan=plan,
            ceiling=10 ** (CEILING_DB / 20),
            release=1.0 - exp(-1.0 / (RELEASE_S * sample_rate)),
            recovery=1.0 - exp(-1.0 / (RECOVERY_S * sample_rate)),
            attack=exp(-1.0 / (ATTACK_S * sample_rate)),
        )

    @property
    def limited_samples(self) -> int:
        """Samples that were too loud so far."""
        return int(self.stage.record["limited_samples"][0])

    @property
    def howls(self) -> int:
        """How often the sound was turned down."""
        return int(self.stage.record["howls"][0])
