"""The network's answer, or its spectrum, as what the input lacks.

The stages give a *difference* spectrum. It is resynthesised alone and added to the input, delayed; where there is
nothing to do it is zero, and the output is the input to the bit.
"""

from typing import Any

import numpy as np
from numba import njit

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import complexes, copy, floats
from ...frames.plan import FramePlan
from .sizes import ANSWER, CONTROLS, GROUP, LARGEST_FILL, LOW, N_BINS, SMALLEST_FILL, TAPS, TONAL, UNITS

_HELD: dict[str, Any] = {
    "counts": "n_history at=0 delay_frames repair",
    "arrays": f"history:c8[n_history,{N_BINS}] past:f4[n_history,{CONTROLS}]",
    "constants": f"air_shape:f4[{N_BINS}]",
}
_PLACES = f"spectrum:c8[{N_BINS}] controls:f4[{CONTROLS}] amount:f4[1] air_db:f4[1]"
MEND = Record("Mend", **_HELD, shared=f"{_PLACES} hiss:c8[{N_BINS}]", reals="share=0 ramp")
_REPAIR_FADE_S = 0.1


@njit
def _remember(s):
    """Keep the newest spectrum and controls in the ring."""
    copy(s.history[s.at], s.spectrum)
    copy(s.past[s.at], s.controls)
    newest = s.at
    s.at = (s.at + 1) % s.n_history
    return newest


@njit
def _earlier(s, newest, age):
    """The spectrum of `age` frames ago."""
    return s.history[(newest - age) % s.n_history]


@njit
def _fade_repair(s, coded):
    """Move the share of repair, 0 to 1, towards where it belongs."""
    aim = 1.0 if coded and s.repair else 0.0
    s.share += min(s.ramp, max(-s.ramp, aim - s.share))
    return s.share


@njit
def _mend_low(answer, now, ahead, before, older, share, edge, y):
    """y += share · (what turns the coded spectrum into the original, as far as the network knows), below the edge."""
    for k in range(min(LOW, edge + 2)):
        part = np.float32(share * min(1.0, max(0.0, (edge - k) / 4.0 + 0.5)))
        change = now[k] * answer[ANSWER.gain + k]
        if k < TONAL:
            at = ANSWER.taps + k
            change += now[k] * np.complex64(complex(0.0, answer[ANSWER.imaginary + k]))
            change += ahead[k] * np.complex64(complex(answer[at], answer[at + TONAL]))
            change += before[k] * np.complex64(complex(answer[at + 2 * TONAL], answer[at + 3 * TONAL]))
            change += older[k] * np.complex64(complex(answer[at + 4 * TONAL], answer[at + 5 * TONAL]))
        y[k] += part * change


@njit
def _fill(s, answer, hiss, level, gate, share, edge, y):
    """y += hiss at the levels that the network asks for: above the edge by the gate, below it by the repair's share."""
    amount, air, shape = s.amount[0], np.log(10.0) / 20 * s.air_db[0], s.air_shape
    for k in range(N_BINS):
        unit = k if k < LOW else min(UNITS - 1, LOW + (k - LOW) // GROUP)
        above = min(1.0, max(0.0, (k - edge) / 4.0 + 0.5))
        part = gate * above * amount * np.exp(air * shape[k]) + share * (1.0 - above)
        if part > 0:
            wanted = min(LARGEST_FILL, max(SMALLEST_FILL, answer[ANSWER.fill + unit]))
            y[k] += hiss[k] * np.float32(part * np.exp(wanted) * level)


@step
def mend(state, x, n, y):
    """One answer of the network → one difference spectrum, N_BINS complex64, of the frame it belongs to."""
    s = MEND(state)
    answer, out = floats(x, ANSWER.length), complexes(y, N_BINS)
    newest = _remember(s)
    age = s.delay_frames
    controls = s.past[(newest - age) % s.n_history]
    edge, level, gate = int(controls[0]), controls[1], controls[2]
    share = _fade_repair(s, controls[3] > 0) * gate
    for k in range(N_BINS):
        out[k] = 0
    if gate > 0:
        now, ahead = _earlier(s, newest, age), _earlier(s, newest, age - 1)
        _mend_low(answer, now, ahead, _earlier(s, newest, age + 1), _earlier(s, newest, age + 2), share, edge, out)
        _fill(s, answer, s.hiss, level, gate, share, edge, out)
    return n


def mend_stage(plan: FramePlan, *, delay: int, repair: bool, hiss: np.ndarray, **places: np.ndarray) -> Stage:
    """The network's answer as a stage: (ANSWER.length,) float32 → (N_BINS,) complex64, what the input lacks.

    Parameters
    ----------
    plan : FramePlan
    delay : int
        Frames by which the answer lags, at least 1: the frame after the answer's own is used too.
    repair : bool
        Mend the band below the edge where the sound was coded.
    hiss : ndarray, complex64, shape (N_BINS,)
        Where the newest frame of the noise lies.
    **places
        `spectrum` (complex64, (N_BINS,)), where the newest frame lies; `controls` (float32, (CONTROLS,)), where
        :func:`watch_stage` wrote its edge, level and gate; `amount` (float32, (1,)), share of the fill; `air_db`
        (float32, (1,)), shelf on the fill.
    """
    return Stage(
        mend,
        MEND,
        repair=repair,
        ramp=1 / (_REPAIR_FADE_S * plan.frame_rate_hz),
        **_history_fields(plan, delay, {**places, "hiss": hiss}),
    )


def _history_fields(plan: FramePlan, delay: int, places: dict[str, np.ndarray]) -> dict:
    """What both kinds of difference need: where the newest frame and the parameters lie, and rings of earlier ones."""
    octaves = np.log2(np.maximum(plan.frequencies_hz, 1.0) / 8000.0) / np.log2(1.5)
    shape = aligned(N_BINS)
    shape[:] = np.clip(octaves, 0, 1)
    shape.flags.writeable = False
    n_history = delay + TAPS
    return {
        "delay_frames": delay,
        "n_history": n_history,
        "history": aligned((n_history, N_BINS), np.complex64),
        "past": aligned((n_history, CONTROLS)),
        "air_shape": shape,
        **places,
    }


REPLACE = Record("Replace", **_HELD, shared=_PLACES)


@step
def replace(state, x, n, y):
    """One spectrum that a network gives for the input's → what the input lacks of it, N_BINS complex64."""
    s = REPLACE(state)
    newest = _remember(s)
    controls = s.past[(newest - s.delay_frames) % s.n_history]
    edge, gate = int(controls[0]), controls[2]
    original, made, out = _earlier(s, newest, s.delay_frames), complexes(x, N_BINS), complexes(y, N_BINS)
    amount, air, shape = s.amount[0], np.log(10.0) / 20 * s.air_db[0], s.air_shape
    for k in range(N_BINS):
        above = min(1.0, max(0.0, (k - edge) / 4.0 + 0.5))
        part = gate * (above * amount * np.exp(air * shape[k]) + (1.0 - above) * s.repair)
        out[k] = np.complex64(part) * (made[k] - original[k]) if part > 0 else np.complex64(0)
    return n


def replace_stage(plan: FramePlan, *, delay: int, repair: bool, **places: np.ndarray) -> Stage:
    """A network's spectrum as a stage: (N_BINS,) complex64 → (N_BINS,) complex64, what the input lacks.

    Parameters are those of :func:`mend_stage`, but for the hiss.
    """
    return Stage(replace, REPLACE, repair=repair, **_history_fields(plan, delay, places))
