"""The proof that a streaming model must pass before it is given out: it loads, its numbers are the offline ones.

Both run on noise at two lengths that are no multiple of anything, in calls of uneven sizes. Where they differ, all
tensors of both are compared in the order of the graph: the first that differs names the node.
"""

from collections.abc import Iterator

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto

from rtspec.errors import ModelError

from .load import Inputs
from .refuse import NotStreamable, differs, does_not_load, whole_periods_only
from .rewrite import watched
from .rewritten import Rewritten
from .rules.registry import attribute
from .run import StreamingRun, random_clip, run_offline
from .trials import with_outputs

# Prime numbers of frames beside the longest memory, and calls that never fall on the same place twice.
PRIMES = (23, 41)
CALLS = (1, 7, 2, 13)
# Rounding flips a threshold here or there; what is wrong is wrong in the same frame of every clip.
TRIES = 3
# Greatest difference from the peak, in steps of the number format: 3e-5 in single precision. Half precision has steps
# so wide that a few of them are a fault: .016 of the peak.
TOLERANCE_STEPS: dict[str, int] = {"float16": 16, "float32": 250, "float64": 250}


def prove(
    original: ModelProto, offline: ModelProto, inputs: Inputs, made: Rewritten, states: str, lengths: str
) -> None:
    """Refuse a streaming model that does not load or gives other numbers than the offline one.

    Parameters
    ----------
    original, offline : onnx.ModelProto
        The model as it was given, and as the rules took it.
    inputs : Inputs
        Shapes and time axes.
    made : Rewritten
        The walk's result.
    states, lengths : str
        As for `make_streaming`.

    Raises
    ------
    NotStreamable
        Naming the first node whose numbers differ.
    ModelError
        If onnxruntime does not run the offline model itself.
    """
    run = _loaded(made, offline)
    _runs_at_all(run, original, inputs, made, offline)
    for n_frames in _lengths(original, inputs, made, lengths):
        clips = [_clip(original, inputs, n_frames, seed) for seed in range(TRIES)]
        if _differ_in_all(original, run, clips):
            node = _first_that_differs(original, offline, inputs, clips, states, made.stream.attention_frames)
            raise _refusal(original, inputs, made, run, node)
    if lengths == "any":
        _lengths_hold(original, offline, inputs, made)


def _lengths_hold(original: ModelProto, offline: ModelProto, inputs: Inputs, made: Rewritten) -> None:
    """Refuse outputs that have another length for some remainder of a period, and a greatest of a window that the
    stream would take of fewer frames at such an end: noise seldom shows that, since it mostly lies among the others."""
    judged = {node.input[0] for node in offline.graph.node if node.op_type == "MaxPool" and _pools_time(node, made)}
    judged |= {value.name for value in offline.graph.output}
    if made.period() == 1 or not inputs.dynamic:
        return
    flows = made.stream.flows
    flowing = [name for node in offline.graph.node for name in node.output if name in flows]
    watching, least = with_outputs(offline, flowing), _prime_after(PRIMES[0] + made.reach())
    for n_frames in range(least, least + min(made.period(), PRIMES[0])):
        if _runs(original, inputs, n_frames) is not None:
            continue
        found = run_offline(watching, _clip(original, inputs, n_frames, 0))
        wrong = {name for name in flowing if found[name].shape[flows[name].axis] != flows[name].clock.length(n_frames)}
        if wrong & judged:
            node = next(node for node in offline.graph.node if wrong.intersection(node.output))
            raise whole_periods_only(node, made.period())


def _pools_time(node: NodeProto, made: Rewritten) -> bool:
    """Whether a pool's window holds several frames."""
    flow = made.stream.flows.get(node.input[0])
    return flow is not None and flow.axis >= 2 and attribute(node, "kernel_shape")[flow.axis - 2] > 1


def _runs_at_all(run: StreamingRun, original: ModelProto, inputs: Inputs, made: Rewritten, offline: ModelProto) -> None:
    """Refuse what onnxruntime loads and cannot run, by the node whose name its error holds."""
    clip = _clip(original, inputs, made.period() * max(PRIMES), 0)
    try:
        run.clip(clip, [n * made.period() for n in CALLS])
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise _unloaded(error, offline) from error


def _refusal(
    original: ModelProto, inputs: Inputs, made: Rewritten, run: StreamingRun, node: NodeProto
) -> NotStreamable:
    """What to say of a node whose numbers differ: for any clip, or but for clips that end within a period."""
    if made.period() == 1 or not inputs.dynamic:
        return differs(node)
    n_frames = made.period() * _prime_after(PRIMES[0] + made.reach())
    clips = [_clip(original, inputs, n_frames, seed) for seed in range(TRIES)]
    if _runs(original, inputs, n_frames) or _differ_in_all(original, run, clips):
        return differs(node)
    return whole_periods_only(node, made.period())


def _loaded(made: Rewritten, offline: ModelProto) -> StreamingRun:
    try:
        return StreamingRun(made.model())
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise _unloaded(error, offline) from error


def _unloaded(error: Exception, offline: ModelProto) -> NotStreamable:
    text = " ".join(str(error).split())
    named = [node for node in offline.graph.node if node.name and node.name in text]
    node = max(named, key=lambda node: len(node.name), default=offline.graph.node[-1])
    return does_not_load(node, text[:200])


def _lengths(original: ModelProto, inputs: Inputs, made: Rewritten, lengths: str) -> list[int]:
    """Two odd lengths; whole periods where the offline model itself takes nothing else; its own where it is fixed."""
    if not inputs.dynamic:
        return [inputs.n_frames]
    if made.stream.bounded:  # equal as long as the bound is not reached
        return [min(n, min(made.stream.bounded)) for n in PRIMES]
    odd = [_prime_after(n + made.reach()) for n in PRIMES]
    free = [lengths == "any" and _runs(original, inputs, n) is None for n in odd]
    chosen = [n if taken else n * made.period() for n, taken in zip(odd, free, strict=True)]
    errors = [
        error for n, taken in zip(chosen, free, strict=True) if not taken and (error := _runs(original, inputs, n))
    ]
    if errors:
        reason = " ".join(str(errors[0]).split())[:200]
        raise ModelError(f"onnxruntime does not run the offline model ({reason}); export it again") from errors[0]
    return chosen


def _runs(original: ModelProto, inputs: Inputs, n_frames: int) -> Exception | None:
    try:
        run_offline(original, _clip(original, inputs, n_frames, 0))
    except Exception as error:  # onnxruntime's errors share no base class of their own
        return error
    return None


def _clip(original: ModelProto, inputs: Inputs, n_frames: int, seed: int) -> dict[str, np.ndarray]:
    """Noise; in every other clip its magnitudes, which is what many networks expect."""
    clip = random_clip(original, inputs, n_frames, np.random.default_rng(seed))
    return {name: np.abs(v) if seed % 2 and v.dtype.kind == "f" else v for name, v in clip.items()}


def _differ_in_all(original: ModelProto, run: StreamingRun, clips: list[dict[str, np.ndarray]]) -> bool:
    """Whether some frame of an output differs in every clip."""
    period, number = run.manifest["period"], narrowest(original)
    wrong: np.ndarray | None = None
    for clip in clips:
        wanted, streamed = run_offline(original, clip), run.clip(clip, [n * period for n in CALLS])
        axes = {name: entry["axis"] for name, entry in run.manifest["outputs"].items()}
        if any(wanted[name].shape != streamed[name].shape for name in axes):
            return True
        frames = np.concatenate(
            [wrong_frames(wanted[name], streamed[name], axis, number) for name, axis in axes.items()]
        )
        wrong = frames if wrong is None else wrong & frames
        if not wrong.any():
            return False
    return True


def narrowest(model: ModelProto) -> str:
    """The number format that rounds most: a file whose inside was converted to half precision keeps floats outside."""
    half = any(
        attribute.name == "to" and attribute.i == TensorProto.FLOAT16
        for node in model.graph.node
        if node.op_type == "Cast"
        for attribute in node.attribute
    )
    return "float16" if half else "float32"


def wrong_frames(wanted: np.ndarray, streamed: np.ndarray, axis: int, number: str = "float32") -> np.ndarray:
    """Which frames along an axis hold other numbers than they should, beyond rounding to them or to `number` inside.
    Two outputs of one shape and dtype; bool of shape (n_frames,) comes back."""
    others = tuple(i for i in range(wanted.ndim) if i != axis)
    if wanted.dtype.kind != "f":
        return np.asarray((wanted != streamed).any(others))
    finite = np.isfinite(wanted)
    peak = float(np.abs(wanted[finite]).max(initial=0)) or 1.0
    near = np.abs(np.where(finite, wanted, 0).astype(np.float64) - np.where(finite, streamed, 0))
    step = "float16" if number == "float16" else wanted.dtype.name
    allowed = TOLERANCE_STEPS[step] * float(np.finfo(step).eps) * peak
    same = np.where(finite, near <= allowed, _alike(wanted, streamed))
    return np.asarray((~same).any(others))


def _alike(wanted: np.ndarray, streamed: np.ndarray) -> np.ndarray:
    return (wanted == streamed) | (np.isnan(wanted) & np.isnan(streamed))


def _first_that_differs(
    original: ModelProto,
    offline: ModelProto,
    inputs: Inputs,
    clips: list[dict[str, np.ndarray]],
    states: str,
    attention_frames: int | None,
) -> NodeProto:
    """The first node whose tensor differs in all clips and makes an output differ, or the last node where none does."""
    stream = watched(offline, inputs, states, attention_frames)
    run, everything = StreamingRun(stream.model()), with_outputs(offline, list(stream.outputs))
    wrong = set(stream.outputs)
    for clip in clips:
        wanted, streamed = run_offline(everything, clip), run.clip(clip, [n * stream.period() for n in CALLS])
        axes = {name: entry["axis"] for name, entry in run.manifest["outputs"].items()}
        number = narrowest(original)
        wrong &= {name for name, axis in axes.items() if _apart(wanted[name], streamed[name], axis, number)}
    return next(_leading_to_outputs(offline, wrong), original.graph.node[-1])


def _leading_to_outputs(model: ModelProto, wrong: set[str]) -> Iterator[NodeProto]:
    """The nodes, in order, from whose wrong tensors others lead to an output: the mean of what has no mean is rounding,
    other in each run, and moves nothing behind it."""
    reached, found = {value.name for value in model.graph.output}, list[NodeProto]()
    for node in reversed(model.graph.node):
        if any(name in reached and name in wrong for name in node.output):
            found.append(node)
            reached.update(node.input)
    return reversed(found)


def _apart(wanted: np.ndarray, streamed: np.ndarray, axis: int, number: str) -> bool:
    return wanted.shape != streamed.shape or bool(wrong_frames(wanted, streamed, axis, number).any())


def _prime_after(n: int) -> int:
    """The next prime number."""
    return next(m for m in range(n, 2 * n + 2) if all(m % d for d in range(2, int(m**0.5) + 1)))
