"""Compiled kernels are forgotten when the source of any of them changes."""

import shutil
import subprocess
import sys
from pathlib import Path

import numba
import pytest

import rtspec
from rtspec.buffers.kernels import _UNKNOWN

CALLEE = "from numba import njit\n\n\n@njit\ndef inner():\n    return {}\n"
CALLER = """import {0}.buffers
from numba import njit
from .callee import inner

@njit(cache=True)
def outer():
    return inner()
"""


def package(tmp_path: Path) -> Path:
    """A package that keeps kernels as this one does, and two of its own."""
    made = tmp_path / "kernelled"
    (made / "buffers").mkdir(parents=True)
    (made / "__init__.py").touch()
    shutil.copy(Path(rtspec.__file__).parent / "cache.py", made)
    for name in ("__init__.py", "kernels.py", "compiling.py", "memory.py", "views.py"):
        shutil.copy(Path(rtspec.__file__).parent / "buffers" / name, made / "buffers" / name)
    (made / "caller.py").write_text(CALLER.format("kernelled"))
    return made


def outer(made: Path, value: int) -> tuple[int, int]:
    """What the caller gives while its callee returns `value`, and whether it came from the cache, in a new process."""
    (made / "callee.py").write_text(CALLEE.format(value))
    program = "from kernelled.caller import outer; print(outer(), len(outer.stats.cache_hits))"
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=made.parent, capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    found, hits = ran.stdout.split()
    return int(found), int(hits)


def test_a_kernel_follows_its_callee_in_another_file_and_is_cached_while_nothing_changes(tmp_path):
    made = package(tmp_path)
    assert outer(made, 1) == (1, 0)
    assert outer(made, 1) == (1, 1)
    assert outer(made, 2) == (2, 0)


@pytest.mark.skipif(numba.version_info.short >= _UNKNOWN, reason="how this numba loads kernels is not known")
def test_kept_kernels_load_without_what_compiling_needs(tmp_path):
    made = package(tmp_path)
    assert outer(made, 1) == (1, 0)
    program = "import sys; from kernelled.caller import outer; print(outer(), 'scipy.linalg' in sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert ran.stdout == "1 False\n", ran
