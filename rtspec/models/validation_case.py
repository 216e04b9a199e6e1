"""A model opened for validation: how it streams, its sizes, and the clip that it is played."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto

from . import manifest as package_manifest
from .packages import DEFAULT_N_FFT
from .proto import signatures
from .stage_shapes import control_arrays
from .streaming.load import Inputs, inputs_of, load
from .streaming.run import METADATA_KEY, StreamingRun, random_clip, stream_manifest

CLIP_FRAMES = 64


@dataclass
class Case:
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
        if self.offline is not None and self.run.manifest.get("clip_frames"):
            return self.run.manifest["clip_frames"]
        return -(-CLIP_FRAMES // self.period) * self.period

    def noise(self, n_frames: int | None = None) -> dict[str, np.ndarray]:
        """Noise in every input; parameters keep their defaults. Arrays by name, of the model's shapes and dtypes."""
        clip = random_clip(self.model, self.inputs, n_frames or self.n_frames, np.random.default_rng(0))
        return clip | self.controls


def open_case(model: str | Path, against: str | Path | None, audio, hop_ms: float | None, figures: dict) -> Case:
    loaded = load(model)
    onnx.checker.check_model(loaded, full_check=True)
    manifest, own_hop_ms = _manifests(loaded)
    sizes, controls = _package_choices(loaded)
    inputs = _main_inputs(loaded, manifest, sizes, controls)
    sound = _plucked_notes() if audio is None else np.asarray(audio, np.float32)
    offline = load(against) if against is not None else None
    run = StreamingRun(loaded, manifest)
    return Case(str(model), loaded, inputs, run, offline, sound, hop_ms or own_hop_ms, figures, controls)


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
    usual = {"batch": packaged.audio_channels, "channels": port.n_channels}
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


def case_summary(case: Case) -> str:
    manifest = case.run.manifest
    case.figures["delay_frames"] = manifest["delay_frames"]
    rate = (
        ""
        if manifest["rate"] == {"in": 1, "out": 1}
        else f", {manifest['rate']['in']} in {manifest['rate']['out']} out"
    )
    return f"{len(manifest['states'])} states, delay {manifest['delay_frames']} frames{rate}"


def real_clip(case: Case) -> dict[str, np.ndarray]:
    """Magnitudes of a sound, as many bins as each input has, laid along its time axis. Arrays by name, float32 of the
    model's shapes."""
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
