"""Streaming models: any offline ONNX spectrogram network, frame by frame, with equal results.

The way through this package: `load` reads the file and finds the time axis; `shapes` measures every tensor; `rewrite`
walks the nodes, keeping for each tensor a `Flow` (`clock`: time axis, rate, length, delay); `rules` says for each
operator what it becomes, with the moves of `stream` (histories, delays, masks from `validity`), or that it cannot be
done (`refuse`); `graph` writes the result; `run` runs it in plain onnxruntime beside the offline model.
"""

from .make import make_streaming
from .refuse import NotStreamable

__all__ = ["NotStreamable", "make_streaming"]
