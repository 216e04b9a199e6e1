"""The scene equalizer: a microphone hears the room, and the music answers."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ... import checks
from ...buffers.memory import address, aligned, aligned_copy
from ...buffers.step import Row, Stage
from ...chain.mixing import mix_stage
from ...chain.program import FOR_STREAM, Program, audio_buffer
from ...control.parameters import ParameterSpec, ParameterTable
from ...errors import InvalidValue
from ...models.catalogue import find
from ..listening_processor import ListeningProcessor
from .cancelling import joined_canceller
from .curves import curves_for
from .ear import Hearing, course, ear_stage
from .heard import FAULTS, UNHEARD, AllHeard, Heard
from .listening import BLEND, CURVE, FAULT, HEARD, LABEL, LOWERED, MUSIC, NOISE, SHARE, blend
from .processor import HIGHEST, LARGEST_DB, LAYOUTS, gain_names, gain_specs, named_gains
from .scene_tagger import SceneTagger
from .stages import bells_stage

MODES, SOURCES = ("noise", "scene", "both"), ("sensor", "signal")
SMOOTHING_MS = 200.0
"""Of the automatic curve and of all gains: a jump by 12 dB is no click."""

_OWN = [
    ParameterSpec("amount", "", 0.0, 1.0, 1.0, description="share of the automatic curve"),
    ParameterSpec("max_boost_db", "dB", 0.0, 24.0, 12.0, description="most that a band is raised automatically"),
    ParameterSpec("max_cut_db", "dB", 0.0, 24.0, 6.0, description="most that a band is lowered automatically"),
    ParameterSpec("max_rise_db", "dB", 0.0, 24.0, 6.0, description="most that the music's level rises as a whole"),
    ParameterSpec(
        "reaction_s", "s", 0.5, 30.0, 2.0, curve="log", description="in which the curve rises to a new noise"
    ),
    ParameterSpec("release_s", "s", 0.5, 60.0, 5.0, curve="log", description="in which the curve falls to a new noise"),
    ParameterSpec("confidence", "", 0.0, 1.0, 0.6, description="probability from which a scene counts"),
    ParameterSpec("freeze", "", 0.0, 1.0, 0.0, curve="switch", description="1: the curve stays as it is"),
]


class Tagger(Protocol):
    """What tells scenes apart: a listening stage of its own, which may be as slow as it likes.

    Attributes
    ----------
    labels : sequence of str
    """

    labels: tuple[str, ...]

    def stages(self, sample_rate: float, probabilities: np.ndarray) -> list[Stage]:
        """Stages that hear mono float32 at x, all of them in order, and keep `probabilities`, float64 (n_labels,), up
        to date."""
        ...


class SceneEqualizer(ListeningProcessor):
    """An equalizer that hears the surroundings and keeps music audible and balanced, without latency.

    Parameters
    ----------
    mode : str
        "noise": levels of the noise in bands drive the curve; "scene": a curve a scene, by probability; "both".
    listen : str
        "sensor": a microphone (`sensor=` of :meth:`process`, of boards, of :func:`rtspec.render` and of
        :class:`rtspec.AudioStream`); "signal": what is played, where the noise is in it.
    model : str or Tagger
        What tells scenes apart, for the modes "scene" and "both": a package, or an object with `labels` and `stages`.
    curves : dict of str to dict of float to float, or path, optional
        dB by nominal centre in Hz for each scene: ``{"street": {63: 3}}``, or a JSON file of that.
    bands : str
        "third-octave" (31 bands) or "octave" (10).
    cancel : bool
        Whether the music that the microphone hears is taken out of its levels, from 50 Hz to 7 kHz, at sample rates up
        to 96 kHz. While too much of it is left, the room counts as no louder than it was. False for headphones.
    sensor_full_scale_db : float
        Sound pressure level at which the sensor's samples have a root mean square of one.
    gains_db : dict of float to float, optional
        The user's own gains, beside the automatic ones.
    **parameters
        Starting values by name: ``amount``, ``max_boost_db``, ``max_cut_db``, ``max_rise_db``, ``reaction_s``,
        ``release_s``, ``confidence``, ``freeze``, ``mix``, ``output_db``, ``gain_1000_hz``.

    Attributes
    ----------
    noise_db, curve_db, music_db : ndarray, float64, shape (n,)
        Levels of third-octave bands from 20 Hz (:attr:`centres_hz`) as they were heard last.

    Notes
    -----
    The user's gains plus `amount` times the automatic curve are what sounds. The room's floor is a low quantile over
    three quarters of `reaction_s`, so that doors and speech do not pump. A sensor that is silent, clips or gives NaN
    leads to a flat curve within a second, and that is said. With all at 0 the output is the input, to the bit.

    Examples
    --------
    >>> import numpy as np
    >>> room = 0.01 * np.random.default_rng(0).standard_normal(48000).astype(np.float32)
    >>> SceneEqualizer()(np.zeros(48000, np.float32), 48000, sensor=room).shape
    (48000,)
    """

    def __init__(
        self,
        mode: str = "noise",
        listen: str = "sensor",
        model: "str | Tagger" = "scene-live",
        curves: Any = None,
        bands: str = "third-octave",
        cancel: bool = True,
        sensor_full_scale_db: float = 94.0,
        gains_db: Mapping[float, float] | None = None,
        *,
        mix: float = 1.0,
        output_db: float = 0.0,
        **parameters: float,
    ):
        self._mode, self._source = checks.choice("mode", mode, MODES), checks.choice("listen", listen, SOURCES)
        self._bands = checks.choice("bands", bands, LAYOUTS)
        self._cancels = bool(cancel)
        self._full_scale_db = _checked_level(sensor_full_scale_db)
        self._tagger = _tagger(model, is_needed=mode != "noise")
        self._labels = tuple(self._tagger.labels) if self._tagger else ()
        self._curves = curves_for(curves, self._labels)
        self._heard = AllHeard()
        gains, by_name = gain_specs(bands, SMOOTHING_MS), named_gains(bands, gains_db)
        super().__init__([*_OWN, *gains], {**by_name, **parameters, "mix": mix, "output_db": output_db})

    @property
    def bands(self) -> str:
        """The layout; chosen when the equalizer is made."""
        return self._bands

    @property
    def mode(self) -> str:
        """What drives the curve; chosen when the equalizer is made."""
        return self._mode

    # Programs -----------------------------------------------------------------------------------------------------

    def make_stages(self, sample_rate: float, channels: int) -> list[Stage]:
        return list(self._parts(sample_rate, channels)[:2])

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """A program of its own state for one driver; its listeners want the sensor."""
        x, wet, y = (audio_buffer(channels) for _ in range(3))
        blender, bells, listeners, heard = self._parts(sample_rate, channels)
        self._heard.add(heard)
        mixer = mix_stage(self._parameters, x, 0, sample_rate)
        rows: list[Row] = [blender.row(x, x), bells.row(x, wet), mixer.row(wet, y)]
        stages, readings = [blender, bells, mixer, *listeners], self._places(heard)
        return Program(rows, stages, x, y, {}, keep=(heard,), listeners=listeners, readings=readings)

    def _places(self, heard: Heard) -> dict[str, int]:
        """Where what a modulation may follow is kept."""
        places = {f"scene_{label}": address(heard.probabilities) + 8 * i for i, label in enumerate(self._labels)}
        return {**places, "share": address(heard.ear.fields["status"]) + 8 * SHARE}

    def _parts(self, sample_rate: float, channels: int) -> tuple[Stage, Stage, list[Stage], Heard]:
        table, probabilities = self._parameters, aligned(max(1, len(self._labels)), np.float64)
        taggers = self._tagger.stages(sample_rate, probabilities) if self._tagger else []
        canceller, relays, news = self._canceller(sample_rate, channels)
        hearing = Hearing(
            *(self._source == "sensor", self._mode != "scene", self._full_scale_db, self._curves),
            probabilities if self._tagger else None,
            canceller,
        )
        ear = ear_stage(table, hearing, sample_rate, channels)
        names = {name: hz for name, hz in gain_names(self._bands).items() if hz < HIGHEST * sample_rate}
        targets = aligned(len(names), np.float64)
        blender = _blend_stage(table, names, ear.fields["automatic"], targets, self._bands)
        places = [address(targets) + 8 * i for i in range(len(names))]
        bells = bells_stage(places, list(names.values()), SMOOTHING_MS, sample_rate, channels, (targets,))
        heard = Heard(ear, probabilities, sample_rate, FOR_STREAM.get(), news)
        return blender, bells, [*taggers, *relays, ear], heard

    def _canceller(self, sample_rate: float, channels: int) -> tuple[Stage | None, list[Stage], list[str]]:
        """What takes the music out of the sensor's levels, and the listener that feeds it; where there is none and
        should be one, that is news."""
        if not self._cancels or self._source != "sensor" or self._mode == "scene":
            return None, [], []
        try:
            canceller, relay = joined_canceller(sample_rate, channels)
        except InvalidValue:
            line = (
                f"scene equalizer: at {sample_rate:g} Hz the music is not taken out of what the sensor hears;"
                " play at 44.1, 48 or 96 kHz, or say cancel=False"
            )
            return None, [], [line]
        return canceller, [relay], []

    # Readings -----------------------------------------------------------------------------------------------------

    def _reading(self, which: int) -> np.ndarray:
        now = self._heard.now
        return np.zeros(31) if now is None else now.ear.fields["readings"][which].copy()

    @property
    def centres_hz(self) -> np.ndarray:
        """Of the bands of the readings, float64 (n,)."""
        return 1000.0 * 10 ** (np.arange(-17, -17 + len(self.curve_db)) / 10)

    @property
    def noise_db(self) -> np.ndarray:
        """The room's floor, dB sound pressure level; far below any room while it is not known, for half a second.
        Float64 of shape (n_bands,)."""
        return self._reading(NOISE)

    @property
    def curve_db(self) -> np.ndarray:
        """What is added automatically. Float64 of shape (n_bands,), dB."""
        return self._reading(CURVE)

    @property
    def music_db(self) -> np.ndarray:
        """The music, without what is added automatically; its full scale is the sensor's. Float64 of shape (n_bands,),
        dB."""
        return self._reading(MUSIC)

    def _status(self, which: int) -> float:
        now = self._heard.now
        return 0.0 if now is None else float(now.ear.fields["status"][which])

    @property
    def canceller_db(self) -> float:
        """By how much the music in the microphone is lowered; 0 where none is to be taken out."""
        return self._status(LOWERED)

    @property
    def sensor_fault(self) -> str:
        """What is wrong with the sensor; "" for nothing."""
        return FAULTS.get(int(self._status(FAULT)), "")

    @property
    def scenes(self) -> dict[str, float]:
        """Probabilities by scene."""
        now = self._heard.now
        shares = np.zeros(len(self._labels)) if now is None else now.probabilities
        return {label: float(p) for label, p in zip(self._labels, shares, strict=False)}

    @property
    def scene(self) -> str:
        """The most probable scene; "unknown" where none is sure enough."""
        found = int(self._status(LABEL))
        return self._labels[found - 1] if found else "unknown"

    def readings(self) -> dict[str, float]:
        """What was found lately, by name, for OSC and views."""
        found = {"share": self._status(SHARE), "fault": self._status(FAULT), "canceller_db": self.canceller_db}
        found |= {f"scene_{label}": p for label, p in self.scenes.items()}
        for name, values in (("noise", self.noise_db), ("curve", self.curve_db)):
            found |= {f"{name}_{hz:.0f}_hz_db": float(v) for hz, v in zip(self.centres_hz, values, strict=True)}
        return found

    def words(self) -> dict[str, str]:
        """The scene; and of a sensor that is to be heard what is wrong with it, and that it is well only once it was
        heard: where none is, that is known after a while."""
        if self._source != "sensor":
            return {"scene": self.scene}
        return {"scene": self.scene, "sensor": self.sensor_fault or ("well" if self._status(HEARD) else UNHEARD)}

    @property
    def reading_names(self) -> tuple[str, ...]:
        """Those of :meth:`readings` that a modulation may follow."""
        return ("share", *(f"scene_{label}" for label in self._labels))

    def ear_news(self) -> list[str]:
        """What happened to the sensor since the last call, a line each."""
        return self._heard.news()

    def write_curve(self, path: str | os.PathLike[str]) -> int:
        """Write the automatic curve's course as automation: rendered with that, a concert is repeated without a sensor.

        Parameters
        ----------
        path : path
            A .csv file; the last hour is kept.

        Returns
        -------
        int
            Lines written.
        """
        now = self._heard.now
        if now is None:
            raise InvalidValue("nothing was played yet, so there is no curve to write")
        names, table = list(gain_names(self._bands)), self._parameters
        seconds, curves = course(now.ear, now.sample_rate)
        spread = _spread(len(names), curves.shape[1], self._bands)
        rows: list[tuple[float, str, float]] = [(0.0, "amount", 0.0)]
        last = np.array([table[name].value for name in names])
        for at, curve in zip(seconds, curves, strict=True):
            wanted = np.clip([table[name].value for name in names] + spread @ curve, -LARGEST_DB, LARGEST_DB)
            moved = np.abs(wanted - last) > 0.02
            rows += [(at, names[i], wanted[i]) for i in np.flatnonzero(moved)]
            last[moved] = wanted[moved]
        with Path(path).open("w", newline="") as file:
            csv.writer(file).writerows(
                [("time_s", "name", "value"), *((f"{t:.6f}", n, f"{v:.3f}") for t, n, v in rows)]
            )
        return len(rows)

    def __getstate__(self) -> dict:
        return {**super().__getstate__(), "_heard": AllHeard()}


def _spread(n: int, n_bands: int, bands: str) -> np.ndarray:
    """What each gain takes of the third-octave bands, float64 (n, n_bands)."""
    spread = np.zeros((n, n_bands))
    for i in range(n):
        of = [i] if bands == "third-octave" else [b for b in range(3 * i + 1, 3 * i + 4) if b < n_bands]
        spread[i, [b for b in of if b < n_bands]] = 1.0 / max(1, len(of))
    return spread


def _blend_stage(
    table: ParameterTable, heard: dict[str, float], automatic: np.ndarray, targets: np.ndarray, bands: str
) -> Stage:
    spread = aligned_copy(_spread(len(heard), len(automatic), bands))
    manual = aligned_copy(np.array([table.target_address(name) for name in heard]))
    for array in (spread, manual):
        array.flags.writeable = False
    return Stage(
        blend,
        BLEND,
        keep=(table,),
        n=len(heard),
        n_bands=len(automatic),
        amount=table.target_address("amount"),
        manual=manual,
        spread=spread,
        automatic=automatic,
        targets=targets,
    )


def _tagger(model: "str | Tagger", is_needed: bool) -> "Tagger | None":
    """A tagger by name or as it is; a name that nothing has is told even where no tagger is needed."""
    if isinstance(model, str):
        find(model)
        return SceneTagger(model) if is_needed else None
    return model if is_needed else None


def _checked_level(value: float) -> float:
    return checks.number("sensor_full_scale_db", value, 0.0, 200.0, "the default is 94", "dB")
