"""What a stage needs to call Run, whoever's it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..buffers.memory import aligned_copy


@dataclass(frozen=True)
class RunCall:
    """How to call Run: addresses of the functions, the handle, and what a table of values holds."""

    session_path: str
    why: str | None
    run: int
    message: int
    release: int
    session: int
    values: np.ndarray
    options: Any
    keep: tuple


def constant_copy(values: np.ndarray) -> np.ndarray:
    """An aligned copy that nobody writes to. Of the same shape and dtype."""
    out = aligned_copy(values)
    out.flags.writeable = False
    return out
