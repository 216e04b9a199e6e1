"""TimbreMorph: live sound, told again with another timbre."""

from pathlib import Path

import numpy as np

from ...buffers.memory import aligned
from ...chain.lanes import Lane
from ...control.smoothing import ramp_stage
from ...frames.analysis import analysis_stage
from ...frames.plan import FramePlan
from ...models import load
from ...models.session import model_stage
from ..base import specs_of
from ..frame_processor import FrameProcessor
from ..inversion.processor import chain
from .anchors import anchor_presets, read_map
from .levels import N_LEVELS
from .listen import FEATURES, heard_at_rest, listen_stage, sound_stage

MODEL = "timbre-morph"
N_FFT, HOP = 2048, 128
"""Samples at 44.1 and 48 kHz: 43 ms hold two periods of the lowest key."""


class TimbreMorph(FrameProcessor):
    """Hear pitch, level and timbre of one voice or instrument, move the timbre, and sing it again at the same pitch.

    Parameters
    ----------
    towards : str
        Anchor that the timbre is moved to (:attr:`anchors` lists them).
    amount : float
        How far, 0 to 1.
    model : str or Path
        A timbre-morph model.
    mix : float
        0 to 1; the rest is the input, delayed to meet the result.
    output_db : float
        -60 to 24 dB.
    **parameters
        Starting values: `z1` … `z14` shift the latents, `amount` mixes in the target.

    Notes
    -----
    For single notes from MIDI 36 to 96. A change of the input is half heard when it has reached the middle of the
    window: that is the stated delay.

    Examples
    --------
    >>> import numpy as np
    >>> TimbreMorph("flute", 1.0)(np.zeros(4410, np.float32), 44100).shape
    (4410,)
    """

    def __init__(
        self,
        towards: str = "flute",
        amount: float = 0.5,
        model: str | Path = MODEL,
        *,
        mix: float = 1.0,
        output_db: float = 0.0,
        **parameters: float,
    ):
        self._model = load(model)
        self._map = read_map(self._model)
        super().__init__(
            specs_of(self._model.manifest.controls),
            {"amount": amount, **parameters, "mix": mix, "output_db": output_db},
        )
        self.factory_presets = anchor_presets(self._targets(), self._map)
        self._towards = ""
        self.towards = towards

    @property
    def anchors(self) -> tuple[str, ...]:
        """Names of the model's anchors."""
        return tuple(self._map.anchors)

    @property
    def towards(self) -> str:
        """The anchor that the timbre is moved to; a change is followed smoothly."""
        return self._towards

    @towards.setter
    def towards(self, anchor: str) -> None:
        place = self._map.at(anchor)
        for latent, value in zip(self._targets(), place, strict=False):
            self.parameters[latent].value = value
        object.__setattr__(self, "_towards", anchor)

    def _targets(self) -> list[str]:
        return [name for name in self.parameters if name.startswith("target_")]

    def plan(self, sample_rate: float) -> FramePlan:
        scale = 2 ** max(-3, round(np.log2(sample_rate / 48000)))
        return FramePlan(sample_rate=round(sample_rate), n_fft=int(N_FFT * scale), hop=int(HOP * scale))

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        return {}

    def latency(self, sample_rate: float) -> dict[str, int]:
        plan = self.plan(sample_rate)
        return {"window": plan.n_fft // 2 + plan.hop}

    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray) -> Lane:
        """From a hop to a hop, both float32 of shape (hop,)."""
        heard, model = heard_at_rest(), model_stage(self._model)
        places = {p.name: model.parameter_address(p.name) for p in self._model.manifest.controls}
        spectrum, features, levels = aligned(plan.n_bins, np.complex64), aligned(FEATURES), aligned(N_LEVELS)
        stages = [
            analysis_stage(plan),
            listen_stage(plan, heard),
            ramp_stage(self.parameters, places, plan.frame_rate_hz),
            model,
            sound_stage(plan, heard),
        ]
        return chain(stages, [hop_in, spectrum, features, features, levels, hop_out]), stages
