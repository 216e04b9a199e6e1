"""Spectral inversion: magnitudes to third-octave or mel levels and back to sound, or a sensor's levels to sound."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from ... import checks
from ...buffers.memory import aligned
from ...buffers.step import Row, Stage
from ...chain.lanes import Lane
from ...control.smoothing import ramp_stage
from ...errors import InvalidValue, existing
from ...frames.analysis import analysis_stage, magnitude_stage
from ...frames.bands import BandFilters, band_filters, bands_stage
from ...frames.lag import lag_stage
from ...frames.levels import FULL_SCALE_DB, cosines
from ...frames.plan import FramePlan
from ...frames.synthesis import synthesis_stage
from ...models import load
from ...models.one_call.form import PRECISIONS, Precision
from ...models.session import model_stage
from ..frame_processor import FrameProcessor
from ..phases import PhaseChoice
from .band_inversion import inversion_stage
from .band_shaping import SHAPING_PARAMETERS, shaping_stage
from .cepstrum import cepstral_stage
from .level_control import level_stages
from .refinement import REFINE, refinement_stage
from .sensor import LevelSource, limiter_stage
from .sensor_stream import open_levels

BANDS = ("third-octave", "third-octave-paper", "mel", "mel-htk")
METHODS = ("pinv", "nnls")
MODELS = {name: f"inversion-{name}" for name in ("live", "paper", "log")}
"""Short names of the networks that ship."""

TRAINED_ON = "third-octave-paper"


class SpectralInversion(FrameProcessor):
    """Reduce sound to band levels and rebuild it from them alone: a sketch that keeps the scene and loses the words.

    Each frame's magnitudes become band powers; the bands become magnitudes again by the clipped pseudo-inverse or by
    non-negative least squares, which a network may refine; a streaming phase reconstruction makes them sound. With
    `levels` the band powers are a sensor's, and the input is not heard.

    Parameters
    ----------
    bands : str, optional
        "third-octave" (IEC 61260; the default), "third-octave-paper" (sin² edges; what networks were trained on, and
        the default with one), "mel" (Slaney) or "mel-htk".
    method : str
        "pinv" (clipped pseudo-inverse) or "nnls" (non-negative least squares).
    phase : str, optional
        A streaming method of :mod:`rtspec.phase`. By default "rtpghi"; for `levels` "best", since steady levels
        would make the simpler methods pulse in time with the frames. "random" is noise phase.
    n_bands : int, optional
        Bands of a mel scale; 128 by default.
    n_coefficients : int, optional
        Keep only so many cepstral coefficients of the bands: with "mel-htk", MFCCs.
    n_fft, hop : int, optional
        Samples; 1024 and a quarter by default, 64 ms or more for a sensor. A network brings its own.
    model : str or Path, optional
        "live", "paper", "log", or a packaged model that takes and gives magnitudes: refines the pseudo-inverse, as far
        as the parameter `refine` says.
    levels : str, Path or LevelSource, optional
        A table of levels (:func:`rtspec.processors.inversion.level_tables.read_levels`) or
        "udp:PORT[:BANDS[:PERIOD_S]]".
    full_scale_db : float
        For `levels`: the level of a sound whose mean square is one.
    weighting : str, optional
        For `levels`: "A" if they are A-weighted.
    calibrate : bool
        Keep the levels of the finished sound at those of the input, band by band.
    look_ahead, iterations : int, optional
        Frames that the phase method may wait for, and its rounds; the method's own defaults where None.
    precision : {"auto", "float"}
        "auto" keeps large weights of a heavy network as float16 where that is proved within 70 dB of the file's own
        answers, and plays in about half the time; "float" never does.
    **values
        Starting values of parameters: `refine` (0 baseline to 1 network), `freeze`, `blur_ms`, `tilt_db_per_octave`,
        `gain_31_5_hz` … `gain_16000_hz` (±24 dB), `mix`, `output_db`.

    References
    ----------
    F. Gontier, M. Lagrange, C. Lavandier, J.-F. Petiot: "Privacy aware acoustic scene synthesis using deep spectral
    feature inversion", ICASSP 2020: bands of the power spectrum, pseudo-inverse and NNLS baselines, the network.

    Examples
    --------
    >>> import numpy as np
    >>> SpectralInversion()(np.zeros(44100, np.float32), 44100).shape
    (44100,)
    """

    def __init__(
        self,
        bands: str | None = None,
        method: str = "pinv",
        phase: str | None = None,
        *,
        n_bands: int | None = None,
        n_coefficients: int | None = None,
        n_fft: int | None = None,
        hop: int | None = None,
        model: str | Path | None = None,
        levels: str | Path | LevelSource | None = None,
        full_scale_db: float = FULL_SCALE_DB,
        weighting: str | None = None,
        calibrate: bool = True,
        look_ahead: int | None = None,
        iterations: int | None = None,
        precision: Precision = "auto",
        **values: float,
    ):
        self._precision: Precision = checks.choice("precision", precision, PRECISIONS)
        self._model = None if model is None else _checked_model(load(MODELS.get(str(model), model)))
        self._bands = checks.choice("bands", bands or ("third-octave" if model is None else TRAINED_ON), BANDS)
        self._method = checks.choice("method", method, METHODS)
        self._phase_is_given, self._phase = phase is not None, PhaseChoice(phase or "rtpghi", look_ahead, iterations)
        self._n_coefficients = n_coefficients
        self._n_bands, self._n_fft, self._hop, self._calibrate = n_bands, n_fft, hop, bool(calibrate)
        self._levels: LevelSource | None = None
        self._full_scale_db, self._weighting = full_scale_db, weighting
        super().__init__([*([REFINE] if self._model else []), *SHAPING_PARAMETERS], values)
        self._check()
        if levels is not None:
            self.hear(levels)

    def _check(self) -> None:
        plan = self.plan(self.default_sample_rate)
        n_bands = self.filters(plan).n_bands
        if self._n_coefficients is not None:
            cosines(n_bands, self._n_coefficients)
        self._phase.delay_frames(plan)

    @property
    def bands(self) -> str:
        """Kind of bands; setting it starts the sound anew."""
        return self._bands

    @bands.setter
    def bands(self, value: str) -> None:
        self._bands = checks.choice("bands", value, BANDS)
        self._forget()

    @property
    def method(self) -> str:
        """How bands become magnitudes: "pinv" or "nnls"; setting it starts the sound anew."""
        return self._method

    @method.setter
    def method(self, value: str) -> None:
        self._method = checks.choice("method", value, METHODS)
        self._forget()

    @property
    def phase(self) -> str:
        """Phase method; setting it starts the sound anew."""
        return self._phase.method

    @phase.setter
    def phase(self, value: str) -> None:
        before, self._phase = self._phase, PhaseChoice(value)
        try:
            self._check()
        except Exception:
            self._phase = before
            raise
        self._phase_is_given = True
        self._forget()

    @property
    def levels(self) -> LevelSource | None:
        """The sensor that is heard in place of the input; setting it starts the sound anew."""
        return self._levels

    @levels.setter
    def levels(self, source: LevelSource | None) -> None:
        self._levels = source
        if not self._phase_is_given:
            self._phase = replace(self._phase, method="rtpghi" if source is None else "best")
            self._check()
        self._forget()

    def hear(self, levels: str | Path | LevelSource, report: Callable[[str], None] | None = None) -> None:
        """Play a sensor in place of the input: a source, a table's path, or "udp:PORT[:BANDS[:PERIOD_S]]".

        `report` gets a line where a stream listens, and one for each kind of trouble with what comes.
        """
        is_source = isinstance(levels, LevelSource)
        self.levels = levels if is_source else open_levels(str(levels), self._full_scale_db, self._weighting, report)

    def plan(self, sample_rate: float) -> FramePlan:
        if self._model is None:
            n_fft = self._n_fft or (_fine_n_fft(sample_rate) if self._levels is not None else 1024)
            return FramePlan(sample_rate=round(sample_rate), n_fft=n_fft, hop=self._hop or n_fft // 4)
        own = self._model.plan(round(sample_rate))
        for name, value in (("n_fft", self._n_fft), ("hop", self._hop)):
            if value not in (None, getattr(own, name)):
                raise InvalidValue(f"{name}={value} is not the model's own; leave it out, or use {getattr(own, name)}")
        return replace(own, centred=False, plain=False)  # magnitudes are the same, and phases are made anew

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        model = {"model": self._model.stage_delay_frames} if self._model else {}
        return {**model, "phase": self._phase.delay_frames(plan)}

    def make_lane(self, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray) -> Lane:
        """From a hop to a hop, both float32 of shape (hop,)."""
        return _Lane(self, plan, hop_in, hop_out).made()

    def filters(self, plan: FramePlan) -> BandFilters:
        """The filterbank on a plan."""
        return band_filters(self._bands, plan, self._n_bands)


class _Lane:
    """One channel's stages, row by row, in the order of the signal."""

    def __init__(self, processor: SpectralInversion, plan: FramePlan, hop_in: np.ndarray, hop_out: np.ndarray):
        self.of, self.plan, self.hop_in, self.hop_out = processor, plan, hop_in, hop_out
        self.rows: list[Row] = []
        self.stages: list[Stage] = []
        self.places: dict[str, int] = {}
        self.spectrum, self.rebuilt = (aligned(plan.n_bins, np.complex64) for _ in range(2))
        self.magnitude = aligned(plan.n_bins)
        self.powers = aligned(self.filters.n_bands)

    @cached_property
    def filters(self) -> BandFilters:
        return self.of.filters(self.plan)

    def made(self) -> Lane:
        shaping, self.places = shaping_stage(self.filters)
        refining = self._refining() if self.of._model else None
        ramps = ramp_stage(self.of.parameters, self.places, self.plan.frame_rate_hz)
        self._listen()
        self._add(ramps, self.powers, self.powers)
        self._add(shaping, self.powers, self.powers)
        self._invert(refining)
        self._sound()
        return self.rows, self.stages

    def _add(self, stage: Stage, x: np.ndarray, y: np.ndarray) -> None:
        self.stages.append(stage)
        self.rows.append(stage.row(x, y))

    def _listen(self) -> None:
        """The input's band powers, or the sensor's."""
        if self.of._levels is not None:
            self._add(self.of._levels.stage(self.filters), self.powers, self.powers)
            return
        self._add(analysis_stage(self.plan), self.hop_in, self.spectrum)
        self._add(magnitude_stage(self.plan), self.spectrum, self.magnitude)
        self._add(bands_stage(self.filters), self.magnitude, self.powers)
        if self.of._n_coefficients is not None:
            self._add(cepstral_stage(self.filters.n_bands, self.of._n_coefficients), self.powers, self.powers)

    def _refining(self) -> tuple[Stage, np.ndarray]:
        """The mixture of network and baseline, and where it wants the baseline; its control joins the places."""
        baseline = aligned(self.plan.n_bins)
        stage, place = refinement_stage(baseline)
        self.places |= place
        return stage, baseline

    def _invert(self, refining: tuple[Stage, np.ndarray] | None) -> None:
        """Band powers to magnitudes, refined by the network if there is one."""
        self._add(inversion_stage(self.filters, self.of._method), self.powers, self.magnitude)
        if refining is None:
            return
        stage, baseline = refining
        model = model_stage(existing(self.of._model), self.plan.n_bins, precision=self.of._precision)
        seen, refined = self.magnitude, aligned(self.plan.n_bins)
        if self.of._method != "pinv":  # networks refine the pseudo-inverse
            seen = aligned(self.plan.n_bins)
            self._add(inversion_stage(self.filters), self.powers, seen)
        self._add(lag_stage(self.magnitude, model.delay), self.magnitude, baseline)
        if model.delay:
            self._add(lag_stage(self.spectrum, model.delay), self.spectrum, self.spectrum)
        self._add(model, seen, refined)
        self._add(stage, refined, self.magnitude)

    def _sound(self) -> None:
        """Magnitudes to a hop of sound, its levels held."""
        phase = self.of._phase.stage(self.plan, self.spectrum)
        lag = self.of._model.stage_delay_frames if self.of._model else 0
        behind = phase.delay + -(-self.plan.length // self.plan.hop) - 1
        hold, compare = level_stages(self.filters, self.powers, lag, behind)
        if self.of._calibrate:
            self._add(hold, self.magnitude, self.magnitude)
        self._add(phase, self.magnitude, self.rebuilt)
        self._add(synthesis_stage(self.plan), self.rebuilt, self.hop_out)
        if self.of._levels is not None:
            self._add(limiter_stage(self.plan.hop), self.hop_out, self.hop_out)
        if self.of._calibrate:
            self._measure(compare)

    def _measure(self, compare: Stage) -> None:
        spectrum, magnitude = aligned(self.plan.n_bins, np.complex64), aligned(self.plan.n_bins)
        heard = aligned(self.filters.n_bands)
        self._add(analysis_stage(self.plan), self.hop_out, spectrum)
        self._add(magnitude_stage(self.plan), spectrum, magnitude)
        self._add(bands_stage(self.filters), magnitude, heard)
        self._add(compare, heard, heard)


def _fine_n_fft(sample_rate: float) -> int:
    """A window of 64 to 128 ms: sensors do not wait for an answer, and their lowest bands want bins of their own."""
    return 1 << math.ceil(math.log2(0.064 * sample_rate))


def _checked_model(model):
    manifest = model.manifest
    for side, port in (("input", manifest.input), ("output", manifest.output)):
        if port.representation != "magnitude" or port.scale != 1 or port.offset or not port.is_plain:
            raise InvalidValue(
                f"{side}.representation={port.representation!r} of model {manifest.name!r} does not refine an"
                " inversion; it must be magnitude of all bins, with neither scale, offset nor exponent"
            )
    return model


def chain(stages: list[Stage], places: list[np.ndarray]) -> list[Row]:
    """Rows of stages in a line: stage i reads place i and writes place i + 1. Places are float32 or complex64 of shape
    (hop,), (n_bins,) or (n_bands,), as the stages say."""
    return [stage.row(x, y) for stage, x, y in zip(stages, places[:-1], places[1:], strict=True)]
