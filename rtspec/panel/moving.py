"""Verbs that move parameters, the chain, presets and the map."""

import time
from pathlib import Path

from ..checks import flag, number, text
from ..control.assignments import Assignment, read_assignment
from ..control.bank import user_folder
from ..control.midi.messages import Control
from ..errors import InvalidValue
from ..schema import by_name, integer, optional
from .desk import Desk
from .verbs import several, verb

_MOST_POINTS, _MOST_ADDRESSES = 600, 64


@verb("set", address=text, value=number)
def _set(desk: Desk, client: int, address: str, value: float) -> None:
    desk.set(address, value)


@verb("reset", address=text)
def _reset(desk: Desk, client: int, address: str) -> None:
    desk.set(address, desk.parameter(address).spec.default)


@verb("place", values=by_name(number, most=512))
def _place(desk: Desk, client: int, values: dict[str, float]) -> None:
    desk.place(values)


@verb("loop", addresses=several(text, _MOST_ADDRESSES), points=several(several(number, 65), _MOST_POINTS))
def _loop(desk: Desk, client: int, addresses: list[str], points: list[list[float]]) -> None:
    if not addresses:
        raise InvalidValue("a path without parameters moves nothing; name those that it moves")
    specs = [desk.parameter(address).spec for address in addresses]
    for point in points:
        for spec, value in zip(specs, point[1:], strict=False):
            spec.check(value)
    desk.remember("loop")
    desk.loops.begin(addresses, points, time.monotonic())


@verb("unloop", address=text)
def _unloop(desk: Desk, client: int, address: str) -> None:
    desk.loops.end(address)


# The chain ------------------------------------------------------------------------------------------------------------


@verb("add", "adding to the chain", slow=True, spec=text, at=optional(integer(0, 1000)))
def _add(desk: Desk, client: int, spec: str, at: int | None) -> None:
    from ..processors.catalogue import create, entry_of

    argument = spec.partition(":")[2]
    if "/" in argument or "\\" in argument:
        raise InvalidValue(f"{spec!r} names a file of this machine; drop the model onto the panel instead")
    entry_of(spec.partition(":")[0])
    desk.rack.add(create(spec), at)


@verb("remove", slow=True, card=text)
def _remove(desk: Desk, client: int, card: str) -> None:
    desk.rack.remove(card)


@verb("move", slow=True, card=text, to=integer(0, 1000))
def _move(desk: Desk, client: int, card: str, to: int) -> None:
    desk.rack.move(card, to)


@verb("shift", slow=True, card=text, by=integer(-1000, 1000))
def _shift(desk: Desk, client: int, card: str, by: int) -> None:
    desk.rack.shift(card, by)


@verb("bypass", slow=True, card=text, on=optional(flag))
def _bypass(desk: Desk, client: int, card: str, on: bool | None) -> None:
    desk.rack.bypass(card, on)


# Presets --------------------------------------------------------------------------------------------------------------


@verb("load", "loading the preset", slow=True, name=text)
def _load(desk: Desk, client: int, name: str) -> None:
    desk.controllers.load(name)


@verb("save", slow=True, name=text, program=optional(integer(0, 127)), replace=flag)
def _save(desk: Desk, client: int, name: str, program: int | None, replace: bool) -> str:
    return f"saved as {desk.controllers.bank.save(name, program, replace)}"


@verb("corners", slow=True, names=several(text, 4))
def _corners(desk: Desk, client: int, names: list[str]) -> None:
    bank = desk.controllers.bank
    desk.controllers.pad.set_corners([bank.get(name) for name in names])


@verb("undo")
def _undo(desk: Desk, client: int) -> str | None:
    return None if desk.controllers.history.undo() else "there is nothing to undo"


@verb("redo")
def _redo(desk: Desk, client: int) -> str | None:
    return None if desk.controllers.history.redo() else "there is nothing to redo"


# The map --------------------------------------------------------------------------------------------------------------

_HOW = {
    "channel": optional(integer(1, 16)),
    "minimum": optional(number),
    "maximum": optional(number),
    "curve": optional(text),
    "take_over": flag,
    "toggle": flag,
}


@verb("learn", address=text, **_HOW)
def _learn(desk: Desk, client: int, address: str, **how) -> str | None:
    learning = desk.controllers.midi_map.learn(desk.parameter(address), **how)
    desk.learning = address, learning
    return None if desk.controllers.midi is not None else "no MIDI port is open; choose one under Devices"


@verb("cancel")
def _cancel(desk: Desk, client: int) -> None:
    desk.controllers.midi_map.cancel()


@verb("assign", row=read_assignment, control=text, **_HOW)
def _assign(desk: Desk, client: int, row: Assignment, control: str, **how) -> None:
    desk.controllers.midi_map.exchange(row, Assignment(row.parameter, Control.parse(control), **how))


@verb("unassign", row=read_assignment)
def _unassign(desk: Desk, client: int, row: Assignment) -> None:
    desk.controllers.midi_map.exchange(row, None)


@verb("save_map", slow=True, name=text)
def _save_map(desk: Desk, client: int, name: str) -> str:
    path = _map_file(name)
    desk.controllers.midi_map.save(path)
    return f"the map is saved as {path}; play with it by --map"


@verb("load_map", slow=True, name=text)
def _load_map(desk: Desk, client: int, name: str) -> str:
    path, known = _map_file(name), saved_maps()
    if path.stem not in known:
        raise InvalidValue(f"unknown map {name!r}; saved are {', '.join(known) or 'none'}")
    desk.controllers.midi_map.load(path)
    return f"the map {name} is in use"


def saved_maps() -> list[str]:
    """Names of the maps that were saved."""
    return sorted(path.stem for path in (user_folder().parent / "maps").glob("*.json"))


def _map_file(name: str) -> Path:
    from ..control.presets import check_name

    return user_folder().parent / "maps" / f"{check_name(name)}.json"
