"""The microphone hears the music too: a partitioned-block frequency-domain Kalman filter takes it out.

At 16 kHz, in blocks of 32 ms: each of the last 384 ms of what was played, in one or two channels, has a filter of one
block; together they foretell what of it reaches the microphone, and what is left is the room. The filter's own
uncertainty, which the Kalman equations carry, says how much music is left in the residual: it is subtracted from the
residual's levels, and compared with them it says whether these may be believed (``error_db``).

After a block that cannot be heard (not finite, clipped) nothing is learnt from it; a filter that makes the sound louder
than the microphone's for a while begins anew. Nothing here depends on the blocks it is called with.

References
----------
G. Enzner, P. Vary: "Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free telephones",
Signal Processing 86, 2006.
F. Kuech, E. Mabande, G. Enzner: "State-space architecture of the partitioned-block-based acoustic echo controller",
ICASSP 2014, eqs. 14 to 21.
"""

import numpy as np
from numba import njit

from ...buffers.record import Record
from ...buffers.step import step
from ...buffers.views import float_rows
from ...chain.program import STRIDE
from ...frames.fft import execute
from .spectra import add_imaginary, add_power, add_real, split, step_imaginary, step_real

SAMPLE_RATE = 16000
BLOCK = 512
PARTITIONS = 12
"""Blocks that the filter reaches back: 384 ms."""

N_FFT, N_BINS = 2 * BLOCK, BLOCK + 1
LOOK, LOOK_BINS = 2048, 1025
"""Samples of the residual that its levels are taken from, every block."""

LOW_HZ, HIGH_HZ = 50.0, 7000.0

KEEP = 0.9995
"""The room's transition factor A: a filter that is left alone forgets 3 % of itself a second."""
FIRST_VARIANCE = 0.3
NOISE_KEEP = 0.7
"""Of the residual's power spectrum from block to block."""
LEVEL_KEEP = 0.93
"""Of the bands' powers from block to block: a third of a second."""
LEFT_SHARE = 0.25
"""Of the music that may be left, which `remaining` is without: low quantiles of it, by which a floor is found,
hold less of what comes and goes."""
LEAST_SHARE = 0.05
"""Of the residual's power, which the room keeps however uncertain the filter is."""
CLIPPED = 0.999
WORSE, WORSE_BLOCKS = 2.0, 16
"""A residual so much stronger than the microphone's sound for so many blocks: the filter begins anew."""
GROUPS = 8
EDGES = (2, 8, 16, 32, 64, 112, 192, 320, 512)
"""Bins of the groups of frequencies in which a change of the room shows, from 31 Hz."""
DOUBT_KEEP = 0.9
DOUBTED, SIGNIFICANT, LOUD_ENOUGH = 0.05, 2.0, 0.2
CONSTRAINED = 4
"""Filters a block that are brought back to their length, in turn."""

ERROR, CANCELLED, RESTARTS, SKIPPED, BLOCKS, MOVES = range(6)
"""What `state` holds: the error in dB (left music over room), by how many dB the residual is below the microphone,
restarts, blocks that taught nothing, blocks, groups of frequencies whose filters were doubted."""

CANCELLER = Record(
    "Canceller",
    counts="references n_filters n_bands at=0 head=0 turn=0 worse=0",
    addresses="fft fft_plan ifft ifft_plan look_fft look_plan",
    constants=f"window:f4[{LOOK}] look_weights:f4[n_bands,{LOOK_BINS}] error_weights:f4[n_bands,{N_BINS}]"
    " look_from:i8[n_bands] look_to:i8[n_bands] error_from:i8[n_bands] error_to:i8[n_bands] edges:i8[9]",
    arrays=f"heard:f4[{BLOCK}] cleaned:f4[{BLOCK}] played:f4[references,{N_FFT}] residual:f4[{LOOK}]"
    f" microphone:f4[{LOOK}] most:f8[n_bands]"
    f" spectra:f4[n_filters,2,{N_BINS}] filters:f4[n_filters,2,{N_BINS}] error:f4[2,{N_BINS}] foretold:f4[2,{N_BINS}]"
    f" variance:f4[n_filters,{N_BINS}] noise:f4[{N_BINS}] uncertain:f4[{N_BINS}] denominator:f4[{N_BINS}]"
    f" gain:f4[{N_BINS}]"
    " cross:f8[8] own:f8[8] remains:f8[8] believed:f8[8]",
    transformed=f"time:f4[{N_FFT}] bins:c8[{N_BINS}] look:f4[{LOOK}] look_bins:c8[{LOOK_BINS}]",
    shared="room:f8[n_bands] left:f8[n_bands] remaining:f8[n_bands] state:f8[6]",
    reals="microphone_power=0 residual_power=0",
)
"""`room`, `left` and `remaining` are mean-square powers of the bands: what the microphone hears without the music, how
much music the residual may still hold, which `room` is without and `remaining` for a share; this is never louder than
the microphone."""


@njit(cache=True)
def _transform_played(s):
    """The newest two blocks of each reference, as a spectrum."""
    s.head = (s.head + 1) % PARTITIONS
    for r in range(s.references):
        for t in range(N_FFT):
            s.time[t] = s.played[r, t]
        execute(s.fft, s.fft_plan, s.time, s.bins)
        split(s.bins, s.spectra[r * PARTITIONS + s.head])
        for t in range(BLOCK):
            s.played[r, t] = s.played[r, t + BLOCK]


@njit(cache=True)
def _spectrum_of(s, q):
    """Where the spectrum lies that filter `q` works on: a ring for each reference."""
    return q - q % PARTITIONS + (s.head + PARTITIONS - q % PARTITIONS) % PARTITIONS


@njit(cache=True)
def _cancel(s):
    """Residual of the newest block into `cleaned`, its spectrum into `error`, that of what was foretold into
    `foretold`."""
    real, imaginary = s.foretold[0], s.foretold[1]
    for k in range(N_BINS):
        real[k], imaginary[k], s.uncertain[k] = 0.0, 0.0, 0.0
    for q in range(s.n_filters):
        spectrum = s.spectra[_spectrum_of(s, q)]
        add_real(real, s.filters[q], spectrum)
        add_imaginary(imaginary, s.filters[q], spectrum)
        add_power(s.uncertain, s.variance[q], spectrum)
    for k in range(N_BINS):
        s.bins[k] = complex(real[k], imaginary[k])
    execute(s.ifft, s.ifft_plan, s.bins, s.time)
    for t in range(BLOCK):
        s.time[t] = 0.0
        s.time[BLOCK + t] /= np.float32(N_FFT)
        s.cleaned[t] = s.heard[t] - s.time[BLOCK + t]
    execute(s.fft, s.fft_plan, s.time, s.bins)
    split(s.bins, s.foretold)
    for t in range(BLOCK):
        s.time[BLOCK + t] = s.cleaned[t]
    execute(s.fft, s.fft_plan, s.time, s.bins)
    split(s.bins, s.error)


@njit(cache=True)
def _compare(s):
    """How what is left goes with what was foretold, in groups of frequencies.

    Of the sound y at the microphone the foretold f explains <y, f> / <f, f> = 1, however much noise there is, and 0
    when the path is another one: <e, f> / <f, f> is -1 then.
    """
    for g in range(GROUPS):
        cross, own, left, believed = 0.0, 0.0, 0.0, 0.0
        for k in range(s.edges[g], s.edges[g + 1]):
            e_real, e_imaginary, f_real, f_imaginary = s.error[0, k], s.error[1, k], s.foretold[0, k], s.foretold[1, k]
            believed += s.uncertain[k]
            cross += e_real * f_real + e_imaginary * f_imaginary
            own += f_real * f_real + f_imaginary * f_imaginary
            left += e_real * e_real + e_imaginary * e_imaginary
        s.cross[g] = DOUBT_KEEP * s.cross[g] + cross
        s.own[g] = DOUBT_KEEP * s.own[g] + own
        s.remains[g] = DOUBT_KEEP * s.remains[g] + left
        s.believed[g] = DOUBT_KEEP * s.believed[g] + np.float32(0.5) * believed


@njit(cache=True)
def _moderate(s):
    """No filter is so uncertain that more music would be left than is there at all."""
    for g in range(GROUPS):
        if s.believed[g] > s.remains[g]:
            share = np.float32(s.remains[g] / s.believed[g])
            s.believed[g] = s.remains[g]
            for q in range(s.n_filters):
                for k in range(s.edges[g], s.edges[g + 1]):
                    s.variance[q, k] *= share


@njit(cache=True)
def _doubt(s):
    """Where the room has changed, the filters of these frequencies are as uncertain as the change is large.

    A path that has kept the share 1 - d of the old one differs from it by 2·d of its power, and <e, f> / <f, f> = -d.
    """
    for g in range(GROUPS):
        if s.own[g] > LOUD_ENOUGH * s.remains[g]:
            chance = np.sqrt(s.remains[g] / s.own[g] * (1 - DOUBT_KEEP) / (s.edges[g + 1] - s.edges[g]))
            share = -s.cross[g] / s.own[g] - DOUBTED - SIGNIFICANT * chance
            if share > 0.0:
                _open(s, 2.0 * min(share, 1.0), s.edges[g], s.edges[g + 1])
                s.state[MOVES] += 1.0


@njit(cache=True)
def _open(s, share, first, end):
    """Filters of the bins from `first` to before `end` become as uncertain as this share of their power."""
    for r in range(s.references):
        before = 0.0
        for p in range(PARTITIONS):
            q = r * PARTITIONS + p
            here = 0.0
            for k in range(first, end):
                here += s.filters[q, 0, k] ** 2 + s.filters[q, 1, k] ** 2
            here /= end - first
            large = max(here, 0.3 * before)
            before = large
            for k in range(first, end):
                s.variance[q, k] = max(s.variance[q, k], np.float32(share * large))


@njit(cache=True, error_model="numpy")
def _learn(s):
    """One step of the Kalman filter on the residual."""
    real, imaginary = s.error[0], s.error[1]
    for k in range(N_BINS):
        s.uncertain[k] *= np.float32(0.5)
        power = real[k] * real[k] + imaginary[k] * imaginary[k]
        s.noise[k] = np.float32(NOISE_KEEP) * s.noise[k] + np.float32(1 - NOISE_KEEP) * power
        s.denominator[k] = np.float32(1.0) / (s.uncertain[k] + s.noise[k] + np.float32(1e-12))
    for q in range(s.n_filters):
        variance = s.variance[q]
        for k in range(N_BINS):
            s.gain[k] = variance[k] * s.denominator[k]
        spectrum = s.spectra[_spectrum_of(s, q)]
        step_real(s.filters[q, 0], s.gain, spectrum, s.error)
        step_imaginary(s.filters[q, 1], s.gain, spectrum, s.error)
        _step_variance(variance, s.gain, spectrum, s.filters[q])


@njit(cache=True)
def _step_variance(variance, gain, spectrum, filters):
    """A filter's uncertainty: less by what was learnt, more by what the room may have changed."""
    keep, fresh = np.float32(KEEP * KEEP), np.float32(1.0 - KEEP * KEEP)
    x_real, x_imaginary, w_real, w_imaginary = spectrum[0], spectrum[1], filters[0], filters[1]
    for k in range(N_BINS):
        share = np.float32(0.5) * gain[k] * (x_real[k] * x_real[k] + x_imaginary[k] * x_imaginary[k])
        changed = fresh * (w_real[k] * w_real[k] + w_imaginary[k] * w_imaginary[k])
        variance[k] = keep * (np.float32(1.0) - share) * variance[k] + changed


@njit(cache=True)
def _constrain(s):
    """Bring a few filters, in turn, back to one block in time."""
    for _ in range(min(CONSTRAINED * s.references, s.n_filters)):
        real, imaginary = s.filters[s.turn, 0], s.filters[s.turn, 1]
        for k in range(N_BINS):
            s.bins[k] = complex(real[k] / np.float32(N_FFT), imaginary[k] / np.float32(N_FFT))
        execute(s.ifft, s.ifft_plan, s.bins, s.time)
        for t in range(BLOCK, N_FFT):
            s.time[t] = 0.0
        execute(s.fft, s.fft_plan, s.time, s.bins)
        split(s.bins, s.filters[s.turn])
        s.turn = (s.turn + 1) % s.n_filters


@njit(cache=True)
def _begin_anew(s):
    """Forget what was learnt."""
    for q in range(s.n_filters):
        for k in range(N_BINS):
            s.filters[q, 0, k] = 0.0
            s.filters[q, 1, k] = 0.0
            s.variance[q, k] = FIRST_VARIANCE
    for k in range(N_BINS):
        s.noise[k] = 0.0
    s.worse = 0


@njit(cache=True)
def _is_fit(s):
    """Whether the block can teach anything; what is not finite becomes 0."""
    fit = True
    for t in range(BLOCK):
        x = s.heard[t]
        if not np.isfinite(x):
            s.heard[t], fit = 0.0, False
        elif abs(x) >= CLIPPED:
            fit = False
    return fit


@njit(cache=True)
def _watch(s):
    """Powers of microphone and residual; whether the filter has gone astray."""
    heard, left = 0.0, 0.0
    for t in range(BLOCK):
        heard += s.heard[t] * s.heard[t]
        left += s.cleaned[t] * s.cleaned[t]
    s.microphone_power = LEVEL_KEEP * s.microphone_power + (1 - LEVEL_KEEP) * heard / BLOCK
    s.residual_power = LEVEL_KEEP * s.residual_power + (1 - LEVEL_KEEP) * left / BLOCK
    s.worse = s.worse + 1 if left > WORSE * heard + 1e-12 else 0
    return not np.isfinite(left) or s.worse >= WORSE_BLOCKS


@njit(cache=True)
def _look(s, history, newest, powers):
    """Powers of the bands of the last LOOK samples, with a block more in the history."""
    for t in range(LOOK - BLOCK):
        history[t] = history[t + BLOCK]
    for t in range(BLOCK):
        history[LOOK - BLOCK + t] = newest[t]
    for t in range(LOOK):
        s.look[t] = history[t] * s.window[t]
    execute(s.look_fft, s.look_plan, s.look, s.look_bins)
    for b in range(s.n_bands):
        powers[b] = 0.0
        for k in range(s.look_from[b], s.look_to[b]):
            x = s.look_bins[k]
            powers[b] += s.look_weights[b, k] * (x.real * x.real + x.imag * x.imag)


@njit(cache=True)
def _measure(s):
    """Levels of the residual's bands, and how much of them may be music."""
    _look(s, s.microphone, s.heard, s.most)
    _look(s, s.residual, s.cleaned, s.remaining)
    room_sum, left_sum = 0.0, 0.0
    for b in range(s.n_bands):
        power, left = s.remaining[b], 0.0
        for k in range(s.error_from[b], s.error_to[b]):
            left += s.error_weights[b, k] * s.uncertain[k]
        s.left[b] = LEVEL_KEEP * s.left[b] + (1 - LEVEL_KEEP) * left
        s.room[b] = max(power - left, LEAST_SHARE * power)
        s.remaining[b] = min(max(power - LEFT_SHARE * s.left[b], LEAST_SHARE * power), s.most[b])
        room_sum += s.room[b]
        left_sum += left
    return room_sum, left_sum


@njit(cache=True)
def _tell(s, room_sum, left_sum, fit):
    """Readings for whoever listens."""
    s.state[ERROR] = 10.0 * np.log10((left_sum + 1e-20) / (room_sum + 1e-20))
    s.state[CANCELLED] = 10.0 * np.log10((s.microphone_power + 1e-20) / (s.residual_power + 1e-20))
    s.state[SKIPPED] += 0.0 if fit else 1.0
    s.state[BLOCKS] += 1.0


@njit(cache=True)
def cancel_block(s):
    """One block of 512 samples in `heard`, and of each reference in the second half of `played` → the residual in
    `cleaned`, levels in `room` and `left`."""
    fit = _is_fit(s)
    _transform_played(s)
    _cancel(s)
    if _watch(s):
        _begin_anew(s)
        s.state[RESTARTS] += 1.0
        for t in range(BLOCK):
            s.cleaned[t] = s.heard[t]
    elif fit:
        _compare(s)
        _learn(s)
        _moderate(s)
        _doubt(s)
        _constrain(s)
    room_sum, left_sum = _measure(s)
    _tell(s, room_sum, left_sum, fit)


@step
def cancel(state, x, n, y):
    """`n` planar float32 samples at 16 kHz of microphone and references → as many of the residual, a block later."""
    s = CANCELLER(state)
    came, gone = float_rows(x, 1 + s.references, STRIDE), float_rows(y, 1, STRIDE)
    for t in range(n):
        gone[0, t] = s.cleaned[s.at]
        s.heard[s.at] = came[0, t]
        for r in range(s.references):
            z = came[1 + r, t]
            s.played[r, BLOCK + s.at] = z if np.isfinite(z) else np.float32(0.0)
        s.at += 1
        if s.at == BLOCK:
            cancel_block(s)
            s.at = 0
    return n
