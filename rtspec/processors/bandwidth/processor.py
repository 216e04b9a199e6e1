"""Bandwidth extension: the top of the spectrum given back, and what a coder did below it mended."""

from pathlib import Path

import numpy as np

from ... import checks
from ...buffers.memory import aligned
from ...chain.lanes import Lane
from ...control.parameters import ParameterSpec
from ...control.smoothing import ramp_stage
from ...errors import InvalidValue
from ...frames.analysis import analysis_stage
from ...frames.plan import FramePlan
from ...frames.representation import decoding_stage, encoding_stage
from ...frames.synthesis import synthesis_stage
from ...models.manifest import Manifest
from ...models.one_call.form import PRECISIONS, Precision
from ...models.packages import load
from ...models.session import model_stage
from ..frame_processor import FrameProcessor
from .add_input import add_input_stage
from .hiss import hiss_stage
from .mend import mend_stage, replace_stage
from .sizes import ANSWER, CONTROLS, N_BINS, N_FEATURES
from .watch import watch_stage

SHIPPED = {"live": "bandwidth-live", "paper": "bandwidth-paper"}
"""Short names of models."""
CROSSOVER_HZ = (1000.0, 20000.0)


class BandwidthExtension(FrameProcessor):
    """Give coded or narrow-band sound its top back, live; leave sound alone that has one.

    The edge of the band is found by itself. Above it a network says how loud each band of hiss must be; below it, where
    the network is sure that the sound was coded, it mends each bin. All this is a difference that is added to the
    input, so on full-band sound the output is the input, delayed, to the bit.

    Parameters
    ----------
    model : str or Path
        "live" (44.1 and 48 kHz, 29 ms), "paper" (Deshpande et al., with an identity skip; 22.05 kHz), or the path of a
        package of ``rtspec train enhancement``.
    amount : float
        0 to 1, share of what is added above the edge.
    air_db : float
        -12 to 12 dB, shelf from 8 to 12 kHz on what is added.
    crossover_hz : float or "auto"
        Where the fill begins, 1000 to 20000 Hz; found by itself with "auto".
    repair : bool
        Mend the band below the edge.
    mix : float
        0 to 1.
    output_db : float
        -60 to 24 dB.
    precision : {"auto", "float"}
        "auto" keeps large weights of a heavy network as float16 where that is proved within 70 dB of the file's own
        answers, and plays in about half the time; "float" never does.

    References
    ----------
    D. Deshpande, H. Abichandani: "Long-term sequence reconstruction of MP3 audio by residually stacked autoencoders"
    (enhancement of low-bit-rate MP3 by separable convolutions on the stacked spectrum), for model="paper".

    Examples
    --------
    >>> import numpy as np
    >>> BandwidthExtension()(np.zeros((2, 44100), np.float32), 44100).shape
    (2, 44100)
    """

    def __init__(
        self,
        model: str | Path = "live",
        amount: float = 1.0,
        air_db: float = 0.0,
        crossover_hz: float | str = "auto",
        repair: bool = True,
        *,
        mix: float = 1.0,
        output_db: float = 0.0,
        precision: Precision = "auto",
    ):
        self._model = load(SHIPPED.get(str(model), model))
        self._precision: Precision = checks.choice("precision", precision, PRECISIONS)
        _check_model(self._model.manifest, self._model.fixed_bins)
        self._crossover_hz, self._repair = _checked_crossover(crossover_hz), bool(repair)
        specs = [
            ParameterSpec("amount", "", 0.0, 1.0, 1.0, description="share of what is added above the edge"),
            ParameterSpec("air_db", "dB", -12.0, 12.0, 0.0, description="shelf from 8 to 12 kHz on what is added"),
        ]
        super().__init__(specs, {"amount": amount, "air_db": air_db, "mix": mix, "output_db": output_db})

    @property
    def manifest(self) -> Manifest:
        """What the model says of itself."""
        return self._model.manifest

    @property
    def crossover_hz(self) -> float | str:
        """Where the fill begins, Hz or "auto"; setting it starts the sound anew."""
        return self._crossover_hz

    @crossover_hz.setter
    def crossover_hz(self, value: float | str) -> None:
        self._crossover_hz = _checked_crossover(value)
        self._forget()

    @property
    def repair(self) -> bool:
        """Whether the band below the edge is mended; setting it starts the sound anew."""
        return self._repair

    @repair.setter
    def repair(self, value: bool) -> None:
        self._repair = bool(value)
        self._forget()

    @property
    def _answers(self) -> bool:
        """Whether the model answers features, rather than giving a spectrum for a spectrum."""
        return self.manifest.input.representation == "tensor"

    def plan(self, sample_rate: float) -> FramePlan:
        rate = round(sample_rate)
        return self._model.plan(rate if rate in (44100, 48000) else 48000 if rate % 16000 == 0 else 44100)

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        return {"model": self._model.stage_delay_frames}

    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray) -> Lane:
        """Analysis, features, model, difference, overlap-add, and the input added. From a hop to a hop, both float32 of
        shape (hop,)."""
        fixed_hz = None if self._crossover_hz == "auto" else float(self._crossover_hz)
        spectrum, change = aligned(N_BINS, np.complex64), aligned(N_BINS, np.complex64)
        seen, amount, air_db = aligned(N_FEATURES + CONTROLS), aligned(1), aligned(1)
        places = {"amount": amount.ctypes.data, "air_db": air_db.ctypes.data}
        heads = [
            analysis_stage(plan),
            watch_stage(plan, fixed_hz),
            ramp_stage(self.parameters, places, plan.frame_rate_hz),
        ]
        rows = [heads[0].row(hop_in, spectrum), heads[1].row(spectrum, seen), heads[2].row(seen, seen)]
        shared = {
            "spectrum": spectrum,
            "controls": seen[N_FEATURES:],
            "amount": amount,
            "air_db": air_db,
            "repair": self._repair,
        }
        middle = self._answered if self._answers else self._replaced
        more_rows, more = middle(plan, hop_in, seen, change, shared)
        tails = [synthesis_stage(plan), add_input_stage(plan, hop_in, self._model.stage_delay_frames)]
        rows += [*more_rows, tails[0].row(change, hop_out), tails[1].row(hop_out, hop_out)]
        return rows, [*heads, *more, *tails]

    def _answered(
        self, plan: FramePlan, hop_in: np.ndarray, seen: np.ndarray, change: np.ndarray, shared: dict
    ) -> Lane:
        """The model answers features with gains and levels."""
        model, hiss, noise_analysis = (
            model_stage(self._model, precision=self._precision),
            hiss_stage(plan),
            analysis_stage(plan),
        )
        noise, noise_spectrum, answer = aligned(plan.hop), aligned(N_BINS, np.complex64), aligned(ANSWER.length)
        mend = mend_stage(plan, hiss=noise_spectrum, delay=model.delay, **shared)
        rows = [
            model.row(seen, answer),
            hiss.row(hop_in, noise),
            noise_analysis.row(noise, noise_spectrum),
            mend.row(answer, change),
        ]
        return rows, [model, hiss, noise_analysis, mend]

    def _replaced(
        self, plan: FramePlan, hop_in: np.ndarray, seen: np.ndarray, change: np.ndarray, shared: dict
    ) -> Lane:
        """The model gives a spectrum for a spectrum."""
        model = model_stage(self._model, N_BINS, precision=self._precision)
        source, goal = self.manifest.input, self.manifest.output
        features, answer = aligned(2 * N_BINS), aligned(2 * N_BINS)
        encode = encoding_stage(plan, source.representation, source.log, source.floor, source.offset, source.scale)
        decode = decoding_stage(
            *(plan, goal.representation, goal.log, goal.offset, goal.scale),
            spectrum=shared["spectrum"],
            delay=model.delay,
            keep_phase=True,
        )
        replace = replace_stage(plan, delay=model.delay, **shared)
        rows = [
            encode.row(shared["spectrum"], features),
            model.row(features, answer),
            decode.row(answer, change),
            replace.row(change, change),
        ]
        return rows, [encode, model, decode, replace]


def _checked_crossover(value: float | str) -> float | str:
    low, high = CROSSOVER_HZ
    if value == "auto":
        return "auto"
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not low <= number <= high:
        checks.fail("crossover_hz", value, f'must be "auto" or a number from {low:g} to {high:g} Hz', 'try "auto"')
    return number


def _check_model(manifest: Manifest, n_features: int | None) -> None:
    """Refuse models that are made for something else."""
    answers = manifest.input.representation == "tensor" and n_features == N_FEATURES and manifest.delay_frames >= 1
    spectra = manifest.input.representation == manifest.output.representation == "complex"
    spectra = spectra and manifest.input.is_plain and manifest.output.is_plain
    if not (answers or spectra) or manifest.n_fft != 2 * (N_BINS - 1):
        raise InvalidValue(
            f"model {manifest.name!r} does not extend bandwidth; choose one of {', '.join(SHIPPED)}, or a package made "
            "by rtspec train enhancement"
        )
