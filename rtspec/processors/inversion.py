"""Spectral inversion: magnitudes to third-octave or mel levels and back to sound."""

import numpy as np

from ..buffers.memory import aligned
from ..buffers.step import Row, Stage
from ..frames.analysis import analysis_stage, magnitude_stage
from ..frames.bands import band_filters, bands_stage
from ..frames.plan import FramePlan
from ..frames.synthesis import synthesis_stage
from ..host.pipeline import Lane
from .band_inversion import inversion_stage
from .base import Processor, check_choice
from .phases import PhaseChoice

BANDS = ("third-octave", "third-octave-paper", "mel", "mel-htk")
METHODS = ("pinv", "nnls")


class SpectralInversion(Processor):
    """Reduce sound to band levels and rebuild it from them alone: a sketch that keeps the scene and loses the words.

    Each frame's magnitudes become band powers; the bands become magnitudes again by the clipped pseudo-inverse or by
    non-negative least squares; a streaming phase reconstruction makes them sound.

    Parameters
    ----------
    bands : str
        "third-octave" (IEC 61260), "third-octave-paper" (sin² edges), "mel" (Slaney) or "mel-htk".
    method : str
        "pinv" (clipped pseudo-inverse) or "nnls" (non-negative least squares).
    phase : str
        A streaming method of :mod:`rtspec.phase`.
    n_bands : int, optional
        Bands of a mel scale; 128 by default.
    n_fft, hop : int
        Samples.
    look_ahead, iterations : int, optional
        Frames that the phase method may wait for, and its rounds; the method's own defaults where None.
    mix : float
        0 to 1, share of the result.
    output_db : float
        -60 to 24 dB.

    References
    ----------
    F. Gontier, M. Lagrange, C. Lavandier, J.-F. Petiot: "Privacy aware acoustic scene synthesis using deep spectral
    feature inversion", ICASSP 2020: bands of the power spectrum, pseudo-inverse and NNLS baselines.

    Examples
    --------
    >>> import numpy as np
    >>> SpectralInversion()(np.zeros(44100, np.float32), 44100).shape
    (44100,)
    """

    def __init__(
        self,
        bands: str = "third-octave",
        method: str = "pinv",
        phase: str = "rtpghi",
        *,
        n_bands: int | None = None,
        n_fft: int = 1024,
        hop: int = 256,
        look_ahead: int | None = None,
        iterations: int | None = None,
        mix: float = 1.0,
        output_db: float = 0.0,
    ):
        self._bands = check_choice("bands", bands, BANDS)
        self._method = check_choice("method", method, METHODS)
        self._phase = PhaseChoice(phase, look_ahead, iterations)
        self._n_bands, self._n_fft, self._hop = n_bands, n_fft, hop
        super().__init__([], {"mix": mix, "output_db": output_db})
        self._check()

    def _check(self) -> None:
        plan = self.plan(self.default_sample_rate)
        band_filters(self._bands, plan, self._n_bands)
        self._phase.delay_frames(plan)

    @property
    def bands(self) -> str:
        """Kind of bands; setting it starts the sound anew."""
        return self._bands

    @bands.setter
    def bands(self, value: str) -> None:
        self._bands = check_choice("bands", value, BANDS)
        self._forget()

    @property
    def method(self) -> str:
        """How bands become magnitudes: "pinv" or "nnls"; setting it starts the sound anew."""
        return self._method

    @method.setter
    def method(self, value: str) -> None:
        self._method = check_choice("method", value, METHODS)
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
        self._forget()

    def plan(self, sample_rate: float) -> FramePlan:
        return FramePlan(sample_rate=round(sample_rate), n_fft=self._n_fft, hop=self._hop)

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        return {"phase": self._phase.delay_frames(plan)}

    def make_lane(self, plan: FramePlan, inbox: np.ndarray, outbox: np.ndarray) -> Lane:
        filters = band_filters(self._bands, plan, self._n_bands)
        spectrum, rebuilt = aligned(plan.n_bins, np.complex64), aligned(plan.n_bins, np.complex64)
        magnitude, estimate = aligned(plan.n_bins), aligned(plan.n_bins)
        powers = aligned(len(filters.centres_hz))
        places = [inbox, spectrum, magnitude, powers, estimate, rebuilt, outbox]
        stages = [
            analysis_stage(plan),
            magnitude_stage(plan),
            bands_stage(filters),
            inversion_stage(filters, self._method),
            self._phase.stage(plan, spectrum),
            synthesis_stage(plan),
        ]
        return chain(stages, places), stages


def chain(stages: list[Stage], places: list[np.ndarray]) -> list[Row]:
    """Rows of stages in a line: stage i reads place i and writes place i + 1."""
    return [stage.row(x, y) for stage, x, y in zip(stages, places[:-1], places[1:], strict=True)]
