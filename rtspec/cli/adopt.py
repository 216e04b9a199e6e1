"""``rtspec adopt FILE [PACKAGE]``."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from ..console import emit

EXAMPLE = "rtspec adopt gtcrn_simple.onnx gtcrn.onnx --like gtcrn"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The file, what is known of it, and where the package goes."""
    parser.add_argument("file", help="a frame-by-frame ONNX network, its states among its inputs and outputs")
    parser.add_argument("package", nargs="?", help="the package to write (default: FILE-rtspec.onnx)")
    parser.add_argument("--like", metavar="NAME", help="a recipe for a public model (--recipes lists them)")
    parser.add_argument("--sample-rate", type=int, metavar="HZ", help="of the sound that it was trained on")
    parser.add_argument("--window", metavar="NAME", help="hann, sqrt-hann, hamming, rectangular, sine, vorbis, …")
    parser.add_argument("--n-fft", type=int, metavar="N", help="samples (default: from the number of bins)")
    parser.add_argument("--hop", type=int, metavar="N", help="samples (default: half of n_fft)")
    parser.add_argument("--name", help="of the package (default: the file's)")
    parser.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        type=_field,
        default=[],
        help="any field of the manifest; repeats, e.g. --set input.representation=log-magnitude --set input.log=ln",
    )
    parser.add_argument(
        "--constant",
        metavar="INPUT=VALUE",
        action="append",
        type=_constant,
        default=[],
        help="an input that is the same in every call; repeats",
    )
    parser.add_argument("--as-it-is", action="store_true", help="take it although it seems to hide a memory")
    parser.add_argument("--unheard", action="store_true", help="play no test sound through it")


def run(args: argparse.Namespace) -> None:
    """Propose, try, write, listen, and say what is unsure."""
    from ..models.adopt import adopt

    target = args.package or str(Path(args.file).with_suffix("")) + "-rtspec.onnx"
    made = adopt(
        args.file,
        target,
        like=args.like,
        answers=_answers(args),
        constants=dict(args.constant),
        ask=_ask if sys.stdin.isatty() and sys.stderr.isatty() and not args.json else None,
        as_it_is=args.as_it_is,
    )
    heard = None if args.unheard else _heard(target, made.fields)
    doubts = [*made.doubts, *(heard["doubts"] if heard else [])]
    data = {**made.to_dict(), "heard": heard, "doubts": doubts}
    emit(args, data, "\n".join(_lines(made, heard, doubts)))


def _answers(args: argparse.Namespace) -> dict[str, Any]:
    named = {name: getattr(args, name) for name in ("sample_rate", "window", "n_fft", "hop", "name")}
    return {**{name: value for name, value in named.items() if value is not None}, **dict(args.set)}


def _heard(path: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    """What the test sound says; None for models that no processor plays."""
    from ..models.sandbox import sandboxed

    if "tensor" in (fields["input"]["representation"], fields["output"]["representation"]):
        return None
    return sandboxed("rtspec.evaluation.audition:heard", path=path)


def _lines(made, heard: dict[str, Any] | None, doubts: list[str]) -> list[str]:
    f = made.fields
    plan = f"{f['sample_rate']} Hz, n_fft {f['n_fft']}, hop {f['hop']}, window {f['window']}"
    lines = [f"{made.path}: {plan}", *(f"  found    {line}" for line in made.found)]
    lines += [f"  {side:<8} {_port(f[side])}" for side in ("input", "output")]
    if heard:
        lines.append(f"  heard    {_hearing(heard)}")
    lines += [f"  UNSURE   {line}" for line in doubts] or ["  nothing is unsure"]
    return [*lines, f"check it: rtspec validate {made.path}; play it: rtspec live --processor onnx:{made.path}"]


def _port(port: dict[str, Any]) -> str:
    more = {key: value for key, value in port.items() if key not in ("name", "representation", "layout")}
    return f'"{port["name"]}" [{", ".join(port["layout"])}] {port["representation"]} {json.dumps(more) if more else ""}'


def _hearing(heard: dict[str, Any]) -> str:
    out = "silence" if heard["level_out_db"] is None else f"{heard['level_out_db']:.1f} dB"
    measured = {name: heard[f"{name}_samples"] for name in ("impulse", "correlation")}
    words = [f"{'not measurable' if n is None else n} by {name}" for name, n in measured.items()]
    levels = f"{heard['level_in_db']:.1f} dB in, {out} out; {heard['not_finite']} samples not finite"
    return f"{levels}; delay {heard['stated_samples']} samples stated, {', '.join(words)}"


def _ask(name: str) -> str:
    print(f"{name}: no graph says it; what was it trained with? ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline()


def _field(text: str) -> tuple[str, Any]:
    """FIELD=VALUE; a value may be JSON, a layout is a list of words."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: write FIELD=VALUE, e.g. output.representation=gain")
    if name.endswith(".layout"):
        return name, [word.strip() for word in value.split(",")]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _constant(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        return name, float(number)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: write INPUT=VALUE, e.g. sr=16000") from None
