"""What a valid model holds: shapes, stream equal to offline, look-ahead, finite answers, speed."""

import time
from collections.abc import Callable

import numpy as np

from rtspec.errors import ModelError

from . import manifest as package_manifest
from .packages import DEFAULT_N_FFT
from .packages import load as load_package
from .session import model_stage
from .streaming.look_ahead import look_ahead
from .streaming.run import difference, run_offline
from .validation_case import Case, real_clip

TOLERANCE = 1e-5
FRAMES_PER_CALL = (1, 2, 5, 64)
TIMED_CALLS = 300
WARM_UP_CALLS = 20
LOUD = 1000.0


def _shapes(case: Case) -> tuple[bool, str]:
    """One period in: outputs and states have the sizes that were promised."""
    case.run.reset()
    before = {name: (value.shape, value.dtype) for name, value in case.run.states.items()}
    outputs = case.run.process(case.noise(case.period), np.ones(case.period))
    changed = [name for name, value in case.run.states.items() if (value.shape, value.dtype) != before[name]]
    if changed:
        return False, f'state "{changed[0]}" comes back with another shape or type than it went in'
    return True, ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items()) + _played(case)


def _played(case: Case) -> str:
    """How a stage plays a package: what it really takes and gives fits what its manifest says, or ModelError."""
    entries = {entry.key for entry in case.model.metadata_props}
    if package_manifest.METADATA_KEY not in entries:
        return ""
    package = load_package(case.path)
    if package.manifest.rate.frames_in != package.manifest.rate.frames_out:
        return "; its rate is not 1:1, so FrameModel runs it and no stage does"
    port, n_bins = package.manifest.input, (package.manifest.n_fft or DEFAULT_N_FFT) // 2 + 1
    stage = model_stage(package, None if package.fixed_bins else port.frame_layout.used(n_bins))
    weights = f", with {stage.form.weights} weights" if stage.form.weights else ""
    return f"; played as frames of {list(stage.input_shape)} to {list(stage.output_shape)}{weights}"


def _equality(case: Case) -> tuple[bool, str]:
    """Noise and real input, in calls of several sizes, against the offline model or one single call."""
    stated = case.run.manifest.get("inexact")
    worst, where = 0.0, ""
    for kind, clip in (("noise", case.noise()), ("real input", real_clip(case))):
        wanted = _reference(case, clip)
        for frames in (case.period,) if case.run.fixed_frames else FRAMES_PER_CALL:
            error = _error(wanted, case.run.clip(clip, frames))
            worst, where = max((worst, where), (error, f"{kind}, {frames} frames a call"))
    case.figures["error"] = worst
    whole = (
        f"itself, {case.period} frames a call as its graph fixes it" if case.run.fixed_frames else "itself in one call"
    )
    against = "offline" if case.offline is not None else f"{whole} (no offline model given)"
    if stated and case.offline is not None:
        return True, f"cut on purpose: {worst:.2g} of the peak from {against}"
    if worst <= TOLERANCE:
        return True, f"within {worst:.2g} of the peak of {against}"
    forgets = case.offline is None and not case.run.manifest["states"]
    remedy = "; no state carries what it remembers: run stream-model first, and package that" if forgets else ""
    return False, f"within {worst:.2g} of the peak of {against} ({where}){remedy}"


def _reference(case: Case, clip: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if case.offline is None:
        return case.run.clip(clip, case.n_frames + case.run.manifest["flush_frames"])
    names = {value.name for value in case.offline.graph.input}
    if missing := names - set(clip) - {tensor.name for tensor in case.offline.graph.initializer}:
        raise ModelError(
            f'the offline model has an input "{sorted(missing)[0]}" that the streaming one lacks: is it the right one?'
        )
    return run_offline(case.offline, {name: value for name, value in clip.items() if name in names})


def _error(wanted: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> float:
    """Greatest error over all outputs; a wrong length is an infinite one."""
    pairs = [(value, found[name]) for name, value in wanted.items() if name in found]
    if not pairs or any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    errors = [difference(a, b)[0] for a, b in pairs]
    return max(error if np.isfinite(error) else float("inf") for error in errors)


def _look_ahead(case: Case) -> tuple[bool, str]:
    """One input frame is changed: the outputs that move tell how far the model truly looks ahead."""
    declared, period = case.run.manifest["delay_frames"], case.period
    n_frames = -(-max(case.n_frames, 3 * declared) // period) * period
    measured = look_ahead(case.run, case.noise(n_frames))
    case.figures["look_ahead_frames"] = measured
    if case.run.manifest.get("inexact") or measured >= declared or period > 1:
        return True, f"{measured} frames measured, delay {declared}"
    return True, f"{measured} frames measured, delay {declared}: the model is later than its look-ahead asks for"


def _finite(case: Case) -> tuple[bool, str]:
    """Silence, noise and very loud noise give numbers."""
    noise = case.noise()
    factors = {"silence": 0.0, "noise": 1.0, "loud noise": LOUD}
    for name, factor in factors.items():
        clip = {key: (value * factor).astype(value.dtype) for key, value in noise.items()} | case.controls
        if not all(np.isfinite(value).all() for value in case.run.clip(clip, 5).values()):
            return False, f"{name} gives NaN or infinite numbers"
    return True, f"finite for {', '.join(factors)}"


def _speed(case: Case) -> tuple[bool, str]:
    """Time of the smallest call, one thread."""
    taken = _timed(case) * 1000 / case.period
    p50, p99 = (float(np.percentile(taken, q)) for q in (50, 99))
    case.figures |= {"frame_ms_p50": p50, "frame_ms_p99": p99, "hop_ms": case.hop_ms}
    case.figures["real_time_factor"] = float(taken.mean()) / case.hop_ms if case.hop_ms else None
    detail = f"{p50:.3g} ms a frame, p99 {p99:.3g} ms, one thread"
    if not case.hop_ms:
        return True, f"{detail} (hop unknown: give hop_ms to compare)"
    return p99 < case.hop_ms, f"{detail}; hop {case.hop_ms:.3g} ms, real-time factor {taken.mean() / case.hop_ms:.3g}"


def _timed(case: Case) -> np.ndarray:
    """Seconds of each call with one period of frames."""
    frames, valid = case.noise(case.period), np.ones(case.period)
    case.run.reset()
    marks = []
    for _ in range(WARM_UP_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        case.run.process(frames, valid)
        marks.append(time.perf_counter() - start)
    return np.array(marks[WARM_UP_CALLS:])


CHECKS: dict[str, Callable[[Case], tuple[bool, str]]] = {
    "shapes": _shapes,
    "streaming equals offline": _equality,
    "look-ahead": _look_ahead,
    "finite numbers": _finite,
    "speed": _speed,
}
FIRST = ("shapes",)
"""Checks without which the others mean nothing."""
