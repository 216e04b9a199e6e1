"""A toy instrument: each note holds the sound at its velocity, so that what is heard tells when messages acted."""

import numpy as np
from numba import carray

from rtspec.buffers.inbox import MESSAGE, Inbox, pop
from rtspec.buffers.memory import aligned, floats, pointer
from rtspec.buffers.step import Stage, step
from rtspec.host.program import STRIDE
from rtspec.processors.base import Instrument

HOLD = np.dtype([(name, "i8") for name in ("channels", "inbox", "message")] + [("level", "f8")])


@step
def hold(state, x, n, y):
    s = carray(pointer(state), 1, HOLD)[0]
    while pop(s.inbox, s.message):
        message = carray(pointer(s.message), 1, MESSAGE)[0]
        kind = message.status & 0xF0
        if kind == 0x90:
            s.level = message.value
        elif kind == 0x80:
            s.level = 0.0
    for c in range(s.channels):
        out = floats(y + 4 * c * STRIDE, n)
        for i in range(n):
            out[i] = s.level
    return n


class Hold(Instrument):
    def __init__(self, mix: float = 1.0):
        super().__init__([], {"mix": mix})

    def make_voices(self, sample_rate: float, channels: int, inbox: Inbox) -> list[Stage]:
        message = aligned(1, MESSAGE)
        return [Stage(hold, HOLD, keep=(inbox,), channels=channels, inbox=inbox.address, message=message)]
