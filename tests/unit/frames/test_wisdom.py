import platform

import pytest

from rtspec.frames.fft import fftw_library
from rtspec.frames.wisdom import WISDOM


@pytest.mark.skipif(
    platform.machine() != "x86_64" or fftw_library() is None, reason="the wisdom is for pyFFTW's x86-64 wheels"
)
def test_the_shipped_wisdom_is_accepted_by_the_bundled_library():
    library = fftw_library()
    assert library is not None and library.fftwf_import_wisdom_from_string(WISDOM) == 1
    assert library.fftwf_import_wisdom_from_string(WISDOM[:200]) == 0
