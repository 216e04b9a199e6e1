"""A graphic and parametric equalizer without latency."""

from collections.abc import Mapping, Sequence

from ... import checks
from ...buffers.step import Stage
from ...control.parameters import ParameterSpec
from ...errors import InvalidValue
from ..sample_processor import SampleProcessor
from .parametric import DEFAULT, NYQUIST_SHARE, band_specs, check_shapes, parametric_stage
from .stages import equalizer_stage

LARGEST_DB, SMOOTHING_MS = 12.0, 50.0
PARAMETRIC = "parametric"
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
        checks.choice("gains_db", centre, names)
    return {names[centre]: value for centre, value in (gains_db or {}).items()}


def _by_centre(bands: str) -> dict[float, str]:
    return dict(zip(_NOMINAL[bands], gain_names(bands), strict=True))


class Equalizer(SampleProcessor):
    """A graphic equalizer: at each centre the level that is asked for, between them smooth. Or a parametric one:
    shelves, bells and cuts, each with its frequency, gain and width. No latency.

    Parameters
    ----------
    bands : str
        "third-octave" (31 bands, 20 Hz to 20 kHz), "octave" (10) or "parametric".
    gains_db : dict of float to float, optional
        Of the graphic equalizer, -12 to 12 dB by nominal centre in Hz: ``{63: 3, 4000: -2}``; the rest is 0.
    shapes : list of str, or str
        Of the parametric equalizer's bands, 1 to 16 of "low-cut", "low-shelf", "bell", "high-shelf" and "high-cut",
        as a list or as words between commas; by default a low shelf, four bells and a high shelf.
    mix : float
        0 to 1.
    output_db : float
        -60 to 24 dB.
    **parameters
        Starting values by name, ``gain_1000_hz=3``; of the parametric equalizer ``band_2_hz=250`` (20 to 20 000 Hz),
        ``band_2_db=-3`` (-24 to 24 dB; cuts have none), ``band_2_q=1.4`` (.1 to 18).

    Notes
    -----
    Bells of state variable filters in a row (Simper 2013); their gains follow from an interaction matrix (Liski and
    Välimäki 2017) so that the sum is right, within .3 dB at every centre. Bands whose centre lies above .46 of the
    sample rate are not heard. A gain that is moved goes there in 50 ms. With all gains at 0 the output is the input, to
    the bit. Parametric bands are such filters in a row, untouched by each other; a cut falls by 12 dB an octave, and
    near the Nyquist frequency a bell is narrower than its `q` says. Where one lies above .49 of the sample rate, it is
    played there.

    Examples
    --------
    >>> import numpy as np
    >>> Equalizer(gains_db={1000: 6})(np.zeros(4410, np.float32), 44100).shape
    (4410,)
    >>> Equalizer("parametric", shapes="low-cut,bell", band_1_hz=80, band_2_hz=3000, band_2_db=4).band_2_db
    4.0
    """

    def __init__(
        self,
        bands: str = "third-octave",
        gains_db: dict[float, float] | None = None,
        *,
        shapes: Sequence[str] | str = DEFAULT,
        mix: float = 1.0,
        output_db: float = 0.0,
        **parameters: float,
    ):
        self._bands = checks.choice("bands", bands, (*LAYOUTS, PARAMETRIC))
        self._shapes = check_shapes(shapes)
        self._unheard, self._reported, self._made_for = list[str](), list[str](), 0.0
        if bands == PARAMETRIC and gains_db is not None:
            raise InvalidValue("gains_db belongs to a graphic equalizer; set band_1_db and so on, or bands='octave'")
        if bands != PARAMETRIC and self._shapes != DEFAULT:
            raise InvalidValue(f"shapes belong to a parametric equalizer, not to bands={bands!r}; say 'parametric'")
        graphic = bands != PARAMETRIC
        by_name = named_gains(bands, gains_db) if graphic else {}
        specs = gain_specs(bands, SMOOTHING_MS) if graphic else band_specs(self._shapes)
        super().__init__(specs, {**by_name, **parameters, "mix": mix, "output_db": output_db})

    @property
    def bands(self) -> str:
        """The layout; chosen when the equalizer is made."""
        return self._bands

    def ear_news(self) -> list[str]:
        """Gains and frequencies that are set and cannot be heard, a line the first time."""
        if self._bands == PARAMETRIC:
            return self._news_of_bands()
        lost = [name for name in self._unheard if self.parameters[name].value != 0.0 and name not in self._reported]
        self._reported = [*self._reported, *lost]
        return [_lost_line(lost, self._made_for)] if lost else []

    def _news_of_bands(self) -> list[str]:
        highest = NYQUIST_SHARE * self._made_for
        over = [n for n, p in self.parameters.items() if n.endswith("_hz") and self._made_for and p.value > highest]
        new, self._reported = [name for name in over if name not in self._reported], over
        where = f"equalizer: {', '.join(new)}: played at {highest:.0f} Hz, since above it there is nothing"
        return [f"{where} at {self._made_for:g} Hz; play at a higher sample rate"] if new else []

    def make_stages(self, sample_rate: float, channels: int) -> list[Stage]:
        if self._bands == PARAMETRIC:
            self._made_for = sample_rate
            return [parametric_stage(self.parameters, self._shapes, sample_rate, channels)]
        heard = {name: hz for name, hz in gain_names(self._bands).items() if hz < HIGHEST * sample_rate}
        self._unheard, self._made_for = [name for name in gain_names(self._bands) if name not in heard], sample_rate
        return [equalizer_stage(self.parameters, heard, sample_rate, channels)]


def _lost_line(names: list[str], sample_rate: float) -> str:
    return (
        f"equalizer: {', '.join(names)} cannot be heard at {sample_rate:g} Hz, since centres above"
        f" {HIGHEST * sample_rate:.0f} Hz are left out; play at a higher sample rate"
    )
