"""The modulation matrix: what moves parameters by itself, beside the user's values.

A source (an LFO, the input's level, a MIDI controller, a reading of a plugin) is looked at every 128 samples counted
from the start, shaped by a curve, smoothed by attack and release, and moves a parameter by `depth` times its range
around the value that the user gives it. Compiled code does all that, so a stream gives what a render gives.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Any

from .. import checks
from ..errors import InvalidValue
from . import documents
from .controlled import controlled, table_of
from .directory import Directory
from .parameters import Parameter

KIND = "modulation"
SHAPES = ("sine", "triangle", "square", "saw")
CURVES = ("linear", "square", "cube")
MOST_ROUTES = 256
"""In a file."""

SHAPED = ("depth", "curve", "attack_s", "release_s")
"""What of a route says how its source moves its parameter."""


@dataclass(frozen=True)
class Lfo:
    """An oscillator from -1 to 1.

    Attributes
    ----------
    rate_hz : float
        0.001 to 50 Hz.
    shape : str
        "sine", "triangle", "square" or "saw".
    phase : float
        Where it begins, in turns.
    """

    rate_hz: float
    shape: str = "sine"
    phase: float = 0.0

    def __post_init__(self):
        checks.number("rate_hz", self.rate_hz, 0.001, 50.0)
        checks.number("phase", self.phase, 0.0, 1.0)
        checks.choice("shape", self.shape, SHAPES)

    def __str__(self) -> str:
        return f"lfo:{self.rate_hz:.9g}:{self.shape}:{self.phase:.9g}"


@dataclass(frozen=True)
class Envelope:
    """The level of the chain's input, 0 (-60 dB or less) to 1 (full scale)."""

    def __str__(self) -> str:
        return "envelope"


@dataclass(frozen=True)
class MidiControl:
    """A MIDI controller, 0 to 1.

    Attributes
    ----------
    control : int
        0 to 127.
    channel : int or None
        1 to 16; any where None.
    """

    control: int
    channel: int | None = None

    def __post_init__(self):
        checks.number("control", self.control, 0, 127)
        if self.channel is not None:
            checks.number("channel", self.channel, 1, 16)

    def __str__(self) -> str:
        return f"cc:{self.control}" + ("" if self.channel is None else f":{self.channel}")

    def hears(self, message: Any) -> bool:
        """Whether a message moves it."""
        if getattr(message, "type", "") != "control_change" or message.control != self.control:
            return False
        return self.channel in (None, message.channel + 1)


@dataclass(frozen=True)
class Reading:
    """What a plugin's compiled code finds: ``Reading(eq, "scene_street")`` is the probability of a scene."""

    plugin: Any = field(hash=False)
    name: str


Source = Lfo | Envelope | MidiControl | Reading


@dataclass(frozen=True)
class Route:
    """A source that moves a parameter: see :meth:`Matrix.add`."""

    source: Source
    parameter: Parameter
    depth: float = 1.0
    curve: str = "linear"
    attack_s: float = 0.0
    release_s: float = 0.0
    key: object = field(default_factory=object, compare=False, repr=False)
    """Its own, and kept where it is reshaped: what it has reached goes on."""

    def __post_init__(self):
        checks.number("depth", self.depth, -1.0, 1.0)
        checks.number("attack_s", self.attack_s, 0.0, 60.0)
        checks.number("release_s", self.release_s, 0.0, 60.0)
        checks.choice("curve", self.curve, CURVES)


Routes = tuple[Route, ...]


class Matrix:
    """The routes of a board, which plays them offline and live.

    Parameters
    ----------
    board : Pedalboard
    """

    def __init__(self, board: Any):
        self._board, self.routes = board, Routes()
        self._editing = Lock()  # two threads that add at once would each keep its own route alone

    def __len__(self) -> int:
        return len(self.routes)

    def add(
        self,
        source: Source | str,
        parameter: Parameter | str,
        depth: float = 1.0,
        *,
        curve: str = "linear",
        attack_s: float = 0.0,
        release_s: float = 0.0,
    ) -> Route:
        """Let a source move a parameter.

        Parameters
        ----------
        source : Lfo, Envelope, MidiControl, Reading or str
            "lfo:0.5", "lfo:0.5:triangle" or "lfo:0.5:triangle:0.25" (the phase), "envelope", "cc:21" or "cc:21:10" (the
            channel), "reading:scene_street" or "reading:2-scene-equalizer/scene_street" (the second plugin's).
        parameter : Parameter or str
            Or its address, full or short.
        depth : float
            -1 to 1, of the parameter's range, along its own curve.
        curve : str
            "linear", "square" or "cube": slow at first.
        attack_s, release_s : float
            Time constants away from nothing and back, 0 to 60 s.
        """
        shape = {"depth": depth, "curve": curve, "attack_s": attack_s, "release_s": release_s}
        route = self._route(source, parameter, shape)
        self._edit(lambda routes: (*routes, route))
        return route

    def _route(self, source: Source | str, parameter: Parameter | str, shape: dict[str, Any]) -> Route:
        found = self._source(source) if isinstance(source, str) else source
        place = Directory(self._board).parameter(parameter) if isinstance(parameter, str) else parameter
        if not place.is_timed:
            raise InvalidValue(f"{place.name} belongs to a native plugin, which no route moves; move one of rtspec's")
        return Route(found, place, **shape)

    def _edit(self, edited: Callable[[Routes], Routes]) -> None:
        with self._editing:
            self.routes = edited(self.routes)
        self._board.changed()

    def remove(self, route: Route) -> None:
        """Take a route out; its parameter is where the user put it."""
        self._edit(lambda routes: tuple(other for other in routes if other is not route))

    def reshape(self, route: Route, **shaped: Any) -> Route:
        """Another depth, curve, attack or release for a route, which keeps its place."""
        other = replace(route, **shaped)
        self._edit(lambda routes: tuple(other if each is route else each for each in routes))
        return other

    def clear(self) -> None:
        """Take all routes out."""
        self._edit(lambda routes: ())

    def save(self, path: str | Path) -> None:
        """Write the routes to a readable JSON file, whole or not at all."""
        documents.write_document(path, KIND, {"routes": self.as_dicts()})

    def as_dicts(self) -> list[dict[str, Any]]:
        """The routes in words and numbers, in order: what :meth:`add` takes by name."""
        directory = Directory(self._board)
        return [self._as_dict(route, directory) for route in self.routes]

    def acting(self) -> list[dict[str, Any]]:
        """As :meth:`as_dicts`, but for those whose plugin has left the chain: what a copy of the board gets."""
        found, directory = [], Directory(self._board)
        for route in self.routes:
            with suppress(InvalidValue):
                found.append(self._as_dict(route, directory))
        return found

    def _as_dict(self, route: Route, directory: Directory) -> dict[str, Any]:
        shape = {name: getattr(route, name) for name in SHAPED}
        return {"source": self._words(route.source), "parameter": directory.address_of(route.parameter), **shape}

    def load(self, path: str | Path) -> None:
        """Put the routes of a file that :meth:`save` wrote in place of these.

        Raises
        ------
        InvalidValue
            Anything in the file is wrong, or a parameter or reading is not in this chain; the routes are as before.
        """
        name = Path(path).name
        found = checks.known(name, documents.read_document(path, KIND), ("rtspec", "format", "routes"))
        self.put(checks.entries(f"{name}: routes", found.get("routes"), list, MOST_ROUTES), name)

    def put(self, listed: list, where: str = "routes") -> None:
        """Put routes as :meth:`as_dicts` tells them in place of these; `where` they are from is what errors name."""
        put = tuple(self._read(f"{where}: route {i}", entry) for i, entry in enumerate(listed, 1))
        self._edit(lambda routes: put)

    def _read(self, where: str, entry: Any) -> Route:
        found = checks.known(where, checks.entries(f"{where}: entry", entry, dict), ("source", "parameter", *SHAPED))
        source, parameter = (checks.text(f"{where}: {key}", found.get(key)) for key in ("source", "parameter"))
        try:
            return self._route(source, parameter, {key: found[key] for key in SHAPED if key in found})
        except InvalidValue as error:
            raise InvalidValue(f"{where}: {error}") from None

    def _words(self, source: Source) -> str:
        """A source as :meth:`add` takes it; a reading with the place of its plugin."""
        if not isinstance(source, Reading):
            return str(source)
        places = {id(plugin): place for place, plugin in self._readable()}
        if id(source.plugin) not in places:
            raise InvalidValue(f"reading {source.name!r}: its plugin is not in this board any more; remove its route")
        return f"reading:{places[id(source.plugin)]}/{source.name}"

    def _source(self, text: str) -> Source:
        kind, *words = text.split(":")
        try:
            if kind == "lfo":
                rate, shape, phase = (*words, *("", "sine", "0")[len(words) :])
                return Lfo(float(rate), shape, float(phase))
            if kind == "cc":
                return MidiControl(*map(int, words))
            if kind == "envelope" and not words:
                return Envelope()
            if kind == "reading":
                return self._reading(words[0])
        except (IndexError, TypeError, ValueError) as error:
            if isinstance(error, InvalidValue):
                raise
        raise InvalidValue(
            f"source {text!r} is not known; write lfo:HZ[:SHAPE[:PHASE]], envelope, cc:NUMBER[:CHANNEL] or"
            " reading:NAME, say lfo:0.5"
        )

    def _reading(self, text: str) -> Reading:
        """A reading by its name, of the first plugin that gives it, or of the one at a place."""
        place, _, name = text.rpartition("/")
        for at, plugin in self._readable():
            if place in ("", at) and name in plugin.reading_names:
                return Reading(plugin, name)
        raise InvalidValue(f"reading {text!r}: no plugin of this board gives it")

    def _readable(self) -> list[tuple[str, Any]]:
        """Plugins that have readings, with their places: "2-scene-equalizer"."""
        places = {id(table): place for place, table in Directory(self._board).places()}
        found = [(table_of(p), p) for p in controlled(self._board.members()) if p.reading_names]
        return [(places[id(table)], plugin) for table, plugin in found if id(table) in places]
