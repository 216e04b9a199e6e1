"""Sound to frames and back: the plan, streaming analysis, band features, overlap-add, and their offline twins."""

from .plan import FramePlan
from .stft import istft, stft

__all__ = ["FramePlan", "istft", "stft"]
