"""Steps of a :class:`~.program.Program`, compiled: one function with the signature of OrtApi::Run walks them."""

from functools import cache

import numba
import numpy as np
from numba import types

from ...buffers.arithmetic import float_of, kernel
from ...buffers.memory import floats, integers, memmove
from ...buffers.record import Record
from .products import half_product_1, half_product_2, half_product_4, product_1, product_2, product_4
from .program import BLOCK, COLUMNS, Code

RUN = Record(
    "Run",
    counts="n_steps n_rows n_lanes n_inputs n_made",
    constants=f"steps:i8[n_steps,{COLUMNS}] apart:i8[n_rows] inputs:i8[n_inputs] made:i8[n_made]",
    arrays="places:i8[n_rows]",
    addresses="memory data said",
)
"""`places`: where each row begins; `apart`: bytes from one lane's to the next one's, 0 where all share it; `inputs` and
`made`: the rows of the graph's inputs and outputs, whose places the caller says anew each time; `said`: the text of a
run that was ended.""" ""

ADD, SUB, MUL, DIV, MIN, MAX, GREATER = (int(code) for code in Code if code < 10)
RELU, TANH, SIGMOID, SQRT, LOG, EXP, CLIP, TRUNC = (int(code) for code in Code if 10 <= code < 20)
COPY, FILL, SUM, RUNNING, WHERE, MOST = (int(code) for code in Code if 20 <= code < 30)
LAYER_NORM, PRODUCT, HALF_PRODUCT, GATES = (int(code) for code in Code if code >= 30)

f32 = np.float32
ZERO, ONE, TWO, HALF = f32(0), f32(1), f32(2), f32(0.5)
LOG2_E, LARGEST = f32(1.4426950408889634), f32(88)
# 2^f for |f| ≤ ½: Taylor's series of e^(f·ln 2), its rest below 6e-9.
E1, E2, E3, E4 = f32(0.6931471806), f32(0.2402265070), f32(0.0555041087), f32(0.0096181291)
E5, E6, E7 = f32(0.0013333558), f32(0.0001540353), f32(0.0000152527)


@kernel
def exponential(x):
    """e^x of a float32, which NaN passes."""
    limited = LARGEST if x > LARGEST else x
    t = (-LARGEST if limited < -LARGEST else limited) * LOG2_E
    whole = np.floor(t + HALF)
    f = t - whole
    power = ONE + f * (E1 + f * (E2 + f * (E3 + f * (E4 + f * (E5 + f * (E6 + f * E7))))))
    return power * float_of(np.int32(np.int32(np.int32(whole) + np.int32(127)) << 23))


@kernel
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return ONE / (ONE + exponential(-x))


@kernel
def tanh(x):
    """By sigmoid: within 1e-7, near 0 not relative to the result."""
    return TWO * sigmoid(TWO * x) - ONE


@kernel
def binary(code, y, a, b, n, a_step, b_step):
    """An operation on two rows; a step of 0 takes the first number of a row for all."""
    if code <= DIV and a_step == 1 and b_step == 1:
        pairwise(code, y, a, b, n)
    elif code <= DIV and a_step == 1 and b_step == 0 and n > 0:
        with_one(code, y, a, b[0], n)
    elif code == ADD:
        for i in range(n):
            y[i] = a[i * a_step] + b[i * b_step]
    elif code == SUB:
        for i in range(n):
            y[i] = a[i * a_step] - b[i * b_step]
    elif code == MUL:
        for i in range(n):
            y[i] = a[i * a_step] * b[i * b_step]
    elif code == DIV:
        for i in range(n):
            y[i] = a[i * a_step] / b[i * b_step]
    else:
        compared(code, y, a, b, n, a_step, b_step)


@kernel
def pairwise(code, y, a, b, n):
    """An operation on whole rows: with a step that is only known when it runs, a loop has no vector instructions."""
    if code == ADD:
        for i in range(n):
            y[i] = a[i] + b[i]
    elif code == SUB:
        for i in range(n):
            y[i] = a[i] - b[i]
    elif code == MUL:
        for i in range(n):
            y[i] = a[i] * b[i]
    else:
        for i in range(n):
            y[i] = a[i] / b[i]


@kernel
def with_one(code, y, a, b, n):
    """An operation on a row and one number; a difference is the sum with its negative."""
    if code <= SUB:
        term = b if code == ADD else -b
        for i in range(n):
            y[i] = a[i] + term
    elif code == MUL:
        for i in range(n):
            y[i] = a[i] * b
    else:
        for i in range(n):
            y[i] = a[i] / b


@kernel
def compared(code, y, a, b, n, a_step, b_step):
    """What compares; NaN of the first row stays."""
    for i in range(n):
        p, q = a[i * a_step], b[i * b_step]
        if code == MIN:
            y[i] = q if q < p else p
        elif code == MAX:
            y[i] = q if q > p else p
        else:
            y[i] = ONE if p > q else ZERO


@kernel
def unary(code, y, a, n, low, high):
    """A function of each number."""
    if code == RELU:
        for i in range(n):
            y[i] = ZERO if a[i] < ZERO else a[i]
    elif code == TANH:
        for i in range(n):
            y[i] = tanh(a[i])
    elif code == SIGMOID:
        for i in range(n):
            y[i] = sigmoid(a[i])
    elif code == SQRT:
        for i in range(n):
            y[i] = np.sqrt(a[i])
    elif code == LOG:
        for i in range(n):
            y[i] = np.log(a[i])
    elif code == EXP:
        for i in range(n):
            y[i] = exponential(a[i])
    elif code == TRUNC:
        for i in range(n):
            y[i] = np.trunc(a[i])
    else:
        for i in range(n):
            limited = low if a[i] < low else a[i]
            y[i] = high if limited > high else limited


@kernel
def summed(y, a, outer, k, inner, scale):
    """Sums over the middle of three axes, times a number."""
    for o in range(outer):
        for i in range(inner):
            total = ZERO
            for j in range(k):
                total += a[(o * k + j) * inner + i]
            y[o * inner + i] = total * scale


@kernel
def largest(y, a, outer, k, inner):
    """The largest along the middle of three axes."""
    for o in range(outer):
        for i in range(inner):
            most = a[o * k * inner + i]
            for j in range(1, k):
                value = a[(o * k + j) * inner + i]
                most = value if value > most else most
            y[o * inner + i] = most


@kernel
def layer_norm(y, a, scale, bias, n, epsilon):
    """To mean 0 and variance 1, then by scale and bias."""
    mean, power = ZERO, ZERO
    for i in range(n):
        mean += a[i]
    mean /= f32(n)
    for i in range(n):
        power += (a[i] - mean) * (a[i] - mean)
    factor = ONE / np.sqrt(power / f32(n) + epsilon)
    for i in range(n):
        y[i] = (a[i] - mean) * factor * scale[i] + bias[i]


@kernel
def gates(y, from_input, from_state, state, n):
    """A GRU's next state from what input and state give to its gates z, r and h, biases in it; r works on the latter's
    product."""
    for i in range(n):
        z = sigmoid(from_input[i] + from_state[i])
        r = sigmoid(from_input[n + i] + from_state[n + i])
        h = tanh(from_input[2 * n + i] + r * from_state[2 * n + i])
        y[i] = (ONE - z) * h + z * state[i]


@kernel
def copied(y, a, outer, inner, y_apart, a_apart):
    """`outer` pieces of `inner` numbers; addresses, pieces so many numbers apart."""
    for o in range(outer):
        memmove(y + 4 * o * y_apart, a + 4 * o * a_apart, 4 * inner)


@kernel
def products(code, y, x, w, n_in, blocks, lanes, y_apart, x_apart):
    """A row of each lane times weights: as many lanes at a time as there are, up to four."""
    size = (4 if code == PRODUCT else 2) * BLOCK * n_in
    for k in range(blocks):
        here, out, lane = w + k * size, y + 4 * BLOCK * k, 0
        while lane < lanes:
            several = 4 if lane + 4 <= lanes else 2 if lane + 2 <= lanes else 1
            a, b = x + lane * x_apart, out + lane * y_apart
            if code == PRODUCT:
                whole_lanes(several, a, x_apart, here, n_in, b, y_apart)
            else:
                half_lanes(several, a, x_apart, here, n_in, b, y_apart)
            lane += several


@kernel
def whole_lanes(several, a, x_apart, here, n_in, b, y_apart):
    """64 outputs of one lane, two or four; float32 weights."""
    if several == 4:
        product_4(a, x_apart, here, n_in, b, y_apart)
    elif several == 2:
        product_2(a, x_apart, here, n_in, b, y_apart)
    else:
        product_1(a, x_apart, here, n_in, b, y_apart)


@kernel
def half_lanes(several, a, x_apart, here, n_in, b, y_apart):
    """The same with weights of float16."""
    if several == 4:
        half_product_4(a, x_apart, here, n_in, b, y_apart)
    elif several == 2:
        half_product_2(a, x_apart, here, n_in, b, y_apart)
    else:
        half_product_1(a, x_apart, here, n_in, b, y_apart)


@kernel
def single(step, y, a, b, c, d):
    """A step for one lane, by addresses of its rows."""
    code, n, p, q, r, s = step[0], step[7], step[8], step[9], step[10], step[11]
    if code <= GREATER:
        binary(code, floats(y, n), floats(a, n), floats(b, n), n, p, q)
    elif code <= TRUNC:
        unary(code, floats(y, n), floats(a, n), n, floats(b, 1)[0], floats(c, 1)[0])
    elif code == COPY:
        copied(y + 4 * r, a + 4 * s, n, p, q, step[6])
    elif code == FILL:
        out, value = floats(y, n), floats(a, 1)[0]
        for i in range(n):
            out[i] = value
    elif code == SUM:
        summed(floats(y, n * q), floats(a, n * p * q), n, p, q, floats(b, 1)[0])
    elif code == MOST:
        largest(floats(y, n * q), floats(a, n * p * q), n, p, q)
    elif code == RUNNING:
        total, row, out = ZERO, floats(a, n), floats(y, n)
        for i in range(n):
            total += row[i]
            out[i] = total
    elif code == WHERE:
        chosen, one, other, out = floats(a, n), floats(b, n), floats(c, n), floats(y, n)
        for i in range(n):
            out[i] = one[i * q] if chosen[i * p] != ZERO else other[i * r]
    elif code == LAYER_NORM:
        layer_norm(floats(y, n), floats(a, n), floats(b, n), floats(c, n), n, floats(d, 1)[0])
    elif code == GATES:
        gates(floats(y, n), floats(a, 3 * n), floats(b, 3 * n), floats(c, n), n)


@kernel
def place(s, row, lane):
    """Where a lane's row begins; a row that a step has not is the first one."""
    return s.places[row] + lane * s.apart[row]


@kernel
def run_steps(s):
    """All steps, for all lanes."""
    for i in range(s.n_steps):
        step = s.steps[i]
        lanes = s.n_lanes if step[1] else 1
        y, a, b = step[2], step[3], step[4]
        if step[0] == PRODUCT or step[0] == HALF_PRODUCT:
            where = s.places[y], s.places[a], s.places[b]
            products(step[0], where[0], where[1], where[2], step[7], step[8], lanes, s.apart[y], s.apart[a])
            continue
        fourth = 0 if step[0] == COPY else step[6]
        for lane in range(lanes):
            single(
                step,
                place(s, y, lane),
                place(s, a, lane),
                place(s, b, lane),
                place(s, step[5], lane),
                place(s, fourth, lane),
            )


def run(session, options, names, values, n_values, wanted, n_wanted, made):
    """A Run: tables of addresses of the inputs and of the outputs; 0, or where the text lies that says why not."""
    s = RUN(session)
    if integers(options, 1)[0] != 0:
        return s.said
    inputs, results = integers(values, n_values), integers(made, n_wanted)
    for k in range(s.n_inputs):
        s.places[s.inputs[k]] = inputs[k]
    for k in range(s.n_made):
        s.places[s.made[k]] = results[k]
    run_steps(s)
    return 0


def itself(status):
    """The text of a status is where it lies; nobody frees it."""
    return status


@cache
def addresses() -> tuple[int, int]:
    """Where the compiled :func:`run` and :func:`itself` begin."""
    i64 = types.int64
    compiled = ((i64(*[i64] * 8), run), (i64(i64), itself))
    functions = [numba.cfunc(kind, cache=True, error_model="numpy")(function) for kind, function in compiled]
    return int(functions[0].address or 0), int(functions[1].address or 0)
