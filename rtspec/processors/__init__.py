"""Processors: thin assemblies of frames, models and phase with parameters."""

from importlib import import_module
from typing import TYPE_CHECKING

from ..errors import InvalidValue

if TYPE_CHECKING:
    from .bandwidth.processor import BandwidthExtension
    from .base import Processor
    from .inversion.processor import SpectralInversion
    from .onnx import OnnxProcessor
    from .timbre.morph import TimbreMorph
    from .timbre.synth import TimbreSynth

__all__ = [
    "BandwidthExtension",
    "OnnxProcessor",
    "Processor",
    "SpectralInversion",
    "TimbreMorph",
    "TimbreSynth",
    "create",
]

_HOMES = {
    "BandwidthExtension": "bandwidth.processor",
    "Processor": "base",
    "SpectralInversion": "inversion.processor",
    "OnnxProcessor": "onnx",
    "TimbreMorph": "timbre.morph",
    "TimbreSynth": "timbre.synth",
}
NAMES = {
    "bandwidth": "BandwidthExtension",
    "inversion": "SpectralInversion",
    "onnx": "OnnxProcessor",
    "timbre-morph": "TimbreMorph",
    "timbre-synth": "TimbreSynth",
}
"""Processors by their names on the command line."""
INSTRUMENTS = ("timbre-synth",)
"""Those of them that MIDI plays."""

_WITH_MODEL = ("bandwidth", "onnx", "timbre-morph", "timbre-synth")
"""Those that take a model after a colon, or the anchor of a timbre."""


def __getattr__(name: str):
    """Import on first use: what is not played need not be loaded."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def create(spec: str, **settings) -> "Processor":
    """A processor by its name on the command line.

    Parameters
    ----------
    spec : str
        "NAME" or "NAME:MODEL": "inversion", "bandwidth", "bandwidth:paper", "onnx:tilt-gate", "onnx:folder/model.onnx",
        "timbre-synth:flute".
    **settings
        Keyword arguments of the processor.
    """
    name, _, model = spec.partition(":")
    if name not in NAMES:
        raise InvalidValue(
            f"processor {name!r} is not known; choose one of {', '.join(NAMES)} (with a model: onnx:MODEL)"
        )
    if name == "onnx" and not model:
        raise InvalidValue("processor 'onnx' needs a model: onnx:tilt-gate, or onnx:PATH of a packaged file")
    if name not in _WITH_MODEL and model:
        raise InvalidValue(f"processor {name!r} takes no model; leave out {':' + model!r}")
    made = __getattr__(NAMES[name])
    try:
        return made(*([model] if model else []), **settings)
    except TypeError as error:
        raise InvalidValue(f"processor {name!r} cannot be made with {settings}: {error}") from None
