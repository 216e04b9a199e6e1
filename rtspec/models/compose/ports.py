"""Networks with several inputs or outputs, bands and phases among them, as one from spectrum to spectrum.

What the host would have to do for each port is written as nodes around the network: features in front, and behind it
what the outputs make of the spectrum, one after the other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, helper

from ...errors import ModelError, existing
from ...frames.plan import FramePlan
from ...schema import axes, integer, number, one_of, optional, record, text
from ..manifest.fields import AXES, LOGARITHMS, STREAM_KEY, Bands, Port
from ..manifest.refusals import as_model_errors
from ..streaming import make_streaming
from .bands import KINDS, band_weights, spread_of
from .builder import Builder, floats

TAKEN = ("magnitude", "power", "log-magnitude", "phase", "real", "imaginary", "complex", "bands")
PRODUCED = ("gain", "magnitude", "power", "log-magnitude", "phase", "real", "imaginary", "complex-gain", "complex")
RAISED = ("magnitude", "complex")
"""What an exponent means something for."""
CANONICAL = ("batch", "channels", "time", "bins")
SPECTRUM, ENHANCED = "spectrum", "enhanced"
PREFIX = "network/"
LEAST = 1e-20
PER_NEPER = {"ln": 1.0, "log10": 1 / np.log(10), "db": 20 / np.log(10)}
FACTOR = number(-1e12, 1e12)
BANDS = record(
    Bands, kind=one_of(*KINDS), n_bands=integer(1, 65536), low_hz=number(0, 1e6), high_hz=optional(number(0, 1e6))
)


def _port(representations: Sequence[str]) -> Callable[[str, Any], Port]:
    return record(
        Port,
        name=text(longest=512, empty=False),
        representation=one_of(*representations),
        layout=axes(AXES),
        log=optional(one_of(*LOGARITHMS)),
        floor=number(0, 1e6),
        offset=FACTOR,
        scale=FACTOR,
        bands=optional(BANDS),
        first_bin=integer(0, 0),
        n_bins=optional(integer(1, 65536)),
        rest=one_of("zero"),
        exponent=number(1 / 64, 64),
    )


def with_ports(
    network: ModelProto,
    inputs: Sequence[Mapping[str, Any]],
    outputs: Sequence[Mapping[str, Any]],
    *,
    sample_rate: int,
    n_fft: int,
) -> ModelProto:
    """One complex spectrum in and one out, for a network whose ports are several, or bands, or phases.

    Parameters
    ----------
    network : onnx.ModelProto
        Offline, or one frame a call with states; inputs and outputs that no port names stay as they are (prefixed).
    inputs : sequence of mapping
        Ports as in a manifest: name, representation ("magnitude", "power", "log-magnitude", "phase" in radians,
        "real", "imaginary", "complex" or "bands"), layout, log, floor, offset, scale, exponent, bands (kind
        "third-octave", "mel-htk", "mel-slaney", "erb" or "bark"; n_bands, low_hz, high_hz). Bands are of the power.
    outputs : sequence of mapping
        Applied to the spectrum in this order: "gain" (one a bin; with bands, one a band) and "complex-gain" multiply
        it, "magnitude", "power" and "log-magnitude" give it another magnitude, "phase" another phase, "real" and
        "imaginary" another of these parts, "complex" is a new one.
    sample_rate, n_fft : int
        Hz, samples: where bands lie.

    Returns
    -------
    onnx.ModelProto
        "spectrum" [1, 2, frames, n_fft/2 + 1] to "enhanced", layout batch, channels, time, bins.

    Raises
    ------
    ModelError
        If a port does not fit the network.
    """
    with as_model_errors():
        taken = [_port(TAKEN)(f"input[{k}]", dict(each)) for k, each in enumerate(inputs)]
        made_ports = [_port(PRODUCED)(f"output[{k}]", dict(each)) for k, each in enumerate(outputs)]
    _check_names("input", [port.name for port in taken], [value.name for value in network.graph.input])
    _check_names("output", [port.name for port in made_ports], [value.name for value in network.graph.output])
    _check_exponents([*taken, *made_ports])
    _check_pace(network, taken[0], made_ports[0])
    plan = FramePlan(sample_rate=sample_rate, n_fft=n_fft, hop=n_fft, window="rectangular")
    graph = Builder([network])
    made = graph.embed(network, PREFIX, {port.name: _feature(graph, port, plan) for port in taken})
    spectrum = SPECTRUM
    for port in made_ports:
        spectrum = _applied(graph, port, _canonical(graph, port, made[port.name], plan), spectrum, plan)
    graph.named(spectrum, ENHANCED)
    kept = _others(network.graph.input, {port.name for port in taken} | {t.name for t in network.graph.initializer})
    more = _others(network.graph.output, {port.name for port in made_ports})
    frames = _frames(network, taken[0])
    sizes = (1, 2, frames, plan.n_bins)
    name = network.graph.name or "network"
    return graph.model([floats(SPECTRUM, *sizes), *kept], [floats(ENHANCED, *sizes), *more], name)


def one_spectrum(proto: ModelProto, fields: Mapping[str, Any]) -> tuple[ModelProto, dict[str, Any]]:
    """A network and the fields of its manifest, where input or output may be lists of ports: joined, and made streaming
    where it is made for whole clips.

    Raises
    ------
    ModelError
        If sample rate or n_fft is missing, or the file was made streaming with its ports apart.
    """
    fields = dict(fields)
    sides = [fields.get(side) for side in ("input", "output")]
    if not any(isinstance(each, list) for each in sides):
        return proto, fields
    for name in ("input", "output", "sample_rate", "n_fft"):
        if fields.get(name) is None:
            raise ModelError(f"{name} must be said where a side has several ports; {HOW[name]}")
    if any(entry.key == STREAM_KEY for entry in proto.metadata_props):
        raise ModelError("several ports are joined before a model is made streaming; give the offline file")
    inputs, outputs = (list(each) if isinstance(each, list) else [existing(each)] for each in sides)
    joined = with_ports(proto, inputs, outputs, sample_rate=fields["sample_rate"], n_fft=fields["n_fft"])
    if len(joined.graph.input) == 1 and not joined.graph.input[0].type.tensor_type.shape.dim[2].dim_value:
        joined = make_streaming(joined, {SPECTRUM: CANONICAL.index("time")})
    rest = {"representation": "complex", "layout": list(CANONICAL)}
    return joined, {**fields, "input": {"name": SPECTRUM, **rest}, "output": {"name": ENHANCED, **rest}}


HOW = {
    "input": "name them: --set input=…",
    "output": "name them: --set output=…",
    "sample_rate": "say --sample-rate 16000",
    "n_fft": "say --n-fft 512",
}


def _check_names(side: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    for name in wanted:
        if name not in there:
            raise ModelError(
                f'{side} "{name}" must be one of the graph\'s {side}s: {", ".join(there)}; correct the name'
            )


def _check_exponents(ports: Sequence[Port]) -> None:
    for port in ports:
        if port.exponent != 1 and port.representation not in RAISED:
            raise ModelError(
                f'"{port.name}": exponent={port.exponent:g} must be 1 for representation="{port.representation}"; '
                "only magnitude and complex are raised to one"
            )


def _check_pace(network: ModelProto, source: Port, goal: Port) -> None:
    taken, given = (_frames(network, port) for port in (source, goal))
    if isinstance(taken, int) and isinstance(given, int) and taken != given:
        raise ModelError(
            f'"{source.name}" takes {taken} frames a call and "{goal.name}" gives {given}: the host would hand it '
            "frames of earlier calls; export it so that it keeps them itself, as a cache that goes in and comes out"
        )


def _others(values, known: set[str]) -> list:
    """Inputs or outputs that no port names, under their new names."""
    made = []
    for value in values:
        if value.name not in known:
            shape = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in value.type.tensor_type.shape.dim]
            made.append(helper.make_tensor_value_info(PREFIX + value.name, value.type.tensor_type.elem_type, shape))
    return made


def _frames(network: ModelProto, port: Port) -> int | str:
    """What the network says of its number of frames."""
    value = next(each for each in (*network.graph.input, *network.graph.output) if each.name == port.name)
    dims = value.type.tensor_type.shape.dim
    if len(dims) != len(port.layout) or "time" not in port.layout:
        raise ModelError(
            f'the layout {",".join(port.layout)} of "{port.name}" must name its {len(dims)} axes, "time" among them'
        )
    dim = dims[port.layout.index("time")]
    return dim.dim_value if dim.HasField("dim_value") else "frames"


# ------------------------------------------------------------------------------------------ in front


def _feature(graph: Builder, port: Port, plan: FramePlan) -> str:
    """The tensor that an input takes."""
    re, im = (graph.part(SPECTRUM, 1, k, k + 1) for k in (0, 1))
    power = graph.total(graph.product(re, re), graph.product(im, im))
    n_values, kind = plan.n_bins, port.representation
    if kind == "bands":
        weights = _weights(port, plan)
        power, n_values = graph.node("MatMul", power, graph.constant(weights.T)), len(weights)
    made = {
        "phase": lambda: _phase(graph, re, im),
        "real": lambda: re,
        "imaginary": lambda: im,
        "complex": lambda: _complex(graph, power, port.exponent),
        "power": lambda: power,
    }.get(kind, lambda: _size(graph, port, power))()
    if port.offset:
        made = graph.total(made, graph.constant(port.offset))
    return _laid_out(graph, port, made if port.scale == 1 else graph.product(made, port.scale), n_values)


def _weights(port: Port, plan: FramePlan) -> np.ndarray:
    if port.bands is None:
        raise ModelError(
            f'"{port.name}" has representation="bands" and no bands; say which: {{"kind": "erb", "n_bands": 32}}'
        )
    return band_weights(port.bands, plan)


def _size(graph: Builder, port: Port, power: str) -> str:
    """Magnitudes raised to the port's exponent, or their logarithm; bands without one are powers."""
    if port.log is None:
        if port.representation == "bands":
            return power
        size = graph.node("Sqrt", power)
        return size if port.exponent == 1 else graph.node("Pow", size, graph.constant(port.exponent))
    if port.log == "log1p":
        size = power if port.representation == "bands" else graph.node("Sqrt", power)
        return graph.node("Log", graph.total(size, graph.constant(1.0)))
    # The floor is one of magnitudes; a logarithm of the power is twice that of the magnitude.
    floored = graph.node("Max", power, graph.constant(float(np.float32(max(port.floor**2, LEAST)))))
    twice = 2.0 if port.representation == "bands" and port.log != "db" else 1.0
    return graph.product(graph.node("Log", floored), float(0.5 * twice * PER_NEPER[port.log]))


def _complex(graph: Builder, power: str, exponent: float) -> str:
    if exponent == 1:
        return SPECTRUM
    stretched = graph.node("Pow", graph.total(power, graph.constant(LEAST)), graph.constant((exponent - 1) / 2))
    return graph.product(SPECTRUM, stretched)


def _phase(graph: Builder, re: str, im: str) -> str:
    """Radians, −π to π, from an operator set without atan2: π/2 · sign(im) where re is 0."""
    zero, pi = graph.constant(0.0), graph.constant(float(np.pi))
    level = graph.node("Equal", re, zero)
    safe = graph.node("Where", level, graph.constant(1.0), re)
    half = graph.node("Atan", graph.node("Div", im, safe))
    down = graph.node("Less", im, zero)
    turn = graph.node("Where", down, graph.node("Neg", pi), pi)
    behind = graph.node("Where", graph.node("Less", re, zero), graph.total(half, turn), half)
    upright = graph.product(graph.node("Sign", im), float(np.pi / 2))
    return graph.node("Where", level, upright, behind)


def _laid_out(graph: Builder, port: Port, x: str, n_values: int) -> str:
    """[1, parts, frames, values] in the port's own order of axes."""
    missing = [axis for axis in CANONICAL if axis not in port.layout]
    order = [CANONICAL.index(axis) for axis in [*missing, *port.layout]]
    turned = graph.node("Transpose", x, perm=order)
    sizes = {"batch": 1, "channels": 2 if port.representation == "complex" else 1, "time": -1, "bins": n_values}
    if not missing:
        return turned
    return graph.node("Reshape", turned, graph.constant([sizes[axis] for axis in port.layout]))


# ------------------------------------------------------------------------------------------ behind


def _canonical(graph: Builder, port: Port, x: str, plan: FramePlan) -> str:
    """An output as [1, parts, frames, values], its offset and scale undone."""
    n_values = port.bands.n_bands if port.bands else plan.n_bins
    missing = [axis for axis in CANONICAL if axis not in port.layout]
    parts = 2 if port.representation in ("complex", "complex-gain") else 1
    sizes = {"batch": 1, "channels": parts, "time": -1, "bins": n_values}
    whole = [*missing, *port.layout]
    if missing:
        x = graph.node("Reshape", x, graph.constant([sizes[axis] for axis in whole]))
    x = graph.node("Transpose", x, perm=[whole.index(axis) for axis in CANONICAL])
    if port.scale != 1:
        x = graph.product(x, 1 / port.scale)
    return x if not port.offset else graph.node("Sub", x, graph.constant(port.offset))


def _applied(graph: Builder, port: Port, x: str, spectrum: str, plan: FramePlan) -> str:
    """The spectrum after an output was applied to it."""
    re, im = (graph.part(spectrum, 1, k, k + 1) for k in (0, 1))
    kind = port.representation
    if kind == "complex":
        return _undone(graph, x, port.exponent)
    if kind in ("real", "imaginary"):
        return graph.joined(1, *((x, im) if kind == "real" else (re, x)))
    if kind == "complex-gain":
        a, b = (graph.part(x, 1, k, k + 1) for k in (0, 1))
        real = graph.node("Sub", graph.product(re, a), graph.product(im, b))
        return graph.joined(1, real, graph.total(graph.product(re, b), graph.product(im, a)))
    if kind == "gain":
        spread = graph.node("MatMul", x, graph.constant(spread_of(port.bands, plan))) if port.bands else x
        return graph.product(spectrum, spread)
    power = graph.total(graph.product(re, re), graph.product(im, im))
    if kind == "phase":
        size = graph.node("Sqrt", power)
        return graph.joined(1, *(graph.product(size, graph.node(each, x)) for each in ("Cos", "Sin")))
    old = graph.node("Sqrt", graph.node("Max", power, graph.constant(LEAST)))
    return graph.product(spectrum, graph.node("Div", _wanted(graph, port, x), old))


def _undone(graph: Builder, x: str, exponent: float) -> str:
    """A complex spectrum whose magnitudes were raised to an exponent."""
    if exponent == 1:
        return x
    squares = graph.product(x, x)
    power = graph.total(graph.part(squares, 1, 0, 1), graph.part(squares, 1, 1, 2), graph.constant(LEAST))
    return graph.product(x, graph.node("Pow", power, graph.constant((1 / exponent - 1) / 2)))


def _wanted(graph: Builder, port: Port, x: str) -> str:
    """The linear magnitude that an output means."""
    if port.representation == "log-magnitude":
        if port.log == "log1p":
            return graph.node("Sub", graph.node("Exp", x), graph.constant(1.0))
        x = graph.node("Exp", graph.product(x, float(1 / PER_NEPER[port.log or "ln"])))
    x = graph.node("Relu", x)
    if port.representation == "power":
        return graph.node("Sqrt", x)
    return x if port.exponent == 1 else graph.node("Pow", x, graph.constant(1 / port.exponent))
