"""Phases for magnitudes: streaming methods, each with an offline twin, and methods that need the whole spectrogram.

Frames follow the convention of :class:`rtspec.frames.FramePlan`: time starts at the window's first sample.
"""

from .methods import METHODS, phase_stage
from .stream import Reconstructor, create
from .whole import reconstruct

__all__ = ["METHODS", "Reconstructor", "create", "phase_stage", "reconstruct"]
