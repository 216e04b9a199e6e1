"""onnxruntime's C API, called by address: the shared library that its wheel carries, through ctypes.

Sessions are made here, from Python; compiled code then calls `Run` with tensors over our own memory, without the GIL.
"""

import ctypes
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_char_p, c_int, c_int64, c_size_t, c_uint32, c_void_p
from functools import cache
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ..buffers.memory import address
from ..errors import ModelError
from .plain_session import EXACT_INTEGERS, FATAL_ONLY

API_VERSION = 11
"""The table of functions only grows; all that is used here is in version 11 (onnxruntime 1.11)."""

SLOTS = {
    "GetErrorMessage": 2,
    "CreateEnv": 3,
    "CreateSessionFromArray": 8,
    "Run": 9,
    "CreateSessionOptions": 10,
    "SetSessionLogSeverityLevel": 22,
    "SetIntraOpNumThreads": 24,
    "SetInterOpNumThreads": 25,
    "CreateTensorWithDataAsOrtValue": 49,
    "CreateRunOptions": 39,
    "RunOptionsSetTerminate": 46,
    "RunOptionsUnsetTerminate": 47,
    "GetTensorMutableData": 51,
    "GetTensorElementType": 60,
    "GetDimensionsCount": 61,
    "GetDimensions": 62,
    "GetTensorTypeAndShape": 65,
    "CreateCpuMemoryInfo": 69,
    "ReleaseStatus": 93,
    "ReleaseSession": 95,
    "ReleaseValue": 96,
    "ReleaseRunOptions": 97,
    "ReleaseTensorTypeAndShapeInfo": 99,
    "ReleaseSessionOptions": 100,
    "AddSessionConfigEntry": 130,
}
"""Places in the table OrtApi (onnxruntime_c_api.h); a place never changes between versions."""

ELEMENT_TYPES = {
    "float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9, "float16": 10,
    "float64": 11, "uint32": 12, "uint64": 13,
}  # fmt: skip
"""ONNXTensorElementDataType by numpy's name."""

TRIAL_S = 10.0
"""Longest that a trial call may take: a loop of a foreign model may never end."""
_ARENA_ALLOCATOR, _DEFAULT_MEMORY = 1, 0
_LIBRARIES = ("libonnxruntime.so*", "libonnxruntime.*.dylib", "libonnxruntime.dylib", "onnxruntime.dll")


class _ApiBase(ctypes.Structure):
    _fields_ = [("GetApi", ctypes.CFUNCTYPE(c_void_p, c_uint32)), ("GetVersionString", ctypes.CFUNCTYPE(c_char_p))]


def library() -> Path | None:
    """The shared library inside the installed onnxruntime, without importing onnxruntime."""
    spec = find_spec("onnxruntime")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / "capi"
    return next((path for pattern in _LIBRARIES for path in sorted(folder.glob(pattern))), None)


@cache
def api() -> "OrtApi":
    """The process's one binding.

    Raises
    ------
    ModelError
        If the library is missing or cannot be used; the text says why.
    """
    path = library()
    if path is None:
        raise ModelError("onnxruntime's wheel carries no shared library here; models run by I/O binding under the GIL")
    try:
        return OrtApi(path)
    except (OSError, AttributeError) as error:
        raise ModelError(f"{path.name} cannot be used ({error}); models run by I/O binding under the GIL") from error


def why_unavailable() -> str | None:
    """Why the C API cannot be used on this machine, or None where it can."""
    try:
        api()
    except ModelError as error:
        return str(error)
    return None


class OrtApi:
    """The functions of one onnxruntime library, with the environment and memory description that all sessions share.

    Attributes
    ----------
    version : str
        Of the library.
    """

    def __init__(self, path: Path):
        loaded = ctypes.CDLL(str(path))
        loaded.OrtGetApiBase.restype = POINTER(_ApiBase)
        base = loaded.OrtGetApiBase().contents
        found = base.GetApi(API_VERSION)
        if not found:
            raise OSError(f"it has no API version {API_VERSION}")
        self._library = loaded
        self._table = ctypes.cast(found, POINTER(c_void_p))
        self.version = base.GetVersionString().decode()
        self._message = ctypes.CFUNCTYPE(c_char_p, c_void_p)(self.address("GetErrorMessage"))
        self.env = self.made("CreateEnv", c_int(FATAL_ONLY), c_char_p(b"rtspec"))
        self.memory = self.made("CreateCpuMemoryInfo", c_int(_ARENA_ALLOCATOR), c_int(_DEFAULT_MEMORY))

    def address(self, name: str) -> int:
        """Where a function of the table begins."""
        return self._table[SLOTS[name]]

    def call(self, name: str, *args) -> None:
        """Call a function that gives an OrtStatus; ctypes values go in, an error comes out as :class:`ModelError`."""
        status = ctypes.CFUNCTYPE(c_void_p, *map(type, args))(self.address(name))(*args)
        if status:
            message = self._message(status).decode(errors="replace")
            self.release("Status", status)
            raise ModelError(f"onnxruntime: {' '.join(message.split())[:300]}")

    def made(self, name: str, *args) -> int:
        """Call a function whose last argument receives a new object; returns its handle."""
        handle = c_void_p()
        self.call(name, *args, ctypes.pointer(handle))
        return handle.value or 0

    def release(self, kind: str, handle: int) -> None:
        """Free an object: a Status, Session, Value and so on."""
        ctypes.CFUNCTYPE(None, c_void_p)(self.address(f"Release{kind}"))(handle)

    def release_with(self, owner: object, kind: str, *handles: int) -> None:
        """Free objects when their owner goes; at the end of the interpreter, which takes ctypes and ours apart in any
        order, the system does."""
        weakref.finalize(owner, self._release_all, kind, handles).atexit = False

    def _release_all(self, kind: str, handles: tuple[int, ...]) -> None:
        for handle in handles:
            self.release(kind, handle)

    def tensor(self, array: np.ndarray) -> int:
        """An OrtValue over a C-contiguous array, which the caller keeps alive; release it as "Value". Its shape may be
        any, its dtype one of ELEMENT_TYPES."""
        shape = (c_int64 * array.ndim)(*array.shape)
        memory, data = c_void_p(self.memory), c_void_p(address(array))
        kind = c_int(ELEMENT_TYPES[array.dtype.name])
        sizes = (ctypes.cast(shape, c_void_p), c_size_t(array.ndim))
        return self.made("CreateTensorWithDataAsOrtValue", memory, data, c_size_t(array.nbytes), *sizes, kind)

    def array_of(self, value: int) -> np.ndarray:
        """A copy of a tensor that Run made. Of its shape and dtype."""
        info, kind = self.made("GetTensorTypeAndShape", c_void_p(value)), c_int()
        self.call("GetTensorElementType", c_void_p(info), ctypes.pointer(kind))
        self.release("TensorTypeAndShapeInfo", info)
        dtype = np.dtype(next(name for name, number in ELEMENT_TYPES.items() if number == kind.value))
        shape, data = self.shape_of(value), self.made("GetTensorMutableData", c_void_p(value))
        return np.frombuffer(ctypes.string_at(data, prod(shape) * dtype.itemsize), dtype).reshape(shape)

    def shape_of(self, value: int) -> tuple[int, ...]:
        """Shape of a tensor that Run made."""
        info = self.made("GetTensorTypeAndShape", c_void_p(value))
        rank = c_size_t()
        self.call("GetDimensionsCount", c_void_p(info), ctypes.pointer(rank))
        sizes = (c_int64 * rank.value)()
        self.call("GetDimensions", c_void_p(info), ctypes.cast(sizes, c_void_p), rank)
        self.release("TensorTypeAndShapeInfo", info)
        return tuple(sizes)


class CSession:
    """A session of the C API with one thread.

    Parameters
    ----------
    model : bytes
        A serialised ModelProto; onnxruntime keeps a copy of its own.

    Attributes
    ----------
    handle : int
        Address of the OrtSession, as `Run` takes it.
    """

    def __init__(self, model: bytes):
        self.api = api()
        try:
            self.handle = self._made(model, EXACT_INTEGERS[0])
        except ModelError:
            self.handle = self._made(model, EXACT_INTEGERS[1])
        self.api.release_with(self, "Session", self.handle)

    def _made(self, model: bytes, entry: tuple[str, str]) -> int:
        options = c_void_p(self.api.made("CreateSessionOptions"))
        try:
            for setting in ("SetIntraOpNumThreads", "SetInterOpNumThreads"):
                self.api.call(setting, options, c_int(1))
            self.api.call("SetSessionLogSeverityLevel", options, c_int(FATAL_ONLY))
            self.api.call("AddSessionConfigEntry", options, *(c_char_p(word.encode()) for word in entry))
            source = (c_void_p(self.api.env), c_char_p(model), c_size_t(len(model)))
            return self.api.made("CreateSessionFromArray", *source, options)
        finally:
            self.api.release("SessionOptions", options.value or 0)

    def shapes(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[tuple[int, ...]]:
        """Shapes of the outputs for one trial call, whose results are thrown away; :data:`TRIAL_S` at most. `feeds` are
        arrays by input name, of the model's shapes and dtypes."""
        return self._tried(feeds, outputs, self.api.shape_of)

    def results(self, feeds: dict[str, np.ndarray], outputs: list[str]) -> list[np.ndarray]:
        """The outputs of one trial call; :data:`TRIAL_S` at most. `feeds` are arrays by input name, and results are in
        the order of `outputs`, of the model's shapes and dtypes."""
        return self._tried(feeds, outputs, self.api.array_of)

    def _tried(self, feeds: dict[str, np.ndarray], outputs: list[str], look: Callable[[int], Any]) -> list[Any]:
        values = [self.api.tensor(array) for array in feeds.values()]
        made = (c_void_p * len(outputs))()
        try:
            self._run(list(feeds), values, outputs, made)
            return [look(value) for value in made if value]
        finally:
            for value in [*values, *(value for value in made if value)]:
                self.api.release("Value", value)

    def _run(self, names: list[str], values: list[int], outputs: list[str], made: Any) -> None:
        handles = (c_void_p * len(values))(*values)
        texts = [(c_char_p * len(each))(*(name.encode() for name in each)) for each in (names, outputs)]
        named = [ctypes.cast(each, c_void_p) for each in texts]
        inputs = (named[0], ctypes.cast(handles, c_void_p), c_size_t(len(values)))
        wanted = (named[1], c_size_t(len(outputs)), ctypes.cast(made, c_void_p))
        with self._limited() as options:
            self.api.call("Run", c_void_p(self.handle), options, *inputs, *wanted)

    @contextmanager
    def _limited(self) -> Iterator[c_void_p]:
        """Options of a run that another thread ends when it takes too long (calls through ctypes leave the GIL)."""
        options = c_void_p(self.api.made("CreateRunOptions"))
        try:
            with limited(lambda: self.api.call("RunOptionsSetTerminate", options)):
                yield options
        finally:
            self.api.release("RunOptions", options.value or 0)


@contextmanager
def limited(end: Callable[[], None]) -> Iterator[None]:
    """A trial call that `end` ends after :data:`TRIAL_S`.

    Raises
    ------
    ModelError
        If it had to.
    """
    ended = threading.Event()

    def out_of_time() -> None:
        ended.set()
        end()

    timer = threading.Timer(TRIAL_S, out_of_time)
    timer.daemon = True
    timer.start()
    try:
        yield
    except ModelError as error:
        if ended.is_set():
            why = f"a trial call took longer than {TRIAL_S:g} s and was ended; the model may loop for ever"
            raise ModelError(why) from error
        raise
    finally:
        timer.cancel()
        timer.join()


class RunOptions:
    """What a run looks at between nodes: whether it shall end. Released when the object goes.

    Attributes
    ----------
    handle : int
        Address of the OrtRunOptions, as `Run` takes it.
    """

    def __init__(self):
        self._api = api()
        self.handle = self._api.made("CreateRunOptions")
        self._api.release_with(self, "RunOptions", self.handle)

    def end(self, ended: bool) -> None:
        """Let runs end at once, or go on again."""
        self._api.call(f"RunOptions{'Set' if ended else 'Unset'}Terminate", c_void_p(self.handle))


class Values:
    """OrtValues over arrays, released when the object goes."""

    def __init__(self, arrays: list[np.ndarray]):
        self._arrays = arrays
        self._api = api()
        self.handles = [self._api.tensor(array) for array in arrays]
        self._api.release_with(self, "Value", *self.handles)


def name_table(names: list[str]) -> tuple[np.ndarray, list[Any]]:
    """Names as the array of C strings that `Run` takes, read-only int64, and what must be kept alive with it. The
    table's shape is (n_names,)."""
    strings = [ctypes.create_string_buffer(name.encode()) for name in names]
    table = np.array([ctypes.addressof(string) for string in strings], np.int64)
    table.flags.writeable = False
    return table, strings
