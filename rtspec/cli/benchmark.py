"""``rtspec benchmark engine|latency|many|model|panel|periods|phase|scene|soak``."""

import argparse
from collections.abc import Callable

from ..console import emit, progress, table
from ..errors import InvalidValue
from ..options import integers

EXAMPLE = "rtspec benchmark engine --seconds 60 --json"
_FIGURES = {
    "engine": "live streams while another Python thread burns the GIL: callbacks, underruns, equality with render",
    "latency": "an impulse around a JACK loop-back against the itemised latency; MIDI to sound, in two processes",
    "many": "how many learned processors play side by side on one engine: underruns, cores, what the machine held up",
    "model": "a model's time per frame through the C API, beside plain onnxruntime",
    "panel": "a stream with a panel in Chromium beside one without: callbacks, pictures a second, knob to sound",
    "periods": "every period of a JACK server, also changed while playing, with every block, several channel counts and"
    " pedalboard's plugins among ours: equal to render or not; exit status 1 where anything is not",
    "phase": "phase reconstruction: quality and time per frame of every method",
    "scene": "the scene equalizer: its listening side a block, and its share of a core, by mode",
    "soak": "ten minutes of live sound, MIDI, OSC, edits and model swaps at once: nothing lost, late or longer",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a figure."""
    choices = parser.add_subparsers(dest="figure", metavar="FIGURE", required=True)
    made = {name: choices.add_parser(name, help=text, description=text) for name, text in _FIGURES.items()}
    for each in made.values():
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
    for name in ("engine", "latency"):
        made[name].add_argument("--blocks", type=integers(1), default=(64, 128, 256), help="e.g. 64,128,256 (default)")
        made[name].add_argument("--rate", type=int, default=48000, metavar="HZ", help="sample rate (default 48000)")
    made["latency"].add_argument(
        "--phase", action="append", metavar="METHOD", help="rebuild phases by this method; may be repeated"
    )
    made["latency"].add_argument(
        "--processor", metavar="NAME[:WORD]", help="measure this one, at strength 0; and style's pads"
    )
    _add_engine_arguments(made["engine"])
    _add_many_arguments(made["many"])
    made["latency"].add_argument("--seconds", type=float, default=6.0, metavar="N", help="of notes (default 6)")
    made["panel"].add_argument("--seconds", type=float, default=60.0, metavar="N", help="with and without (default 60)")
    made["scene"].add_argument("--seconds", type=float, default=20.0, metavar="N", help="of sound (default 20)")
    made["scene"].add_argument("--rate", type=int, default=48000, metavar="HZ", help="sample rate (default 48000)")
    made["soak"].add_argument("--seconds", type=float, default=600.0, metavar="N", help="default 600; at least 10")
    made["soak"].add_argument("--block", type=int, default=128, metavar="N", help="frames (default 128)")
    made["soak"].add_argument("--rate", type=int, default=48000, metavar="HZ", help="sample rate (default 48000)")
    made["periods"].add_argument(
        "--periods", type=integers(1), metavar="N,N", help="of the server (default: ten from 32 to 2048)"
    )
    made["periods"].add_argument("--blocks", type=integers(0), metavar="N,N", help="0 is its own (default: six)")
    made["periods"].add_argument("--channels", type=integers(1), metavar="N,N", help="of a chain (default 1,2,4)")
    made["periods"].add_argument(
        "--chain", action="append", metavar="NAME,NAME", help="e.g. native:Delay,onnx:tilt-gate; may be repeated"
    )
    made["periods"].add_argument("--seconds", type=float, default=2.0, metavar="N", help="for each (default 2)")
    made["soak"].add_argument("--busy", action="store_true", help="while another program uses all processors")
    made["model"].add_argument("models", nargs="*", metavar="MODEL", help="files or names (default: all that ship)")
    made["phase"].add_argument("--audio", metavar="FOLDER", help="measure on these sound files")
    made["phase"].add_argument("--picture", metavar="FILE", help="draw quality against latency and cost, as PNG")


def _add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seconds", type=float, default=60.0, metavar="N", help="for each block (default 60)")
    parser.add_argument(
        "--processor", action="append", metavar="NAME[:MODEL]", help="of the chain (default inversion, onnx:tilt-gate)"
    )
    parser.add_argument("--cutoff", type=float, default=0.0, metavar="HZ", help="low-pass the test sound there")
    parser.add_argument(
        "--device",
        choices=("jack", "default", "virtual"),
        default="jack",
        help="a JACK dummy server started for it (default), the default device, or the virtual one",
    )


def _add_many_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kinds", nargs="*", metavar="KIND", help="bandwidth, inversion, timbre-synth (default: all)")
    parser.add_argument("--seconds", type=float, default=30.0, metavar="N", help="for each number (default 30)")
    parser.add_argument("--number", type=int, metavar="N", help="how many of each (default 8, 6 and 8)")
    parser.add_argument("--most", action="store_true", help="go on with half as many more until sound is lost")
    parser.add_argument("--device", choices=("jack", "default", "virtual"), default="jack", help="as of engine")


def run(args: argparse.Namespace) -> int:
    """Measure one figure; 1 where a promise does not hold."""
    figures = {"engine": _engine, "latency": _latency, "model": _model, "periods": _periods}
    return {**figures, "many": _many, "panel": _panel, "phase": _phase, "scene": _scene, "soak": _soak}[args.figure](
        args
    )


def _engine(args: argparse.Namespace) -> int:
    from ..benchmarks import engine as engine_benchmark

    chain = args.processor or engine_benchmark.CHAIN
    options = {"seconds": args.seconds, "device": args.device, "sample_rate": args.rate, "chain": chain}
    options["cutoff_hz"] = args.cutoff
    rows = _measured(args, lambda report: engine_benchmark.run(blocks=args.blocks, report=report, **options))
    chosen = ("block", "callbacks", "late_callbacks", "callback_p50_us", "callback_p99_us", "callback_max_us")
    rest = ("underruns", "frame_p99_us", "host_late", "host_late_max_ms", "delay_samples", "equal_to_render")
    shown = [{name.replace("_", " "): row[name] for name in (*chosen, *rest)} for row in rows]
    title = f"{' → '.join(chain)}: {args.seconds:g} s at {args.rate} Hz on {args.device}, GIL burnt meanwhile"
    data = {
        "seconds": args.seconds,
        "sample_rate": args.rate,
        "device": args.device,
        "chain": list(chain),
        "rows": rows,
    }
    emit(args, data, f"{title}\n\n{table(shown)}")
    return (
        0 if all(row["equal_to_render"] and not row["underruns"] and not row["late_callbacks"] for row in rows) else 1
    )


def _latency(args: argparse.Namespace) -> int:
    from ..benchmarks import latency as latency_benchmark
    from ..benchmarks import midi as midi_benchmark

    if args.processor:
        return _of_processor(args)
    phases = args.phase or ("",)
    rows = _measured(
        args, lambda report: latency_benchmark.run(args.blocks, phases=phases, sample_rate=args.rate, report=report)
    )
    shown = [{**{k: v for k, v in row.items() if k != "items"}, "items": _items(row["items"])} for row in rows]
    options = {"sample_rate": args.rate, "seconds": args.seconds}
    notes = _measured(args, lambda report: midi_benchmark.run(report=report, **options))
    listed = [{name.replace("_", " "): value for name, value in row.items()} for row in notes]
    data = {"sample_rate": args.rate, "rows": rows, "midi_to_sound": notes}
    emit(args, data, f"{table(shown)}\n\nMIDI to sound\n\n{table(listed)}")
    return 0 if all(row["equal"] for row in rows) and all(row["kept"] for row in notes if row["timed"]) else 1


def _of_processor(args: argparse.Namespace) -> int:
    from ..benchmarks import latency as latency_benchmark
    from ..benchmarks import pads

    options = {"sample_rate": args.rate, "processor": args.processor}
    rows = _measured(args, lambda report: latency_benchmark.run(args.blocks, report=report, **options))
    shown = [{**{k: v for k, v in row.items() if k != "items"}, "items": _items(row["items"])} for row in rows]
    text, data = table(shown), {"sample_rate": args.rate, "rows": rows}
    if args.processor.partition(":")[0] == "style":
        data["pads"] = _measured(args, lambda report: pads.run(args.blocks, args.rate, report=report))
        text += f"\n\nPad to change\n\n{table([{k.replace('_', ' '): v for k, v in r.items()} for r in data['pads']])}"
    emit(args, data, text)
    return 0 if all(row["equal"] for row in rows) and all(row["kept"] for row in data.get("pads", [])) else 1


def _items(items: dict[str, int]) -> str:
    return " + ".join(f"{name} {n}" for name, n in items.items())


def _measured(args: argparse.Namespace, measure: Callable) -> list[dict]:
    with progress(args.json) as bar:
        task = bar.add_task(f"{args.figure}", total=None)
        return measure(lambda row: bar.update(task, description=f"block {row['block']} done"))


def _model(args: argparse.Namespace) -> int:
    from ..benchmarks import model as model_benchmark
    from ..models import models

    rows = [model_benchmark.run(name) for name in args.models or models()]
    emit(args, {"rows": rows}, table(rows))
    return 0


def _many(args: argparse.Namespace) -> int:
    from ..benchmarks import many as many_benchmark

    wrong = [kind for kind in args.kinds if kind not in many_benchmark.KINDS]
    if wrong or (args.number is not None and not 1 <= args.number <= many_benchmark.MOST):
        asked = ", ".join(wrong) or f"--number {args.number}"
        raise InvalidValue(
            f"{asked}: kinds are {', '.join(many_benchmark.KINDS)}, numbers 1 to {many_benchmark.MOST}; try bandwidth"
        )
    options = {"seconds": max(2.0, args.seconds), "number": args.number, "most": args.most, "device": args.device}
    kinds = args.kinds or tuple(many_benchmark.KINDS)
    with progress(args.json) as bar:
        task = bar.add_task("many", total=None)
        rows = many_benchmark.run(
            kinds=kinds,
            report=lambda row: bar.update(task, description=f"{row['number']} {row['kind']} done"),
            **options,
        )
    columns = ("kind", "number", "holds", "underruns", "late_callbacks", "late_events", "frame_p50_us", "frame_p99_us")
    rest = ("cores", "host_late", "host_late_max_ms", "tried")
    shown = [{name.replace("_", " "): row[name] for name in (*columns, *rest)} for row in rows]
    holding = {kind: max((r["number"] for r in rows if r["kind"] == kind and r["holds"]), default=0) for kind in kinds}
    told = ", ".join(f"{n} {kind}" for kind, n in holding.items())
    emit(args, {"rows": rows, "holding": holding}, f"{table(shown)}\n\nplayed without a loss: {told}")
    wanted = {kind: args.number or many_benchmark.KINDS[kind] for kind in kinds}
    return 0 if all(holding[kind] >= wanted[kind] for kind in kinds) else 1


def _periods(args: argparse.Namespace) -> int:
    from ..benchmarks import periods as period_benchmark

    chains = tuple(tuple(names.split(",")) for names in args.chain or ()) or period_benchmark.CHAINS
    options = {
        "periods": args.periods or period_benchmark.PERIODS,
        "blocks": args.blocks or period_benchmark.BLOCKS,
        "channels": args.channels or period_benchmark.CHANNELS,
        "chains": chains,
    }
    with progress(args.json) as bar:
        task = bar.add_task("periods", total=None)
        rows = period_benchmark.run(
            **options,
            seconds=args.seconds,
            report=lambda row: bar.update(task, description=f"period {row['period']}"),
        )
    columns = (
        "what",
        "period",
        "block",
        "channels",
        "chain",
        "equal",
        "difference",
        "underruns",
        "delay",
        "measured_samples",
    )
    shown = [{name.replace("_", " "): row.get(name, "") for name in columns} for row in rows]
    emit(args, {"rows": rows}, table(shown))
    return 0 if all(row["equal"] for row in rows) else 1


def _phase(args: argparse.Namespace) -> int:
    from ..benchmarks import phase as phase_benchmark

    with progress(args.json) as bar:
        task = bar.add_task("phase", total=None)
        report = phase_benchmark.run(args.audio, report=lambda line: bar.update(task, description=line))
    if args.picture:
        report.plot(args.picture)
    emit(args, report.as_dict(), str(report))
    return 1 if report.dominated else 0


def _panel(args: argparse.Namespace) -> int:
    from ..benchmarks import panel as panel_benchmark

    with progress(args.json) as bar:
        bar.add_task(f"panel, {args.seconds:g} s with and without", total=None)
        row = panel_benchmark.run(max(4.0, args.seconds))
    sides = [{"panel": side, **row[side]} for side in ("with", "without")]
    figures = [{"figure": n.replace("_", " "), "value": v} for n, v in row.items() if not isinstance(v, dict)]
    kept = [{"promise": name, "kept": "yes" if kept else "NO"} for name, kept in row["promises"].items()]
    emit(args, row, f"{table(sides)}\n\n{table(figures)}\n\n{table(kept)}")
    return 0 if all(row["promises"].values()) else 1


def _soak(args: argparse.Namespace) -> int:
    from ..benchmarks import soak as soak_benchmark

    with progress(args.json) as bar:
        bar.add_task(f"soak, {args.seconds:g} s", total=None)
        row = soak_benchmark.run(max(10.0, args.seconds), args.block, args.rate, busy=args.busy)
    figures = [{"figure": name.replace("_", " "), "value": row[name]} for name in row if name != "promises"]
    kept = [{"promise": name, "kept": "yes" if kept else "NO"} for name, kept in row["promises"].items()]
    emit(args, row, f"{table(figures)}\n\n{table(kept)}")
    return 0 if all(row["promises"].values()) else 1


def _scene(args: argparse.Namespace) -> int:
    from ..benchmarks import scene as scene_benchmark

    rows = scene_benchmark.run(max(5.0, args.seconds), args.rate)
    emit(args, {"rows": rows}, table(rows))
    return 0
