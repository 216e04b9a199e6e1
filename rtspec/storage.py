"""Files that appear whole or not at all: written beside their name, renamed when all is on the disk.

The unfinished file is locked as long as its process lives. So what a killed process left behind is told from what
another one is writing, whatever their process ids are: two containers on one volume may have the same.
"""

import errno
import os
import re
import stat
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePath
from typing import BinaryIO, TypeVar

try:
    import fcntl
except ImportError:  # Windows: nothing is told about other processes, so nothing of theirs is removed
    fcntl = None

PathKind = TypeVar("PathKind", bound=PurePath)

_PART = ".part"
_LONGEST_NAME = 255
_LEFT = re.compile(r"\..+\.[0-9a-f]{1,8}\.part")
_tidied: set[str] = set()
_unfinished: "weakref.WeakSet[AtomicFile]" = weakref.WeakSet()


class AtomicFile:
    """A file in the making. As a context manager it is kept where its block ends without an error.

    A link is followed to the file that it names; a file that was there before hands its mode on; one that is read-only,
    or no ordinary file, is refused.

    Attributes
    ----------
    file : BinaryIO
        Where to write; hidden beside the target, gone when something fails. Errors are the system's own (OSError).
    """

    def __init__(self, path: str | os.PathLike[str]):
        self._target = os.path.realpath(path)  # strings: a Path costs 10 µs each time, and a batch makes many files
        self._mode = _mode_for(self._target)
        _remove_stale(os.path.dirname(self._target))
        self._part, self.file = _locked_part(self._target)
        _unfinished.add(self)

    def keep(self) -> None:
        """Give the file its name; what had the name before is there until all of the new one is on the disk."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            if self._mode is not None:
                os.chmod(self._part, self._mode)
            if os.name == "nt":
                self.file.close()
            os.replace(self._part, self._target)
            self.file.close()  # after it has its name: until then the lock says that somebody is at it
        except OSError:
            self.discard()
            raise
        _unfinished.discard(self)

    def discard(self) -> None:
        """Forget the file; safe to call twice."""
        _unfinished.discard(self)
        with suppress(OSError):  # a full disk refuses the last flush too; the file goes anyway
            self.file.close()
        _unlink(self._part)

    def __enter__(self):
        return self.file

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()


def discard_all() -> None:
    """Remove every unfinished file of this process, before it is ended by force."""
    for whole in list(_unfinished):
        with suppress(OSError):
            _unlink(whole._part)


def check_replaceable(path: str | os.PathLike[str]) -> None:
    """Raise the system's own error where `path` may not be written: read-only, a folder, a pipe, a device."""
    _mode_for(os.path.realpath(path))


def numbered(path: PathKind) -> Iterator[PathKind]:
    """A path and, for when it is taken, others beside it: take.wav, take-2.wav, take-3.wav and so on."""
    yield path
    for number in range(2, 100_000):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def _unlink(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _mode_for(target: str) -> int | None:
    """The permissions that the new file gets; the process's default where nothing is there yet."""
    try:
        there = os.stat(target)
    except FileNotFoundError:
        return 0o666 & ~_umask()
    if not stat.S_ISREG(there.st_mode):
        kind = errno.EISDIR if stat.S_ISDIR(there.st_mode) else errno.EINVAL
        text = os.strerror(kind) if kind == errno.EISDIR else "it is a pipe or a device, no ordinary file"
        raise OSError(kind, text, target)
    if not there.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "it is read-only; make it writable or choose another name", target)
    return stat.S_IMODE(there.st_mode)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _locked_part(target: str) -> tuple[str, BinaryIO]:
    """A new hidden file beside the target, locked by this process, readable by its user alone."""
    folder, name = os.path.split(target)
    while True:
        part = os.path.join(folder, f"{_stem(name)}{os.urandom(4).hex()}{_PART}")
        number = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        file = os.fdopen(number, "w+b")
        if _lock(file) is not False and os.fstat(number).st_nlink:
            return part, file
        file.close()  # somebody who tidied up was quicker


def _stem(name: str) -> str:
    """What the names of a file's unfinished ones begin with; a name as long as can be is cut to leave room."""
    room = _LONGEST_NAME - len("..") - 8 - len(_PART)
    return f".{os.fsdecode(os.fsencode(name)[:room])}."


def _remove_stale(folder: str) -> None:
    """Remove what processes that are no more have left in a folder; once a process and folder."""
    if folder not in _tidied:
        tidy(folder)


def tidy(folder: str | os.PathLike[str]) -> None:
    """Remove what processes that are no more have left in a folder."""
    _tidied.add(os.fspath(folder))
    with suppress(OSError):
        for entry in os.scandir(folder):
            if _LEFT.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                _remove_unlocked(Path(entry.path))


def _remove_unlocked(part: Path) -> None:
    with suppress(OSError), part.open("r+b") as file:
        if _lock(file):
            part.unlink(missing_ok=True)


def _lock(file: BinaryIO) -> bool | None:
    """Whether this process now has the lock; None where the system has no such locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time has this file, which is made; others wait for it, where the system has such locks."""
    with path.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
