"""StyleTransfer: live sound in the texture of another."""

from pathlib import Path

import numpy as np

from ... import checks
from ...buffers.inbox import Inbox
from ...buffers.memory import aligned
from ...chain.lanes import Lane
from ...chain.program import Program
from ...control.parameters import ParameterSpec
from ...control.smoothing import ramp_stage
from ...errors import InvalidValue
from ...frames.analysis import analysis_stage
from ...frames.plan import FramePlan
from ...frames.synthesis import synthesis_stage
from ...models.manifest import Manifest
from ...models.one_call.form import PRECISIONS, Precision
from ...models.packages import load
from ...models.session import model_stage
from ..base import specs_of
from ..frame_processor import FrameProcessor
from .frames import CONTROLS, HOP, N_ANSWER, N_BINS, N_FEATURES, N_FFT, hiss_stage, look_stage, retell_stage
from .pads import pads_stage

MODEL = "style-live"
_WEIGHT = "style_"

_SPECS = [
    ParameterSpec("strength", "", 0.0, 1.0, 1.0, description="how far each bin goes towards the texture, in dB"),
    ParameterSpec("noise", "", 0.0, 1.0, 1.0, description="how much the texture varies by itself"),
    ParameterSpec("texture_db", "dB", -24.0, 12.0, 0.0, description="level of the texture"),
    ParameterSpec("follow", "", 0.0, 1.0, 1.0,
                  description="1: the texture is as loud as the input; 0: always as loud, in silence too"),
    ParameterSpec("pad_channel", "", 0.0, 16.0, 0.0, setup=True,
                  description="MIDI channel whose notes 36 to 51 choose a style; 0: any"),
]  # fmt: skip


class StyleTransfer(FrameProcessor):
    """Tell live sound in the texture of another: what is played goes on, made of rain, of bells, of a crowd.

    A causal network hears each frame's magnitudes, and noise, and says the magnitudes that the style has there; the
    phases are the input's own, or, of styles that keep no chords, those of the noise. Styles are weights, so
    between them lies what no style is.

    Parameters
    ----------
    style : str
        Where to begin: one of :attr:`styles`.
    strength : float
        0 to 1; how far each bin goes from the input's level (0) to the texture's (1), in dB.
    noise : float
        0 to 1; how much the texture varies by itself, and how far its phases may be those of noise. It comes
        from `seed`, and begins anew at a reset.
    texture_db : float
        -24 to 12 dB.
    follow : float
        1: the texture is as loud as the input, silent in silence; 0: it sounds on by itself, at about -30 dB of full
        scale.
    mix : float
        0 to 1.
    output_db : float
        -60 to 24 dB.
    model : str or Path
        A package of ``rtspec train style``.
    seed : int
    precision : {"auto", "float"}
        "auto" keeps large weights of a heavy network as float16 where that is proved within 70 dB of the file's own
        answers; "float" never does.
    **weights
        Starting weights `style_1`, `style_2`, …, 0 to 1; what counts is their share in the sum.

    Notes
    -----
    An effect that takes MIDI: notes 36 to 51, the usual pads, choose a style, and the velocity is the strength.
    Controllers 20 and those after it move the weights. With `texture_db` at 0 or below no frame has more than twice the
    power (+ 3 dB) of a level that rises with the input at once and falls towards it by up to 72 dB a second.

    References
    ----------
    .. [1] D. Ulyanov, V. Lebedev: "Audio texture synthesis and style transfer", 2016.
    .. [2] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.

    Examples
    --------
    >>> import numpy as np
    >>> live = StyleTransfer("rain")
    >>> live.style = "bells"
    >>> live(np.zeros((2, 48000), np.float32), 48000).shape
    (2, 48000)
    """

    accepts_midi = True

    def __init__(
        self,
        style: str | None = None,
        strength: float = 1.0,
        noise: float = 1.0,
        texture_db: float = 0.0,
        follow: float = 1.0,
        *,
        mix: float = 1.0,
        output_db: float = 0.0,
        model: str | Path = MODEL,
        seed: int = 0,
        precision: Precision = "auto",
        **weights: float,
    ):
        self._model, self._seed = load(model), int(seed)
        self._precision: Precision = checks.choice("precision", precision, PRECISIONS)
        _check_model(self._model.manifest, self._model.fixed_bins)
        own = {"strength": strength, "noise": noise, "texture_db": texture_db, "follow": follow}
        super().__init__(
            [*_SPECS, *specs_of(self._model.manifest.controls)], {**own, "mix": mix, "output_db": output_db}
        )
        self.style = self.styles[0] if style is None else style
        nothing = dict.fromkeys(self._weights, 0.0) if weights and style is None else {}
        for name, value in {**nothing, **weights}.items():
            self.parameters[name].value = value
        self.factory_presets = {name: self._weights_of(name) for name in self.styles}

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self._model.manifest

    @property
    def styles(self) -> tuple[str, ...]:
        """Names of the model's styles, in the order of their weights and of the pads."""
        return tuple(p.label for p in self.manifest.controls)

    @property
    def style(self) -> str:
        """The style of the greatest weight. Setting it moves all weight there, in 30 ms."""
        weights = [self.parameters[name].value for name in self._weights]
        return self.styles[int(np.argmax(weights))]

    @style.setter
    def style(self, name: str) -> None:
        for weight, value in self._weights_of(checks.choice("style", name, self.styles)).items():
            self.parameters[weight].value = value

    @property
    def _weights(self) -> list[str]:
        return [p.name for p in self.manifest.controls]

    @property
    def mixture(self) -> dict[str, str]:
        """The styles by their weights."""
        return dict(zip(self._weights, self.styles, strict=True))

    def _weights_of(self, style: str) -> dict[str, float]:
        return {p.name: float(p.label == style) for p in self.manifest.controls}

    @property
    def is_instrument(self) -> bool:
        return False  # notes choose a style; the sound is the input's

    @property
    def seed(self) -> int:
        """Of the noise; setting it starts the sound anew."""
        return self._seed

    @seed.setter
    def seed(self, value: int) -> None:
        self._seed = int(value)
        self._forget()

    def plan(self, sample_rate: float) -> FramePlan:
        return self._model.plan(round(sample_rate))

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        return {"model": self._model.stage_delay_frames}

    def prepare(self, sample_rate: float, channels: int) -> Program:
        made, inbox = super().prepare(sample_rate, channels), Inbox()
        pads = pads_stage(self.parameters, self._weights, inbox)
        rows = [pads.row(made.x, made.x), *made.rows]
        return Program(rows, [pads, *made.stages], made.x, made.y, made.latency, keep=(made, inbox), inboxes=[inbox])

    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray) -> Lane:
        """Analysis of sound and of noise, features, model, texture, overlap-add. From a hop to a hop, both float32 of
        shape (hop,)."""
        spectrum, hiss, made = (aligned(N_BINS, np.complex64) for _ in range(3))
        seen, answer, drawn = aligned(N_FEATURES + CONTROLS), aligned(N_ANSWER), aligned(HOP)
        own = {name: aligned(1) for name in ("noise", "strength", "texture_db", "follow")}
        model = model_stage(self._model, precision=self._precision)
        places = {name: place.ctypes.data for name, place in own.items()}
        places |= {name: model.parameter_address(name) for name in self._weights}
        ramps = ramp_stage(self.parameters, places, plan.frame_rate_hz)
        noise, of_noise = hiss_stage(self._seed), analysis_stage(plan)
        analysis, synthesis = analysis_stage(plan), synthesis_stage(plan)
        look = look_stage(plan, hiss, own["noise"], own["follow"], self._seed)
        retell = retell_stage(plan, spectrum, seen[N_FEATURES:], hiss, **own)
        rows = [
            analysis.row(hop_in, spectrum),
            noise.row(hop_in, drawn),
            of_noise.row(drawn, hiss),
            ramps.row(spectrum, spectrum),
            look.row(spectrum, seen),
            model.row(seen, answer),
            retell.row(answer, made),
            synthesis.row(made, hop_out),
        ]
        return rows, [analysis, noise, of_noise, ramps, look, model, retell, synthesis]


def _check_model(manifest: Manifest, n_features: int | None) -> None:
    """Refuse models that are made for something else."""
    fits = manifest.input.representation == "tensor" and n_features == N_FEATURES and manifest.n_fft == N_FFT
    weights = [p.name for p in manifest.controls]
    if not fits or not weights or any(not name.startswith(_WEIGHT) for name in weights):
        raise InvalidValue(
            f"model {manifest.name!r} is none of styles; choose {MODEL}, or a package made by rtspec train style"
        )
