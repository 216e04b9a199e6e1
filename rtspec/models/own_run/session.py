"""A session of our own: a program, and memory to run it in, with the face of onnxruntime's sessions."""

import ctypes
from collections.abc import Mapping, Sequence

import numpy as np

from ...buffers.memory import address, aligned, aligned_copy
from ..one_call.form import CallForm
from ..run_call import RunCall, constant_copy
from .checking import check
from .kernels import RUN, addresses
from .program import BLOCK, MAGIC, Place, program_of

_ENDED = b"the run was ended\0"


def is_program(content: bytes) -> bool:
    """Whether this is a program, and no file of onnxruntime's."""
    return content.startswith(MAGIC)


class OwnSession:
    """A program with its weights; each caller has rows of its own.

    Parameters
    ----------
    content : bytes
        As :meth:`~.program.Program.content` gives it.

    Raises
    ------
    ModelError
        A step would reach beyond its rows.
    """

    form: CallForm

    def __init__(self, content: bytes):
        self.program = program_of(content)
        check(self.program)
        self._data = aligned_copy(np.frombuffer(self.program.data, np.uint8))
        self._steps = constant_copy(self.program.steps)

    def caller(self, inputs: list[str], outputs: list[str], phases: list, why: str | None) -> RunCall:
        """How a stage calls it, whose tensors of even and odd calls these are."""
        rows = _Rows(self, inputs, outputs, lanes_of(self.program.inputs, inputs, phases[0][0]))
        places = [[address(array) for side in phase for array in side] for phase in phases]
        run, itself = addresses()
        table, options = constant_copy(np.array(places, np.int64)), Options()
        keep = (self, rows, phases)
        return RunCall("own", why, run, itself, itself, rows.handle, table, options, keep)

    def shapes(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[tuple[int, ...]]:
        """Shapes of the outputs for one call. `feeds` are float32 arrays by input name, of the program's shapes."""
        lanes = lanes_of(self.program.inputs, list(feeds), list(feeds.values()))
        return [_shape(self.program.outputs[name], lanes) for name in outputs]

    def results(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The outputs of one call. `feeds` are float32 arrays by input name, of the program's shapes; so are
        results."""
        inputs = [aligned_copy(np.asarray(feeds[name], np.float32)) for name in self.program.inputs]
        made = [aligned(shape) for shape in self.shapes(feeds, outputs)]
        call = self.caller(list(self.program.inputs), outputs, [(inputs, made)] * 2, None)
        values, n, i64 = address(call.values), len(inputs), ctypes.c_int64
        run = ctypes.CFUNCTYPE(i64, *[i64] * 8)(call.run)
        run(call.session, call.options.handle, 0, values, n, 0, len(made), values + 8 * n)
        return made


def lanes_of(places: Mapping[str, Place], names: Sequence[str], arrays: Sequence[np.ndarray]) -> int:
    """How many lanes tensors have. Arrays are float32, of the shapes at `places`."""
    inputs = dict(zip(names, arrays, strict=True))
    found = {inputs[name].shape[p.lanes] for name, p in places.items() if p.lanes is not None and name in inputs}
    return max(found, default=1)


def _shape(place: Place, lanes: int) -> tuple[int, ...]:
    return tuple(lanes if i == place.lanes else n for i, n in enumerate(place.shape))


class _Rows:
    """Memory for the rows of a program, and the record that tells the kernel of all."""

    def __init__(self, session: OwnSession, inputs: list[str], outputs: list[str], lanes: int):
        program, outside = session.program, [session.program.inputs[name].row for name in inputs]
        made = [program.outputs[name].row for name in outputs]
        sizes = np.array(program.sizes, np.int64)
        rooms = -(-sizes // BLOCK) * BLOCK
        own = np.ones(len(sizes), bool)
        own[[*outside, *made, *program.constants]] = False
        laned = np.array(program.laned, bool)
        apart = 4 * np.where(own, rooms, sizes) * laned
        taken = np.where(own, rooms * np.where(laned, lanes, 1), 0)
        self.memory, self.said = aligned(int(taken.sum())), np.frombuffer(_ENDED, np.uint8).copy()
        self.apart, self.places = apart, aligned(len(sizes), np.int64)
        places = self.places
        places[:] = address(self.memory) + 4 * (np.cumsum(taken) - taken)
        for row, at in program.constants.items():
            places[row] = address(session._data) + at
        self._made = RUN.make(
            n_steps=len(program.steps),
            n_rows=len(sizes),
            n_lanes=lanes,
            n_inputs=len(inputs),
            n_made=len(outputs),
            steps=session._steps,
            apart=constant_copy(apart),
            inputs=constant_copy(np.array(outside, np.int64)),
            made=constant_copy(np.array(made, np.int64)),
            places=places,
            memory=address(self.memory),
            data=address(session._data),
            said=address(self.said),
        )
        self.handle = address(self._made.record)


class Options:
    """What a run looks at before it begins: whether runs shall end."""

    def __init__(self) -> None:
        self._ended = aligned(1, np.int64)
        self.handle = address(self._ended)

    def end(self, ended: bool) -> None:
        """Let runs fail at once, or go on again."""
        self._ended[0] = ended
