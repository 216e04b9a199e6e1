"""A kernel's compiled code is kept as long as no source of any kernel changes, and where there is a place for it.

numba judges a cached kernel by its own file alone: after an upgrade, one whose callee lies in another file would go on
with the callee of the old version, and a changed record would be read by its old layout. So kernels of this package
are cached under one stamp of all of them.

numba also raises where no folder can be written. Kernels of this package are then compiled in memory, at each start
anew (:mod:`rtspec.cache` tells where they are kept otherwise).
"""

import hashlib
import os
import pickle
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numba
from numba.core import caching, config, entrypoints
from numba.core.runtime import rtsys

from ..cache import VARIABLE, is_beside_source, kernel_folder, tell_compiling

_PACKAGE = Path(__file__).resolve().parents[1]
_UNKNOWN = (0, 70)
"""The first version of numba whose loading of kept kernels nobody has looked at."""

_NOWHERE = os.path.join(os.devnull, "rtspec")
"""A folder that cannot exist: nothing is found in it."""


@cache
def stamp() -> str:
    """Hash of all modules of the package that mention numba."""
    found = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        source = path.read_bytes()
        if b"numba" in source:
            found.update(b"%s %d " % (str(path.relative_to(_PACKAGE)).encode(), len(source)) + source)
    return found.hexdigest()


def kept_in() -> str | None:
    """The folder of compiled kernels, in words; None where they are compiled in memory."""
    if config.CACHE_DIR and VARIABLE not in os.environ:
        return config.CACHE_DIR
    folder = kernel_folder()
    return None if folder is None else f"{folder}{', beside the source' if is_beside_source(folder) else ''}"


class _Locator:
    """Where numba keeps a kernel of this package: what its own locators have, with the stamp of all kernels."""

    def __init__(self, function, file: str):
        self._file, self._line = file, function.__code__.co_firstlineno

    def get_cache_path(self) -> str:
        """The folder; one that cannot exist where there is none."""
        within = Path(self._file).resolve().parent.relative_to(_PACKAGE)
        if config.CACHE_DIR and VARIABLE not in os.environ:
            return str(Path(config.CACHE_DIR, "rtspec", within))
        folder = kernel_folder()
        if folder is None:
            return _NOWHERE
        return str(folder / within / "__pycache__" if is_beside_source(folder) else folder / "kernels" / within)

    def get_source_stamp(self) -> str:
        """What must be equal for kept code to be good."""
        return stamp()

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._line)

    def ensure_cache_path(self) -> None:
        """Make the folder."""
        os.makedirs(self.get_cache_path(), exist_ok=True)

    @classmethod
    def from_function(cls, py_func, py_file):
        """A locator for functions of this package, None for others."""
        return cls(py_func, py_file) if _PACKAGE in Path(py_file).resolve().parents else None


def stamp_kernels() -> None:
    """Have numba ask for the stamp; where a version of numba keeps its locators elsewhere, its own rule holds."""
    holder = getattr(caching, "CacheImpl", None) or getattr(caching, "_CacheImpl", None)  # renamed by newer versions
    locators = getattr(holder, "_locator_classes", None)
    if isinstance(locators, list):
        locators.insert(0, _Locator)
        _load_or_tell(caching.Cache)
        _save_or_go_on(caching.Cache)


def _is_ours(kept) -> bool:
    return isinstance(kept._impl.locator, _Locator)


def _load_or_tell(kept: type) -> None:
    """A damaged or foreign file in the cache counts as none; what must be compiled is told."""
    load = kept.load_overload

    def load_overload(self, *args):
        if not _is_ours(self):
            return load(self, *args)
        try:
            found = _load(self, load, *args)
        except (OSError, EOFError, ValueError, pickle.UnpicklingError):
            found = None
        if found is None:
            tell_compiling(in_memory=self.cache_path == _NOWHERE)
        return found

    kept.load_overload = load_overload


def _load(kept, load: Callable, signature, context):
    """Load a kept kernel without what only compiling needs. numba first fills its context with the implementations of
    all that it knows, and imports scipy.linalg for it: a quarter of a second of each start. It does that again where it
    compiles. Versions from :data:`_UNKNOWN` on may need more than their runtime here; they load as they have it."""
    if numba.version_info.short >= _UNKNOWN:
        return load(kept, signature, context)
    rtsys.initialize(context)
    with kept._guard_against_spurious_io_errors():
        return kept._load_overload(signature, context)


def _save_or_go_on(kept: type) -> None:
    """Where compiled code cannot be written (nowhere, a full disk) it serves from memory."""
    save = kept.save_overload

    def save_overload(self, *args):
        if not _is_ours(self):
            save(self, *args)
        elif self.cache_path != _NOWHERE:
            try:
                save(self, *args)
            except (OSError, EOFError, ValueError, pickle.UnpicklingError):
                tell_compiling(in_memory=True)

    kept.save_overload = save_overload


def skip_extensions() -> None:
    """Have numba load no extensions; for a process of rtspec's own, where none is needed: rocket-fft's, which serves
    where FFTW is missing, takes a third of a second."""
    if hasattr(entrypoints, "_already_initialized"):
        entrypoints._already_initialized = True
