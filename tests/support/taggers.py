"""A toy tagger of scenes, for whatever asks one while it plays."""

import numpy as np

from rtspec.buffers.record import Record
from rtspec.buffers.step import Stage, step
from rtspec.buffers.views import float_rows

_TAG = Record("LevelTag", shared="probabilities:f8[2]")


@step
def _tag(state, x, n, y):
    """Nine tenths "street" where the newest sample is loud, else "park"."""
    s = _TAG(state)
    loud = abs(float_rows(x, 1, n)[0, n - 1]) > 0.5
    s.probabilities[0] = 0.9 if loud else 0.1
    s.probabilities[1] = 0.1 if loud else 0.9
    return n


class LoudOrNot:
    """A tagger that tells two scenes apart by the level."""

    labels: tuple[str, ...] = ("street", "park")

    def stages(self, sample_rate: float, probabilities: np.ndarray) -> list[Stage]:
        """The one stage; it writes into `probabilities`, float64 of shape (2,)."""
        return [Stage(_tag, _TAG, probabilities=probabilities)]
