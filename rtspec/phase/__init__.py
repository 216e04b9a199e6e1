"""Phases for magnitudes: streaming methods, each with an offline twin, and methods that need the whole spectrogram.

Frames follow the convention of :class:`rtspec.frames.FramePlan`: time starts at the window's first sample. From the
simplest to the best: `direct` (zero, random, the input's own phase), `spsi`, `rtpghi`, `rtisi` (RTISI-LA and
GSRTISI-LA), then `pghi` and `griffin_lim` for whole spectrograms. `methods` and `offline` are the tables of names,
`choices` names compromises, `stream` and `whole` are the doors.
"""

from .choices import CHOICES, choose
from .methods import METHODS, phase_stage
from .offline import OFFLINE
from .spectrograms import describe, reconstruct
from .stream import Reconstructor, create

__all__ = [
    "CHOICES",
    "METHODS",
    "OFFLINE",
    "Reconstructor",
    "choose",
    "create",
    "describe",
    "phase_stage",
    "reconstruct",
]
