"""``rtspec midi map show|set|clear``: a map edited without moving a knob."""

import argparse
from pathlib import Path

from .. import checks
from ..console import emit
from ..errors import InvalidValue
from .chain import make_chain


def edit_map(args: argparse.Namespace) -> None:
    """Show a map, the defaults where there is no file; or change it and write it."""
    from ..control.mapping import MidiMap

    midi_map = MidiMap(make_chain(args))
    if args.map and Path(args.map).exists():
        midi_map.load(args.map)
    if args.edit in ("set", "clear"):
        if not args.map:
            raise InvalidValue(f"midi map {args.edit} needs the file that it changes; add --map my-map.json")
        (_set if args.edit == "set" else _clear)(args, midi_map)
        midi_map.save(args.map)
    data = {"map": args.map, "assignments": [assignment.as_dict() for assignment in midi_map]}
    emit(args, data, "\n".join([_line(assignment) for assignment in midi_map] or ["nothing is assigned"]))


def _set(args: argparse.Namespace, midi_map) -> None:
    from ..control.mapping import Assignment
    from ..control.midi.messages import Control

    if not args.control or len(args.parameter or ()) != 1:
        raise InvalidValue("midi map set needs one control and one parameter; add --control 'cc 21' --parameter mix")
    address = midi_map.directory.address_of(args.parameter[0])
    if args.channel is not None:
        checks.within("channel", args.channel, 1, 16, "leave it out for any")
    ends = args.channel, args.minimum, args.maximum
    wanted = Assignment(address, Control.parse(args.control), *ends, args.curve, args.take_over, args.toggle)
    wanted.ends(midi_map.directory[address])
    midi_map.remove(address)
    midi_map.add(wanted)


def _clear(args: argparse.Namespace, midi_map) -> None:
    """Forget the parameters that are named, or all."""
    names = args.parameter or list(dict.fromkeys(assignment.parameter for assignment in midi_map))
    for name in names:
        if not midi_map.remove(name):
            raise InvalidValue(f"nothing moves {name!r} in this map; rtspec midi map show lists what does")


def _line(assignment) -> str:
    on = "" if assignment.channel is None else f" on channel {assignment.channel}"
    ends = assignment.minimum, assignment.maximum
    span = "" if ends == (None, None) else f", {_end(ends[0])} to {_end(ends[1])}"
    more = [assignment.curve or "", "once it has met the value" if assignment.take_over else ""]
    more.append("each press the other end" if assignment.toggle else "")
    return f"{assignment.control}{on} → {assignment.parameter}{span}" + "".join(f", {word}" for word in more if word)


def _end(value: float | None) -> str:
    return "its end" if value is None else f"{value:g}"
