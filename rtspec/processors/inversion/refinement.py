"""Between a baseline and the network that refines it: a mixture of two magnitudes, steered by one control."""

import numpy as np

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import floats
from ...control.parameters import ParameterSpec

REFINE = ParameterSpec("refine", "", 0.0, 1.0, 1.0, description="0: the baseline alone, 1: the network alone")

REFINEMENT = Record("Refinement", counts="n_bins", shared="baseline:f4[n_bins]", arrays="control:f4[1]")


@step
def refine(state, x, n, y):
    """`n` float32 frames of a network's magnitudes, the baseline's at the state's `baseline` → `n` mixed frames."""
    s = REFINEMENT(state)
    share, n_values = s.control[0], n * s.n_bins
    refined, baseline, out = floats(x, n_values), floats(s.baseline, n_values), floats(y, n_values)
    for k in range(n_values):
        out[k] = baseline[k] + share * (max(refined[k], np.float32(0)) - baseline[k])
    return n


def refinement_stage(baseline: np.ndarray) -> tuple[Stage, dict[str, int]]:
    """The mixture as a stage, no delay: (n_bins,) float32 of the network → (n_bins,); and where `refine` is read.

    Parameters
    ----------
    baseline : ndarray, float32, shape (n_bins,)
        Where the baseline's frame lies, delayed to meet the network's.
    """
    control = aligned(1)
    stage = Stage(refine, REFINEMENT, n_bins=len(baseline), baseline=baseline, control=control)
    return stage, {REFINE.name: control.ctypes.data}
