"""What OSC may ask of a live stream besides moving parameters: presets, the pad's corners, undo, snapshots, modulation.

==============================  ======================================================================================
``/rtspec/preset name``         load a preset
``/rtspec/preset/list``         answer ``/rtspec/preset/name`` (name, MIDI program or -1) for each, then
                                ``/rtspec/preset/end`` with their number
``/rtspec/pad/corners a b …``   play the pad (``/rtspec/pad/x``, ``/y``) between two or four presets; without arguments:
                                answer their names
``/rtspec/undo``, ``redo``      take the last preset back, or its taking back; answers 1, or 0 where there is none
``/rtspec/snapshot name``       keep the present values under a name, until the stream ends
``/rtspec/recall name``         go back to them
``/rtspec/modulation/add …``    let a source move a parameter: "lfo:0.5" "z1" 0.3, then, if they are to be others than
                                "linear" 0 0, curve, attack and release in s; answers the route
``/rtspec/modulation/depth``    with n and x: another depth for the n-th route
``/rtspec/modulation/remove``   with n: take the n-th route out; ``/rtspec/modulation/clear`` takes out all
``/rtspec/modulation/list``     answer ``/rtspec/modulation/route`` (n, source, parameter, depth, curve, attack,
                                release) for each, then ``/rtspec/modulation/end`` with their number
==============================  ======================================================================================
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .. import checks
from ..control.modulation import SHAPED
from ..errors import InvalidValue

if TYPE_CHECKING:
    from ..control import Bank, History
    from ..control.modulation import Matrix, Route
    from ..control.pad import Pad

_ROOT = "/rtspec"
_MATRIX = f"{_ROOT}/modulation"


def osc_verbs(
    load: Callable[[str], None], bank: "Bank", history: "History", pad: "Pad", matrix: "Matrix"
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
        f"{_MATRIX}/list": lambda a: [*_routes(matrix), (f"{_MATRIX}/end", [len(matrix)])],
        f"{_MATRIX}/add": lambda a: _added(matrix, a),
        f"{_MATRIX}/depth": lambda a: matrix.reshape(_nth(matrix, "depth", a, 2), depth=a[1]) and [],
        f"{_MATRIX}/remove": lambda a: matrix.remove(_nth(matrix, "remove", a, 1)) or [],
        f"{_MATRIX}/clear": lambda a: matrix.clear() or [],
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


def _routes(matrix: "Matrix") -> list:
    return [(f"{_MATRIX}/route", [n, *route.values()]) for n, route in enumerate(matrix.as_dicts(), 1)]


def _added(matrix: "Matrix", arguments: list) -> list:
    if not 2 <= len(arguments) <= 2 + len(SHAPED) or not all(isinstance(word, str) for word in arguments[:2]):
        raise InvalidValue(
            f"{_MATRIX}/add takes a source and a parameter in words, then depth, curve, attack and release;"
            " send 'lfo:0.5' 'z1' 0.3, say"
        )
    source, parameter, *shape = arguments
    matrix.add(source, parameter, **dict(zip(SHAPED, shape, strict=False)))
    return _routes(matrix)[-1:]


def _nth(matrix: "Matrix", verb: str, arguments: list, n_arguments: int) -> "Route":
    """The route that a message counts, from 1."""
    number = arguments[0] if len(arguments) == n_arguments else None
    if not checks.is_integer(number) or not 1 <= number <= len(matrix):
        raise InvalidValue(f"{_MATRIX}/{verb} {number!r}: there are {len(matrix)} routes; count from 1")
    return matrix.routes[number - 1]


def _word(verb: str, arguments: list) -> str:
    """The one text that a message has."""
    if len(arguments) != 1 or not isinstance(arguments[0], str):
        raise InvalidValue(f"{_ROOT}/{verb} takes names, each a text; send 'Default', say")
    return arguments[0]
