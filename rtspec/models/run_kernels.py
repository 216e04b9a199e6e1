"""One call of a model's Run, compiled: the frame into its tensor, the call by address, the frame out of its tensor."""

import numpy as np
from llvmlite import ir
from numba import njit, types

from ..buffers.memory import (
    floats,
    intrinsic,
    memmove,
    memset,
)
from ..buffers.record import Record
from ..buffers.step import step
from ..buffers.views import part, place_of

MESSAGE_BYTES = 256
LARGEST = np.finfo(np.float32).max
"""Beyond it lies infinity alone."""

APPEND_COLUMNS = ("state", "newest", "outer", "kept_bytes", "new_bytes")
LANE_STATE_COLUMNS = ("state", "its_turn", "lane_bytes")

SESSION = Record(
    "Session",
    # How to call Run; where a frame lies in the tensors: `outer` pieces of `inner` bytes, `period` frames apart; which
    # states have newest frames to append, and which are one lane's own; what changes.
    counts="n_inputs n_outputs period input_outer input_inner output_outer output_inner states_bytes n_appends n_lanes"
    " n_lane_states phase=0 position=0 runs=0 under_way=0 failures=0 not_finite=0",
    addresses="run message release session? options? input output states",
    constants="input_names:i8[n_inputs] output_names:i8[n_outputs] values:i8[2,n_inputs+n_outputs]"
    f" initial_states:u1[states_bytes] appends:i8[n_appends,{len(APPEND_COLUMNS)}]"
    f" lane_states:i8[n_lane_states,{len(LANE_STATE_COLUMNS)}]",
    arrays=f"memory:u1 text:u1[{MESSAGE_BYTES}]",
)
"""`states`: where those of the model begin within `memory`, the block of all its tensors."""


def _call(n_args: int):
    """Code that calls the C function at an address with `n_args` int64."""

    def codegen(context, builder, signature, args):
        i64 = ir.IntType(64)
        kind = ir.FunctionType(i64, [i64] * n_args)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return types.int64(*[types.int64] * (n_args + 1)), codegen


@intrinsic
def call_1(typingctx, entry, a):
    """Call ``entry(a)``."""
    return _call(1)


@intrinsic
def call_run(typingctx, entry, session, options, names, values, n_values, wanted, n_wanted, made):
    """Call a function with the signature of OrtApi::Run; returns the status, 0 where all went well."""
    return _call(8)


strncpy = types.ExternalFunction("strncpy", types.int64(types.int64, types.int64, types.int64))


@njit
def place_frame(s, x):
    """Put the frame at address `x` into the input tensor, at this call's position in time."""
    for o in range(s.input_outer):
        memmove(s.input + (o * s.period + s.position) * s.input_inner, x + o * s.input_inner, s.input_inner)


@njit
def give_frame(s, y):
    """Copy the frame of the output tensor whose turn it is to address `y`."""
    for o in range(s.output_outer):
        memmove(y + o * s.output_inner, s.output + (o * s.period + s.position) * s.output_inner, s.output_inner)


@njit
def append_newest(s):
    """Shift the states of which the model gave only the newest frames, and append these."""
    for k in range(s.n_appends):
        a = s.appends[k]
        state, newest, outer, kept, new = a[0], a[1], a[2], a[3], a[4]
        for o in range(outer):
            row = state + o * kept
            if new < kept:
                memmove(row, row + new, kept - new)
            used = min(new, kept)
            memmove(row + kept - used, newest + (o + 1) * new - used, used)


@njit
def all_finite(location, n):
    """Whether `n` float32 hold neither NaN nor infinity; counted, for a sum of floats would wait for each before it."""
    values, lost = floats(location, n), 0
    for i in range(n):
        lost += not abs(values[i]) <= LARGEST
    return lost == 0


@njit
def note_failure(s, status):
    """Keep the text of a failed call, free its status and count it."""
    strncpy(place_of(s.text), call_1(s.message, status), MESSAGE_BYTES - 1)
    call_1(s.release, status)
    s.failures += 1


@njit
def start_lane(s, lane):
    """The states of one lane as they were at first, whichever call comes next."""
    for k in range(s.n_lane_states):
        a = s.lane_states[k]
        at = lane * a[2]
        for place in (a[0], a[1]):
            memmove(place + at, place_of(part(s.initial_states, a[0] - s.states + at, a[2])), a[2])


@njit
def start_lost_lanes(s, lane_bytes):
    """Lanes that gave NaN or infinity give zeros and start afresh; the others go on."""
    for lane in range(s.n_lanes):
        if not all_finite(s.output + lane * lane_bytes, lane_bytes // 4):
            memset(s.output + lane * lane_bytes, 0, lane_bytes)
            start_lane(s, lane)


@njit
def run_session(s):
    """Run the model once. A failed call leaves the states, one that gives NaN starts them afresh; both give zeros."""
    values = s.values[s.phase]
    made = place_of(part(values, s.n_inputs, s.n_outputs))
    s.runs += 1
    s.under_way = s.runs
    names, wanted = place_of(s.input_names), place_of(s.output_names)
    status = call_run(s.run, s.session, s.options, names, place_of(values), s.n_inputs, wanted, s.n_outputs, made)
    s.under_way = 0
    n_bytes = s.output_outer * s.period * s.output_inner
    if status != 0:
        note_failure(s, status)
        memset(s.output, 0, n_bytes)
    elif all_finite(s.output, n_bytes // 4):
        append_newest(s)
        s.phase = 1 - s.phase
    elif s.n_lanes > 1:
        s.not_finite += 1
        append_newest(s)
        s.phase = 1 - s.phase
        start_lost_lanes(s, n_bytes // s.n_lanes)
    else:
        s.not_finite += 1
        memset(s.output, 0, n_bytes)
        memmove(s.states, place_of(s.initial_states), s.states_bytes)
        s.phase = 0


@step
def run_model(state, x, n, y):
    """`n` frames of float32 → `n` frames of float32; the model runs whenever a period of frames is complete."""
    s = SESSION(state)
    n_in, n_out = s.input_outer * s.input_inner, s.output_outer * s.output_inner
    for t in range(n):
        place_frame(s, x + t * n_in)
        s.position += 1
        if s.position == s.period:
            s.position = 0
            run_session(s)
        give_frame(s, y + t * n_out)
    return n
