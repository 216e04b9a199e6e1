"""Presets: values of a processor or a board under a name, taken and given."""

from dataclasses import dataclass, replace
from typing import Any

from .. import checks
from .controlled import controlled
from .directory import Directory, as_directory

_FORBIDDEN = '<>:"/\\|?*'
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


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
            checks.integer(f"preset {self.name!r}: program", self.program, 0, 127)

    @property
    def values(self) -> dict[str, float]:
        """Values by full address."""
        return {f"{place}/{name}": value for place, values in self.processors for name, value in values.items()}


def check_name(name: str) -> str:
    """`name` if it can be that of a file on every system, and of none elsewhere, else :class:`InvalidValue`."""
    checks.text("preset: name", name, 64)
    stem = name.split(".")[0].strip().lower()
    if name[0] in ". " or name[-1] in ". " or any(c in _FORBIDDEN for c in name) or stem in _DEVICES:
        checks.fail("preset: name", name, "must be able to name a file", "use letters, digits, spaces and dashes")
    return name


def capture(target: Any, name: str, program: int | None = None) -> Preset:
    """The present values of a board, processor or sequence of processors."""
    places = as_directory(target).places()
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
    directory = as_directory(target).still()
    found, missing = resolved(directory, preset)
    for address, value in found.items():
        directory[address].spec.check(value)
    set_values(directory, found)
    return missing


def set_values(directory: Directory, values: dict[str, float]) -> None:
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
    directory = as_directory(target).still()
    known = {a for a, p in directory.items() if p.spec.setup}
    listed = [
        (place, {key: v for key, v in values.items() if directory.find(f"{place}/{key}") not in known})
        for place, values in preset.processors
    ]
    return replace(preset, processors=tuple(listed))


def resolved(directory: Directory, preset: Preset) -> tuple[dict[str, float], list[str]]:
    """A preset's values by the addresses that they have in this chain, and the addresses that it does not have."""
    found, missing = {}, []
    for address, value in preset.values.items():
        here = directory.find(address)
        if here is None:
            missing.append(address)
        else:
            found[here] = value
    return found, missing
