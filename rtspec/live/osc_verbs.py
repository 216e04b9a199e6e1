"""What OSC may ask of a live stream besides moving parameters: presets, the pad's corners, undo and snapshots.

==============================  ======================================================================================
``/rtspec/preset name``         load a preset
``/rtspec/preset/list``         answer ``/rtspec/preset/name`` (name, MIDI program or -1) for each, then
                                ``/rtspec/preset/end`` with their number
``/rtspec/pad/corners a b …``   play the pad (``/rtspec/pad/x``, ``/y``) between two or four presets; without arguments:
                                answer their names
``/rtspec/undo``, ``redo``      take the last preset back, or its taking back; answers 1, or 0 where there is none
``/rtspec/snapshot name``       keep the present values under a name, until the stream ends
``/rtspec/recall name``         go back to them
==============================  ======================================================================================
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..errors import InvalidValue

if TYPE_CHECKING:
    from ..control import Bank, History
    from ..control.pad import Pad

_ROOT = "/rtspec"


def osc_verbs(
    load: Callable[[str], None], bank: "Bank", history: "History", pad: "Pad"
) -> dict[str, Callable[[list], list]]:
    """What to call for each address; it gets the message's arguments and gives the answers."""
    return {
        f"{_ROOT}/preset": lambda a: load(_word("preset", a)) or [],
        f"{_ROOT}/preset/list": lambda a: _listed(bank),
        f"{_ROOT}/pad/corners": lambda a: _cornered(bank, pad, a),
        f"{_ROOT}/undo": lambda a: [(f"{_ROOT}/undo", [int(history.undo())])],
        f"{_ROOT}/redo": lambda a: [(f"{_ROOT}/redo", [int(history.redo())])],
        f"{_ROOT}/snapshot": lambda a: history.snapshot(_word("snapshot", a)) or [],
        f"{_ROOT}/recall": lambda a: history.recall(_word("recall", a)) or [],
    }


def _listed(bank: "Bank") -> list:
    names = bank.names()
    programs = bank.programs()
    listed = [(f"{_ROOT}/preset/name", [name, programs.get(name, -1)]) for name in names]
    return [*listed, (f"{_ROOT}/preset/end", [len(names)])]


def _cornered(bank: "Bank", pad: "Pad", arguments: list) -> list:
    if arguments:
        pad.set_corners([bank.get(_word("pad/corners", [name])) for name in arguments])
    return [(f"{_ROOT}/pad/corners", list(pad.corners))]


def _word(verb: str, arguments: list) -> str:
    """The one text that a message has."""
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise InvalidValue(f"{_ROOT}/{verb} takes names, each a text; send 'Default', say")
    return arguments[0]
