"""Rules between the fields of a manifest: each takes all of it and fails as :func:`rtspec.checks.fail` does."""

from base64 import b64decode
from collections import Counter
from collections.abc import Iterable
from math import prod

import numpy as np

from ...checks import fail
from .fields import COMPLEX, LOGARITHMS, MAX_STATE_BYTES, Manifest, Port, State


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
    if port.exponent != 1 and port.representation in ("power", "bands", "samples", "tensor"):
        fail(f"{side}.exponent", port.exponent, f'must be 1 for representation="{port.representation}"', "leave it out")
    if "samples" in (m.input.representation, port.representation) or (port.first_bin, port.n_bins) == (0, None):
        return
    if port.representation in ("bands", "tensor"):
        fail(f"{side}.n_bins", port.n_bins, f'does not fit representation="{port.representation}"', "leave it out")
    if m.n_fft is None:
        fail("n_fft", None, f"must be given where {side} has first_bin or n_bins", "give it")
    most = m.n_fft // 2 + 1 - port.first_bin
    if most < 1 or (port.n_bins or 1) > most:
        there = f"must lie in the {m.n_fft // 2 + 1} bins of n_fft={m.n_fft}"
        fail(f"{side}.n_bins", f"{port.n_bins} from bin {port.first_bin}", there, f"try {max(most, 1)}")


def _samples_rule(m: Manifest) -> None:
    """Samples fill the window; what comes out of them is a block, or gains on it."""
    length = m.window_length or m.n_fft
    for side, port in (("input", m.input), ("output", m.output)):
        if port.representation != "samples":
            continue
        if length is None or m.hop is None:
            fail("n_fft", m.n_fft, f"must be given, and hop, where {side} has samples", "give both")
        least = length if side == "input" else m.hop
        if port.n_bins is None or not least <= port.n_bins <= length:
            there = f"the window's {length}" if least == length else f"{least} (the hop) to {length} (the window)"
            fail(f"{side}.n_bins", port.n_bins, f"must be {there} samples", f"try {length}")
        if "bins" not in port.layout:
            fail(f"{side}.layout", ",".join(port.layout), 'must have "bins", the axis of samples', "name it")
    if m.input.representation == "samples" and m.output.representation not in ("samples", "gain", "tensor"):
        rule = 'must be "samples" or "gain" where the input has samples'
        fail("output.representation", m.output.representation, rule, "say what comes out")
    if m.input.representation == "samples" and m.output.representation == "gain":
        if m.output.n_bins not in (1, m.hop):
            rule = f"must be 1 or {m.hop}: a gain for the newest hop, or for each of its samples"
            fail("output.n_bins", m.output.n_bins, rule, "try 1")
        if m.window != "rectangular":
            fail("window", m.window, "must be rectangular for gains on samples", 'write window="rectangular"')


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


def _audio_rule(m: Manifest) -> None:
    for side, port in (("input", m.input), ("output", m.output)):
        if m.audio_channels > 1 and (port.layout[0] != "batch" or port.representation == "tensor"):
            rule = f'must begin with "batch", the {m.audio_channels} channels that are heard together'
            fail(f"{side}.layout", ",".join(port.layout), rule, 'try "batch,bins,time", or "audio" for their axis')


def _constants_rule(m: Manifest) -> None:
    for k, constant in enumerate(m.constants):
        if len(constant.values) not in (1, prod(constant.shape)):
            rule = f"must be 1 or the {prod(constant.shape)} values of shape {list(constant.shape)}"
            fail(f"constants[{k}].values", f"{len(constant.values)} values", rule, "correct one of them")
        for value in constant.values:
            if not _holds(np.dtype(constant.dtype), value):
                fail(f"constants[{k}].values", value, f"must be values of {constant.dtype}", "change the dtype")


RULES = (
    _plan_rule,
    _representation_rule,
    _samples_rule,
    _states_rule,
    _names_rule,
    _parameter_rule,
    _constants_rule,
    _frames_rule,
    _audio_rule,
)
