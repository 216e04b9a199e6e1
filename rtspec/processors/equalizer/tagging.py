"""Tags of sounds: a tagger's probabilities over time, and the scene that is decided from them, which does not flicker.

The package answers once a frame (32 ms); its answers are already exponential means over a second and a half. A scene is
decided when its probability stays above the confidence, and left only for another one that is sure as long, or when
nothing has been sure for some time.
"""

from dataclasses import dataclass, field

import numpy as np

from ...errors import InvalidValue
from ...frames import FramePlan, stft
from ...models.frame_model import FrameModel
from ...models.packages import load

UNKNOWN = "unknown"
PLAN = FramePlan(sample_rate=16000, n_fft=1024, hop=512)


def labels_of(model: str) -> list[str]:
    """The classes of a tagger's package, in the order of its output.

    Raises
    ------
    InvalidValue
        The package tells no labels: it is no tagger.
    """
    labels = str(load(model).manifest.metrics.get("labels", ""))
    if not labels:
        raise InvalidValue(f'model="{model}" is no tagger: its manifest has no labels; try "scene-live"')
    return labels.split(",")


@dataclass
class Decision:
    """Which scene it is, from probabilities that come one frame after the other.

    Attributes
    ----------
    confidence : float
        Probability from which a scene counts.
    hold_s, forget_s : float
        For so long another scene has to be sure; after so long without any sure one it is "unknown".
    """

    confidence: float = 0.6
    hold_s: float = 2.0
    forget_s: float = 4.0
    frame_s: float = PLAN.hop / PLAN.sample_rate
    scene: int = -1
    _candidate: int = field(default=-1, repr=False)
    _since: float = field(default=0.0, repr=False)

    def note(self, probabilities: np.ndarray) -> int:
        """One frame's probabilities; the class that is decided, -1 for unknown. They are float32 of shape
        (n_classes,)."""
        best = int(np.argmax(probabilities))
        found = best if probabilities[best] >= self.confidence else -1
        if found == self.scene:
            self._candidate, self._since = found, 0.0
            return self.scene
        if found != self._candidate:
            self._candidate, self._since = found, 0.0
        self._since += self.frame_s
        if self._since >= (self.hold_s if found >= 0 else self.forget_s):
            self.scene, self._since = found, 0.0
        return self.scene


class Tagger:
    """A tagger for sound in pieces, at 16 kHz.

    Parameters
    ----------
    model : str
        A package whose input is magnitudes of :data:`PLAN`.
    confidence : float
    """

    def __init__(self, model: str = "scene-live", confidence: float = 0.6):
        self.labels = labels_of(model)
        self._player = FrameModel(model)
        if self._player.manifest.input.representation != "magnitude":
            raise InvalidValue(f'model="{model}" hears whole clips alone; try "scene-live"')
        self._decision = Decision(confidence)
        self._waiting = np.zeros(PLAN.length - PLAN.hop, np.float32)
        self.probabilities = np.full(len(self.labels), 1 / len(self.labels))

    def process(self, sound: np.ndarray) -> list[tuple[str, np.ndarray]]:
        """The next samples, float32 (n,): decided scene and probabilities of each frame that they complete."""
        held = np.concatenate([self._waiting, np.nan_to_num(np.asarray(sound, np.float32), posinf=0.0, neginf=0.0)])
        n_frames = max(0, (len(held) - PLAN.length) // PLAN.hop + 1)
        self._waiting = held[n_frames * PLAN.hop :]
        if not n_frames:
            return []
        lead = (PLAN.length - PLAN.hop) // PLAN.hop
        spectra = stft(held[: (n_frames - 1) * PLAN.hop + PLAN.length], PLAN)[:, lead : lead + n_frames]
        made = self._player.process(np.abs(spectra)[np.newaxis].astype(np.float32))[0].T
        return [self._judged(row) for row in made]

    def _judged(self, probabilities: np.ndarray) -> tuple[str, np.ndarray]:
        self.probabilities = probabilities
        scene = self._decision.note(probabilities)
        return (self.labels[scene] if scene >= 0 else UNKNOWN), probabilities


def tag(sound: np.ndarray, model: str = "scene-live", confidence: float = 0.6) -> list[tuple[str, np.ndarray]]:
    """Scene and probabilities of each frame of a sound at 16 kHz, float32 (n_samples,)."""
    return Tagger(model, confidence).process(sound)
