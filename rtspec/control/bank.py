"""Presets on the disk: one a file, and a folder of them for a chain."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import checks
from ..errors import InvalidValue
from . import documents
from .directory import as_directory
from .factory import factory_presets
from .presets import Preset, apply, capture, check_name, without_setup

KIND = "preset"
SUFFIX = ".json"
_MOST_PROCESSORS, _MOST_PARAMETERS = 256, 4096


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
    found = checks.known(
        name, documents.read_document(path, KIND), ("rtspec", "format", "name", "program", "processors")
    )
    listed = checks.entries(f"{name}: processors", found.get("processors"), list, _MOST_PROCESSORS)
    processors = tuple(_processor(f"{name}: processor {i}", entry) for i, entry in enumerate(listed, 1))
    try:
        return Preset(found.get("name", ""), processors, found.get("program"))
    except InvalidValue as error:
        raise InvalidValue(f"{name}: {error}") from None


def _processor(where: str, entry: Any) -> tuple[str, dict[str, float]]:
    found = checks.known(where, checks.entries(f"{where}: entry", entry, dict), ("processor", "parameters"))
    values = checks.entries(f"{where}: parameters", found.get("parameters"), dict, _MOST_PARAMETERS)
    place = checks.text(f"{where}: processor", found.get("processor"))
    checked = {checks.text(f"{where}: parameter", key): checks.number(f"{where}: {key}", values[key]) for key in values}
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
        self.target, self.folder = as_directory(self.target), Path(self.folder)

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
            listed = checks.candidates(self.names(), name)
            raise InvalidValue(f"{checks.shown(name)} is no preset; choose one of {listed}")
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


def _meant(name: str, names: list[str]) -> str | None:
    """The one of `names` that `name` means: itself, or the only one that differs by case alone."""
    alike = [known for known in names if known.casefold() == name.casefold()]
    return name if name in names else alike[0] if len(alike) == 1 else None
