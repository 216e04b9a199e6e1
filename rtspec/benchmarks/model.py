"""A model's time per frame: through the C API as the engine runs it, beside plain onnxruntime under the GIL."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..models import FrameModel, load, model_stage
from ..models.one_call.form import Precision
from ..models.stage_shapes import input_shape

FRAMES, WARM_UP = 2000, 50
TOGETHER = 8
"""Frames that are measured at a time, so that Python's part of a call does not count."""


def run(name: str | Path, n_frames: int = FRAMES, precision: Precision = "auto") -> dict:
    """Measure a packaged model, one frame after the other, one thread.

    Parameters
    ----------
    name : str or Path
    n_frames : int
    precision : {"auto", "float"}
        As :func:`rtspec.models.model_stage` takes it.

    Returns
    -------
    dict
        µs a frame: p50 and p99 by the compiled stage as the engine runs it, p50 by a call of it from Python for each
        frame, p50 by onnxruntime's own session; their largest difference relative to the peak, what plays it with which
        weights, and the time that a frame lasts.
    """
    model = load(name)
    plan = model.plan()
    n_bins = model.fixed_bins or plan.n_bins
    stage, plain = model_stage(model, n_bins, precision=precision), FrameModel(name)
    sizes = zip(model.manifest.input.layout, input_shape(model, n_bins), strict=True)
    shape = tuple(1 if axis == "time" else size for axis, size in sizes)
    frames = np.abs(np.random.default_rng(0).standard_normal((64, *shape))).astype(np.float32)
    out = np.zeros((TOGETHER, *stage.output_shape), np.float32)
    starts = range(0, 64, TOGETHER)
    several = [np.ascontiguousarray(frames[start : start + TOGETHER]) for start in starts]
    compiled = _times_us(lambda i: stage.run(several[i % len(starts)], TOGETHER, out), n_frames // TOGETHER) / TOGETHER
    called = _times_us(lambda i: stage.run(frames[i % 64].reshape(-1), 1, out), n_frames)
    session = _times_us(lambda i: plain.process(frames[i % 64]), n_frames)
    return {
        "model": model.manifest.name,
        "n_bins": n_bins,
        "compiled_p50_us": round(float(np.percentile(compiled, 50)), 1),
        "compiled_p99_us": round(float(np.percentile(compiled, 99)), 1),
        "called_p50_us": round(float(np.percentile(called, 50)), 1),
        "session_p50_us": round(float(np.percentile(session, 50)), 1),
        "largest_difference": _difference(model, n_bins, frames, precision),
        "played_by": stage.session_path,
        "weights": stage.form.weights or "float32",
        "hop_us": round(1e6 * plan.hop / plan.sample_rate),
    }


def _times_us(call: Callable[[int], object], n: int) -> np.ndarray:
    for i in range(WARM_UP):
        call(i)
    marks = np.empty(n + 1)
    marks[0] = time.perf_counter()
    for i in range(n):
        call(i)
        marks[i + 1] = time.perf_counter()
    return 1e6 * np.diff(marks)


def _difference(model, n_bins: int, frames: np.ndarray, precision: Precision) -> float:
    """Between both ways, on the same frames, relative to the peak."""
    stage, plain = model_stage(model, n_bins, precision=precision), FrameModel(model.path)
    axis = model.manifest.output.time_axis
    frames = np.concatenate([frames] * (1 + stage.delay // len(frames)))
    wanted = np.concatenate([*(plain.process(frame) for frame in frames), plain.flush()], axis)
    streamed = np.zeros((len(frames), wanted.size // wanted.shape[axis]), np.float32)
    for frame, row in zip(frames, streamed, strict=True):
        stage.run(frame.reshape(-1), 1, row)
    live = streamed[stage.delay :]
    offline = np.moveaxis(wanted, axis, 0).reshape(wanted.shape[axis], -1)
    return float(np.abs(live - offline[: len(live)]).max() / max(1e-30, np.abs(offline).max()))
