"""Sessions of onnxruntime and how Run is called on them: by the C API, or by I/O binding under the GIL."""

import ctypes
import weakref
from typing import Any, Literal

import numpy as np

from ..buffers.memory import address
from ..errors import ModelError
from . import ort_api
from .fork_lock import ForkLock
from .one_call.form import Call, CallForm, Precision, own_form
from .one_call.kept import form_key, keep_form, kept_form
from .own_run.session import OwnSession, is_program
from .packages import PackagedModel
from .plain_session import plain_session
from .run_call import RunCall, constant_copy
from .run_kernels import MESSAGE_BYTES

SessionPath = Literal["auto", "c-api", "binding"]


def open_session(
    model: PackagedModel, session_path: SessionPath, call: Call, as_it_is: bool, precision: Precision
) -> tuple[Any, str | None]:
    """The model's session for calls of one size, made once for each way, and why it is not the C API's.

    Sessions are kept by content: the weights of a model are in memory once, whoever plays it.
    """
    why = "it was asked for" if session_path == "binding" else ort_api.why_unavailable()
    if why and session_path == "c-api":
        raise ModelError(f"{why}; use session_path='auto'")
    key = ("binding" if why else "c-api", as_it_is, precision, call.inputs[call.frame].shape, model.digest)
    with _making:
        found = model.sessions.get(key) or _sessions.get(key)
        if found is None:
            found = _made_session(model, call, _BindingSession if why else _ApiSession, as_it_is, precision)
        model.sessions[key] = _sessions[key] = found
    return found, why


def _made_session(model: PackagedModel, call: Call, session: Any, as_it_is: bool, precision: Precision) -> Any:
    """A session of the form that was kept by an earlier start, or of one that is made and proved now."""
    if as_it_is:
        form, made = own_form(model.proto_bytes, call, session)
        made.form = form
        return made
    key = form_key(model.proto_bytes, [*call.sizes, precision])
    form = kept_form(key, model.proto_bytes)

    def opened(content: bytes) -> Any:
        return OwnSession(content) if is_program(content) else session(content)

    if form is not None:
        made = opened(form.content)
    else:
        from .one_call.making import call_form

        form, made = call_form(model.proto_bytes, call, opened, precision)
        keep_form(key, form)
    made.form = form
    return made


_making = ForkLock()
_sessions: "weakref.WeakValueDictionary[tuple, Any]" = weakref.WeakValueDictionary()
"""Each lives as long as a model or a stage that uses it."""


class _ApiSession(ort_api.CSession):
    """Run by its address: no Python at all in a frame."""

    form: CallForm

    def caller(self, inputs: list[str], outputs: list[str], phases: list, why: str | None) -> RunCall:
        values = [ort_api.Values([*inputs, *made]) for inputs, made in phases]
        table = constant_copy(np.array([each.handles for each in values], np.int64))
        run, message, release = map(self.api.address, ("Run", "GetErrorMessage", "ReleaseStatus"))
        options = ort_api.RunOptions()
        return RunCall("c-api", None, run, message, release, self.handle, table, options, (self, values))


class _BindingSession:
    """Run by a Python callback that takes the GIL; only where the C API cannot be had."""

    form: CallForm

    def __init__(self, model: bytes):
        try:
            self.session = plain_session(model)
        except Exception as error:  # onnxruntime's errors share no base class of their own
            raise ModelError(f"onnxruntime: {' '.join(str(error).split())[:300]}") from error

    def shapes(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[tuple[int, ...]]:
        """Shapes of the outputs for one trial call, which is ended when it takes too long."""
        return [made.shape for made in self.results(feeds, outputs)]

    def results(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The outputs of one trial call, which is ended when it takes too long."""
        import onnxruntime

        options = onnxruntime.RunOptions()
        with ort_api.limited(lambda: setattr(options, "terminate", True)):
            try:
                return [np.asarray(made) for made in self.session.run(outputs, feeds, options)]
            except Exception as error:
                raise ModelError(f"onnxruntime: {' '.join(str(error).split())[:300]}") from error

    def caller(self, inputs: list[str], outputs: list[str], phases: list, why: str | None) -> RunCall:
        table = constant_copy(np.zeros((2, len(inputs) + len(outputs)), np.int64))
        bindings = [self._binding(inputs, outputs, phase) for phase in phases]
        bound = _Bound(self.session, bindings, address(table), table.strides[0])
        run, message, release = (ctypes.cast(each, ctypes.c_void_p).value or 0 for each in bound.functions)
        return RunCall("binding", why, run, message, release, 0, table, bound, (self, bound, phases))

    def _binding(self, inputs: list[str], outputs: list[str], phase: tuple[list[np.ndarray], list[np.ndarray]]):
        binding = self.session.io_binding()
        for bind, names, arrays in zip(
            (binding.bind_input, binding.bind_output), (inputs, outputs), phase, strict=True
        ):
            for name, array in zip(names, arrays, strict=True):
                bind(name, "cpu", 0, array.dtype.type, array.shape, address(array))
        return binding


class _Bound:
    """Functions with the signatures of Run, GetErrorMessage and ReleaseStatus; the table's address tells the phase."""

    def __init__(self, session, bindings: list, table: int, stride: int):
        import onnxruntime

        self._session, self._bindings, self._table, self._stride = session, bindings, table, stride
        self._text = ctypes.create_string_buffer(MESSAGE_BYTES)
        self._options, self.handle = onnxruntime.RunOptions(), 0
        i64 = ctypes.c_int64
        one = ctypes.CFUNCTYPE(i64, i64)
        self.functions = (
            ctypes.CFUNCTYPE(i64, *[i64] * 8)(self._run),
            one(lambda status: ctypes.addressof(self._text)),
            one(lambda status: 0),
        )

    def end(self, ended: bool) -> None:
        """Let runs end at once, or go on again."""
        self._options.terminate = ended

    def _run(self, session, options, names, values, *_others) -> int:
        try:
            self._session.run_with_iobinding(self._bindings[(values - self._table) // self._stride], self._options)
        except Exception as error:  # nothing may escape into compiled code: it is counted there and told later
            self._text.value = str(error).encode()[: MESSAGE_BYTES - 1]
            return 1
        return 0
