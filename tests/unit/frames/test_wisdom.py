import platform
import subprocess
import sys

import pytest

from rtspec.frames.fft import fftw_library

PROGRAM = """
from rtspec.frames.fft import fftw_library
from rtspec.frames.wisdom import WISDOM

take = fftw_library().fftwf_import_wisdom_from_string
print(take(WISDOM), take(WISDOM[:200]))
"""


@pytest.mark.skipif(
    platform.machine() != "x86_64" or fftw_library() is None, reason="the wisdom is for pyFFTW's x86-64 wheels"
)
def test_the_shipped_wisdom_is_accepted_by_the_bundled_library():
    """In a process of its own: `import pyfftw`, as ViSQOL does it, adds planners for threads, which refuse it."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert ran.stdout.split() == ["1", "0"], ran.stderr
