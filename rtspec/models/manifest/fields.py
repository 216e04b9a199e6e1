"""The fields of a manifest: what a packaged model says of itself, each a dataclass with units and bounds."""

import json
from base64 import b64decode
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np

from ...frames.representation import Layout

METADATA_KEY = "rtspec"
STREAM_KEY = "rtspec_stream"
FORMAT = 1
"""Version of the manifest's own format: readers refuse a later one."""

AXES = ("batch", "channels", "bins", "time")
SPECTRA = ("magnitude", "power", "log-magnitude", "complex")
INPUTS = (*SPECTRA, "bands", "samples", "tensor")
OUTPUTS = (*SPECTRA, "gain", "complex-gain", "samples", "tensor")
COMPLEX = ("complex", "complex-gain")
RESTS = ("zero", "input")
LOGARITHMS = ("ln", "log10", "db", "log1p")
BANDS = ("third-octave", "mel-htk", "mel-slaney")
CURVES = ("linear", "log")
DTYPES = ("float32", "float16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool")
RESERVED = ("mix", "output_db", "bypass", "parameters", "process", "reset", "latency_samples", "flush")
"""Names that every processor has already, so that no parameter may take them."""

MAX_FRAMES = 100_000
MAX_STATE_BYTES = 1 << 26
MAX_JSON = 1 << 26
LARGEST = 1e12


@dataclass(frozen=True)
class Bands:
    """How bins become bands: kind, how many, and between which frequencies (Hz)."""

    kind: str
    n_bands: int
    low_hz: float = 0.0
    high_hz: float | None = None


@dataclass(frozen=True)
class Port:
    """The tensor through which frames enter or leave.

    Attributes
    ----------
    name : str
        Graph input or output.
    representation : str
        "magnitude", "power", "log-magnitude" or "complex" (real and imaginary as 2 channels); inputs also "bands",
        outputs also "gain" and "complex-gain" (multiply the input's spectrum, the latter by complex numbers). "samples"
        are the window's own, before any transform (the axis "bins" holds `n_bins` of them); as output a block that is
        overlap-added, or the newest samples of one; a "gain" after them multiplies samples. "tensor" is anything else:
        such a model runs but is not played.
    layout : tuple of str
        Order of the axes "batch", "channels", "bins", "time"; any.
    log : str
        For log-magnitude and bands: "ln", "log10", "db" (20·log10) or "log1p".
    floor : float
        Least magnitude before the logarithm.
    offset, scale : float
        The tensor holds ``(value + offset) · scale``.
    bands : Bands or None
        For representation "bands".
    first_bin, n_bins : int, int or None
        The tensor holds bins ``first_bin … first_bin + n_bins - 1``; None: all up to Nyquist.
    exponent : float
        Magnitudes are raised to it, complex numbers keep their phases: .3 for ``|X|^.3``.
    rest : str
        Outputs: what the bins have that the tensor does not hold: "zero" or "input".
    """

    name: str
    representation: str
    layout: tuple[str, ...] = ("batch", "bins", "time")
    log: str | None = None
    floor: float = 1e-5
    offset: float = 0.0
    scale: float = 1.0
    bands: Bands | None = None
    first_bin: int = 0
    n_bins: int | None = None
    exponent: float = 1.0
    rest: str = "zero"

    @property
    def time_axis(self) -> int:
        """Where time lies in the tensor."""
        return self.layout.index("time")

    @property
    def n_channels(self) -> int:
        """Values for each bin: 2 for complex frames."""
        return 2 if self.representation in COMPLEX else 1

    @property
    def frame_layout(self) -> Layout:
        """Where a frame of the tensor holds which number of the spectrum."""
        channels_last = self.n_channels == 2 and self.layout.index("channels") > self.layout.index("bins")
        return Layout(self.first_bin, self.n_bins, channels_last, self.exponent, self.representation == "samples")

    @property
    def is_plain(self) -> bool:
        """Whether the tensor holds the whole spectrum, its magnitudes as they are, real parts first."""
        return self.frame_layout == Layout() and self.representation != "complex-gain"


@dataclass(frozen=True)
class State:
    """A tensor that goes from one call to the next.

    Attributes
    ----------
    input, output : str
        Graph input and the output that replaces it.
    shape : tuple of int
    dtype : str
    initial : float or str
        One number for all, or base64 of the bytes.
    append_axis : int or None
        Where the output holds only the newest frames: the axis along which they are appended, the oldest falling out.
    """

    input: str
    output: str
    shape: tuple[int, ...]
    dtype: str = "float32"
    initial: float | str = 0.0
    append_axis: int | None = None

    @property
    def n_bytes(self) -> int:
        """Bytes that the tensor takes."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize

    def value(self) -> np.ndarray:
        """What the state holds before the first call, an array of `shape` and `dtype`."""
        if isinstance(self.initial, str):
            return np.frombuffer(b64decode(self.initial), self.dtype).reshape(self.shape).copy()
        return np.full(self.shape, self.initial, self.dtype)


@dataclass(frozen=True)
class Rate:
    """So many frames in, so many frames out."""

    frames_in: int = 1
    frames_out: int = 1


@dataclass(frozen=True)
class Length:
    """Frames of the output for a clip of T: ``up · ((T + phase) // down) + extra``."""

    up: int = 1
    down: int = 1
    phase: int = 0
    extra: int = 0

    def of(self, n_frames: int) -> int:
        """Length of the output for `n_frames` frames of input, never negative."""
        return max(0, self.up * ((n_frames + self.phase) // self.down) + self.extra)


@dataclass(frozen=True)
class Parameter:
    """A number that a hand or a controller moves: element `index` of the float32 graph input `tensor`.

    Attributes
    ----------
    name : str
        Python identifier; unique in the model.
    tensor, index : str, int
        Where the model reads it (flat index).
    min, max, default : float
        In `unit`.
    unit, label : str
    curve : str
        How a controller's travel maps: "linear" or "log".
    cc : int or None
        MIDI controller number proposed, 0 to 127.
    """

    name: str
    tensor: str
    index: int = 0
    min: float = 0.0
    max: float = 1.0
    default: float = 0.0
    unit: str = ""
    label: str = ""
    curve: str = "linear"
    cc: int | None = None


@dataclass(frozen=True)
class Constant:
    """A graph input that is the same in every call: a sample rate, a strength.

    Attributes
    ----------
    input : str
    values : tuple of float
        One for all elements, or all of them in order.
    shape : tuple of int
        () for a scalar.
    dtype : str
    """

    input: str
    values: tuple[float, ...]
    shape: tuple[int, ...] = ()
    dtype: str = "float32"

    def value(self) -> np.ndarray:
        """The tensor. Of the shape and dtype that the manifest says."""
        return np.resize(np.array(self.values), self.shape).astype(self.dtype)


@dataclass(frozen=True)
class Manifest:
    """Everything a host must know of a model; null (None) in the plan means "any".

    Attributes
    ----------
    name, version, authors, licence, citation, task, training_data
        Who made it, from what, for what.
    sample_rate : int or None
        Hz.
    n_fft, hop, window_length : int or None
        Samples.
    window, synthesis_window : str, tuple of float or None
        By name, or all values; null as synthesis window means the analysis window's own.
    symmetric, centred : bool
        As in :class:`~rtspec.frames.FramePlan`: named windows end as they begin; one shorter than `n_fft` lies in its
        middle.
    overlap_add : str
        "perfect" scales the synthesis window for perfect reconstruction, "plain" takes it as it is.
    input, output : Port
    audio_channels : int
        Channels of a sound that one call hears together, along the axis "batch", which is the first of both ports.
    states : tuple of State
    delay_frames : int
        Output frames that precede the first true one.
    look_ahead_frames : int
        Future frames that a true frame depends on.
    flush_frames : int or None
        Frames of zeros to feed after the clip; `delay_frames` where null.
    rate : Rate
    period : int
        Every call takes a multiple of so many frames.
    length : Length
    valid_input : str or None
        Graph input, float32 [frames]: 1 for frames of the clip, 0 for those that flush it.
    parameters, latents : tuple of Parameter
    constants : tuple of Constant
    metrics : dict
        Figures by name: numbers or words.
    inexact : dict or None
        What was lost where look-ahead was cut.
    """

    name: str
    input: Port
    output: Port
    version: str = "1"
    authors: tuple[str, ...] = ()
    licence: str = ""
    citation: str = ""
    task: str = ""
    sample_rate: int | None = None
    n_fft: int | None = None
    hop: int | None = None
    window: str | tuple[float, ...] | None = None
    window_length: int | None = None
    synthesis_window: str | tuple[float, ...] | None = None
    symmetric: bool = False
    centred: bool = False
    overlap_add: str = "perfect"
    audio_channels: int = 1
    states: tuple[State, ...] = ()
    delay_frames: int = 0
    look_ahead_frames: int = 0
    flush_frames: int | None = None
    rate: Rate = Rate()
    period: int = 1
    length: Length = Length()
    valid_input: str | None = None
    parameters: tuple[Parameter, ...] = ()
    latents: tuple[Parameter, ...] = ()
    constants: tuple[Constant, ...] = ()
    training_data: str = ""
    metrics: dict[str, float | str] = field(default_factory=dict)
    inexact: dict[str, float | str] | None = None
    format: int = FORMAT

    @property
    def controls(self) -> tuple[Parameter, ...]:
        """Parameters and latents, in this order."""
        return self.parameters + self.latents

    @property
    def tail_frames(self) -> int:
        """Frames of zeros that bring out the last frames of a clip."""
        return self.delay_frames if self.flush_frames is None else self.flush_frames

    def to_dict(self) -> dict[str, Any]:
        """The manifest as it stands in the file."""
        made = asdict(self)
        made["rate"] = {"in": self.rate.frames_in, "out": self.rate.frames_out}
        return made

    def to_json(self) -> str:
        """The JSON text that the file carries."""
        return json.dumps(self.to_dict(), allow_nan=False)
