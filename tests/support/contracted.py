"""The processors that there are, as tests ask for them: each row of the catalogue, with each model that it ships."""

from typing import Any

from rtspec.processors import create
from rtspec.processors.catalogue import Entry, catalogue, entry_of

HEAVY = "inversion --set model=paper"
"""Offline work: .65 s of delay, and a second of computing each time."""


def _words(entry: Entry) -> list[str]:
    named = [] if entry.needs_argument else [entry.name]
    return [*named, *(word for _, word in entry.models if word not in named)]


SPECS = [spec for entry in catalogue().values() for spec in _words(entry) if spec != "bandwidth:live"]
"""All of them; that one is what plain "bandwidth" plays."""


def make(spec: str, **settings) -> Any:
    """A processor by its words for the command line."""
    name, _, setting = spec.partition(" --set ")
    return create(name, **dict([setting.split("=")] if setting else []), **settings)


def name_of(spec: str) -> str:
    """The name in the catalogue."""
    return spec.partition(" ")[0].partition(":")[0]


def is_instrument(spec: str) -> bool:
    return entry_of(name_of(spec)).is_instrument
