"""A kernel's compiled code lies in numba's cache as long as no source of any kernel changes.

numba judges a cached kernel by its own file alone: after an upgrade, one whose callee lies in another file would go on
with the callee of the old version, and a changed record would be read by its old layout. So kernels of this package
are cached under one stamp of all of them.
"""

import hashlib
from functools import cache
from pathlib import Path

from numba.core import caching

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def stamp() -> str:
    """Hash of all modules of the package that mention numba."""
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source:
            found.update(b"%s %d " % (str(path.relative_to(_PACKAGE)).encode(), len(source)) + source)
    return found.hexdigest()


def _of_this_package(locator: type) -> type:
    """A locator of numba's, for kernels of this package alone, with the stamp of all."""

    class Stamped(locator):
        def get_source_stamp(self):
            return stamp()

        @classmethod
        def from_function(cls, py_func, py_file):
            is_ours = _PACKAGE in Path(py_file).resolve().parents
            return super().from_function(py_func, py_file) if is_ours else None

    return Stamped


def stamp_kernels() -> None:
    """Have numba ask for the stamp; where a version of numba keeps its locators elsewhere, its own rule holds."""
    holder = getattr(caching, "CacheImpl", None) or getattr(caching, "_CacheImpl", None)  # renamed by newer versions
    locators = getattr(holder, "_locator_classes", None)
    if isinstance(locators, list):
        locators[:0] = [_of_this_package(each) for each in locators]
