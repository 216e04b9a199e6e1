"""Pads that choose a style: MIDI notes move the styles' weights, at their sample, as a hand would."""

import numpy as np
from numba import njit

from ...buffers.atomics import load_double, store_double
from ...buffers.inbox import MESSAGE, Inbox, pop
from ...buffers.memory import address, aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...control.parameters import ParameterTable

FIRST_PAD, N_PADS = 36, 16
"""Notes of the usual pads; where there are fewer styles they begin again."""
_NOTE_ON = 0x90

PADS = Record(
    "Pads",
    counts="n",
    addresses="inbox place strength own_strength channel",
    constants="weights:i8[n] own_weights:i8[n]",
    arrays="message:Message[1]",
    elements=(MESSAGE,),
)


@njit
def _choose(s, which):
    """The user's own values, as a hand would move them, and what the stages follow, at once."""
    for k in range(s.n):
        share = 1.0 if k == which else 0.0
        store_double(s.own_weights[k], share)
        store_double(s.weights[k], share)


@step
def strike(state, x, n, y):
    """All messages that wait: a pad chooses its style, and how hard it was struck is the strength."""
    s = PADS(state)
    message = s.message[0]
    while pop(s.inbox, s.place):
        pad, only = message.data1 - FIRST_PAD, int(load_double(s.channel))
        heard = only == 0 or only == (message.status & 15) + 1
        if heard and message.status & 0xF0 == _NOTE_ON and message.data2 > 0 and 0 <= pad < N_PADS:
            _choose(s, pad % s.n)
            store_double(s.own_strength, message.value)
            store_double(s.strength, message.value)
    return n


def pads_stage(table: ParameterTable, weights: list[str], inbox: Inbox) -> Stage:
    """Pads as a stage that leaves the sound alone.

    Parameters
    ----------
    table : ParameterTable
        Has the styles' weights, `strength` and `pad_channel`.
    weights : list of str
        Names of the weights, in the order of the pads.
    inbox : Inbox
    """
    message = aligned(1, MESSAGE.dtype)
    return Stage(
        strike,
        PADS,
        keep=(table, inbox),
        n=len(weights),
        inbox=inbox.address,
        place=address(message),
        message=message,
        strength=table.target_address("strength"),
        own_strength=table.own_address("strength"),
        channel=table.target_address("pad_channel"),
        weights=aligned_copy(np.array([table.target_address(name) for name in weights], np.int64)),
        own_weights=aligned_copy(np.array([table.own_address(name) for name in weights], np.int64)),
    )
