"""A newer FFTW than the wheel's, where the system has one and it is faster: chosen once for each length, and kept.

pyFFTW's wheel carries FFTW 3.3.5, whose fastest code is AVX. A library that was built with AVX2 or AVX-512 says so in
its version. It is planned by measuring, which would round differently in every run; so its wisdom is kept in the cache
folder, beside how long its transforms take in comparison, and every later start plays the same plans to the bit. Where
nothing can be kept, it is not used. ``RTSPEC_FFTW`` names another library, or is "wheel" to look for none.
"""

import ctypes
import json
import os
import sys
import threading
import time
import zlib
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numba import njit

from ..buffers.memory import address, aligned
from ..cache import data_folder
from ..errors import InvalidValue
from ..storage import AtomicFile, alone
from . import fft
from .fft import execute

VARIABLE = "RTSPEC_FFTW"
_NAMES = {"darwin": "libfftw3f.3.dylib", "win32": "libfftw3f-3.dll"}
_WIDE = ("avx2", "avx512")
WORTH = 0.95
"""At most this share of the former transform's time, or the former stays."""

_CALLS, _ROUNDS = 64, 40
_planning = threading.Lock()


@cache
def system_library() -> ctypes.CDLL | None:
    """The system's single-precision FFTW, or the one that RTSPEC_FFTW names; None where there is none that may be
    faster than the wheel's."""
    wanted = os.environ.get(VARIABLE, "")
    if wanted == "wheel":
        return None
    try:
        library = ctypes.CDLL(wanted or _NAMES.get(sys.platform, "libfftw3f.so.3"))
    except OSError as error:
        if wanted:
            _refused(wanted, str(error))
        return None
    told = version(library)
    if wanted and not told:
        _refused(wanted, "it has no fftwf_version")
    return library if any(code in told for code in _WIDE) or fft.fftw_library() is None else None


def _refused(path: str, why: str) -> NoReturn:
    raise InvalidValue(
        f"{VARIABLE}={path} is no single-precision FFTW that can be loaded ({why}); name a libfftw3f.so.3, or unset it"
    )


def version(library: ctypes.CDLL) -> str:
    """What an FFTW says of itself: "fftw-3.3.10-sse2-avx-avx2"."""
    try:
        return ctypes.string_at(ctypes.addressof(ctypes.c_char.in_dll(library, "fftwf_version"))).decode()
    except ValueError:  # no FFTW
        return ""


def system_plans(n: int) -> fft.Plans | None:
    """(entry, plan) of the system's forward and inverse transform of this length; None where it is not faster."""
    library, folder = system_library(), data_folder("fftw")
    if library is None or folder is None:
        return None
    with _planning, alone(folder / "lock"):  # processes that start together play the same plans
        kept = read_kept(library)
        library.fftwf_import_wisdom_from_string(kept["wisdom"].encode())
        plans = _kept_plans(n, library) if str(n) in kept["ratios"] else None
        if plans is None:
            plans = _measured(n, library, kept)
    return plans if kept["ratios"][str(n)] <= WORTH else None


def read_kept(library: ctypes.CDLL) -> dict[str, Any]:
    """What is kept of this library: `wisdom`, and by length the `ratios` of its time to the former transform's."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        kept = json.loads(_file(library).read_text())
        ratios = {str(n): float(ratio) for n, ratio in kept["ratios"].items()}
        return {"wisdom": str(kept["wisdom"]), "ratios": ratios}
    return {"wisdom": "", "ratios": {}}


def _file(library: ctypes.CDLL) -> Path:
    """By name and version: another build has another file, and FFTW itself refuses wisdom of other code."""
    folder = data_folder("fftw") or Path(os.devnull)
    return folder / f"{version(library)}-{zlib.crc32(library._name.encode()):08x}.json"


def _kept_plans(n: int, library: ctypes.CDLL) -> fft.Plans | None:
    plans = fft.fftw_plans(n, library, fft.WISDOM_ONLY)
    return plans if all(plan for _, plan in plans) else None


def _measured(n: int, library: ctypes.CDLL, kept: dict[str, Any]) -> fft.Plans:
    """Plan by measuring (.1 to 1 s; patient plans take five times as long and gain nothing), compare, and keep both."""
    library.fftwf_export_wisdom_to_string.restype = ctypes.c_char_p
    plans = fft.fftw_plans(n, library, fft.MEASURE)
    former = fft.RealFFT(n, fft.fftw_library())
    kept["wisdom"] = library.fftwf_export_wisdom_to_string().decode()
    kept["ratios"][str(n)] = round(_ratio(n, plans, [former.forward, former.inverse]), 3)
    with AtomicFile(_file(library)) as file:
        file.write(json.dumps(kept).encode())
    return plans


def _ratio(n: int, plans: fft.Plans, former: fft.Plans) -> float:
    """The time of both transforms relative to the former ones': least times, in turns."""
    x, y = aligned(n), aligned(n // 2 + 1, np.complex64)
    forth, back = (address(x), address(y)), (address(y), address(x))
    least = np.full((2, 2), np.inf)
    for _ in range(_ROUNDS):
        for which, pair in enumerate((plans, former)):
            for way, (ends, (entry, plan)) in enumerate(zip((forth, back), pair, strict=True)):
                start = time.perf_counter()
                _repeat(entry, plan, *ends, _CALLS)
                least[which, way] = min(least[which, way], time.perf_counter() - start)
    return float(least[0].sum() / least[1].sum())


@njit(cache=True, nogil=True)
def _repeat(entry, plan, x, y, calls):
    for _ in range(calls):
        execute(entry, plan, x, y)


def timings(library: ctypes.CDLL) -> str:
    """In words, where it serves: "its time at 1024 points .71 of the former transform's, at 4096 .98 (not used)"."""
    ratios = sorted((int(n), ratio) for n, ratio in read_kept(library)["ratios"].items())
    listed = [f"{n}: x {ratio:.2f}{'' if ratio <= WORTH else ', not used'}" for n, ratio in ratios]
    return "; ".join(listed) or "each length is measured when it is first played"
