"""A graphic equalizer without latency."""

from collections.abc import Mapping

from ...buffers.step import Stage
from ...control.parameters import ParameterSpec
from ...errors import InvalidValue
from ..base import check_choice
from ..sample_processor import SampleProcessor
from .stages import equalizer_stage

LARGEST_DB, SMOOTHING_MS = 12.0, 50.0
HIGHEST = 0.46
"""Centres above this share of the sample rate are left out: half of a bell there would lie beyond what there is."""

LAYOUTS = {
    "octave": tuple(31.25 * 2.0**k for k in range(10)),
    "third-octave": tuple(1000 * 2.0 ** (k / 3) for k in range(-17, 14)),
}
"""Centres in Hz: exact base-2 octaves and third octaves about 1 kHz (IEC 61260-1)."""

_NOMINAL = {
    "octave": (31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000),
    "third-octave": (
        20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600, 2000, 2500,
        3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000, 20000,
    ),
}  # fmt: skip


def gain_names(bands: str) -> dict[str, float]:
    """Parameters of a layout, ``gain_1000_hz`` and so on, with their exact centres in Hz."""
    names = (f"gain_{nominal:g}_hz".replace(".", "_") for nominal in _NOMINAL[bands])
    return dict(zip(names, LAYOUTS[bands], strict=True))


def gain_specs(bands: str, smoothing_ms: float) -> list[ParameterSpec]:
    """The gain of each band as a parameter."""
    return [
        ParameterSpec(name, "dB", -LARGEST_DB, LARGEST_DB, 0.0, smoothing_ms, description=f"level about {centre:g} Hz")
        for centre, name in _by_centre(bands).items()
    ]


def named_gains(bands: str, gains_db: Mapping[float, float] | None) -> dict[str, float]:
    """Gains by nominal centre as values of the parameters."""
    if not isinstance(gains_db, Mapping | None):
        raise InvalidValue(
            f"gains_db={gains_db!r} must be a dict of centres in Hz to dB; or set one gain: gain_1000_hz=3"
        )
    names = _by_centre(bands)
    for centre in gains_db or {}:
        check_choice("gains_db", centre, names)
    return {names[centre]: value for centre, value in (gains_db or {}).items()}


def _by_centre(bands: str) -> dict[float, str]:
    return dict(zip(_NOMINAL[bands], gain_names(bands), strict=True))


class Equalizer(SampleProcessor):
    """A graphic equalizer: at each centre the level that is asked for, between them smooth, no latency.

    Parameters
    ----------
    bands : str
        "third-octave" (31 bands, 20 Hz to 20 kHz) or "octave" (10).
    gains_db : dict of float to float, optional
        -12 to 12 dB by nominal centre in Hz: ``{63: 3, 4000: -2}``; the rest is 0.
    mix : float
        0 to 1.
    output_db : float
        -60 to 24 dB.
    **parameters
        Starting values by name, ``gain_1000_hz=3``.

    Notes
    -----
    Bells of state variable filters in a row (Simper 2013); their gains follow from an interaction matrix (Liski and
    Välimäki 2017) so that the sum is right, within .3 dB at every centre. Bands whose centre lies above .46 of the
    sample rate are not heard. A gain that is moved goes there in 50 ms. With all gains at 0 the output is the input, to
    the bit.

    Examples
    --------
    >>> import numpy as np
    >>> Equalizer(gains_db={1000: 6})(np.zeros(4410, np.float32), 44100).shape
    (4410,)
    """

    def __init__(
        self,
        bands: str = "third-octave",
        gains_db: dict[float, float] | None = None,
        *,
        mix: float = 1.0,
        output_db: float = 0.0,
        **parameters: float,
    ):
        self._bands = check_choice("bands", bands, LAYOUTS)
        self._unheard, self._told, self._made_for = list[str](), list[str](), 0.0
        given, specs = named_gains(bands, gains_db), gain_specs(bands, SMOOTHING_MS)
        super().__init__(specs, {**given, **parameters, "mix": mix, "output_db": output_db})

    @property
    def bands(self) -> str:
        """The layout; chosen when the equalizer is made."""
        return self._bands

    def ear_news(self) -> list[str]:
        """Gains that are set and cannot be heard, a line the first time."""
        lost = [name for name in self._unheard if self.parameters[name].value != 0.0 and name not in self._told]
        self._told = [*self._told, *lost]
        return [_lost_line(lost, self._made_for)] if lost else []

    def make_stages(self, sample_rate: float, channels: int) -> list[Stage]:
        heard = {name: hz for name, hz in gain_names(self._bands).items() if hz < HIGHEST * sample_rate}
        self._unheard, self._made_for = [name for name in gain_names(self._bands) if name not in heard], sample_rate
        return [equalizer_stage(self.parameters, heard, sample_rate, channels)]


def _lost_line(names: list[str], sample_rate: float) -> str:
    return (
        f"equalizer: {', '.join(names)} cannot be heard at {sample_rate:g} Hz, since centres above"
        f" {HIGHEST * sample_rate:.0f} Hz are left out; play at a higher sample rate"
    )
