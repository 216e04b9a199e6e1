"""The folder in which rtspec keeps between starts what takes long to make: compiled kernels, matplotlib's font list.

The first that can be written of: ``RTSPEC_CACHE``, where it is set; the installation itself (kernels lie beside their
source, as numba has it); the user's own cache folder. There may be none, in a container or a system service.
"""

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

VARIABLE = "RTSPEC_CACHE"
_PACKAGE = Path(__file__).resolve().parent

COMPILING = "compiling once for this machine, which takes 5 to 30 s …"
IN_MEMORY = (
    "no folder can be written for compiled code: compiling in memory, which takes 10 to 60 s at every start;"
    f" {VARIABLE}=FOLDER keeps it there"
)
_listeners: list[Callable[[str], object]] = []
_compiled = [0]


def own_folder() -> Path | None:
    """The folder that the user chose by RTSPEC_CACHE."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen).absolute() if chosen else None


def user_folder() -> Path | None:
    """Where rtspec's cache lies by the system's custom; None where there is no home."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "")
    elif sys.platform == "darwin":
        base = os.path.expanduser("~/Library/Caches")
    else:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return Path(base) / "rtspec" if os.path.isabs(base) else None


@cache
def kernel_folder() -> Path | None:
    """Where compiled kernels are kept: the package's own folder stands for "beside their source"; None for nowhere."""
    candidates = [own_folder()] if own_folder() else [_PACKAGE, user_folder()]
    return next((folder for folder in candidates if folder and can_write(folder)), None)


def data_folder(name: str) -> Path | None:
    """A folder of this name in the cache, made if need be; None where none can be written."""
    for base in (own_folder(), user_folder()):
        if base and can_write(base / name):
            return base / name
    return None


def can_write(folder: Path) -> bool:
    """Whether a file can be made there; the folder is made if it is missing."""
    import tempfile  # with its random numbers it takes longer to load than a command that compiles nothing has to spare

    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def is_beside_source(folder: Path | None) -> bool:
    """Whether this is the installation itself."""
    return folder == _PACKAGE


def when_compiling(report: Callable[[str], object]) -> None:
    """Have one line told when the first kernel is compiled that was not kept from an earlier start."""
    _listeners.append(report)


def tell_compiling(in_memory: bool) -> None:
    """Tell, once a process, that a kernel is being compiled, and count it."""
    _compiled[0] += 1
    listeners = _listeners[:]
    _listeners.clear()
    for report in listeners:
        report(IN_MEMORY if in_memory else COMPILING)


def n_compiled() -> int:
    """How many kernels this process had to compile so far, the one included that it compiles now."""
    return _compiled[0]
