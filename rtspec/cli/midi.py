"""``rtspec midi``: which ports there are, what comes through one, and which control shall move a parameter."""

import argparse
import threading
import time
from collections import deque
from dataclasses import asdict
from pathlib import Path

from .. import options
from ..console import emit
from .chain import add_chain_arguments, make_chain
from .midi_map import edit_map

EXAMPLE = "rtspec midi learn --processor onnx:tilt-gate --parameter tilt_db_per_octave --map my-map.json"
_KEPT = 10_000
_POLL_S = 0.01
_TIMING = ("clock", "active_sensing")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do, at which port, for how long; for learn: the chain, its parameters and the file."""
    parser.add_argument(
        "action", choices=tuple(ACTIONS), help="list ports, print what comes in, learn a control, or edit a map"
    )
    parser.add_argument(
        "edit", nargs="?", choices=("show", "set", "clear"), help="map: show it, set a control, clear a parameter's"
    )
    parser.add_argument(
        "--port", default="auto", metavar="NAME", help="port: name, part of it, or index (default auto)"
    )
    parser.add_argument(
        "--seconds", type=options.seconds, metavar="N", help="monitor: end after N seconds (default: Ctrl-C)"
    )
    parser.add_argument("--count", type=int, metavar="N", help="monitor: end after N messages")
    parser.add_argument("--timing", action="store_true", help="monitor: clock ticks and active sensing too")
    parser.add_argument(
        "--parameter",
        action="append",
        metavar="NAME",
        help="learn: move a knob for this parameter; repeats; map set, map clear: which",
    )
    parser.add_argument(
        "--map", metavar="FILE", help="learn, map: the map to write; one that exists is kept and added to"
    )
    parser.add_argument(
        "--timeout", type=options.seconds, default=30.0, metavar="N", help="learn: wait N seconds (30) for each"
    )
    parser.add_argument("--take-over", action="store_true", help="learn, map set: it acts once it has met the value")
    parser.add_argument(
        "--toggle", action="store_true", help="learn, map set: a button that springs back, each press to the other end"
    )
    parser.add_argument("--control", metavar="NAME", help="map set: 'cc 21', 'rel-twos 21', 'nrpn 133', 'bend' …")
    parser.add_argument("--channel", type=int, metavar="N", help="map set: 1 to 16 (default: any)")
    parser.add_argument("--minimum", type=float, metavar="X", help="map set: the value at the control's lower end")
    parser.add_argument("--maximum", type=float, metavar="X", help="map set: the value at its upper end")
    parser.add_argument("--curve", metavar="NAME", help="map set: linear, log, exp, switch or volume")
    add_chain_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Do what was asked."""
    ACTIONS[args.action](args)


def _list(args: argparse.Namespace) -> None:
    from ..control.midi.ports import list_ports

    found = {f"{direction}s": list_ports(direction) for direction in ("input", "output")}
    text = "\n".join(f"{kind}:\n" + ("\n".join(map(str, ports)) or "    none") for kind, ports in found.items())
    if not found["inputs"]:
        text += "\nplug a controller in, or start a JACK server"
    emit(args, {kind: [asdict(port) for port in ports] for kind, ports in found.items()}, text)


# Monitor --------------------------------------------------------------------------------------------------------------


def _monitor(args: argparse.Namespace) -> None:
    from ..control.midi.inputs import MidiInput

    heard: deque[dict] = deque(maxlen=_KEPT)
    with MidiInput(args.port, report=None if args.json else _say) as source:
        if not args.json:
            _say(f"listening to {source.port.name if source.port else 'the first port that comes'}; Ctrl-C ends it")
        _hear(source, heard, args)
        statistics = source.statistics.as_dict()
    counts = ", ".join(f"{value} {name.replace('_', ' ')}" for name, value in statistics.items())
    emit(args, {"messages": list(heard), "statistics": statistics}, counts)


def _hear(source, heard: deque, args: argparse.Namespace) -> None:
    """Print and keep messages until the time is over, so many have come, or Ctrl-C, which is a good end too."""
    start, count, pause = time.monotonic(), 0, threading.Event()
    try:
        while not (args.seconds and time.monotonic() - start >= args.seconds):
            for event in source.read():
                if args.timing or event.message.type not in _TIMING:
                    count += 1
                    heard.append({"time_s": round(event.time_s - start, 6), "message": _text(event.message)})
                    if not args.json:
                        _say(f"{heard[-1]['time_s']:10.4f} s  {heard[-1]['message']}")
                if args.count and count >= args.count:
                    return
            pause.wait(_POLL_S)
    except KeyboardInterrupt:
        return


# Learn ----------------------------------------------------------------------------------------------------------------


def _learn(args: argparse.Namespace) -> None:
    from ..control.mapping import MidiMap
    from ..control.midi.inputs import MidiInput
    from ..errors import InvalidValue

    if not (args.parameter and args.map):
        raise InvalidValue("midi learn needs a parameter and a file; add --parameter mix --map my-map.json")
    midi_map = MidiMap(make_chain(args))
    if Path(args.map).exists():
        midi_map.load(args.map)
    for parameter in args.parameter:
        midi_map.directory.parameter(parameter)
    learning = midi_map.learn(
        args.parameter[0], take_over=args.take_over, toggle=args.toggle
    )  # before the port opens: no motion is missed
    with MidiInput(args.port, midi_map, None if args.json else _say) as source:
        for parameter in args.parameter:
            learning = learning or midi_map.learn(parameter, take_over=args.take_over, toggle=args.toggle)
            _await(learning, parameter, source, args)
            midi_map.save(args.map)
            learning = None
    lines = [f"{assignment.control} → {assignment.parameter}" for assignment in midi_map]
    data = {"map": str(args.map), "assignments": [assignment.as_dict() for assignment in midi_map]}
    emit(args, data, "\n".join([*lines, f"written to {args.map}"]))


def _await(learning, parameter: str, source, args: argparse.Namespace) -> None:
    from ..errors import DeviceError

    if not args.json:
        _say(f"move the knob for {parameter}")
    if learning.wait(args.timeout) is None:
        there = repr(source.port.name) if source.port else "any port: there is none"
        raise DeviceError(f"no control moved in {args.timeout:g} s at {there}; rtspec midi monitor shows what comes in")


def _text(message) -> str:
    return str(message).removesuffix(" time=0")


def _say(line: str) -> None:
    print(line, flush=True)


ACTIONS = {"list": _list, "monitor": _monitor, "learn": _learn, "map": edit_map}
