"""What a packaged model says of itself: one JSON in ``metadata_props["rtspec"]``, checked against the graph.

Each field has one check, ``check(where, value) -> value``, listed in the tables below; whatever is wrong raises
:class:`~rtspec.errors.ModelError` with the field, the value and the rule in one line.
"""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from math import prod
from typing import Any

import numpy as np

from ..errors import ModelError
from ..frames.plan import MAX_N_FFT, MAX_SAMPLE_RATE, MIN_N_FFT, MIN_SAMPLE_RATE
from ..frames.representation import Layout
from ..frames.windows import WINDOWS
from .checks import (
    Check,
    axes,
    either,
    fail,
    flag,
    identifier,
    items,
    number,
    one_of,
    optional,
    record,
    text,
    texts,
    whole,
    worded_numbers,
)

METADATA_KEY = "rtspec"
STREAM_KEY = "rtspec_stream"
FORMAT = 1
"""Version of the manifest's own format: readers refuse a later one."""

AXES = ("batch", "channels", "bins", "time")
SPECTRA = ("magnitude", "power", "log-magnitude", "complex")
INPUTS = (*SPECTRA, "bands", "tensor")
OUTPUTS = (*SPECTRA, "gain", "complex-gain", "tensor")
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
        outputs also "gain" and "complex-gain" (multiply the input's spectrum, the latter by complex numbers). "tensor"
        is anything else: such a model runs but is not played.
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
        return Layout(self.first_bin, self.n_bins, channels_last, self.exponent)

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
        """The tensor."""
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


def parse(values: str | bytes | Mapping[str, Any]) -> Manifest:
    """Read a manifest from its JSON text or from a mapping of its fields.

    Parameters
    ----------
    values : str, bytes or mapping

    Returns
    -------
    Manifest
        Whose fields all obey their rules, and each other.

    Raises
    ------
    ModelError
        Naming the field, the value and the rule.
    """
    found = _decoded(values) if isinstance(values, str | bytes) else values
    if not isinstance(found, Mapping):
        fail("manifest", found, "must be an object with fields", "write it with rtspec.models.package")
    if found.get("format", FORMAT) != FORMAT:
        fail("format", found["format"], f"must be {FORMAT}", "update rtspec, or package the model again")
    manifest = _MANIFEST("", found)
    for rule in _RULES:
        rule(manifest)
    return manifest


def _decoded(json_text: str | bytes) -> Any:
    if len(json_text) > MAX_JSON:
        raise ModelError(
            f"the manifest has {len(json_text)} characters, at most {MAX_JSON} are allowed; package it again"
        )

    def no_constant(word: str):
        raise ValueError(f"{word} is no JSON number")

    try:
        return json.loads(json_text, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the manifest is no valid JSON ({str(error)[:120]}); package the model again") from None


# ------------------------------------------------------------------------------------------ one check for each field


def _initial(where: str, value: Any) -> float | str:
    if isinstance(value, str):
        return text(longest=MAX_JSON)(where, value)
    return number(-LARGEST, LARGEST)(where, value)


def _values(where: str, value: Any) -> tuple[float, ...]:
    numbers = items(number(-LARGEST, LARGEST), most=1 << 20)
    return numbers(where, value if isinstance(value, list | tuple) else [value])


def _rate(where: str, value: Any) -> Rate:
    if isinstance(value, Mapping):
        value = {f"frames_{key}" if key in ("in", "out") else key: each for key, each in value.items()}
    return record(Rate, frames_in=_FEW, frames_out=_FEW)(where, value)


_FEW = whole(1, 4096)
_FRAMES = whole(0, MAX_FRAMES)
_FACTOR = number(-LARGEST, LARGEST)
_TENSOR = text(longest=512, empty=False)
_WINDOW = either(one_of(*WINDOWS), items(number(-1e6, 1e6), most=MAX_N_FFT))
_BAND = record(
    Bands,
    kind=one_of(*BANDS),
    n_bands=whole(1, MAX_N_FFT),
    low_hz=number(0, MAX_SAMPLE_RATE),
    high_hz=optional(number(0, MAX_SAMPLE_RATE)),
)


def _port(representations: tuple[str, ...]) -> Check:
    return record(
        Port,
        name=_TENSOR,
        representation=one_of(*representations),
        layout=axes(AXES),
        log=optional(one_of(*LOGARITHMS)),
        floor=number(0, 1e6),
        offset=_FACTOR,
        scale=_FACTOR,
        bands=optional(_BAND),
        first_bin=whole(0, MAX_N_FFT // 2),
        n_bins=optional(whole(1, MAX_N_FFT // 2 + 1)),
        exponent=number(1 / 64, 64),
        rest=one_of(*RESTS),
    )


_STATE = record(
    State,
    input=_TENSOR,
    output=_TENSOR,
    shape=items(whole(0, 1 << 28), most=8),
    dtype=one_of(*DTYPES),
    initial=_initial,
    append_axis=optional(whole(0, 7)),
)
_LENGTH = record(Length, up=_FEW, down=_FEW, phase=_FRAMES, extra=whole(-MAX_FRAMES, MAX_FRAMES))
_PARAMETER = record(
    Parameter,
    name=identifier(RESERVED),
    tensor=_TENSOR,
    index=whole(0, 1 << 20),
    min=_FACTOR,
    max=_FACTOR,
    default=_FACTOR,
    unit=text(longest=64),
    label=text(longest=256),
    curve=one_of(*CURVES),
    cc=optional(whole(0, 127)),
)
_CONSTANT = record(
    Constant,
    input=_TENSOR,
    values=_values,
    shape=items(whole(1, 1 << 20), most=8),
    dtype=one_of(*DTYPES),
)
_MANIFEST = record(
    Manifest,
    name=text(longest=256, empty=False),
    input=_port(INPUTS),
    output=_port(OUTPUTS),
    version=text(longest=64),
    authors=texts(most=1000),
    licence=text(),
    citation=text(),
    task=text(),
    sample_rate=optional(whole(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)),
    n_fft=optional(whole(MIN_N_FFT, MAX_N_FFT)),
    hop=optional(whole(1, MAX_N_FFT)),
    window=optional(_WINDOW),
    window_length=optional(whole(2, MAX_N_FFT)),
    synthesis_window=optional(_WINDOW),
    symmetric=flag,
    centred=flag,
    overlap_add=one_of("perfect", "plain"),
    states=items(_STATE, most=10_000),
    delay_frames=_FRAMES,
    look_ahead_frames=_FRAMES,
    flush_frames=optional(_FRAMES),
    rate=_rate,
    period=_FEW,
    length=_LENGTH,
    valid_input=optional(_TENSOR),
    parameters=items(_PARAMETER, most=1024),
    latents=items(_PARAMETER, most=1024),
    constants=items(_CONSTANT, most=1024),
    training_data=text(),
    metrics=worded_numbers,
    inexact=optional(worded_numbers),
    format=whole(FORMAT, FORMAT),
)


# ------------------------------------------------------------------------------------------ rules between fields


def _plan_rule(m: Manifest) -> None:
    length = m.n_fft if m.window_length is None else m.window_length
    if m.n_fft is not None and m.n_fft % 2:
        fail("n_fft", m.n_fft, "must be even", f"try {m.n_fft + 1}")
    if m.n_fft is None and (m.hop, m.window_length) != (None, None):
        fail("n_fft", None, "must be given where hop or window_length is", "give it, or leave out all three")
    if m.n_fft is not None and length is not None and length > m.n_fft:
        fail("window_length", length, f"must be at most n_fft={m.n_fft}", f"try {m.n_fft}")
    for name in ("window", "synthesis_window"):
        values = getattr(m, name)
        if isinstance(values, tuple) and (len(values) != length or not any(values)):
            rule = f"must have the window's {length} values, not all 0"
            fail(name, f"{len(values)} values", rule, "give them all, and n_fft or window_length")
    if m.hop is not None and length is not None and m.hop > length:
        fail("hop", m.hop, f"must be at most the window's {length} samples", f"try {max(1, length // 4)}")


def _representation_rule(m: Manifest) -> None:
    if (m.input.representation == "bands") != (m.input.bands is not None):
        remedy = 'give bands with representation="bands", and only there'
        fail("input.bands", m.input.bands, f'does not fit representation="{m.input.representation}"', remedy)
    if m.output.bands is not None:
        fail("output.bands", m.output.bands, "must be null: outputs are bins", "leave it out")
    for side, port in (("input", m.input), ("output", m.output)):
        if port.representation == "log-magnitude" and port.log is None:
            fail(
                f"{side}.log", None, f"must be one of {', '.join(LOGARITHMS)} for log-magnitude", "say which logarithm"
            )
        if port.representation in COMPLEX:
            _complex_rule(side, port)
        _bins_rule(m, side, port)
        if port.scale == 0:
            fail(f"{side}.scale", 0, "must not be 0", "leave it out for 1")


def _complex_rule(side: str, port: Port) -> None:
    if not {"channels", "bins"} <= set(port.layout):
        fail(
            f"{side}.layout",
            ",".join(port.layout),
            f'must have "channels" (real, imaginary) and "bins" for representation="{port.representation}"',
            'try "batch,channels,bins,time" or, after view_as_real, "batch,bins,time,channels"',
        )


def _bins_rule(m: Manifest, side: str, port: Port) -> None:
    """Parts of a spectrum and exponents, where they mean something."""
    if port.exponent != 1 and port.representation in ("power", "bands", "tensor"):
        fail(f"{side}.exponent", port.exponent, f'must be 1 for representation="{port.representation}"', "leave it out")
    if (port.first_bin, port.n_bins) == (0, None):
        return
    if port.representation in ("bands", "tensor"):
        fail(f"{side}.n_bins", port.n_bins, f'does not fit representation="{port.representation}"', "leave it out")
    if m.n_fft is None:
        fail("n_fft", None, f"must be given where {side} has first_bin or n_bins", "give it")
    most = m.n_fft // 2 + 1 - port.first_bin
    if most < 1 or (port.n_bins or 1) > most:
        there = f"must lie in the {m.n_fft // 2 + 1} bins of n_fft={m.n_fft}"
        fail(f"{side}.n_bins", f"{port.n_bins} from bin {port.first_bin}", there, f"try {max(most, 1)}")


def _states_rule(m: Manifest) -> None:
    for k, state in enumerate(m.states):
        if isinstance(state.initial, str):
            _base64_rule(f"states[{k}].initial", state)
        elif not _holds(np.dtype(state.dtype), state.initial):
            fail(f"states[{k}].initial", state.initial, f"must be a value of {state.dtype}", "use 0")
        if state.append_axis is not None and state.append_axis >= len(state.shape):
            fail(f"states[{k}].append_axis", state.append_axis, f"must be an axis of {list(state.shape)}", "try 0")
    total = sum(state.n_bytes for state in m.states)
    if total > MAX_STATE_BYTES:
        fail("states", f"{total} bytes", f"must take at most {MAX_STATE_BYTES} bytes together", "check their shapes")


def _holds(dtype: np.dtype, value: float) -> bool:
    """Whether a tensor of the dtype can hold the value as it is."""
    if dtype.kind == "f":
        return abs(value) <= float(np.finfo(dtype).max)
    if dtype.kind == "b":
        return value in (0, 1)
    return value % 1 == 0 and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max


def _base64_rule(where: str, state: State) -> None:
    try:
        found = len(b64decode(str(state.initial), validate=True))
    except ValueError:
        fail(where, state.initial, "must be a number or base64", "package the model again")
    if found != state.n_bytes:
        fail(
            where, f"{found} bytes", f"must be {state.n_bytes} bytes for {list(state.shape)}", "package the model again"
        )


def _names_rule(m: Manifest) -> None:
    taken = [m.input.name, *(s.input for s in m.states), *([m.valid_input] if m.valid_input else [])]
    taken += [constant.input for constant in m.constants]
    _once(
        "input",
        [*taken, *sorted({p.tensor for p in m.controls})],
        "must have one use: frames, state, valid, parameter or constant",
    )
    _once("output", [m.output.name, *(s.output for s in m.states)], "must have one use: frames or one state")
    _once("parameter", [p.name for p in m.controls], "must be unique among parameters and latents")
    _once("parameter place", [f"{p.tensor}[{p.index}]" for p in m.controls], "must belong to one parameter")


def _once(what: str, names: Iterable[str], rule: str) -> None:
    for name, times in Counter(names).items():
        if times > 1:
            fail(what, name, rule, "rename one of them")


def _parameter_rule(m: Manifest) -> None:
    for p in m.controls:
        where = f'parameter "{p.name}"'
        if not p.min < p.max:
            fail(f"{where}.min", p.min, f"must be below max={p.max:g}", "swap them")
        if not p.min <= p.default <= p.max:
            fail(f"{where}.default", p.default, f"must be {p.min:g} to {p.max:g}", f"try {p.min:g}")
        if p.curve == "log" and p.min <= 0:
            fail(f"{where}.min", p.min, 'must be above 0 for curve="log"', 'try curve="linear"')


def _frames_rule(m: Manifest) -> None:
    if m.period % m.rate.frames_in:
        fail("period", m.period, f"must be a multiple of rate.in={m.rate.frames_in}", f"try {m.rate.frames_in}")


def _constants_rule(m: Manifest) -> None:
    for k, constant in enumerate(m.constants):
        if len(constant.values) not in (1, prod(constant.shape)):
            rule = f"must be 1 or the {prod(constant.shape)} values of shape {list(constant.shape)}"
            fail(f"constants[{k}].values", f"{len(constant.values)} values", rule, "correct one of them")
        for value in constant.values:
            if not _holds(np.dtype(constant.dtype), value):
                fail(f"constants[{k}].values", value, f"must be values of {constant.dtype}", "change the dtype")


_RULES = (_plan_rule, _representation_rule, _states_rule, _names_rule, _parameter_rule, _constants_rule, _frames_rule)


# ------------------------------------------------------------------------------------------ the graph must agree


@dataclass(frozen=True)
class Signature:
    """Inputs or outputs of a graph: for each name its dtype and its sizes (text or None where dynamic)."""

    kind: str
    tensors: dict[str, tuple[str, tuple[int | str | None, ...]]]

    def find(self, where: str, name: str) -> tuple[str, tuple[int | str | None, ...]]:
        """Dtype and sizes of a tensor that the manifest names."""
        if name not in self.tensors:
            fail(where, name, f"must be one of the graph's {self.kind}s: {', '.join(self.tensors)}", "correct the name")
        return self.tensors[name]


def check_graph(m: Manifest, inputs: Signature, outputs: Signature) -> None:
    """Raise :class:`ModelError` where the manifest and the graph's inputs and outputs disagree."""
    _check_port(m, "input", m.input, inputs)
    _check_port(m, "output", m.output, outputs)
    for k, state in enumerate(m.states):
        _check_state(f"states[{k}]", state, inputs, outputs)
    if m.valid_input is not None:
        _check_valid(m.valid_input, inputs)
    for p in m.controls:
        _check_parameter(p, inputs)
    for k, constant in enumerate(m.constants):
        _check_constant(f"constants[{k}]", constant, inputs)
    known = {
        m.input.name,
        m.valid_input,
        *(c.input for c in m.constants),
        *(s.input for s in m.states),
        *(p.tensor for p in m.controls),
    }
    for name in inputs.tensors:
        if name not in known:
            fail(
                "graph input", name, "must be named by the manifest", "declare it as a state, a parameter or a constant"
            )


def _check_port(m: Manifest, side: str, port: Port, signature: Signature) -> None:
    dtype, sizes = signature.find(f"{side}.name", port.name)
    if dtype != "float32" and port.representation != "tensor":
        fail(f"{side} dtype", dtype, "must be float32", "export the model in float32")
    if len(sizes) != len(port.layout):
        fail(f"{side}.layout", ",".join(port.layout), f"must name the {len(sizes)} axes of {list(sizes)}", "correct it")
    rule = {"batch": 1, "channels": port.n_channels if port.representation != "tensor" else None}
    for axis, size in zip(port.layout, sizes, strict=True):
        wanted = rule.get(axis)
        if isinstance(size, int) and wanted is not None and size != wanted:
            fail(f"{side} axis {axis}", size, f"must be {wanted}", "export the model so")
    _check_bins(m, side, port, sizes)


def _check_bins(m: Manifest, side: str, port: Port, sizes: tuple[int | str | None, ...]) -> None:
    size = dict(zip(port.layout, sizes, strict=True)).get("bins")
    if not isinstance(size, int) or port.representation == "tensor":
        return
    if port.bands is not None:
        if size != port.bands.n_bands:
            fail("input.bands.n_bands", port.bands.n_bands, f"must be the tensor's {size} bands", f"try {size}")
    elif m.n_fft is None:
        fail("n_fft", None, f"must be given, for the {side} has a fixed size of {size} bins", f"try {2 * (size - 1)}")
    elif (port.first_bin, port.n_bins) == (0, None) and size != m.n_fft // 2 + 1:
        fail("n_fft", m.n_fft, f"must fit the {side}'s {size} bins (n_fft/2 + 1)", f"try {2 * (size - 1)}")
    elif size != port.frame_layout.used(m.n_fft // 2 + 1):
        fail(f"{side}.n_bins", port.n_bins, f"must be the tensor's {size} bins", f"try {size}")


def _check_state(where: str, state: State, inputs: Signature, outputs: Signature) -> None:
    for side, name, signature in (("input", state.input, inputs), ("output", state.output, outputs)):
        dtype, sizes = signature.find(f"{where}.{side}", name)
        if dtype != state.dtype:
            fail(f"{where}.dtype", state.dtype, f'must be that of "{name}": {dtype}', f"write {dtype}")
        wanted = [None if side == "output" and axis == state.append_axis else n for axis, n in enumerate(state.shape)]
        if len(wanted) != len(sizes) or not all(map(_fits, wanted, sizes)):
            fail(f"{where}.shape", list(state.shape), f'must fit "{name}": {list(sizes)}', "correct one of them")


def _check_constant(where: str, constant: Constant, inputs: Signature) -> None:
    dtype, sizes = inputs.find(f"{where}.input", constant.input)
    if dtype != constant.dtype:
        fail(f"{where}.dtype", constant.dtype, f'must be that of "{constant.input}": {dtype}', f"write {dtype}")
    if len(sizes) != len(constant.shape) or not all(map(_fits, constant.shape, sizes)):
        fail(f"{where}.shape", list(constant.shape), f'must fit "{constant.input}": {list(sizes)}', "correct it")


def _fits(wanted: int | None, size: int | str | None) -> bool:
    return wanted is None or not isinstance(size, int) or wanted == size


def _check_valid(name: str, inputs: Signature) -> None:
    dtype, sizes = inputs.find("valid_input", name)
    if dtype != "float32" or len(sizes) != 1:
        fail("valid_input", name, f"must be float32 [frames], not {dtype} {list(sizes)}", "correct the graph")


def _check_parameter(p: Parameter, inputs: Signature) -> None:
    where = f'parameter "{p.name}"'
    dtype, sizes = inputs.find(f"{where}.tensor", p.tensor)
    if dtype != "float32":
        fail(f"{where}.tensor", p.tensor, f"must be float32, not {dtype}", "export it in float32")
    if not all(isinstance(size, int) for size in sizes):
        fail(f"{where}.tensor", p.tensor, f"must have fixed sizes, not {list(sizes)}", "export it so")
    n_values = prod(size for size in sizes if isinstance(size, int))
    if p.index >= n_values:
        fail(f"{where}.index", p.index, f'must be below the {n_values} values of "{p.tensor}"', f"try {n_values - 1}")


# ------------------------------------------------------------------------------------------ from make_streaming


def with_stream(values: Mapping[str, Any], stream: Mapping[str, Any] | None) -> dict[str, Any]:
    """Fields of a manifest with what `make_streaming` wrote filled in where nothing else is said."""
    if stream is None:
        return dict(values)
    first = next(iter(stream["outputs"].values()))
    found = {key: stream[key] for key in ("states", "delay_frames", "flush_frames", "rate", "period", "valid_input")}
    found["length"] = first["length"]
    if stream.get("inexact"):
        found["inexact"] = stream["inexact"]
    return {**found, "look_ahead_frames": stream["delay_frames"], **values}
