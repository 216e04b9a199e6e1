"""What moves the sound: parameters and how compiled stages follow them; MIDI, OSC and presets, which set them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .directory import Directory
    from .mapping import Assignment, MidiMap
    from .midi.messages import Control
    from .midi.inputs import MidiInput
    from .osc.server import OscServer
    from .parameters import Parameter, ParameterSpec, ParameterTable
    from .presets import Bank, History, Morph, Preset

_HOMES = {
    "Assignment": "mapping",
    "Bank": "presets",
    "Control": "midi.messages",
    "Directory": "directory",
    "History": "presets",
    "MidiInput": "midi.inputs",
    "MidiMap": "mapping",
    "Morph": "presets",
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
