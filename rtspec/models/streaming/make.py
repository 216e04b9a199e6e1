"""make_streaming: an offline ONNX model in, the same model frame by frame out."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from onnx import ModelProto

from rtspec.errors import InvalidValue

from ... import checks
from .by_frame import quantised_by_frame
from .load import Inputs, inputs_of, load
from .own_length import as_exported
from .prepare import prepare
from .prove import prove
from .refuse import NotStreamable, as_in_the_file
from .rewrite import rewrite
from .rewritten import Rewritten
from .run import difference, random_clip, run_offline, run_streaming
from .walk import Budget

# Frames of the random clip on which the cost of cutting look-ahead is measured.
TRIAL_FRAMES = 64


def make_streaming(
    model: str | Path | ModelProto,
    time_axes: Mapping[str, int] | None = None,
    *,
    max_delay_frames: int | None = None,
    cut: Literal["best", "truncate", "shift"] = "best",
    sizes: Mapping[str, int] | None = None,
    states: Literal["replace", "append"] = "replace",
    lengths: Literal["any", "periods"] = "any",
    attention_frames: int | None = None,
    quantise_frames: bool = False,
) -> ModelProto:
    """Turn a network made for whole clips into one that takes frames as they come and gives the same numbers.

    Parameters
    ----------
    model : str, Path or onnx.ModelProto
        Offline model; never changed.
    time_axes : mapping of str to int, optional
        Time axis of each input that carries frames, as in ``{"x": 2}``. Without it, the one dynamic axis of each input.
    max_delay_frames : int, optional
        Greatest delay in input frames. Where the exact model is later, look-ahead is cut: the result is *inexact*,
        and its manifest reports the error against the exact one.
    cut : {"best", "truncate", "shift"}
        How look-ahead is cut: future taps of the kernels are dropped, or the kernels are shifted towards the past;
        "best" measures both on noise and keeps the better.
    sizes : mapping of str to int, optional
        Values for other dynamic sizes by their names, as in ``{"streams": 1}``; what is named like a batch is 1.
    states : {"replace", "append"}
        Whether an output `state_out.k` is the next call's `state_in.k`, or only its newest frames, which the host
        appends along `append_axis` to a ring of its own (no copies of the older ones inside the model).
    lengths : {"any", "periods"}
        Whether the result must be equal for clips of any length, or is only ever given clips of whole periods (some
        networks pad or crop by amounts that depend on the remainder).
    attention_frames : int, optional
        How many frames, the newest one included, an attention sees that the network gives all frames so far. Equal to
        the offline model up to clips of so many frames, *inexact* beyond. Attention that the network limits itself
        needs none.
    quantise_frames : bool
        Give each frame a scale of its own where the network quantises dynamically (DynamicQuantizeLinear), whose scale
        is that of all frames of a call. *Inexact*: the manifest reports by how much.

    Returns
    -------
    onnx.ModelProto
        Inputs and outputs as before with any number of frames (a multiple of `period`), and beside them `state_in.k`,
        `state_out.k` and, where masks are needed, `valid` (float32 [frames]: 1 for frames of the clip, 0 for the
        frames of zeros that flush it). ``metadata_props["rtspec_stream"]`` holds the manifest as JSON, see Notes.

    Raises
    ------
    NotStreamable
        If a node needs the whole clip; the text names the node, the reason and the remedy. The result is run before it
        is given out, on noise at two lengths beside the offline model: a node at which they part is refused, too.
    ModelError
        If the file cannot be read or is no valid model.
    InvalidValue
        If an argument is wrong, or `max_delay_frames` cannot be reached.

    Notes
    -----
    Manifest: `version`; `time_axes` of inputs and outputs; `states` (input, output, shape, dtype, initial value: one
    number, or base64 of the bytes; `append_axis` with states="append"); `delay_frames`, the frames of the first
    output to drop (for networks that give one frame for each frame also the delay in input frames); `flush_frames`,
    the frames of zeros with `valid` = 0 to feed after the clip; `rate` (so many frames in, so many out); `period`, of
    which every call takes a multiple; `outputs`, for each its axis, its delay in its own frames and its length for a
    clip of T frames, ``up * ((T + phase) // down) + extra``; `valid_input`; `inexact` (null, or method, exact delay
    and error of a cut); `clip_frames` (null, or the one length of clip that the offline file takes: torch's newer
    exporter keeps the example's where a layer fixes it. Equality was proved for that length alone).

    Examples
    --------
    >>> streaming = make_streaming("offline.onnx", {"x": 2})       # doctest: +SKIP
    >>> onnx.save(streaming, "streaming.onnx")                      # doctest: +SKIP
    """
    checks.choice("cut", cut, ("best", "truncate", "shift"))
    checks.choice("states", states, ("replace", "append"))
    checks.choice("lengths", lengths, ("any", "periods"))
    if attention_frames is not None:
        checks.at_least("attention_frames", attention_frames, 1, "try 250")
    original = load(model)
    inputs = as_exported(original, inputs_of(original, time_axes, sizes))
    try:
        return _made(original, inputs, max_delay_frames, cut, states, lengths, attention_frames, quantise_frames)
    except NotStreamable as refusal:
        raise as_in_the_file(refusal, original) from refusal.__cause__


def _made(
    given: ModelProto,
    inputs: Inputs,
    max_delay_frames: int | None,
    cut: str,
    states: str,
    lengths: str,
    attention_frames: int | None,
    quantise_frames: bool,
) -> ModelProto:
    """The streaming model, exact or cut."""
    original = quantised_by_frame(given, inputs) if quantise_frames else given
    offline = prepare(original, inputs)
    exact = rewrite(offline, inputs, states=states, attention_frames=attention_frames)
    prove(original, offline, inputs, exact, states, lengths)
    report = _apart(given, original, inputs, exact.period()) if given is not original else None
    if max_delay_frames is None or exact.delay <= max_delay_frames:
        return exact.model(report)
    checks.at_least("max_delay_frames", max_delay_frames, 0, "try 0, which waits for nothing")
    trial = _Trial(given, inputs, exact, report)
    return _cut(offline, inputs, exact, max_delay_frames, cut, states, trial)


def _apart(given: ModelProto, original: ModelProto, inputs: Inputs, period: int) -> dict[str, Any]:
    """How far the network whose frames have scales of their own is from the file, in one call on a clip of noise."""
    n_frames = -(-TRIAL_FRAMES // period) * period if inputs.dynamic else inputs.n_frames
    clip = random_clip(given, inputs, n_frames, np.random.default_rng(0))
    wanted, made = run_offline(given, clip), run_offline(original, clip)
    name = next(iter(wanted))
    peak, rms = difference(wanted[name], made[name])
    return {"method": "quantised by the frame", "error_peak": peak, "error_rms": rms}


def _cut(
    offline: ModelProto,
    inputs: Inputs,
    exact: Rewritten,
    limit: int,
    method: str,
    states: str,
    trial: "_Trial",
) -> ModelProto:
    """The model with less look-ahead by one method, or by the one of both that errs less on noise."""
    frames = exact.stream.attention_frames
    methods = ("truncate", "shift") if method == "best" else (method,)
    budgets = [Budget(_shares(exact, limit), each) for each in methods]
    reports = [
        trial.report(_within(rewrite(offline, inputs, budget, "replace", frames), limit), budget.method)
        for budget in budgets
    ]
    best = min(range(len(methods)), key=lambda i: reports[i]["error_rms"])
    return rewrite(offline, inputs, budgets[best], states, frames).model(reports[best])


def _within(shorter: Rewritten, limit: int) -> Rewritten:
    if shorter.delay > limit:
        raise InvalidValue(
            f"max_delay_frames={limit} cannot be reached by cutting kernels: {shorter.delay} frames remain from "
            f"pooling, strides or crops; allow {shorter.delay}"
        )
    return shorter


class _Trial:
    """A clip of noise on which cut models are measured against the file; `before` is what was lost already."""

    def __init__(
        self, offline: ModelProto, inputs: Inputs, exact: Rewritten, before: dict[str, Any] | None = None
    ) -> None:
        period = exact.period()
        n_frames = -(-TRIAL_FRAMES // period) * period if inputs.dynamic else inputs.n_frames
        self._delay, self._before = float(exact.delay), f"{before['method']}, " if before else ""
        self._clip = random_clip(offline, inputs, n_frames, np.random.default_rng(0))
        self._wanted = run_offline(offline, self._clip)

    def report(self, cut: Rewritten, method: str) -> dict[str, Any]:
        """What the manifest says of a cut: errors are those of the first output, relative to its peak."""
        name, wanted = next(iter(self._wanted.items()))
        streamed = run_streaming(cut.model(), self._clip, 16 * cut.period())
        peak, rms = difference(wanted, streamed[name])
        return {
            "method": self._before + method,
            "exact_delay_frames": self._delay,
            "error_peak": peak,
            "error_rms": rms,
        }


def _shares(exact: Rewritten, limit: int) -> dict[str, int]:
    """Greatest delay of each tensor: its exact one, scaled down as the whole is."""
    share = Fraction(limit) / exact.delay
    return {
        name: int(flow.delay * share) if flow.delay > 0 else flow.delay for name, flow in exact.stream.flows.items()
    }
