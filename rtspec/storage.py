"""Files that appear whole or not at all: written beside their name, renamed when all is on the disk."""

import os
from contextlib import suppress
from pathlib import Path


class WholeFile:
    """A file in the making. As a context manager it is kept where its block ends without an error.

    Attributes
    ----------
    file : BinaryIO
        Where to write; hidden beside the target, gone when something fails. Errors are the system's own (OSError).
    """

    def __init__(self, path: str | os.PathLike):
        self.path = Path(path)
        self._part = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self.file = open(self._part, "w+b")  # noqa: SIM115 (closed by keep and discard)

    def keep(self) -> None:
        """Give the file its name; what had the name before is there until all of the new one is on the disk."""
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            os.replace(self._part, self.path)
        except OSError:
            self.discard()
            raise

    def discard(self) -> None:
        """Forget the file; safe to call twice."""
        with suppress(OSError):  # a full disk refuses the last flush too; the file goes anyway
            self.file.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self):
        return self.file

    def __exit__(self, kind, *_) -> None:
        if kind is None:
            self.keep()
        else:
            self.discard()
