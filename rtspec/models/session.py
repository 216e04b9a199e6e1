"""A packaged model as a compiled frame stage: onnxruntime's Run called by address, with tensors over memory of our own.

States go in ping-pong: two sets of OrtValues over the same memory take turns, so that what one call writes the next one
reads and nothing is copied. Where the C API is missing, a Python callback with Run's own signature does the same by I/O
binding under the GIL: the step above it is the same compiled code.
"""

from collections.abc import Sequence
from math import prod

import numpy as np

from .. import checks
from ..buffers.memory import (
    address,
)
from ..buffers.step import Row, Stage
from ..errors import InvalidValue, ModelError
from .one_call.form import PRECISIONS, Precision
from .ort_sessions import SessionPath
from .packages import PackagedModel
from .run_kernels import SESSION, run_model
from .stage_parts import StageParts
from .watch import RUN_S, watch


class ModelStage(Stage):
    """A model as a stage: one frame in, one frame out, both float32 in the model's own layout with time left out.

    Attributes
    ----------
    delay : int
        Frames by which the output lags behind the input.
    input_shape, output_shape : tuple of int
        Of one frame: the tensors' axes without "batch" and "time".
    session_path : str
        "own" for a heavy model of vectors that :mod:`~.own_run` plays, "c-api", or "binding" where the GIL is taken at
        each frame.
    why_binding : str or None
        Why the C API is not used.
    manifest : Manifest
    form : CallForm
        What is played of the model.
    controls : dict of str to ndarray
        The tensors of its parameters by name.
    """

    def __init__(self, model: PackagedModel, parts: "StageParts", keep: tuple):
        self.manifest, self.session_path = model.manifest, parts.caller.session_path
        self.why_binding = parts.caller.why
        self.input_shape, self.output_shape = parts.frame_shapes
        self.controls, self.form = parts.controls, parts.form
        self._options, self._ended = parts.caller.options, False
        kept = (model, parts, *keep)
        super().__init__(run_model, SESSION, keep=kept, delay=model.stage_delay_frames, **parts.fields())
        watch(self)

    def reset(self) -> None:
        if self._ended:
            self._options.end(False)
            self._ended = False
        super().reset()

    @property
    def tensors(self) -> tuple[np.ndarray, np.ndarray]:
        """What the model reads a frame of all lanes from, and where it writes its answer. Both float32 of the shapes
        that the model has, time being 1."""
        parts = self._kept[0][1]
        return parts.input, parts.output

    def joins(self, other: "ModelStage") -> bool:
        """Whether both can be one call: of one session, which serves several lanes, a frame at a time."""
        one_session = self._kept[0][1].session is other._kept[0][1].session
        return one_session and self.form.joins and int(self.record["period"][0]) == 1

    def together(self, lanes: Sequence["ModelStage"]) -> "ModelStage":
        """A stage for as many lanes as are given, this one's among them: it reads this one's parameters."""
        return self.of_lanes(len(lanes), tuple(lanes))

    def of_lanes(self, n: int, keep: tuple = ()) -> "ModelStage":
        """A stage for `n` lanes in one call, which reads this one's parameters."""
        model, parts = self._kept[0][:2]
        n_bins = dict(zip(self.manifest.input.layout, parts.input.shape, strict=True)).get("bins")
        several = StageParts(model, n_bins, parts.session_path, False, n, self.controls, parts.precision)
        return ModelStage(model, several, (self, *keep))

    def run_under_way(self) -> int:
        """Number of the run that is under way, 0 where none is."""
        return int(self.record["under_way"][0])

    def end_run(self) -> None:
        """End the run that is under way; those after it fail at once, until the next :meth:`reset`."""
        self._ended = True
        self._options.end(True)

    def parameter(self, name: str) -> np.ndarray:
        """The float32 array of shape (1,) that the model reads for a parameter; :meth:`reset` leaves it alone.

        Raises
        ------
        InvalidValue
            If the model has no such parameter; the text lists them.
        """
        places = {p.name: (p.tensor, p.index) for p in self.manifest.controls}
        if name not in places:
            raise InvalidValue(
                f'"{name}" is no parameter of {self.manifest.name}; it has: {", ".join(places) or "none"}'
            )
        tensor, index = places[name]
        return self.controls[tensor].reshape(-1)[index : index + 1]

    def parameter_address(self, name: str) -> int:
        """Where compiled code writes a parameter as float32, once a frame."""
        return address(self.parameter(name))

    def row(self, x: np.ndarray | int, y: np.ndarray | int) -> Row:
        """This stage as a row of a table.

        Both are float32 of :attr:`input_shape` and :attr:`output_shape`, times the channels that are heard together.

        Raises
        ------
        ModelError
            If `x` holds less than the frame that the model reads, or `y` has no room for the one that it gives: what a
            foreign file says of its sizes ends here.
        """
        for side, place, shape in (("takes", x, self.input_shape), ("gives", y, self.output_shape)):
            shape = (self.manifest.audio_channels, *shape) if self.manifest.audio_channels > 1 else shape
            if not isinstance(place, np.ndarray) or place.nbytes < 4 * prod(shape):
                room = place.nbytes // 4 if isinstance(place, np.ndarray) else 0
                raise ModelError(
                    f"{self.manifest.name} {side} frames of {prod(shape)} numbers, {list(shape)}; there is room for "
                    f"{room} here: export it for this plan, or choose the plan that it was made for"
                )
        return super().row(x, y)

    @property
    def counters(self) -> dict[str, int]:
        """Since the last reset: `runs`, `failures` (Run gave an error), `not_finite` (a frame held NaN or infinity)."""
        return {name: int(self.record[name][0]) for name in ("runs", "failures", "not_finite")}

    @property
    def last_error(self) -> str:
        """What onnxruntime said when it last failed; empty where it never did."""
        if self._ended:
            return f"a run took longer than {RUN_S:g} s and was ended; the model may loop for ever"
        return bytes(self._kept[1]["text"]).split(b"\0")[0].decode(errors="replace")


def model_stage(
    model: PackagedModel,
    n_bins: int | None = None,
    *,
    keep: tuple = (),
    session_path: SessionPath = "auto",
    as_it_is: bool = False,
    controls_of: ModelStage | None = None,
    precision: Precision = "auto",
) -> ModelStage:
    """Make a stage of a packaged model, ready to run: session made, memory allocated, one trial call done.

    Parameters
    ----------
    model : PackagedModel
        Stages of the same object share its session, thus its weights; each has states of its own.
    n_bins : int, optional
        Size of the input's axis "bins" (bands, for a model that takes bands); not needed where the model fixes it.
    keep : tuple
        Objects that must live as long as the stage.
    session_path : {"auto", "c-api", "binding"}
        "auto" takes the C API where it is there.
    as_it_is : bool
        Play the file's own graph, and each lane alone, to compare with.
    controls_of : ModelStage, optional
        Its parameters are read in place of parameters of its own.
    precision : {"auto", "float"}
        "auto" keeps large weights of a heavy model as float16 where its answers are proved to stay within 70 dB of the
        file's own; "float" never does.

    Returns
    -------
    ModelStage

    Raises
    ------
    ModelError
        If the model's rate is not one frame out for one in, `n_bins` does not fit it, or a trial call fails.
    """
    checks.choice("session_path", session_path, ("auto", "c-api", "binding"))
    controls = None if controls_of is None else controls_of.controls
    checks.choice("precision", precision, PRECISIONS)
    parts = StageParts(model, n_bins, session_path, as_it_is, controls=controls, precision=precision)
    return ModelStage(model, parts, (*keep, controls_of))
