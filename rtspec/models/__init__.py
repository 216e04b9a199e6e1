"""Networks on spectrogram frames: packaged in one ONNX file, made streaming, run by address from compiled code.

The way of a model: `streaming` turns an offline network into a frame-by-frame one; `packages` writes it with its
`manifest` (read through `checks`); `catalogue` finds the shipped ones; `ort_api` binds onnxruntime's C API; `session`
makes the compiled stage that the engine runs, `frame_model` the Python object that takes whole arrays.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalogue import models
    from .compose.ports import with_ports
    from .frame_model import FrameModel
    from .manifest import Manifest
    from .packages import PackagedModel, load, package
    from .report import inspect
    from .session import ModelStage, model_stage
    from .streaming import NotStreamable, make_streaming
    from .validation import validate

__all__ = [
    "FrameModel",
    "Manifest",
    "ModelStage",
    "NotStreamable",
    "PackagedModel",
    "inspect",
    "load",
    "make_streaming",
    "model_stage",
    "models",
    "package",
    "validate",
    "with_ports",
]

_HOMES = {
    "FrameModel": "frame_model",
    "Manifest": "manifest",
    "ModelStage": "session",
    "NotStreamable": "streaming",
    "PackagedModel": "packages",
    "inspect": "report",
    "load": "packages",
    "make_streaming": "streaming",
    "model_stage": "session",
    "models": "catalogue",
    "package": "packages",
    "validate": "validation",
    "with_ports": "compose.ports",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: onnx and numba take half a second."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = found
    return found
