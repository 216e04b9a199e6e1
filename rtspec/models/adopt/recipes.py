"""Recipes for well-known public models: data files that say what their graphs cannot, one each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

from ... import checks
from .facts import Facts

FOLDER = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Recipe:
    """What is known of a public model beside its file.

    Attributes
    ----------
    name, title : str
        As in ``--like NAME``, and for people.
    manifest : mapping
        Fields of the manifest, those of "input" and "output" inside.
    inputs : tuple of str
        Patterns of the names that its published streaming file takes; all of them found means that it is one.
    optional : tuple of str
        Patterns of names that only some of its published files take.
    bins : tuple of int
        Sizes of the axis "bins" that it is published with.
    notes : tuple of str
        What a user must know.
    source : str
        Where the values come from.
    state : tuple of int
        Shape that one of its states has.
    state_axes : int or None
        How many axes each of its states has.
    files : tuple of str
        Of models that are published as several files, which `assembling` makes one.
    """

    name: str
    title: str
    manifest: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    state: tuple[int, ...] = ()
    state_axes: int | None = None
    bins: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = ""
    files: tuple[str, ...] = ()

    def knows(self, facts: Facts) -> bool:
        """Whether a file has the names and the number of bins of this model."""
        names = list(facts.inputs.tensors)
        named = bool(self.inputs) and all(any(fnmatchcase(n, p) for n in names) for p in self.inputs)
        more = [n for n in names if not any(fnmatchcase(n, p) for p in self.inputs)]
        named = named and all(any(fnmatchcase(n, p) for p in self.optional) for n in more)
        sizes = facts.inputs.tensors[facts.frames_in][1]
        shapes = [pair.shape for pair in facts.states]
        shaped = not self.state or self.state in shapes
        shaped = shaped and (self.state_axes is None or {len(shape) for shape in shapes} == {self.state_axes})
        return named and shaped and (not self.bins or any(n in sizes for n in self.bins))


@cache
def recipes() -> dict[str, Recipe]:
    """All recipes by name."""
    return {path.stem: _read(path) for path in sorted(FOLDER.glob("*.json"))}


def _read(path: Path) -> Recipe:
    values = json.loads(path.read_text())
    lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Recipe(path.stem, **{**values, **lists})


def recipe(name: str) -> Recipe:
    """One recipe; InvalidValue lists those there are."""
    return recipes()[checks.choice("--like", name, recipes())]


def recognised(facts: Facts) -> Recipe | None:
    """The one recipe whose names a file has."""
    found = [each for each in recipes().values() if each.knows(facts)]
    return found[0] if len(found) == 1 else None
