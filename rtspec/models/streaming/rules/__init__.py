"""One rule for each operator: what becomes of time axis, delay and rate, and which nodes to write instead."""

from . import elementwise, layout, matrix, pick, recurrent, reduce, resample, scan, windows
from .registry import RULES, Rule

__all__ = [
    "RULES",
    "Rule",
    "elementwise",
    "layout",
    "matrix",
    "pick",
    "recurrent",
    "reduce",
    "resample",
    "scan",
    "windows",
]
