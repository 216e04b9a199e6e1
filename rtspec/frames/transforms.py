"""Which Fourier transform serves: the fastest of those that are there, one for each length."""

from functools import cache

from . import system_fftw
from .fft import RealFFT, fftw_library


@cache
def real_fft(n: int, path: str = "auto") -> RealFFT:
    """The shared transform of length `n`; `path` "rocket-fft" forces the slower library, "auto" takes the fastest
    one."""
    if path == "rocket-fft":
        return RealFFT(n, None)
    return RealFFT(n, fftw_library(), system_fftw.system_plans(n))
