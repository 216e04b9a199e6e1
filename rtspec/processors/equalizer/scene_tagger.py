"""A tagger that listens in a chain: the network runs in the listening side, a frame each 32 ms, without Python."""

import numpy as np

from ...buffers.memory import aligned
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import floats
from ...chain.lanes import lanes_stage
from ...chain.program import audio_buffer
from ...chain.resampling import Resampling
from ...errors import InvalidValue
from ...frames.analysis import analysis_stage, magnitude_stage
from ...models.packages import load
from ...models.session import model_stage
from .aside import AsideStage
from .tagging import PLAN, labels_of

TELL = Record("Tell", counts="n_labels", shared="probabilities:f8[n_labels]")


@step
def tell(state, x, n, y):
    """`n` frames of probabilities, float32; the last is kept."""
    s = TELL(state)
    found = floats(x, n * s.n_labels)
    for k in range(s.n_labels):
        s.probabilities[k] = found[(n - 1) * s.n_labels + k]
    return n


class SceneTagger:
    """A package that tells scenes apart, as :class:`~.scene.SceneEqualizer` listens with it.

    Parameters
    ----------
    model : str
        A name of ``rtspec models``, or a file; its input is magnitudes of :data:`~.tagging.PLAN`.

    Attributes
    ----------
    labels : tuple of str
    """

    def __init__(self, model: str):
        self.labels, self._model = tuple(labels_of(model)), model
        if load(model).manifest.input.representation != "magnitude":
            raise InvalidValue(f'model="{model}" hears whole clips alone; try "scene-live"')

    def stages(self, sample_rate: float, probabilities: np.ndarray) -> list[Stage]:
        """The listener, which keeps `probabilities`, float64 (n_labels,), up to date."""
        entry = Resampling(round(sample_rate), int(PLAN.sample_rate), 0).entry_stage(1)
        gathered, slow, nothing = audio_buffer(1), audio_buffer(1), audio_buffer(1)

        def make_lane(hop_in: np.ndarray, hop_out: np.ndarray):
            spectrum, magnitude = aligned(PLAN.n_bins, np.complex64), aligned(PLAN.n_bins)
            answer = aligned(len(self.labels))
            stages = [analysis_stage(PLAN), magnitude_stage(PLAN), model_stage(load(self._model))]
            stages.append(Stage(tell, TELL, n_labels=len(self.labels), probabilities=probabilities))
            places = (hop_in, spectrum, magnitude, answer, hop_out)
            return [stage.row(x, y) for stage, x, y in zip(stages, places[:-1], places[1:], strict=True)], stages

        tagging = lanes_stage(PLAN, 1, make_lane)
        rows = [entry.row(gathered, slow), tagging[0].row(slow, nothing)]
        return [AsideStage(rows, [entry, *tagging], gathered)]
