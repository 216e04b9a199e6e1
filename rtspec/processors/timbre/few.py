"""The network asked for the voices that sound, and no others: one call of as few rows as hold them.

The file takes 16 rows a frame. Where its rows do not look at each other, which the graph tells
(:mod:`rtspec.models.one_call`), a call may have any number of them: one held note costs less than half of sixteen.
"""

import numpy as np
from numba import njit

from ...buffers.memory import address, aligned_copy, integers, memmove
from ...buffers.record import Record
from ...buffers.step import Stage, call_step, step
from ...models.packages import PackagedModel, of_one
from ...models.session import ModelStage, model_stage

SIZES = (1, 2, 4, 8, 16)

FEW = Record(
    "Few",
    counts="n_sizes n_voices in_bytes out_bytes",
    addresses="entry wanted",
    constants="sizes:i8[n_sizes] stages:i8[n_sizes] model_in:i8[n_sizes] model_out:i8[n_sizes]",
)


@njit
def _smallest(sizes, count):
    k = 0
    while sizes[k] < count:
        k += 1
    return k


@step
def ask_few(state, x, n, y):
    """The wanted rows at `x` → the same rows at `y`; the others stay as they were."""
    s = FEW(state)
    wanted, count = integers(s.wanted, s.n_voices), 0
    for i in range(s.n_voices):
        count += wanted[i]
    if count == 0:
        return n
    k, row = _smallest(s.sizes, count), 0
    model_in, model_out = s.model_in[k], s.model_out[k]
    for i in range(s.n_voices):
        if wanted[i]:
            memmove(model_in + row * s.in_bytes, x + i * s.in_bytes, s.in_bytes)
            row += 1
    call_step(s.entry, s.stages[k], model_in, 1, model_out)
    row = 0
    for i in range(s.n_voices):
        if wanted[i]:
            memmove(y + i * s.out_bytes, model_out + row * s.out_bytes, s.out_bytes)
            row += 1
    return n


def asking_stages(model: PackagedModel, full: ModelStage, wanted: np.ndarray) -> list[Stage]:
    """The stage that asks the network, and those inside it: for the voices that are wanted where that can be, else for
    all of them.

    Parameters
    ----------
    model : PackagedModel
        Frames of (voices, values).
    full : ModelStage
        Of that model; its parameters are read.
    wanted : ndarray, int64, shape (voices,)
        1 for each voice that is to be asked for.
    """
    one = None if model.manifest.states else of_one(model, "channels")
    single = None if one is None else model_stage(one, controls_of=full)
    if single is None or not single.form.lanes:
        return [full]
    calls = [single.of_lanes(n) for n in SIZES if n < len(wanted)] + [single.of_lanes(len(wanted))]
    asking = Stage(
        ask_few,
        FEW,
        keep=(full, single, *calls),
        n_sizes=len(calls),
        n_voices=len(wanted),
        in_bytes=single.tensors[0].nbytes,
        out_bytes=single.tensors[1].nbytes,
        entry=single.step.address,
        wanted=address(wanted),
        sizes=_constants([call.tensors[0].nbytes // single.tensors[0].nbytes for call in calls]),
        stages=_constants([address(call.record) for call in calls]),
        model_in=_constants([address(call.tensors[0]) for call in calls]),
        model_out=_constants([address(call.tensors[1]) for call in calls]),
    )
    return [asking, *calls]


def _constants(values: list[int]) -> np.ndarray:
    return aligned_copy(np.array(values, np.int64))
