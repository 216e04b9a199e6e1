"""What moves the sound: parameters and how compiled stages follow them; MIDI, OSC and presets, which set them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bank import Bank
    from .directory import Directory
    from .history import History
    from .mapping import Assignment, MidiMap
    from .midi.inputs import MidiInput
    from .midi.messages import Control
    from .morph import Morph
    from .osc.server import OscServer
    from .parameters import Parameter, ParameterSpec, ParameterTable
    from .presets import Preset

_HOMES = {
    "Assignment": "mapping",
    "Bank": "bank",
    "Control": "midi.messages",
    "Directory": "directory",
    "History": "history",
    "MidiInput": "midi.inputs",
    "MidiMap": "mapping",
    "Morph": "morph",
    "OscServer": "osc.server",
    "Parameter": "parameters",
    "ParameterSpec": "parameters",
    "ParameterTable": "parameters",
    "Preset": "presets",
}

__all__ = [
    "Assignment",
    "Bank",
    "Control",
    "Directory",
    "History",
    "MidiInput",
    "MidiMap",
    "Morph",
    "OscServer",
    "Parameter",
    "ParameterSpec",
    "ParameterTable",
    "Preset",
]


def __getattr__(name: str):
    """Import on first use: what plays without controllers need not load them."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
