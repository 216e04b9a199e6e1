"""Is a streaming model what it says it is? The engine behind ``rtspec validate MODEL [--against OFFLINE]``.

Each check gives one line: the file, its manifest, shapes of outputs and states, equality with the offline model (or,
without one, with itself) for calls of several sizes, finite numbers whatever comes in, and speed against the hop.
"""

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto

from rtspec.errors import ModelError

from . import manifest as package_manifest
from .packages import DEFAULT_N_FFT, signatures
from .packages import load as load_package
from .sandbox import sandboxed
from .session import control_arrays, model_stage
from .streaming.load import Inputs, inputs_of, load
from .streaming.look_ahead import look_ahead
from .streaming.run import METADATA_KEY, StreamingRun, difference, random_clip, run_offline, stream_manifest

TOLERANCE = 1e-5
FRAMES_PER_CALL = (1, 2, 5, 64)
CLIP_FRAMES = 64
TIMED_CALLS = 300
WARM_UP_CALLS = 20
LOUD = 1000.0


@dataclass(frozen=True)
class Check:
    """One line of the report: what was checked, whether it holds, and the figure."""

    name: str
    ok: bool
    detail: str


@dataclass
class Report:
    """What `validate` found.

    Attributes
    ----------
    model : str
        The file.
    checks : list of Check
        In the order in which they were made; the first that fails may be the last.
    figures : dict of str to float or None
        delay_frames, error (of the peak), frame_ms_p50, frame_ms_p99, hop_ms, real_time_factor.
    """

    model: str
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"{'ok  ' if c.ok else 'FAIL'}  {c.name:<{width}}  {c.detail}" for c in self.checks]
        return "\n".join([self.model, *lines, "valid" if self.ok else "NOT valid"])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {"model": self.model, "ok": self.ok, "checks": [asdict(c) for c in self.checks], "figures": self.figures}

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(self.to_dict())


@dataclass
class _Case:
    """The model at hand and all that the checks share."""

    path: str
    model: ModelProto
    inputs: Inputs
    run: StreamingRun
    offline: ModelProto | None
    audio: np.ndarray
    hop_ms: float | None
    figures: dict[str, float | None]
    controls: dict[str, np.ndarray]

    @property
    def period(self) -> int:
        return self.run.step

    @property
    def n_frames(self) -> int:
        return -(-CLIP_FRAMES // self.period) * self.period

    def noise(self, n_frames: int | None = None) -> dict[str, np.ndarray]:
        """Noise in every input; parameters keep their defaults."""
        clip = random_clip(self.model, self.inputs, n_frames or self.n_frames, np.random.default_rng(0))
        return clip | self.controls


def validate(
    model: str | Path,
    against: str | Path | None = None,
    *,
    audio: np.ndarray | None = None,
    hop_ms: float | None = None,
) -> Report:
    """Check a streaming model.

    Parameters
    ----------
    model : str or Path
        A file made by `make_streaming` or `package`.
    against : str or Path, optional
        The offline model that it was made from. Without it the stream is compared with itself in one call.
    audio : ndarray, optional
        Mono samples, whose spectrogram is the real input; plucked notes with pauses otherwise.
    hop_ms : float, optional
        Time between frames, where the manifest does not tell it.

    Returns
    -------
    Report
        Never raises for a fault of the model: a file that cannot be read is a report with one failed check.

    Notes
    -----
    The checks run in a process of their own, which has :data:`rtspec.models.sandbox.MEMORY_BYTES` (2 GiB) and
    :data:`rtspec.models.sandbox.TIME_S` (300 s); a model that takes more, or crashes, is a report too.
    """
    sound = None if audio is None else np.asarray(audio, np.float32).ravel().tolist()
    other = None if against is None else str(against)
    try:
        found = sandboxed(f"{__name__}:checked", model=str(model), against=other, audio=sound, hop_ms=hop_ms)
    except ModelError as error:
        return Report(str(model), [Check("file and manifest", False, str(error))])
    return Report(str(model), [Check(**each) for each in found["checks"]], found["figures"])


def checked(model: str, against: str | None, audio: list[float] | None, hop_ms: float | None) -> dict[str, Any]:
    """:func:`validate`, here and now: what its report holds."""
    report = Report(model)
    _run_checks(report, model, against, audio, hop_ms)
    return report.to_dict()


def _run_checks(report: Report, model: str, against: str | None, audio, hop_ms: float | None) -> None:
    case = _checked(report, "file and manifest", lambda: _opened(model, against, audio, hop_ms, report.figures))
    if case is None:
        return
    report.checks[-1] = Check("file and manifest", True, _summary(case))
    for name, check in CHECKS.items():
        if _checked(report, name, lambda check=check: check(case)) is None or (name in FIRST and not report.ok):
            break


def _checked(report: Report, name: str, step: Callable[[], Any]) -> Any:
    """Run one step; what it raises becomes a failed check and None."""
    try:
        made = step()
    except Exception as error:  # of a foreign file: onnx, onnxruntime and protobuf have errors of no common kind
        report.checks.append(Check(name, False, " ".join(str(error).split())[:300]))
        return None
    ok, detail = made if isinstance(made, tuple) else (True, "")
    report.checks.append(Check(name, ok, detail))
    return made


def _opened(model: str | Path, against: str | Path | None, audio, hop_ms: float | None, figures: dict) -> _Case:
    loaded = load(model)
    onnx.checker.check_model(loaded, full_check=True)
    manifest, own_hop_ms = _manifests(loaded)
    sizes, controls = _package_choices(loaded)
    inputs = _main_inputs(loaded, manifest, sizes, controls)
    sound = _plucked_notes() if audio is None else np.asarray(audio, np.float32)
    offline = load(against) if against is not None else None
    run = StreamingRun(loaded, manifest)
    return _Case(str(model), loaded, inputs, run, offline, sound, hop_ms or own_hop_ms, figures, controls)


def _manifests(model: ModelProto) -> tuple[dict[str, Any], float | None]:
    """The streaming manifest, from the package's where the model is packaged, and the hop in ms where it is known."""
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if package_manifest.METADATA_KEY not in entries:
        return stream_manifest(model), None
    packaged = package_manifest.parse(entries[package_manifest.METADATA_KEY])
    hop_ms = 1000 * packaged.hop / packaged.sample_rate if packaged.hop and packaged.sample_rate else None
    return (stream_manifest(model) if METADATA_KEY in entries else _as_stream(packaged)), hop_ms


def _as_stream(packaged: "package_manifest.Manifest") -> dict[str, Any]:
    """A package's manifest in the terms of the streaming one."""
    values = packaged.to_dict()
    ports = packaged.input, packaged.output
    output = {"axis": ports[1].time_axis, "delay_frames": packaged.delay_frames, "length": values["length"]}
    kept = {key: values[key] for key in ("states", "delay_frames", "rate", "period", "valid_input", "inexact")}
    return kept | {
        "time_axes": {port.name: port.time_axis for port in ports},
        "flush_frames": packaged.tail_frames,
        "outputs": {ports[1].name: output},
    }


def _package_choices(model: ModelProto) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """What a host chooses for a package: bins where it leaves them open, and its parameters at their defaults."""
    entries = {entry.key: entry.value for entry in model.metadata_props}
    if package_manifest.METADATA_KEY not in entries:
        return {}, {}
    packaged = package_manifest.parse(entries[package_manifest.METADATA_KEY])
    taken = signatures(model)[0]
    return _open_sizes(packaged, taken), dict(control_arrays(packaged, taken))


def _open_sizes(packaged: "package_manifest.Manifest", taken: "package_manifest.Signature") -> dict[str, int]:
    """Sizes of the input's axes that the graph leaves open, whatever it calls them; "?" where it does not name them."""
    port = packaged.input
    usual = {"batch": 1, "channels": port.n_channels}
    if port.representation not in ("bands", "tensor"):
        usual["bins"] = port.frame_layout.used((packaged.n_fft or DEFAULT_N_FFT) // 2 + 1)
    elif port.bands is not None:
        usual["bins"] = port.bands.n_bands
    named = zip(port.layout, taken.tensors[port.name][1], strict=True)
    return {str(size or "?"): usual[axis] for axis, size in named if axis in usual and not isinstance(size, int)}


def _main_inputs(
    model: ModelProto, manifest: Mapping[str, Any], sizes: Mapping[str, int], controls: Iterable[str]
) -> Inputs:
    """Inputs beside states, validity, parameters and constants."""
    own = {entry["input"] for entry in manifest["states"]} | {manifest["valid_input"], *controls}
    names = [value.name for value in model.graph.input if value.name not in own]
    axes = {name: axis for name, axis in manifest["time_axes"].items() if name in names}
    bare = ModelProto()
    bare.CopyFrom(model)
    bare.graph.ClearField("input")
    bare.graph.input.extend(value for value in model.graph.input if value.name in names)
    return inputs_of(bare, axes, sizes)


def _summary(case: _Case) -> str:
    manifest = case.run.manifest
    case.figures["delay_frames"] = manifest["delay_frames"]
    rate = (
        ""
        if manifest["rate"] == {"in": 1, "out": 1}
        else f", {manifest['rate']['in']} in {manifest['rate']['out']} out"
    )
    return f"{len(manifest['states'])} states, delay {manifest['delay_frames']} frames{rate}"


def _shapes(case: _Case) -> tuple[bool, str]:
    """One period in: outputs and states have the sizes that were promised."""
    case.run.reset()
    before = {name: (value.shape, value.dtype) for name, value in case.run.states.items()}
    outputs = case.run.process(case.noise(case.period), np.ones(case.period))
    changed = [name for name, value in case.run.states.items() if (value.shape, value.dtype) != before[name]]
    if changed:
        return False, f'state "{changed[0]}" comes back with another shape or type than it went in'
    return True, ", ".join(f"{name} {list(value.shape)}" for name, value in outputs.items()) + _played(case)


def _played(case: _Case) -> str:
    """How a stage plays a package: what it really takes and gives fits what its manifest says, or ModelError."""
    entries = {entry.key for entry in case.model.metadata_props}
    if package_manifest.METADATA_KEY not in entries:
        return ""
    package = load_package(case.path)
    if package.manifest.rate.frames_in != package.manifest.rate.frames_out:
        return "; its rate is not 1:1, so FrameModel runs it and no stage does"
    port, n_bins = package.manifest.input, (package.manifest.n_fft or DEFAULT_N_FFT) // 2 + 1
    stage = model_stage(package, None if package.fixed_bins else port.frame_layout.used(n_bins))
    return f"; played as frames of {list(stage.input_shape)} to {list(stage.output_shape)}"


def _equality(case: _Case) -> tuple[bool, str]:
    """Noise and real input, in calls of several sizes, against the offline model or one single call."""
    stated = case.run.manifest.get("inexact")
    worst, where = 0.0, ""
    for kind, clip in (("noise", case.noise()), ("real input", _real_clip(case))):
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


def _reference(case: _Case, clip: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if case.offline is None:
        return case.run.clip(clip, case.n_frames + case.run.manifest["flush_frames"])
    names = {value.name for value in case.offline.graph.input}
    if missing := names - set(clip) - {tensor.name for tensor in case.offline.graph.initializer}:
        raise ModelError(
            f'the offline model has an input "{sorted(missing)[0]}" that the streaming one lacks: is it the right one?'
        )
    return run_offline(case.offline, {name: value for name, value in clip.items() if name in names})


def _error(wanted: dict[str, np.ndarray], given: dict[str, np.ndarray]) -> float:
    """Greatest error over all outputs; a wrong length is an infinite one."""
    pairs = [(value, given[name]) for name, value in wanted.items() if name in given]
    if not pairs or any(a.shape != b.shape for a, b in pairs):
        return float("inf")
    errors = [difference(a, b)[0] for a, b in pairs]
    return max(error if np.isfinite(error) else float("inf") for error in errors)


def _look_ahead(case: _Case) -> tuple[bool, str]:
    """One input frame is changed: the outputs that move tell how far the model truly looks ahead."""
    declared, period = case.run.manifest["delay_frames"], case.period
    n_frames = -(-max(case.n_frames, 3 * declared) // period) * period
    measured = look_ahead(case.run, case.noise(n_frames))
    case.figures["look_ahead_frames"] = measured
    if case.run.manifest.get("inexact") or measured >= declared or period > 1:
        return True, f"{measured} frames measured, delay {declared}"
    return True, f"{measured} frames measured, delay {declared}: the model is later than its look-ahead asks for"


def _finite(case: _Case) -> tuple[bool, str]:
    """Silence, noise and very loud noise give numbers."""
    noise = case.noise()
    factors = {"silence": 0.0, "noise": 1.0, "loud noise": LOUD}
    for name, factor in factors.items():
        clip = {key: (value * factor).astype(value.dtype) for key, value in noise.items()} | case.controls
        if not all(np.isfinite(value).all() for value in case.run.clip(clip, 5).values()):
            return False, f"{name} gives NaN or infinite numbers"
    return True, f"finite for {', '.join(factors)}"


def _speed(case: _Case) -> tuple[bool, str]:
    """Time of the smallest call, one thread."""
    taken = _timed(case) * 1000 / case.period
    p50, p99 = (float(np.percentile(taken, q)) for q in (50, 99))
    case.figures |= {"frame_ms_p50": p50, "frame_ms_p99": p99, "hop_ms": case.hop_ms}
    case.figures["real_time_factor"] = float(taken.mean()) / case.hop_ms if case.hop_ms else None
    detail = f"{p50:.3g} ms a frame, p99 {p99:.3g} ms, one thread"
    if not case.hop_ms:
        return True, f"{detail} (hop unknown: give hop_ms to compare)"
    return p99 < case.hop_ms, f"{detail}; hop {case.hop_ms:.3g} ms, real-time factor {taken.mean() / case.hop_ms:.3g}"


def _timed(case: _Case) -> np.ndarray:
    """Seconds of each call with one period of frames."""
    frames, valid = case.noise(case.period), np.ones(case.period)
    case.run.reset()
    marks = []
    for _ in range(WARM_UP_CALLS + TIMED_CALLS):
        start = time.perf_counter()
        case.run.process(frames, valid)
        marks.append(time.perf_counter() - start)
    return np.array(marks[WARM_UP_CALLS:])


def _real_clip(case: _Case) -> dict[str, np.ndarray]:
    """Magnitudes of a sound, as many bins as each input has, laid along its time axis."""
    clip = case.noise()
    for name, axis in case.inputs.time_axes.items():
        value = clip[name]
        if np.issubdtype(value.dtype, np.floating):
            others = [size for i, size in enumerate(value.shape) if i != axis]
            spectrum = _spectrogram(case.audio, max([*others, 2]), value.shape[axis])
            laid = np.resize(spectrum.T, (value.shape[axis], int(np.prod(others, dtype=int))))
            clip[name] = np.moveaxis(laid.reshape(value.shape[axis], *others), 0, axis).astype(value.dtype)
    return clip


def _spectrogram(audio: np.ndarray, n_bins: int, n_frames: int) -> np.ndarray:
    """Magnitudes [n_bins, n_frames] of Hann-windowed frames, a quarter of a window apart."""
    n_fft = 2 * (n_bins - 1) if n_bins > 2 else 16
    hop = max(1, n_fft // 4)
    samples = np.resize(audio, n_fft + hop * n_frames)
    frames = np.lib.stride_tricks.sliding_window_view(samples, n_fft)[::hop][:n_frames]
    return np.abs(np.fft.rfft(frames * np.hanning(n_fft)))[:, :n_bins].T


def _plucked_notes(sample_rate: int = 16000) -> np.ndarray:
    """A second of decaying harmonic notes, with silence between: onsets, decay and exact zeros."""
    t = np.arange(sample_rate // 4) / sample_rate
    notes = [sum(np.sin(2 * np.pi * f * k * t) / k for k in (1, 2, 3, 4)) for f in (220.0, 277.2, 329.6)]
    return np.concatenate([*(note * np.exp(-12 * t) for note in notes), np.zeros_like(t)]).astype(np.float32)


CHECKS: dict[str, Callable[[_Case], tuple[bool, str]]] = {
    "shapes": _shapes,
    "streaming equals offline": _equality,
    "look-ahead": _look_ahead,
    "finite numbers": _finite,
    "speed": _speed,
}
FIRST = ("shapes",)
"""Checks without which the others mean nothing."""
