"""The presets that come with rtspec."""

from typing import Any

from .controlled import controlled
from .directory import as_directory
from .parameters import ParameterTable
from .presets import Preset

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


def factory_presets(target: Any) -> list[Preset]:
    """The presets that come with rtspec for these processors: those of all, and those of the single ones among them.

    They have the MIDI programs from :data:`FACTORY_PROGRAM` on, and leave native plugins as those were set up.
    """
    directory = as_directory(target)
    places, own = directory.places(), {id(p.parameters): p for p in controlled(directory.processors())}
    offered = [(at, table, own[id(table)].factory_presets) for at, table in places if id(table) in own]
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
