"""Sizes that the live network, its training and its stages share."""

from typing import NamedTuple

N_BINS = 513
"""Bins of the plan that the live network works with, at any sample rate."""
LOW = 256
"""Bins that the network sees and mends one by one; those above come in groups."""
GROUP = 4
UNITS = LOW + (N_BINS - 1 - LOW) // GROUP
TONAL = 64
"""Bins whose phase advance the network sees, and which it mends from neighbouring frames too."""
TAPS = 3
"""Neighbouring frames: the next, the one before, and the one before that."""
EDGE_CODES = 16
CONTROLS = 4
"""What follows a frame's features: edge (bins, 0: none), level, gate, coded (0 or 1)."""
N_FEATURES = UNITS + 2 * TONAL + EDGE_CODES + 1


class Answer(NamedTuple):
    """Where the parts of the network's answer begin."""

    gain: int = 0
    imaginary: int = LOW
    taps: int = LOW + TONAL
    fill: int = LOW + TONAL + 2 * TAPS * TONAL
    length: int = LOW + TONAL + 2 * TAPS * TONAL + UNITS


ANSWER = Answer()
SMALLEST_FILL, LARGEST_FILL = -12.0, 3.0
