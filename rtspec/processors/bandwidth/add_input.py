"""The way back to sound: the input, as late as the network, plus what it lacks."""

import numpy as np

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import floats
from ...frames.plan import FramePlan

ADD_INPUT = Record("AddInput", counts="hop lag at=0", arrays="line:f4[lag]", shared="hop_in:f4[hop]")


@step
def add_input(state, x, n, y):
    """One hop of the difference at `x` plus the input of as long ago → one hop of output."""
    s = ADD_INPUT(state)
    difference, out, line, newest = floats(x, s.hop), floats(y, s.hop), s.line, s.hop_in
    at = s.at
    for i in range(s.hop):
        dry = line[at]
        line[at] = newest[i]
        out[i] = dry + difference[i] if difference[i] != 0 else dry
        at = at + 1 if at + 1 < s.lag else 0
    s.at = at
    return n


def add_input_stage(plan: FramePlan, hop_in: np.ndarray, delay: int) -> Stage:
    """The input added to the difference, as a stage: (hop,) → (hop,) float32. `delay` in frames is the network's."""
    lag = plan.length - plan.hop + delay * plan.hop
    return Stage(add_input, ADD_INPUT, hop=plan.hop, lag=lag, line=aligned(lag), hop_in=hop_in)
