"""Random graphs over the rewriter's rules: each streams to its offline result, or is refused by the name of a node.

Run ``python bench/streaming_graphs.py --graphs 2000`` (some ten minutes). Graphs are drawn as in tests/property, then
given a random operator set and single or double precision; some have several ports, take a waveform (the STFT
operator), quantise statically or by the frame. A refusal is judged, too: what the named node reads streams by itself,
and with the node it does not. The exit status is 1 where a graph is accepted and wrong, or a wrong node is named.

With ``--broken``, faults are put into each stream that is equal (a delay off by one, a state lost, ends not padded, a
weight off), and the table says how many move an output and are called wrong.
"""

import argparse
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from onnx import ModelProto

from rtspec.errors import ModelError
from rtspec.models.streaming import NotStreamable, make_streaming
from rtspec.models.streaming.load import inputs_of
from rtspec.models.streaming.run import StreamingRun, random_clip, run_offline

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS / "property"), str(TESTS / "support")]
graphs: Any = import_module("test_streaming_graphs")
forms: Any = import_module("drawn_ports")
rounded: Any = import_module("rounded")
faults: Any = import_module("broken_streams")

graphs.STEPS += graphs.LARGER_STEPS
OPSETS = (11, 12, 13, 14, 15, 16, 17)
NEWER = (18, 19, 20)
NEW_IN_17 = {"LayerNormalization", "STFT"}
"""Operators that no older set has."""
WRITTEN_OTHERWISE = {"ReduceMean", "Split"}
"""Operators that the drawn graphs write as sets before 18 do."""
SINGLE_ONLY = {"GRU", "LSTM", "RNN", "QuantizeLinear", "DynamicQuantizeLinear"}
"""Operators that onnxruntime runs in single precision alone."""
LENGTHS = (73, 96)
FAINTEST_PEAK = 0.05
ILL = "as near to the truth as the offline result is"
WRONG, WRONG_NODE, BY_PROOF = "WRONG", "WRONG NODE", "refused by the proof alone"
Clip = dict[str, np.ndarray]


def varied(model: ModelProto, random: Random) -> ModelProto:
    """The graph in another operator set and, now and then, in double precision."""
    operators = {node.op_type for node in model.graph.node}
    older = () if operators & NEW_IN_17 else OPSETS
    model.opset_import[0].version = random.choice((*older, 17, *(() if operators & WRITTEN_OTHERWISE else NEWER)))
    if random.random() < 0.3 and not operators & SINGLE_ONLY:
        rounded.widen(model)
    return model


def drawn(random: Random) -> Any:
    """A graph of one form or another; half of them have one port on either side."""
    form = random.choice((None, None, None, None, *FORMS))
    made = forms.Drawn(graphs.draw(random)) if form is None else form(random)
    if made.parts is None:
        varied(made.model, random)
    return made


FORMS = (forms.several_ports, forms.waveform, forms.quantised, forms.scaled_by_frame)


def outcome(seed: int) -> str:
    """What became of one graph: equal, refused, not valid ONNX (or not run by onnxruntime), off by no more than
    the offline result is itself where operators round otherwise, or WRONG."""
    random = Random(seed)
    each, clips = drawn_with_clips(random, seed)
    if not clips:
        return "not run by onnxruntime"
    options = each.options or {}
    try:
        run = StreamingRun(make_streaming(each.model, **options))
    except NotStreamable as refusal:
        return judged(each, refusal, options)
    except ModelError:
        return "not valid"
    found = [compared(each, run, clip, [random.randint(1, 20) for _ in range(3)]) for clip in clips]
    return next((result for result in (WRONG, ILL) if result in found), "equal")


def drawn_with_clips(random: Random, seed: int) -> tuple[Any, list[Clip]]:
    """A graph, and noise of the lengths for which onnxruntime runs it."""
    each = drawn(random)
    clips = [noise(each, n + random.randint(0, 1), seed) for n in LENGTHS]
    return each, [clip for clip in clips if runs(each, clip)]


def noise(each: Any, n_frames: int, seed: int) -> Clip:
    """A clip for so many frames."""
    steps, inputs = (
        each.first + (n_frames - 1) * each.hop,
        inputs_of(each.model, (each.options or {}).get("time_axes"), None),
    )
    return random_clip(each.model, inputs, steps, np.random.default_rng(seed + 1))


def runs(each: Any, clip: Clip) -> bool:
    """Whether the offline model itself runs: branches of different rates meet only for some lengths."""
    try:
        run_offline(each.model, clip)
    except Exception:  # onnxruntime's errors share no base class of their own
        return False
    return True


def wanted_of(each: Any, clip: Clip) -> Clip:
    """The offline result; where each frame has a scale of its own, of the first part frame by frame."""
    if each.parts is None:
        return run_offline(each.model, clip)
    return run_offline(each.parts[1], forms.by_frame(*each.parts, clip))


def compared(each: Any, run: StreamingRun, clip: Clip, calls: list[int]) -> str:
    """A clip in calls beside the whole of it."""
    wanted, given = wanted_of(each, clip), run.clip(clip, calls)
    if any(wanted[name].shape != given[name].shape for name in wanted):
        return WRONG
    # A graph may by chance compute nothing but rounding errors.
    allowed = {name: graphs.TOLERANCE * max(np.abs(value).max(), FAINTEST_PEAK) for name, value in wanted.items()}
    errors = {name: np.abs(value - given[name]).max() for name, value in wanted.items()}
    if all(errors[name] <= allowed[name] for name in wanted):
        return "equal"
    model, read = (each.model, clip) if each.parts is None else (each.parts[1], forms.by_frame(*each.parts, clip))
    return ILL if rounded.explained(model, read, wanted, given, allowed) else WRONG


# ---------------------------------------------------------------------------------------- refusals


def judged(each: Any, refusal: NotStreamable, options: dict[str, Any]) -> str:
    """Whether the node that a refusal names is its cause: what it reads streams, and with it it does not, or the graph
    streams without it."""
    if "report this model" in refusal.remedy:
        return BY_PROOF
    node = next((n for n in each.model.graph.node if refusal.node in (n.name, *n.output)), None)
    if node is None:
        return f"{WRONG_NODE} (no such node)"
    weights = {tensor.name for tensor in each.model.graph.initializer} | {v.name for v in each.model.graph.input}
    read = [name for name in node.input if name and name not in weights]
    if read and streams(forms.up_to(each.model, read), options) is False:
        return f"{WRONG_NODE} (what it reads is no better)"
    alone = streams(forms.up_to(each.model, list(node.output)), options)
    if alone is False:
        return "refused, and the node is the cause"
    if read and streams(forms.without(each.model, node, read[0]), options):
        return "refused, and without the node it streams"
    return f"{WRONG_NODE} (it streams, and without it the graph does not)" if alone else "refused, node not judged"


def streams(model: ModelProto, options: dict[str, Any]) -> bool | None:
    """Whether a graph is accepted; None where there is nothing to stream in it (a number, a count of frames)."""
    try:
        make_streaming(model, **options)
    except NotStreamable:
        return False
    except ModelError:
        return None
    return True


def broken(seed: int) -> list[str]:
    """For each fault put into the stream of a graph that moves any output, whether it is called wrong."""
    random = Random(seed)
    each, clips = drawn_with_clips(random, seed)
    try:
        streaming = make_streaming(each.model, **(each.options or {}))
    except ModelError:
        return []
    calls = [random.randint(1, 20) for _ in range(3)]
    sound = StreamingRun(streaming).clip(clips[-1], calls) if clips else {}
    found = []
    for fault, run in faults.broken(streaming) if clips else ():
        given = run.clip(clips[-1], calls)
        if not all(np.array_equal(given[name], value) for name, value in sound.items()):
            found.append(f"{fault}: {compared(each, run, clips[-1], calls)}")
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Random graphs, streamed and compared.")
    parser.add_argument("--graphs", type=int, default=2000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the first graph's number")
    parser.add_argument("--broken", action="store_true", help="put faults in, and see whether they are found")
    options = parser.parse_args()
    found: Counter[str] = Counter()
    for seed in range(options.seed, options.seed + options.graphs):
        if options.broken:
            found.update(broken(seed))
            continue
        result = outcome(seed)
        found[result] += 1
        if result.startswith((WRONG, BY_PROOF)):
            print(f"graph {seed}: {'accepted and wrong' if result == WRONG else result}", flush=True)
    print("\n".join(["| outcome | graphs |", "|---|---|", *(f"| {name} | {n} |" for name, n in found.most_common())]))
    sys.exit(1 if any(name.startswith("WRONG") for name in found) else 0)


if __name__ == "__main__":
    main()
