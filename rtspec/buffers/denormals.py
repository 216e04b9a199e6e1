"""Flushing numbers below 1.2e-38 to zero: processors take very long for them, in the silence after sound.

The calling thread's floating-point control is set through the C library, so all that it runs (kernels, FFTW,
onnxruntime with one thread) follows. The engine's thread and offline calls do alike, so both give the same samples.
"""

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

_C = ctypes.CDLL(None)
_ENVIRONMENT_BYTES = 256
"""More than sizeof(fenv_t) of every platform in use (32 on x86-64, 8 on aarch64)."""

_MACHINE = platform.machine() if platform.libc_ver()[0] else ""
_WORD_AND_BITS = {"x86_64": (7, 0x8040), "AMD64": (7, 0x8040), "aarch64": (0, 1 << 24)}
"""Where the control word lies in fenv_t, in 32-bit words, and its bits: FTZ and DAZ of MXCSR, FZ of FPCR."""


def flush_denormals() -> "ctypes.Array | None":
    """From now on for the calling thread; what was before, or None where this machine is not known."""
    found = _WORD_AND_BITS.get(_MACHINE)
    if found is None:
        return None
    words = (ctypes.c_uint32 * (_ENVIRONMENT_BYTES // 4))()
    _C.fegetenv(words)
    before = type(words).from_buffer_copy(words)
    words[found[0]] |= found[1]
    _C.fesetenv(words)
    return before


@contextmanager
def flushed() -> Iterator[None]:
    """While the body runs; the thread is left as it was found."""
    before = flush_denormals()
    try:
        yield
    finally:
        if before is not None:
            _C.fesetenv(before)
