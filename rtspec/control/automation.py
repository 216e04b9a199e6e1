"""Automation: what changes when, read from a CSV, JSON or MIDI file, for a chain that is rendered.

===========  ================================================================================================
``.csv``     lines ``time_s,name,value``; the first may say so
``.json``    a list of ``{"time_s": 1.5, "name": "mix", "value": 0.2}`` or ``[1.5, "mix", 0.2]``
``.mid``     a MIDI file: controllers move parameters through a map, notes play the instruments of the chain
===========  ================================================================================================

Names are addresses, full or short (:class:`~rtspec.control.directory.Directory`); values are in the parameter's unit.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import checks
from ..audio.formats import SCORES, is_score
from ..errors import InvalidValue
from . import documents
from .controlled import instruments
from .directory import Directory
from .mapping import MidiMap
from .midi.files import read_midi_file
from .midi.messages import MidiEvent
from .midi.unplayed import Unplayed
from .parameters import Parameter

SUFFIXES = (".csv", ".json", *SCORES)
MAX_BYTES = 1 << 26
LATEST_S = 1e6
_HEAD = ["time_s", "name", "value"]


@dataclass(frozen=True)
class Change:
    """A parameter that takes a value at `time_s` seconds from the start."""

    time_s: float
    parameter: Parameter
    value: float


@dataclass(frozen=True)
class Automation:
    """What happens while a chain is rendered, each list in the order of time.

    Attributes
    ----------
    changes : list of Change
    messages : list of (float, mido.Message)
        Channel messages with their time in seconds, for the instruments of the chain.
    notes : list of str
        What of a file is not played as it is written, a line each.
    """

    changes: list[Change]
    messages: list[tuple[float, Any]]
    notes: list[str] = field(default_factory=list)


def read_automation(path: str | Path, target: Any, midi_map: MidiMap | None = None) -> Automation:
    """Read an automation file for a chain.

    Parameters
    ----------
    path : path
        Ends in .csv, .json, or as a MIDI file does (.mid, .midi, .kar, .rmi, .smf).
    target : Directory, Pedalboard, processor or sequence of processors
    midi_map : MidiMap, optional
        What the controllers of a MIDI file move; the usual controls where None.

    Raises
    ------
    InvalidValue
        The file is missing, damaged or too large; or a line names no parameter of the chain, or a value outside its
        range; in one line that names file and entry.
    """
    path, directory = Path(path), target if isinstance(target, Directory) else Directory(target)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InvalidValue(f"{path.name} must end in one of {', '.join(SUFFIXES)} to be an automation; rename it")
    if is_score(path):
        score = read_midi_file(path)
        played = _played(score.messages, midi_map or MidiMap(directory))
        return replace(played, notes=[*score.remarks, *played.notes])
    data = documents.read_bytes(path, MAX_BYTES)
    entries = _csv_entries(path, data) if suffix == ".csv" else _json_entries(path, data)
    changes = [_change(where, entry, directory) for where, entry in entries]
    return Automation(sorted(changes, key=lambda change: change.time_s), [])


# CSV and JSON ---------------------------------------------------------------------------------------------------------

Entry = tuple[str, Sequence]
"""Where it stands, in words; and time, name and value as found."""


def _csv_entries(path: Path, data: bytes) -> Iterator[Entry]:
    try:
        lines = list(csv.reader(data.decode("utf-8-sig").splitlines()))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InvalidValue(f"{path.name} is damaged: {error}; write it as UTF-8 text") from None
    for number, cells in enumerate(lines, 1):
        cells = [cell.strip() for cell in cells]
        if any(cells) and not (number == 1 and cells[:2] in (_HEAD[:2], ["time", "name"])):
            yield f"{path.name}: line {number}", [_number(c) if i != 1 else c for i, c in enumerate(cells)]


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _json_entries(path: Path, data: bytes) -> Iterator[Entry]:
    found = documents.parsed(path, data)
    for number, entry in enumerate(checks.entries(f"{path.name}: content", found, list, 10**7), 1):
        where = f"{path.name}: entry {number}"
        if isinstance(entry, dict):
            checks.known(where, entry, (*_HEAD, "time"))
            entry = [entry.get("time_s", entry.get("time")), entry.get("name"), entry.get("value")]
        yield where, entry if isinstance(entry, list) else [entry]


def _change(where: str, entry: Sequence, directory: Directory) -> Change:
    if len(entry) != len(_HEAD):
        checks.fail(f"{where}: entry", list(entry), "must be a time, a name and a value", "correct it")
    time_s = checks.number(f"{where}: time_s", entry[0], 0.0, LATEST_S)
    name, value = checks.text(f"{where}: name", entry[1]), checks.number(f"{where}: value", entry[2])
    try:
        parameter = directory.parameter(name)
        return Change(time_s, parameter, parameter.spec.check(value))
    except InvalidValue as error:
        raise InvalidValue(f"{where}: {error}") from None


# MIDI files -----------------------------------------------------------------------------------------------------------


def timed_messages(path: str | Path) -> list[tuple[float, Any]]:
    """The channel messages of a MIDI file with their times in seconds, all tracks merged; :class:`InvalidValue` where
    it is none."""
    return read_midi_file(path).messages


def _played(messages: list[tuple[float, Any]], midi_map: MidiMap) -> Automation:
    """What the messages do to the map's parameters. They are moved for that, since soft take-over looks at them, and
    put back."""
    changes: list[Change] = []
    before = {parameter: parameter.value for parameter in midi_map.directory.values()}
    write = midi_map.write

    def note(parameter: Parameter, value: float, time_s: float | None) -> None:
        parameter.value = value
        changes.append(Change(time_s or 0.0, parameter, parameter.value))

    unplayed, lines = Unplayed(instruments(midi_map.directory.processors()), midi_map.moves), list[str]()
    midi_map.write = note
    try:
        for time_s, message in messages:
            midi_map.feed(MidiEvent(time_s, message))
            lines += [line] if (line := unplayed.feed(message)) else []
    finally:
        midi_map.write = write
        for parameter, value in before.items():
            parameter.value = value
    return Automation(changes, messages, lines)
