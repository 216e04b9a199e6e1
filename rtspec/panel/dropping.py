"""Files that a browser sends in pieces: each client one at a time, of a size that was said before and has a limit."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from ..checks import shown
from ..errors import InvalidValue

MOST_BYTES = 64 << 20
MOST_AT_ONCE = 4
_ENDING = ".onnx"


@dataclass
class Drop:
    """A file that comes in."""

    path: Path
    size: int
    file: BinaryIO
    come: int = 0
    is_complete: bool = False


class Drops:
    """What comes in, by client, in a folder that is gone when the panel ends."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._drops: dict[int, Drop] = {}
        self._kept: set[int] = set()
        self._left: set[int] = set()

    @contextmanager
    def kept(self, client: int) -> Iterator[None]:
        """While somebody looks at what a client sent, it sends nothing else."""
        self._check_free(client)
        self._kept.add(client)
        try:
            yield
        finally:
            self._kept.discard(client)
            if client in self._left:
                self.leave(client)

    def leave(self, client: int) -> None:
        """A client is gone, and what it has sent too, once nobody looks at it any more."""
        if client in self._kept:
            self._left.add(client)
            return
        self._left.discard(client)
        self.forget(client)

    def _check_free(self, client: int) -> None:
        if client in self._kept:
            raise InvalidValue("the model before is still being looked at; drop the next one when it has been")

    def begin(self, client: int, name: str, size: int) -> None:
        """A file of this name and size comes next."""
        self._check_free(client)
        self.forget(client)
        if size > MOST_BYTES:
            raise InvalidValue(
                f"{name} has {size} bytes; a dropped model may have {MOST_BYTES}; name it on the command line"
            )
        if len(self._drops) >= MOST_AT_ONCE:
            raise InvalidValue(f"{MOST_AT_ONCE} models are being dropped already; try again when they are through")
        folder = self._home() / str(client)
        folder.mkdir(exist_ok=True)
        path = folder / _plain(name)
        self._drops[client] = Drop(path, size, path.open("wb"))

    def add(self, client: int, piece: bytes) -> None:
        """The next piece of it."""
        drop = self._drops.get(client)
        if drop is None or drop.is_complete:
            raise InvalidValue(f"{len(piece)} bytes belong to no file; say its name and size first")
        if drop.come + len(piece) > drop.size:
            self.forget(client)
            raise InvalidValue(f"{drop.path.name} is larger than the {drop.size} bytes that were said; drop it again")
        drop.file.write(piece)
        drop.come += len(piece)

    def complete(self, client: int) -> Path:
        """The file, once all of it has come."""
        drop = self._drops.get(client)
        if drop is None:
            raise InvalidValue("no file has come; drop one onto the panel")
        drop.file.close()
        if drop.come != drop.size:
            self.forget(client)
            raise InvalidValue(f"{drop.path.name}: {drop.come} of {drop.size} bytes came; drop it again")
        drop.is_complete = True
        return drop.path

    def path(self, client: int) -> Path:
        """Where the whole file lies."""
        drop = self._drops.get(client)
        if drop is None or not drop.is_complete:
            raise InvalidValue("no file has come; drop one onto the panel")
        return drop.path

    def forget(self, client: int) -> None:
        """Remove what a client has sent."""
        drop = self._drops.pop(client, None)
        if drop is not None:
            drop.file.close()
            drop.path.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove everything."""
        for client in list(self._drops):
            self.forget(client)
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _home(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="rtspec-panel-"))
        return self._folder


def _plain(name: str) -> str:
    """A file's own name, without folders; it must be one of a model."""
    last = PureWindowsPath(PurePosixPath(name).name).name
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in last.removesuffix(_ENDING)).lstrip(".")[:80]
    if not last.endswith(_ENDING) or not stem:
        raise InvalidValue(f"{shown(name)} is no .onnx file; drop a model's file")
    return f"{stem}{_ENDING}"
