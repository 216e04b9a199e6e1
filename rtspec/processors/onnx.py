"""Any packaged model as a processor."""

from dataclasses import replace

import numpy as np

from .. import checks
from ..chain.lanes import Lane
from ..control.smoothing import ramp_stage
from ..errors import InvalidValue
from ..frames.plan import FramePlan
from ..models import load
from ..models.manifest import COMPLEX
from ..models.one_call.form import PRECISIONS, Precision
from ..models.session import model_stage
from .base import specs_of
from .frame_processor import FrameProcessor
from .onnx_lane import Way, lay_entry, lay_exit
from .phases import PhaseChoice

KEEP = "input"
"""The phase choice that keeps the input's own phases, delayed to meet the model's output."""


class OnnxProcessor(FrameProcessor):
    """Play a packaged model: its parameters and latents become attributes, its delay part of the latency.

    Parameters
    ----------
    model : str or Path
        Name of a shipped model (:func:`rtspec.models.models`) or path of a packaged ONNX file.
    phase : str
        "input" keeps the input's phases; any streaming method of :mod:`rtspec.phase` rebuilds them from the
        magnitudes alone. Models that give complex spectra or samples ignore it.
    n_fft, hop : int, optional
        Samples, for models that work with any plan.
    look_ahead, iterations : int, optional
        Frames that the phase method may wait for, and its rounds; the method's own defaults where None.
    mix : float
        0 to 1.
    output_db : float
        -60 to 24 dB.
    precision : {"auto", "float"}
        "auto" keeps large weights of a heavy network as float16 where that is proved within 70 dB of the file's own
        answers, and plays in about half the time; "float" never does.
    **parameters
        Starting values of the model's own parameters.

    Examples
    --------
    >>> import numpy as np
    >>> OnnxProcessor("identity")(np.zeros(4410, np.float32), 44100).shape
    (4410,)
    """

    def __init__(
        self,
        model,
        phase: str = KEEP,
        *,
        n_fft: int | None = None,
        hop: int | None = None,
        look_ahead: int | None = None,
        iterations: int | None = None,
        mix: float = 1.0,
        output_db: float = 0.0,
        precision: Precision = "auto",
        **parameters: float,
    ):
        self._precision: Precision = checks.choice("precision", precision, PRECISIONS)
        self._model = load(model)
        self._phase, self._n_fft, self._hop = PhaseChoice(phase, look_ahead, iterations), n_fft, hop
        manifest = self._model.manifest
        _check_playable(manifest)
        super().__init__(specs_of(manifest.controls), {**parameters, "mix": mix, "output_db": output_db})
        self.frame_delays(self.plan(manifest.sample_rate or self.default_sample_rate))

    @property
    def manifest(self):
        """What the model says of itself."""
        return self._model.manifest

    @property
    def _rebuilds_phase(self) -> bool:
        port = self.manifest.output
        complete = port.representation in (*COMPLEX, "samples") or self.manifest.input.representation == "samples"
        return self._phase.method != KEEP and not complete

    def plan(self, sample_rate: float) -> FramePlan:
        own = self._model.plan(round(sample_rate))
        n_fft, hop = self._chosen("n_fft", self._n_fft), self._chosen("hop", self._hop)
        if n_fft is None and hop is None:
            return own
        if n_fft in (None, own.n_fft):
            return replace(own, hop=hop or own.hop)
        return replace(own, n_fft=n_fft, hop=hop or n_fft // 4, window_length=None)

    def _chosen(self, name: str, value: int | None) -> int | None:
        fixed = getattr(self.manifest, name)
        if None not in (value, fixed) and value != fixed:
            raise InvalidValue(f"{name}={value} is not what model {self.manifest.name!r} works with; use {fixed}")
        return value

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        phase = self._phase.delay_frames(plan) if self._rebuilds_phase else 0
        return {"model": self._model.stage_delay_frames, "phase": phase}

    def window_samples(self, plan: FramePlan) -> int:
        way = Way(plan, self.manifest.input, self.manifest.output)
        return plan.hop if way.is_one_hop else plan.latency_samples

    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray) -> Lane:
        """From a hop to a hop, both float32 of shape (hop,)."""
        way = Way(plan, self.manifest.input, self.manifest.output, self.manifest.audio_channels)
        n_bins = self.manifest.input.frame_layout.used(plan.n_bins)
        model = model_stage(self._model, n_bins, precision=self._precision)
        places = {p.name: model.parameter_address(p.name) for p in self.manifest.controls}
        lay_entry(way, hop_in)
        way.lay(ramp_stage(self.parameters, places, plan.frame_rate_hz), way.features, way.features)
        way.lay(model, way.all_features, way.all_answers)
        lay_exit(way, model.delay, self._phase if self._rebuilds_phase else None, hop_out)
        return way.lane


def _check_playable(manifest) -> None:
    for side, port in (("input", manifest.input), ("output", manifest.output)):
        if port.representation in ("tensor", "bands"):
            raise InvalidValue(
                f"{side}.representation={port.representation!r} of model {manifest.name!r} cannot be played by"
                " OnnxProcessor; it must be magnitude, power, log-magnitude, complex or samples; outputs also gain,"
                " complex-gain"
            )
