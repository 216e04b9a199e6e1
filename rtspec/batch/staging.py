"""A folder of this machine for what is between here and a URL; it goes with its process, however that ends."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows: nothing is told about other processes, so nothing of theirs is removed
    fcntl: Any = None

_PREFIX, _LOCK = "rtspec-stage-", "lock"
_YOUNG_S = 60.0
"""A folder without a lock may be one that is just being made."""


@contextmanager
def stage() -> Iterator[Path]:
    """A new folder, locked while it is in use; those that killed processes left are removed before."""
    _tidy(Path(tempfile.gettempdir()))
    made = tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True)
    with made as name, open(Path(name, _LOCK), "wb") as lock:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield Path(name)


def _tidy(root: Path) -> None:
    for folder in root.glob(f"{_PREFIX}*") if fcntl is not None else ():
        with suppress(OSError):
            if folder.stat().st_uid == os.getuid() and time.time() - folder.stat().st_mtime > _YOUNG_S:
                _remove_unlocked(folder)


def _remove_unlocked(folder: Path) -> None:
    try:
        with open(folder / _LOCK, "rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except FileNotFoundError:
        shutil.rmtree(folder, ignore_errors=True)
