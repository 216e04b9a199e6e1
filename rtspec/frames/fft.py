"""Real Fourier transforms for compiled code, called by address.

FFTW, from the library that pyFFTW's wheel bundles, serves where it is found; rocket-fft elsewhere. Both have the C
signature ``void(plan, x, y)``, so kernels call either through :func:`execute` and are compiled once. FFTW plans
with FFTW_ESTIMATE and with wisdom that ships: a plan measured at start-up may round differently each run, and equal
input must give equal output to the bit.

A system's own library serves where it has wider code than the wheel's and is measured to be faster
(:mod:`rtspec.frames.system_fftw`). Debian 12's (3.3.10, SSE2 and AVX like the wheel's 3.3.5) has not: with patient
plans it took .99 to 1.17 times as long at 256 to 4096 points.
"""

import ctypes
import importlib.util
import threading
from functools import cache
from pathlib import Path

import numba
import numpy as np
from llvmlite import ir
from numba import carray, types

from ..buffers.memory import address, aligned, intrinsic, pointer
from ..buffers.views import location
from .wisdom import WISDOM

MEASURE, ESTIMATE, PATIENT, WISDOM_ONLY = 0, 1 << 6, 1 << 5, 1 << 21
"""FFTW's own flags: how it looks for a plan."""

Plans = list[tuple[int, int]]
"""Forward and inverse, each (entry, plan)."""

_planning = threading.Lock()  # FFTW's planner is not thread-safe


@intrinsic
def execute(typingctx, entry, plan, x, y):
    """Run a transform: `entry` and `plan` from a :class:`RealFFT`, `x` and `y` arrays (or addresses) on 64-byte
    boundaries."""
    i64 = types.int64
    places = [place if isinstance(place, types.Array) else i64 for place in (x, y)]

    def codegen(context, builder, signature, args):
        word = ir.IntType(64)
        kind = ir.FunctionType(ir.VoidType(), [word, word, word])
        located = [location(context, builder, t, a) for t, a in zip(signature.args[2:], args[2:], strict=True)]
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), [args[1], *located])
        return context.get_dummy_value()

    return types.void(i64, i64, *places), codegen


class RealFFT:
    """Forward and inverse transform of one length, float32, for compiled code.

    Attributes
    ----------
    n : int
        Length in samples, even.
    forward, inverse : tuple of (int, int)
        ``(entry, plan)`` for :func:`execute`. `forward`: n float32 → n/2 + 1 complex64, keeps its input. `inverse`:
        n/2 + 1 complex64 → n float32, *not* divided by n, overwrites its input. Addresses on 64-byte boundaries.
    path : str
        "fftw", "rocket-fft" or, given as `plans`, "system fftw".
    """

    def __init__(self, n: int, library: ctypes.CDLL | None, plans: Plans | None = None):
        self.n = n
        self.path = "system fftw" if plans else "fftw" if library else "rocket-fft"
        self.forward, self.inverse = plans or (fftw_plans(n, library) if library else _rocket(n))


@cache
def fftw_library() -> ctypes.CDLL | None:
    """The single-precision FFTW that pyFFTW's wheel bundles, or None where there is none."""
    spec = importlib.util.find_spec("pyfftw")
    if spec is None or spec.origin is None:
        return None
    site = Path(spec.origin).parent.parent
    files = [f for folder in ("pyfftw.libs", "pyFFTW.libs") for f in sorted((site / folder).glob("libfftw3f-*.so*"))]
    for file in files:
        try:
            library = ctypes.CDLL(str(file))
        except OSError:
            continue
        library.fftwf_import_wisdom_from_string(WISDOM)  # refused whole where it does not fit
        return library
    return None


def export_wisdom(sizes: tuple[int, ...] = (256, 512, 1024, 2048, 4096)) -> str:
    """Plan patiently for these lengths (takes a minute) and give FFTW's wisdom: what `wisdom.py` holds."""
    library = fftw_library()
    if library is None:
        return ""
    library.fftwf_forget_wisdom()
    library.fftwf_export_wisdom_to_string.restype = ctypes.c_char_p
    for n in sizes:
        fftw_plans(n, library, PATIENT)
    return library.fftwf_export_wisdom_to_string().decode()


def fftw_plans(n: int, library: ctypes.CDLL, effort: int = ESTIMATE) -> Plans:
    """Both transforms of length `n` by an FFTW; with WISDOM_ONLY a plan is 0 where it knows none."""
    x, y = aligned(n), aligned(n // 2 + 1, np.complex64)
    plans = {"r2c": (x, y), "c2r": (y, x)}
    with _planning:
        return [_fftw_plan(library, kind, n, *arrays, effort) for kind, arrays in plans.items()]


def _fftw_plan(
    library: ctypes.CDLL, kind: str, n: int, source: np.ndarray, target: np.ndarray, effort: int
) -> tuple[int, int]:
    planner = getattr(library, f"fftwf_plan_dft_{kind}_1d")
    planner.restype = ctypes.c_void_p
    planner.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint]
    plan = planner(n, address(source), address(target), effort)
    entry = ctypes.cast(getattr(library, f"fftwf_execute_dft_{kind}"), ctypes.c_void_p).value
    return entry or 0, plan or 0


def _rocket(n: int):
    plan = _rocket_plan(n)
    return [(_rocket_step(kind), address(plan)) for kind in ("r2c", "c2r")]


@cache
def _rocket_plan(n: int) -> np.ndarray:
    """What rocket-fft needs to know: the length alone; cached, so that its address stays good."""
    return np.array([n], np.int64)


@cache
def _rocket_step(kind: str) -> int:
    from rocket_fft import c2r, r2c

    def forward(plan, x, y):
        n = carray(pointer(plan), 1, np.int64)[0]
        axes = np.zeros(1, np.int64)
        r2c(carray(pointer(x), (n,), np.float32), carray(pointer(y), (n // 2 + 1,), np.complex64), axes, True, 1.0, 1)

    def inverse(plan, x, y):
        n = carray(pointer(plan), 1, np.int64)[0]
        axes = np.zeros(1, np.int64)
        c2r(carray(pointer(x), (n // 2 + 1,), np.complex64), carray(pointer(y), (n,), np.float32), axes, False, 1.0, 1)

    i64 = types.int64
    compiled = numba.cfunc(types.void(i64, i64, i64))(forward if kind == "r2c" else inverse)
    _alive.append(compiled)
    return int(compiled.address or 0)


_alive: list = []
"""Compiled fall-backs, kept so that their addresses stay good."""
