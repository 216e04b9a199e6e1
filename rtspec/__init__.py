"""rtspec: a streaming real-time host for spectral neural audio.

Sound passes these packages: `audio` (devices, files) → `buffers` (rings) → `live` (engine) → `chain` (boards, programs)
→ `frames` (analysis) → `models` (ONNX) → `phase` → `frames` (overlap-add) → `chain` → `live` → `audio`. `processors`
put them together, `control` moves their parameters.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .processors.catalogue import CLASSES as _PROCESSORS
from .telemetry import turn_off as _turn_telemetry_off

if TYPE_CHECKING:
    from . import audio, frames, models, phase, processors, style
    from .batch.rendering import render
    from .chain.board import Pedalboard
    from .chain.mix import Mix
    from .control import Parameter
    from .frames import FramePlan
    from .live.options import Control, Devices, Loop, Measuring, Recording
    from .live.stream import AudioStream
    from .panel import Panel, PanelSettings
    from .processors import (
        BandwidthExtension,
        Equalizer,
        OnnxProcessor,
        SceneEqualizer,
        SpectralInversion,
        StyleTransfer,
        TimbreMorph,
        TimbreSynth,
    )

__version__ = "0.1.0"

_turn_telemetry_off()  # before anything can load onnxruntime

_HOMES = {
    "AudioStream": "live.stream",
    "FramePlan": "frames",
    **dict.fromkeys(("Control", "Devices", "Loop", "Measuring", "Recording"), "live.options"),
    "Mix": "chain.mix",
    "Panel": "panel",
    "PanelSettings": "panel",
    "Parameter": "control",
    "Pedalboard": "chain.board",
    "render": "batch.rendering",
    **dict.fromkeys(_PROCESSORS, "processors"),
}
_PACKAGES = ("audio", "control", "errors", "evaluation", "frames", "models", "phase", "processors", "style")

__all__ = [
    "AudioStream",
    "BandwidthExtension",
    "Control",
    "Devices",
    "Equalizer",
    "FramePlan",
    "Loop",
    "Measuring",
    "Mix",
    "OnnxProcessor",
    "Panel",
    "PanelSettings",
    "Parameter",
    "Pedalboard",
    "Recording",
    "SceneEqualizer",
    "SpectralInversion",
    "StyleTransfer",
    "TimbreMorph",
    "TimbreSynth",
    "audio",
    "frames",
    "models",
    "phase",
    "processors",
    "render",
    "style",
]


def __getattr__(name: str):
    """Import on first use: numba and ONNX take longer to import than `rtspec --help` may take in all."""
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    if name in _PACKAGES:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module 'rtspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
