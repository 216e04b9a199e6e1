"""The graph being written: nodes, shared constants, and the histories that become state inputs and outputs."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

# An end beyond any length: "to the end" in Slice.
TO_END = 2**31 - 1
# From this operator set on, sums take their axes as an input, and Resize needs no region.
AXES_ARE_INPUTS = 13


@dataclass(frozen=True)
class State:
    """A tensor that lives from call to call: its input, its output and what it holds before the first call."""

    input: str
    output: str
    shape: tuple[int, ...]
    element_type: int
    initial: float | np.ndarray
    appends_to: int | None = None  # the axis along which the newest frames are appended, where the host keeps the ring
    axis: int | None = None  # the time axis of a history

    def value_infos(self) -> tuple[ValueInfoProto, ValueInfoProto]:
        """Typed graph input and output; an appending output has as many frames as the call brings."""
        newest: list[int | str] = list(self.shape)
        if self.appends_to is not None:
            newest[self.appends_to] = f"{self.output}.frames"
        return (
            helper.make_tensor_value_info(self.input, self.element_type, self.shape),
            helper.make_tensor_value_info(self.output, self.element_type, newest),
        )

    def manifest(self) -> dict[str, Any]:
        """What a runtime must know of this state; an initial value that is not one number is base64 of its bytes."""
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(self.element_type))
        initial = self.initial
        if isinstance(initial, np.ndarray):
            initial = b64encode(np.ascontiguousarray(initial, dtype).tobytes()).decode()
        entry = {
            "input": self.input,
            "output": self.output,
            "shape": list(self.shape),
            "dtype": dtype.name,
            "initial": initial,
        }
        return entry if self.appends_to is None else entry | {"append_axis": self.appends_to}


@dataclass
class History:
    """The last frames of one tensor, kept for all who need them: windows, delays.

    A request (before, drop) wants the frames of this call with `before` earlier ones in front and the newest `drop`
    left out. Frames before the stream's first are its lead, and zeros before that.
    """

    tensor: str
    axis: int
    lead: np.ndarray | None
    shape: tuple[int, ...]
    element_type: int
    requests: dict[tuple[int, int], str] = field(default_factory=dict)

    @property
    def frames(self) -> int:
        """How many earlier frames must be kept."""
        return max(before for before, _ in self.requests)

    @property
    def key(self) -> tuple:
        """What makes two histories the same."""
        return self.tensor, None if self.lead is None else (self.lead.shape, self.lead.tobytes())

    def initial(self) -> float | np.ndarray:
        """What lies before the first call: one number, or the frames themselves. Float32 or the tensor's dtype; the
        shape is that of the frames with `frames` of them along the axis."""
        if self.lead is None:
            return 0.0
        kept = min(self.frames, self.lead.shape[self.axis])
        missing = [(self.frames - kept if i == self.axis else 0, 0) for i in range(self.lead.ndim)]
        last = np.take(self.lead, range(self.lead.shape[self.axis] - kept, self.lead.shape[self.axis]), self.axis)
        frames = np.pad(last, missing)
        return float(frames.flat[0]) if frames.size and np.all(frames == frames.flat[0]) else frames

    def state_shape(self) -> tuple[int, ...]:
        """Shape of the state: the tensor's own, with the kept frames along time."""
        return (*self.shape[: self.axis], self.frames, *self.shape[self.axis + 1 :])


class GraphWriter:
    """Collects the nodes of the streaming graph in order; histories are written last, when all requests are known."""

    def __init__(self, taken: Iterable[str], append_states: bool = False, opset: int = 13) -> None:
        self._taken = set(taken)
        self._opset = opset
        self._append_states = append_states
        self._body: list[NodeProto | History] = []
        self._prologue: list[NodeProto | History] = []
        self._histories: dict[tuple, History] = {}
        self._constants: dict[tuple, str] = {}
        self.initializers: list[TensorProto] = []
        self.states: list[State] = []

    def name(self, hint: str) -> str:
        """A name that no tensor has yet."""
        name, number = hint, 0
        while name in self._taken:
            number += 1
            name = f"{hint}.{number}"
        self._taken.add(name)
        return name

    def constant(self, value: np.ndarray | Sequence[int], hint: str = "constant") -> str:
        """Name of an initializer with this value; equal ones are shared. Of any shape and dtype; a list becomes
        int64."""
        array = np.asarray(value) if isinstance(value, np.ndarray) else np.asarray(value, np.int64)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = self.name(f"stream.{hint}")
            self.initializers.append(numpy_helper.from_array(array, self._constants[key]))
        return self._constants[key]

    def value(self, name: str) -> np.ndarray:
        """Value of an initializer that was made by `constant`. Of any shape and dtype."""
        return numpy_helper.to_array(next(tensor for tensor in self.initializers if tensor.name == name))

    def no_region(self) -> str:
        """The second input of a Resize that has no region of interest."""
        return "" if self._opset >= AXES_ARE_INPUTS else self.constant(np.zeros(0, np.float32), "no_region")

    def write(self, node: NodeProto) -> None:
        """Add a node as it is."""
        self._body.append(node)

    @property
    def written(self) -> int:
        """How many nodes and histories there are so far."""
        return len(self._body)

    def written_since(self, start: int) -> list[NodeProto | History]:
        """Nodes and histories written after the first `start`."""
        return self._body[start:]

    def node(
        self, op: str, inputs: Sequence[str], output: str, *, early: bool = False, exact: bool = False, **attributes
    ) -> str:
        """Add a node and return its output's name, made unique unless `exact`; `early` ones need only the validity."""
        name = output if exact else self.name(output)
        if op in ("ReduceSum", "Unsqueeze", "Squeeze") and self._opset < AXES_ARE_INPUTS:
            attributes["axes"] = self.value(inputs[1]).tolist()
            inputs = inputs[:1]
        made = helper.make_node(op, list(inputs), [name], name=f"stream/{name}", **attributes)
        (self._prologue if early else self._body).append(made)
        return name

    def history(self, wanted: History, before: int, drop: int, *, early: bool = False) -> str:
        """A tensor's frames of this call with `before` earlier ones and without the newest `drop`."""
        key = wanted.key
        if key not in self._histories:
            self._histories[key] = wanted
            (self._prologue if early else self._body).append(wanted)
        requests = self._histories[key].requests
        if (before, drop) not in requests:
            requests[before, drop] = self.name(f"{wanted.tensor}.{'late' if before == drop else 'window'}")
        return requests[before, drop]

    @property
    def requested(self) -> set[str]:
        """Tensors that histories give: each is made for one reader's window."""
        return {name for history in self._histories.values() for name in history.requests.values()}

    def state(
        self, shape: tuple[int, ...], element_type: int, initial: float | np.ndarray, axis: int | None = None
    ) -> State:
        """Declare the next state, whose output the caller makes. `initial` fills the shape, or has it, in the element
        type's dtype."""
        number = len(self.states)
        names = self.name(f"state_in.{number}"), self.name(f"state_out.{number}")
        made = State(*names, tuple(shape), element_type, initial, axis=axis)
        self.states.append(made)
        return made

    def finished(self) -> list[NodeProto]:
        """All nodes in order, histories written out."""
        nodes: list[NodeProto] = []
        for item in [*self._prologue, *self._body]:
            nodes += self._written(item) if isinstance(item, History) else [item]
        return nodes

    def slice(self, tensor: str, start: int, end: int, axis: int, output: str, step: int = 1) -> NodeProto:
        """A Slice along one axis."""
        bounds = [self.constant([value], "index") for value in (start, end, axis, step)]
        return helper.make_node("Slice", [tensor, *bounds], [output], name=f"stream/{output}")

    def _written(self, history: History) -> list[NodeProto]:
        state = self.state(history.state_shape(), history.element_type, history.initial(), history.axis)
        joined = history.requests.get((history.frames, 0)) or self.name(f"{history.tensor}.joined")
        concat = helper.make_node(
            "Concat", [state.input, history.tensor], [joined], axis=history.axis, name=f"stream/{joined}"
        )
        nodes = [concat, self._kept(history, state, joined)]
        for (before, drop), output in history.requests.items():
            if output != joined:
                end = -drop if drop else TO_END
                nodes.append(self.slice(joined, history.frames - before, end, history.axis, output))
        return nodes

    def _kept(self, history: History, state: State, joined: str) -> NodeProto:
        if not self._append_states:
            return self.slice(joined, -history.frames, TO_END, history.axis, state.output)
        self.states[self.states.index(state)] = replace(state, appends_to=history.axis)
        return helper.make_node("Identity", [history.tensor], [state.output], name=f"stream/{state.output}")
