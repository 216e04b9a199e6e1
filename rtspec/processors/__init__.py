"""Processors: thin assemblies of frames, models and phase with parameters, each a room of its own."""

from importlib import import_module
from typing import TYPE_CHECKING

from .catalogue import CLASSES, catalogue, create

if TYPE_CHECKING:
    from .bandwidth.processor import BandwidthExtension
    from .base import Processor
    from .equalizer.processor import Equalizer
    from .equalizer.scene import SceneEqualizer
    from .frame_processor import FrameProcessor
    from .instrument import Instrument
    from .inversion.processor import SpectralInversion
    from .onnx import OnnxProcessor
    from .sample_processor import SampleProcessor
    from .style.processor import StyleTransfer
    from .timbre.morph import TimbreMorph
    from .timbre.synth import TimbreSynth

__all__ = [
    "BandwidthExtension",
    "Equalizer",
    "FrameProcessor",
    "Instrument",
    "OnnxProcessor",
    "Processor",
    "SampleProcessor",
    "SceneEqualizer",
    "SpectralInversion",
    "StyleTransfer",
    "TimbreMorph",
    "TimbreSynth",
    "catalogue",
    "create",
]

_BASES = {
    "FrameProcessor": "frame_processor",
    "Instrument": "instrument",
    "Processor": "base",
    "SampleProcessor": "sample_processor",
}


def __getattr__(name: str):
    """Import on first use: what is not played need not be loaded."""
    if name in CLASSES:
        return CLASSES[name].load()
    if name in _BASES:
        return getattr(import_module(f".{_BASES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
