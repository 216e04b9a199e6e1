"""What the network is shown of a frame, and what is made of its answer; training and playing share both.

A frame's level follows the input at once upwards and slowly down; features and answer are relative to it, so a sound
is told again at any level in the same way, and silence stays silence.
"""

import numpy as np
from numba import njit

from ...buffers.memory import aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import clear, complex_rows, float_rows, part
from ...frames.plan import FramePlan

SAMPLE_RATE, N_FFT, HOP = 48000, 1024, 256
PLAN = FramePlan(sample_rate=SAMPLE_RATE, n_fft=N_FFT, hop=HOP)
N_BINS = N_FFT // 2 + 1
N_DRAWN = 32
"""Random numbers that a frame brings for the network to make something of."""
N_NOISE = N_DRAWN + N_BINS
"""Those, and one for each bin: by how much noise would be louder or softer there than its mean."""
N_FEATURES = N_BINS + 1 + N_NOISE
N_ANSWER = N_BINS + 1
"""A magnitude for each bin, and how far the phases are those of noise."""
CONTROLS = 2
"""Beside the features: the slow level and the quick one, as powers."""

SLOW_S, QUICK_S = 0.6, 0.06
"""Time constants with which two levels fall: that of the features, and that of what is made."""
FLOOR = 1e-7
"""Power of a bin, relative to the level, below which it counts as nothing."""
LOUDEST = 1e20
"""Power of a frame from which on it is no sound, and counts as silence; what is no number does too."""
TINY = 1e-30
"""Power that no sound reaches; it keeps divisions finite."""
SHRINK = 0.15
"""Of the logarithms, to numbers around 1."""
LEAST, MOST = -14.0, 4.0
"""Bounds of the answer: logarithm of a bin's magnitude over the quick level's root."""
ROOM = 2.0
"""Greatest power of a frame over the input's quick level: + 3 dB."""
REFERENCE_DB = -26.0
"""Level of the texture, dB of full scale (RMS), where it does not follow the input."""
_MURMUR = aligned_copy((1 / (8 + np.arange(N_BINS)) / np.mean(1 / (8 + np.arange(N_BINS)))).astype(np.float32))
"""Mean power of each bin of what the texture hears then, relative to their mean."""
_MURMUR.flags.writeable = False


def reference_power(plan: FramePlan) -> float:
    """A frame's mean power at :data:`REFERENCE_DB`."""
    return 10.0 ** (REFERENCE_DB / 10.0) * float(np.sum(np.array(plan.analysis, np.float64) ** 2))


@njit
def fallen(level, power, share):
    """A level that rises with the power at once and falls towards it by `share` a frame."""
    return max(power, level + share * (power - level))


def shares(frame_rate_hz: float) -> tuple[float, float]:
    """What the slow and the quick level fall by in a frame."""
    return tuple(float(-np.expm1(-1.0 / (seconds * frame_rate_hz))) for seconds in (SLOW_S, QUICK_S))  # type: ignore


LOOK = Record(
    "Look",
    counts="state=0 seed",
    reals="slow=0 quick=0 slow_share quick_share reference hiss_power",
    shared=f"hiss:c8[{N_BINS}] noise:f4[1] follow:f4[1]",
    constants=f"murmur:f4[{N_BINS}]",
)


@njit
def _uniform(s):
    """The next number of a generator (splitmix64), above 0 and at most 1."""
    s.state += 1
    z = np.uint64(s.seed) + np.uint64(s.state) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (np.float64(z >> np.uint64(11)) + 1.0) / 9007199254740992.0


@njit
def grain(power):
    """Logarithm of the magnitude of a bin of noise, whose mean is 0, from its power as a share of the mean."""
    return 0.5 * np.log(1e-4 + power) + 0.2885


@njit
def _draw(s, noise, amount):
    """Normal numbers, by pairs (Box and Muller), and the grain of each bin."""
    for k in range(0, N_DRAWN, 2):
        radius, turn = np.sqrt(-2.0 * np.log(_uniform(s))), 2.0 * np.pi * _uniform(s)
        noise[k], noise[k + 1] = amount * radius * np.cos(turn), amount * radius * np.sin(turn)
    for k in range(N_BINS):
        value = s.hiss[k]
        noise[N_DRAWN + k] = amount * grain((value.real**2 + value.imag**2) / s.hiss_power)


@njit
def _powers(s, spectrum, power):
    """Power of each bin; returns the mean. Where the texture does not follow the input it hears a murmur too."""
    total, murmur = 0.0, s.reference * (1.0 - min(1.0, s.follow[0]))
    for k in range(N_BINS):
        power[k] = spectrum[k].real ** 2 + spectrum[k].imag ** 2
        if murmur > 0.0:
            power[k] -= murmur * s.murmur[k] * np.log(_uniform(s))
        total += power[k]
    if total / N_BINS < LOUDEST:
        return total / N_BINS
    clear(part(power, 0, N_BINS))
    return 0.0


@step
def look(state, x, n, y):
    """`n` spectra → features and levels: N_FEATURES + CONTROLS numbers a frame."""
    s = LOOK(state)
    spectra, seen = complex_rows(x, n, N_BINS), float_rows(y, n, N_FEATURES + CONTROLS)
    for t in range(n):
        power = _powers(s, spectra[t], seen[t])
        s.slow, s.quick = fallen(s.slow, power, s.slow_share), fallen(s.quick, power, s.quick_share)
        level = s.slow + TINY
        for k in range(N_BINS):
            seen[t, k] = SHRINK * np.log(seen[t, k] / level + FLOOR)
        seen[t, N_BINS] = SHRINK * np.log(power / level + FLOOR)
        _draw(s, seen[t, N_BINS + 1 : N_FEATURES], s.noise[0])
        seen[t, N_FEATURES], seen[t, N_FEATURES + 1] = s.slow, s.quick
    return n


def hiss_power(plan: FramePlan) -> float:
    """Mean power of a bin of a frame of noise of variance 1."""
    return float(np.sum(np.array(plan.analysis, np.float64) ** 2))


def look_stage(plan: FramePlan, hiss: np.ndarray, noise: np.ndarray, follow: np.ndarray, seed: int = 0) -> Stage:
    """Features of frames, and the noise beside them, which begins anew at a reset.

    Parameters
    ----------
    plan : FramePlan
    hiss : ndarray, complex64, shape (N_BINS,)
        The frame of white noise of variance 1.
    noise : ndarray, float32, shape (1,)
        How strong the noise is, 0 to 1; read at each frame.
    follow : ndarray, float32, shape (1,)
        As the processor's parameter.
    seed : int
    """
    slow, quick = shares(plan.frame_rate_hz)
    return Stage(
        look,
        LOOK,
        seed=seed,
        slow_share=slow,
        quick_share=quick,
        reference=reference_power(plan),
        murmur=_MURMUR,
        hiss_power=hiss_power(plan),
        hiss=hiss,
        noise=noise,
        follow=follow,
    )


_OTHER = 0x5DEECE66D
"""Turns a seed into that of numbers that have nothing to do with its own."""

HISS = Record("Hiss", counts="state=0 seed")


@step
def draw_hiss(state, x, n, y):
    """`n` hops of white noise of variance 1."""
    s = HISS(state)
    hops = float_rows(y, n, HOP)
    for t in range(n):
        for k in range(0, HOP, 2):
            radius, turn = np.sqrt(-2.0 * np.log(_uniform(s))), 2.0 * np.pi * _uniform(s)
            hops[t, k], hops[t, k + 1] = radius * np.cos(turn), radius * np.sin(turn)
    return n


def hiss_stage(seed: int = 0) -> Stage:
    """White noise, a hop at a time; it begins anew at a reset."""
    return Stage(draw_hiss, HISS, seed=seed ^ _OTHER)


def seen_of(spectrum: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for a whole clip, without the stage's own noise.

    Parameters
    ----------
    spectrum : ndarray, complex64, shape (N_BINS, n_frames)
    noise : ndarray, float32, shape (n_frames, N_NOISE)

    Returns
    -------
    features : ndarray, float32, shape (n_frames, N_FEATURES)
    levels : ndarray, float32, shape (n_frames, CONTROLS)
        Slow and quick, as powers.
    """
    power = (spectrum.real**2 + spectrum.imag**2).T.astype(np.float32)
    means = power.mean(1, dtype=np.float64)
    levels = _levels(means, *shares(PLAN.frame_rate_hz))
    level = levels[:, :1] + TINY
    logs = np.log(np.concatenate([power, means[:, None]], 1) / level + FLOOR)
    return np.concatenate([SHRINK * logs, noise], 1).astype(np.float32), levels.astype(np.float32)


@njit(cache=True)
def _levels(means, slow_share, quick_share):
    out, slow, quick = np.zeros((len(means), CONTROLS)), 0.0, 0.0
    for t in range(len(means)):
        slow, quick = fallen(slow, means[t], slow_share), fallen(quick, means[t], quick_share)
        out[t, 0], out[t, 1] = slow, quick
    return out


# ------------------------------------------------------------------------------------------ the answer

RETELL = Record(
    "Retell",
    counts="seed=0 state=0",
    reals="reference",
    shared=f"spectrum:c8[{N_BINS}] hiss:c8[{N_BINS}] levels:f4[{CONTROLS}]"
    " noise:f4[1] strength:f4[1] texture_db:f4[1] follow:f4[1]",
    arrays=f"made:f4[{N_BINS}]",
)


@njit
def _magnitudes(s, answer, level):
    """The texture's magnitudes; returns their mean power."""
    made, power, root = s.made, 0.0, np.sqrt(level)
    for k in range(N_BINS):
        made[k] = root * np.exp(min(max(answer[k], LEAST), MOST))
        power += made[k] ** 2
    return power / N_BINS


@njit
def _phase(s, k, size, least, share):
    """The input's own phase, as far as it is not `share` that of noise; a random one where the input is nothing but the
    window's side lobes, whose phases agree so well that they would make a pulse of every frame."""
    if share > 0.0:
        noise = s.hiss[k] / (np.float32(abs(s.hiss[k])) + np.float32(TINY))
        if share < 1.0 and least < size < LOUDEST:
            noise = np.float32(1.0 - share) * (s.spectrum[k] / np.float32(size)) + np.float32(share) * noise
            noise /= np.float32(abs(noise)) + np.float32(TINY)
        return noise
    if least < size < LOUDEST:
        return s.spectrum[k] / np.float32(size)
    turn = 2.0 * np.pi * _uniform(s)
    return np.complex64(complex(np.cos(turn), np.sin(turn)))


@step
def retell(state, x, n, y):
    """An answer → the spectrum: the texture's magnitudes, by `strength`, on the input's phases or those of noise."""
    s = RETELL(state)
    answers, out = float_rows(x, n, N_ANSWER), complex_rows(y, n, N_BINS)
    spectrum, strength, follow = s.spectrum, float(s.strength[0]), float(s.follow[0])
    gain = 10.0 ** (s.texture_db[0] / 20.0)
    slow, level = float(s.levels[0]), _mixed_level(float(s.levels[1]), s.reference, follow)
    room, least = ROOM * level, np.sqrt(FLOOR * slow)
    for t in range(n):
        power = _magnitudes(s, answers[t], level)
        share = min(max(answers[t, N_BINS], 0.0), 1.0) * s.noise[0] * strength
        scale = gain * (1.0 if power <= room else np.sqrt(room / power))
        for k in range(N_BINS):
            size = abs(spectrum[k])
            wanted = scale * s.made[k]
            if strength < 1.0:
                wanted = wanted**strength * np.sqrt(size * size + FLOOR * slow) ** (1.0 - strength)
            out[t, k] = np.float32(wanted) * _phase(s, k, size, least, share)
            if strength == 0.0 and size < LOUDEST:
                out[t, k] = spectrum[k]
    return n


@njit
def _mixed_level(level, reference, follow):
    """The input's level, a fixed one, or between the two, in dB."""
    if follow >= 1.0:
        return level
    return (level + TINY) ** follow * reference ** (1.0 - follow)


def retell_stage(
    plan: FramePlan,
    spectrum: np.ndarray,
    levels: np.ndarray,
    hiss: np.ndarray,
    *,
    noise: np.ndarray,
    strength: np.ndarray,
    texture_db: np.ndarray,
    follow: np.ndarray,
) -> Stage:
    """What becomes of an answer.

    Parameters
    ----------
    plan : FramePlan
    spectrum : ndarray, complex64, shape (N_BINS,)
        Of the frame, as it came.
    levels : ndarray, float32, shape (CONTROLS,)
        Of the frame.
    hiss : ndarray, complex64, shape (N_BINS,)
        The frame of noise.
    noise, strength, texture_db, follow : ndarray, float32, shape (1,)
        The processor's parameters.
    """
    return Stage(
        retell,
        RETELL,
        reference=reference_power(plan),
        made=aligned(N_BINS),
        spectrum=spectrum,
        levels=levels,
        hiss=hiss,
        noise=noise,
        strength=strength,
        texture_db=texture_db,
        follow=follow,
    )
