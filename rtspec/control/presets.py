"""Presets: values of a processor or a board under a name; files, factory presets, morphs, snapshots and undo."""

import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InvalidValue
from . import documents
from .controlled import controlled
from .curves import to_position, to_value
from .directory import Directory
from .parameters import Parameter, ParameterTable

KIND = "preset"
SUFFIX = ".json"
_MOST_PROCESSORS, _MOST_PARAMETERS = 256, 4096
_FORBIDDEN = '<>:"/\\|?*'
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}

FACTORY: dict[str, dict[str, float]] = {"Default": {}, "Dry": {"mix": 0.0}, "Half": {"mix": 0.5}}
"""Factory presets of every processor: what differs from its defaults. What is setup (voices, MPE) they leave alone."""

FACTORY_OF: dict[str, dict[str, dict[str, float]]] = {
    "spectral-inversion": {"Sketch in the background": {"mix": 0.3}, "Sketch alone": {"mix": 1.0}},
    "onnx": {"Careful": {"mix": 0.7, "output_db": -3.0}},
}
"""Further ones of single processors, by :func:`~rtspec.control.directory.processor_name`. A processor may have its own
as `factory_presets`; these are of its timbre, and set what they name and nothing else."""

FACTORY_PROGRAM = 100
"""MIDI program of the first factory preset. Not 0: many keyboards send that when they are switched on."""


@dataclass(frozen=True)
class Preset:
    """Values under a name.

    Attributes
    ----------
    name : str
        1 to 64 printable characters that a file name may have.
    processors : tuple of (str, dict)
        For each processor that has parameters, in order: its place and name (``1-spectral-inversion``), and its values
        by parameter.
    program : int or None
        MIDI program that selects it, 0 to 127.
    """

    name: str
    processors: tuple[tuple[str, dict[str, float]], ...]
    program: int | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if self.program is not None:
            documents.whole(f"preset {self.name!r}", "program", self.program, 0, 127)

    @property
    def values(self) -> dict[str, float]:
        """Values by full address."""
        return {f"{place}/{name}": value for place, values in self.processors for name, value in values.items()}


def check_name(name: str) -> str:
    """`name` if it can be that of a file on every system, and of none elsewhere, else :class:`InvalidValue`."""
    documents.text("preset", "name", name, 64)
    stem = name.split(".")[0].strip().lower()
    if name[0] in ". " or name[-1] in ". " or any(c in _FORBIDDEN for c in name) or stem in _DEVICES:
        documents.fail("preset", "name", name, "must be able to name a file", "use letters, digits, spaces and dashes")
    return name


# Taking and giving ----------------------------------------------------------------------------------------------------


def capture(target: Any, name: str, program: int | None = None) -> Preset:
    """The present values of a board, processor or sequence of processors."""
    places = _directory(target).places()
    return Preset(name, tuple((place, {key: table[key].value for key in table}) for place, table in places), program)


def apply(target: Any, preset: Preset) -> list[str]:
    """Set the values of a preset, all or none.

    Returns
    -------
    list of str
        Addresses in the preset that the chain does not have; a preset of another chain sets what fits.

    Raises
    ------
    InvalidValue
        A value is outside its parameter's range; nothing has been changed then.
    """
    directory = _directory(target)
    found, missing = _resolved(directory, preset)
    for address, value in found.items():
        directory[address].spec.check(value)
    _set(directory, found)
    return missing


def _set(directory: Directory, values: dict[str, float]) -> None:
    """Set values by address; processors whose place in a timbre's space is among them are told that it was chosen."""
    moved = {id(directory[address]) for address in values}
    for address, value in values.items():
        directory[address].value = value
    for processor in controlled(directory.processors()):
        names = processor.latent_names
        if names and all(id(processor.parameters[name]) in moved for name in names):
            processor.place_chosen()


def without_setup(target: Any, preset: Preset) -> Preset:
    """The preset without what is setup rather than sound: what a program change may move."""
    directory = _directory(target)
    known = {a for a, p in directory.items() if p.spec.setup}
    listed = [
        (place, {key: v for key, v in values.items() if directory.find(f"{place}/{key}") not in known})
        for place, values in preset.processors
    ]
    return replace(preset, processors=tuple(listed))


def _resolved(directory: Directory, preset: Preset) -> tuple[dict[str, float], list[str]]:
    """A preset's values by the addresses that they have in this chain, and the addresses that it does not have."""
    found, missing = {}, []
    for address, value in preset.values.items():
        here = directory.find(address)
        if here is None:
            missing.append(address)
        else:
            found[here] = value
    return found, missing


def factory_presets(target: Any) -> list[Preset]:
    """The presets that come with rtspec for these processors: those of all, and those of the single ones among them.

    They have the MIDI programs from :data:`FACTORY_PROGRAM` on."""
    directory = _directory(target)
    places, own = directory.places(), {id(p.parameters): p for p in controlled(directory.processors())}
    offered = [(place, table, own[id(table)].factory_presets) for place, table in places]
    further = [name for place, _, of in offered for name in (*FACTORY_OF.get(_kind(place), {}), *of)]
    names = dict.fromkeys([*FACTORY, *further])
    values = [tuple((place, _factory(name, place, table, of)) for place, table, of in offered) for name in names]
    values = [tuple((place, found) for place, found in preset if found) for preset in values]
    numbers = [n if n < 128 else None for n in range(FACTORY_PROGRAM, FACTORY_PROGRAM + len(names))]
    return [Preset(*preset) for preset in zip(names, values, numbers, strict=True)]


def _factory(name: str, place: str, table: ParameterTable, offered: dict[str, dict[str, float]]) -> dict[str, float]:
    """A factory preset's values for one processor: all of its sound, or for one of the timbre what it names."""
    if name in offered:
        return dict(offered[name])
    changes = FACTORY_OF.get(_kind(place), {}).get(name, FACTORY.get(name))
    if changes is None:
        return {}
    sound = {key: parameter for key, parameter in table.items() if not parameter.spec.setup}
    return {key: changes.get(key, parameter.spec.default) for key, parameter in sound.items()}


def _kind(place: str) -> str:
    return place.partition("-")[2]


def _meant(name: str, names: list[str]) -> str | None:
    """The one of `names` that `name` means: itself, or the only one that differs by case alone."""
    alike = [known for known in names if known.casefold() == name.casefold()]
    return name if name in names else alike[0] if len(alike) == 1 else None


def _directory(target: Any) -> Directory:
    return target if isinstance(target, Directory) else Directory(target)


# Morph ----------------------------------------------------------------------------------------------------------------


class Morph:
    """Moves a chain between two presets, or over the square between four.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    corners : sequence of Preset
        Two: at x = 0 and x = 1. Four: at (x, y) = (0, 0), (1, 0), (0, 1), (1, 1). Parameters that are not in all of
        them stay as they are.

    Notes
    -----
    Each parameter goes along its own curve, so that a frequency moves by equal ratios. Corners are exact.
    """

    def __init__(self, target: Any, corners: Sequence[Preset]):
        if len(corners) not in (2, 4):
            raise InvalidValue(f"{len(corners)} presets cannot be morphed; give 2, or 4 for an XY pad")
        self.directory = _directory(target)
        resolved = [_resolved(self.directory, corner)[0] for corner in corners]
        common = [address for address in resolved[0] if all(address in values for values in resolved)]
        shared = [address for address in common if not self.directory[address].spec.setup]
        self._values = {a: [self.directory[a].spec.check(values[a]) for values in resolved] for a in shared}
        self._n_corners = len(corners)

    def at(self, x: float, y: float = 0.0) -> dict[str, float]:
        """Values by address at a place from 0 to 1; of `y` too with four corners."""
        weights = _weights(_share("x", x), _share("y", y))[: self._n_corners]
        if self._n_corners == 2 and y:
            raise InvalidValue(f"y={y!r} must be 0 between two presets; give four for an XY pad")
        here = {a: values for a, values in self._values.items() if a in self.directory}
        return {a: _mixed(self.directory[a], values, weights) for a, values in here.items()}

    def move(self, x: float, y: float = 0.0) -> None:
        """Go there."""
        _set(self.directory, self.at(x, y))


def _share(name: str, value: float) -> float:
    return documents.number("morph", name, value, 0.0, 1.0)


def _weights(x: float, y: float) -> list[float]:
    return [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y]


def _mixed(parameter: Parameter, values: list[float], weights: list[float]) -> float:
    """A weighted mean on the parameter's own curve; exact where all weight is on equal values."""
    weighty = {value for value, weight in zip(values, weights, strict=True) if weight}
    if len(weighty) == 1:
        return weighty.pop()
    spec = parameter.spec
    places = [to_position(spec.curve, value, spec.minimum, spec.maximum) for value in values]
    place = sum(p * w for p, w in zip(places, weights, strict=True))
    return to_value(spec.curve, place, spec.minimum, spec.maximum)


# Undo -----------------------------------------------------------------------------------------------------------------


class History:
    """Snapshots of a chain's values, and the way back.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    depth : int
        Steps that can be undone.
    """

    def __init__(self, target: Any, depth: int = 100):
        self.directory = _directory(target)
        self._past: deque[Preset] = deque(maxlen=documents.whole("history", "depth", depth, 1, 100_000))
        self._future: list[Preset] = []
        self._snapshots: dict[str, Preset] = {}
        self._lock = threading.RLock()

    def remember(self) -> None:
        """Keep the present values for :meth:`undo`: call it before a change."""
        with self._lock:
            self._past.append(self._now())
            self._future.clear()

    def undo(self) -> bool:
        """Go back to what was last remembered and differs; False where there is nothing."""
        with self._lock:
            return self._go(self._past, self._future)

    def redo(self) -> bool:
        """Take the last :meth:`undo` back; False where there is none."""
        with self._lock:
            return self._go(self._future, self._past)

    def snapshot(self, name: str) -> None:
        """Keep the present values under a name."""
        with self._lock:
            self._snapshots[name] = capture(self.directory, name)

    def recall(self, name: str) -> None:
        """Go to a snapshot; can be undone."""
        with self._lock:
            if name not in self._snapshots:
                listed = ", ".join(self._snapshots) or "none"
                raise InvalidValue(f"{name!r} is no snapshot; choose one of {listed}, or make it by snapshot({name!r})")
            self.apply(self._snapshots[name])

    def apply(self, preset: Preset) -> list[str]:
        """:func:`apply`, so that it can be undone."""
        with self._lock:
            before = self._now()
            missing = apply(self.directory, preset)
            self._past.append(before)
            self._future.clear()
            return missing

    @property
    def snapshots(self) -> list[str]:
        """Names of the snapshots, oldest first."""
        return list(self._snapshots)

    def _now(self) -> Preset:
        return capture(self.directory, "history")

    def _go(self, source: Any, other: Any) -> bool:
        now = self._now()
        while source:
            step = source.pop()
            if _differs(self.directory, step):
                other.append(now)
                apply(self.directory, step)
                return True
        return False


def _differs(directory: Directory, preset: Preset) -> bool:
    return any(directory[address].value != value for address, value in _resolved(directory, preset)[0].items())


# Files ----------------------------------------------------------------------------------------------------------------


def user_folder() -> Path:
    """Where presets are kept: RTSPEC_PRESETS, or the system's place for settings of programs."""
    chosen = os.environ.get("RTSPEC_PRESETS")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "rtspec" / "presets"


def write_preset(path: str | Path, preset: Preset) -> None:
    """Write a preset to a file, whole or not at all."""
    listed = [{"processor": place, "parameters": values} for place, values in preset.processors]
    documents.write_document(path, KIND, {"name": preset.name, "program": preset.program, "processors": listed})


def read_preset(path: str | Path) -> Preset:
    """Read what :func:`write_preset` wrote; :class:`InvalidValue` where anything in it is wrong."""
    name = Path(path).name
    found = documents.known(
        name, documents.read_document(path, KIND), ("rtspec", "format", "name", "program", "processors")
    )
    listed = documents.entries(name, "processors", found.get("processors"), list, _MOST_PROCESSORS)
    processors = tuple(_processor(f"{name}: processor {i}", entry) for i, entry in enumerate(listed, 1))
    try:
        return Preset(found.get("name", ""), processors, found.get("program"))
    except InvalidValue as error:
        raise InvalidValue(f"{name}: {error}") from None


def _processor(where: str, entry: Any) -> tuple[str, dict[str, float]]:
    found = documents.known(where, documents.entries(where, "entry", entry, dict), ("processor", "parameters"))
    values = documents.entries(where, "parameters", found.get("parameters"), dict, _MOST_PARAMETERS)
    place = documents.text(where, "processor", found.get("processor"))
    checked = {documents.text(where, "parameter", key): documents.number(where, key, values[key]) for key in values}
    return place, checked


@dataclass
class Bank:
    """A folder of presets for a chain, and the factory ones.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    folder : Path
    """

    target: Any
    folder: Path = field(default_factory=user_folder)

    def __post_init__(self) -> None:
        self.target, self.folder = _directory(self.target), Path(self.folder)

    def names(self) -> list[str]:
        """All presets: the saved ones by name, then factory presets whose name no saved one has."""
        saved = self.saved()
        return [*saved, *(preset.name for preset in factory_presets(self.target) if preset.name not in saved)]

    def saved(self) -> list[str]:
        """The names of the files in the folder, whether or not they can be read."""
        if not self.folder.is_dir():
            return []
        return sorted(p.stem for p in self.folder.glob(f"*{SUFFIX}") if p.is_file() and not p.name.startswith("."))

    def get(self, name: str) -> Preset:
        """A preset by name, saved or from the factory; large and small letters are the same, where that is clear."""
        saved = self.saved()
        meant = _meant(name, saved)
        if meant is not None:
            return read_preset(self._path(meant))
        factory = {preset.name: preset for preset in factory_presets(self.target)}
        meant = _meant(name, list(factory))
        if meant is None:
            listed = documents.candidates(self.names(), name)
            raise InvalidValue(f"{documents.shown(name)} is no preset; choose one of {listed}")
        return factory[meant]

    def load(self, name: str) -> list[str]:
        """Apply a preset; what :func:`apply` returns."""
        return apply(self.target, self.get(name))

    def save(self, name: str, program: int | None = None, replace: bool = False) -> Path:
        """Save the present values.

        Raises
        ------
        InvalidValue
            The name cannot be one, or is taken and `replace` is False.
        """
        preset = capture(self.target, name, program)
        if not replace and name.lower() in (saved.lower() for saved in self.saved()):
            raise InvalidValue(f"preset {name!r} exists; choose another name, or say replace=True")
        write_preset(self._path(name), preset)
        return self._path(name)

    def select(self, program: int) -> str | None:
        """Apply the preset of a MIDI program; its name, or None where no readable one has that program."""
        preset = self.of_program(program)
        if preset is None:
            return None
        apply(self.target, without_setup(self.target, preset))
        return preset.name

    def of_program(self, program: int, only_saved: bool = False) -> Preset | None:
        """The preset of a MIDI program, saved or from the factory; None where no readable one has it."""
        return next((preset for preset in self._readable(only_saved) if preset.program == program), None)

    def programs(self) -> dict[str, int]:
        """The MIDI programs that select presets, by name."""
        found = [(preset.name, preset.program) for preset in self._readable()]
        return {name: program for name, program in reversed(found) if program is not None}

    def _readable(self, only_saved: bool = False) -> Iterator[Preset]:
        """Saved presets, then factory ones. One bad file must not keep a musician from the others."""
        for name in self.saved():
            with suppress(InvalidValue):
                yield replace(read_preset(self._path(name)), name=name)
        if not only_saved:
            yield from factory_presets(self.target)

    def feed(self, message: Any) -> str | None:
        """Take a mido message into account: a program change selects; the preset's name, if one was applied."""
        return self.select(message.program) if message.type == "program_change" else None

    def _path(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}{SUFFIX}"
