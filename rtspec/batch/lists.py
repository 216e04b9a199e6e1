"""Lists of files to render: ``@list.txt``, one a line, and after a tab what it is to be called in OUT."""

from pathlib import Path, PurePosixPath

from ..errors import AudioFileError
from .remote import Remote, place

LIST = "@"
"""What a list's name begins with."""


def read_list(path: Path) -> list[tuple[Path | Remote, str]]:
    """What a list names; paths in it are relative to it. Empty lines and those that begin with # count for nothing.

    Returns
    -------
    list of (path or URL, str)
        The str is the name in OUT, sub-folders and all; empty where the file's own name is kept.

    Raises
    ------
    AudioFileError
        It cannot be read, names nothing, or a name in OUT leads out of it.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise AudioFileError(f"cannot read the list {path}: {error.strerror}") from error
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip() and line[0] != "#"]
    if not lines:
        raise AudioFileError(f"the list {path} names no file; write one a line")
    return [_entry(path, number, line) for number, line in lines]


def _entry(path: Path, number: int, line: str) -> tuple[Path | Remote, str]:
    source, _, name = line.partition("\t")
    if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
        raise AudioFileError(f"{path}, line {number}: {name} leads out of OUT; write a name within it")
    found = place(source)
    return (path.parent / found if isinstance(found, Path) else found), name
