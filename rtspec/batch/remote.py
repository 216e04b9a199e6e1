"""Files at a URL (``s3://``, ``gs://`` and whatever else fsspec knows): fetched, rendered beside, put once and whole.

What is rendered lies in a folder of this machine until it is complete; only then does it go to its place, in one piece
where the store takes objects, and under a hidden name first where it is a file system. fsspec is loaded with the first
URL, so nothing pays for it that needs none.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import AudioFileError, InvalidValue, RtspecError
from ..storage import numbered

OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci", "memory")
"""Protocols whose stores show an object when all of it is there, or not at all."""

_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "crc32c", "LastModified", "last_modified", "mtime", "created")
_TIMES = ("LastModified", "last_modified", "updated", "mtime", "created")
_REMEDIES = {
    "NoCredentialsError": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "PermissionError": "access is denied: check the credentials and the bucket's rules",
    "EndpointConnectionError": "nobody answers there: check the network and AWS_ENDPOINT_URL",
}


class Remote(PurePosixPath):
    """A URL with a path's methods; it reads as it was written, ``s3://bucket/takes/a.wav``."""

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)

    def __fspath__(self) -> str:
        raise AudioFileError(f"{self} is at a URL, and only sound, scores, levels and OUT may be; fetch it first")


def place(text: str | os.PathLike[str]) -> "Path | Remote":
    """A path, or a URL where it is one; ``file://`` names a path."""
    if isinstance(text, Remote):
        return text
    name = os.fspath(text)
    protocol, mark, rest = name.partition("://")
    if not mark or not protocol.isidentifier():
        return Path(name)
    return Path(rest) if protocol in ("file", "local") else Remote(name)


class Store:
    """What is known of the files at URLs, each asked for once: a listing tells of a whole folder."""

    def __init__(self):
        self._known: dict[str, dict[str, Any] | None] = {}
        self._listed: list[str] = []

    def info(self, path: Remote, fresh: bool = False) -> dict[str, Any] | None:
        """What the store says of a file or folder: its "type" and "size" among it; None where nothing is there."""
        name = str(path)
        if fresh or (name not in self._known and not any(name.startswith(folder) for folder in self._listed)):
            with _told(path):
                files, key = _opened(path)
                files.invalidate_cache()
                try:
                    self._known[name] = files.info(key)
                except FileNotFoundError:
                    self._known[name] = None
        return self._known.get(name)

    def walked(self, folder: Remote) -> list[Remote]:
        """All files in a folder and its sub-folders, in the order of their names."""
        with _told(folder):
            files, key = _opened(folder)
            files.invalidate_cache()
            found = files.find(key, detail=True)
        start = str(folder).partition("://")[0] + "://"
        named = {str(Remote(start + name.lstrip("/"))): info for name, info in found.items() if _can_be_named(name)}
        self._known.update(named)
        self._listed.append(f"{folder}/")
        return [Remote(name) for name in sorted(named)]

    def fitting(self, pattern: Remote) -> list[Remote]:
        """The files that a pattern with ``*``, ``?`` or ``**`` fits, in the order of their names."""
        with _told(pattern):
            files, key = _opened(pattern)
            found = files.glob(key)
        start = str(pattern).partition("://")[0] + "://"
        return [Remote(start + name.lstrip("/")) for name in sorted(found) if _can_be_named(name)]

    def stamp(self, path: Remote, fresh: bool = False) -> list | None:
        """Size in bytes and what tells a content from another: its ETag, else the time; None where nothing is."""
        info = self.info(path, fresh)
        if info is None or info.get("type") == "directory":
            return None
        return [info["size"], next((str(info[name]).strip('"') for name in _TAGS if info.get(name)), "")]

    def modified(self, path: Remote) -> tuple[int, float] | None:
        """Size and time of change in seconds; None where no file is."""
        info = self.info(path)
        if info is None or info.get("type") == "directory":
            return None
        return info["size"], _seconds(next((info[name] for name in _TIMES if info.get(name)), 0.0))


STORE = Store()


def is_folder(path: "Path | Remote") -> bool:
    """Whether something is there that holds files."""
    if isinstance(path, Path):
        return path.is_dir()
    return (STORE.info(path) or {}).get("type") == "directory"


def is_there(path: "Path | Remote") -> bool:
    """Whether anything is there, a link to nothing too."""
    return os.path.lexists(path) if isinstance(path, Path) else STORE.info(path) is not None


def real(path: "Path | Remote") -> "Path | Remote":
    """Where links lead; a URL is its own place."""
    return Path(os.path.realpath(path)) if isinstance(path, Path) else path


def fetch(path: Remote, to: Path) -> None:
    """Have a file here."""
    with _told(path):
        files, key = _opened(path)
        files.get_file(key, str(to))


def put(made: Path, path: Remote) -> None:
    """Put a whole file to its place: there it is complete, or what was there before.

    Raises
    ------
    RtspecError
        The store refuses it, or has another number of bytes after it.
    """
    with _told(path):
        files, key = _opened(path)
        if str(path).partition("://")[0] in OBJECT_STORES:
            files.put_file(str(made), key)
        else:
            aside = f"{key.rpartition('/')[0]}/.{path.name}.{os.urandom(4).hex()}.part"
            files.makedirs(key.rpartition("/")[0], exist_ok=True)
            files.put_file(str(made), aside)
            files.mv(aside, key)
    found, size = STORE.stamp(path, fresh=True), made.stat().st_size
    if found is None or found[0] != size:
        raise RtspecError(f"{path} has {found and found[0]} bytes where {size} were put; render it again")


@contextmanager
def staged(
    source: "Path | Remote", target: "Path | Remote", picture: "Path | Remote | None" = None
) -> Iterator[tuple[Path, Path, Path | None]]:
    """Files of this machine in place of URLs: what is read is there before the body, what it made is put after it.

    Yields
    ------
    source, target, picture : Path
        None for no picture.
    """
    if isinstance(source, Path) and isinstance(target, Path) and not isinstance(picture, Remote):
        yield source, target, picture
        return
    from .staging import stage

    with stage() as folder:
        read, made = _standing_in(source, folder / "in"), _standing_in(target, folder / "out")
        drawn = None if picture is None else _standing_in(picture, folder / "out")
        if isinstance(source, Remote):
            fetch(source, read)
        if isinstance(picture, Remote) and drawn:
            _fetch_pictures(picture, drawn.parent)
        before = _inodes(made.parent) if isinstance(target, Remote) else {}
        with _by_url({str(read): str(source), str(made): str(target)}):
            yield read, made, drawn
        if isinstance(target, Remote):
            _put_new(made.parent, target, before)


def _standing_in(path: "Path | Remote", folder: Path) -> Path:
    """A path itself; for a URL a file of its name in `folder`."""
    if isinstance(path, Path):
        return path
    folder.mkdir(exist_ok=True)
    return folder / path.name


def _fetch_pictures(picture: Remote, folder: Path) -> None:
    """What is there of its name and of those after it: whether rtspec made them, they tell themselves."""
    for url in takewhile(lambda each: STORE.info(each, fresh=True), numbered(picture)):
        fetch(url, folder / url.name)


def _inodes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in folder.iterdir()}


def _put_new(folder: Path, target: Remote, before: dict[str, int]) -> None:
    """The rendering, and its picture under whatever name it has found."""
    for name, inode in sorted(_inodes(folder).items()):
        if before.get(name) != inode:
            put(folder / name, target.with_name(name))


@contextmanager
def _by_url(names: dict[str, str]) -> Iterator[None]:
    """Errors name what the user named."""
    try:
        yield
    except RtspecError as error:
        text = str(error)
        for here, url in names.items():
            text = text.replace(here, url)
        raise type(error)(text) from error


def _opened(path: Remote) -> tuple[Any, str]:
    """The library's file system and the path in its words."""
    from fsspec.core import url_to_fs

    return url_to_fs(str(path))


@contextmanager
def _told(path: Remote) -> Iterator[None]:
    """Whatever a store or its library raises, in one line with the remedy."""
    protocol = str(path).partition("://")[0]
    try:
        yield
    except RtspecError:
        raise
    except ImportError as error:
        raise RtspecError(f"{path} needs a library for {protocol}://; pip install 'rtspec[cloud]' brings it") from error
    except FileNotFoundError as error:
        raise AudioFileError(f"nothing is at {path}; check the name, and that its bucket is there") from error
    except Exception as error:
        if isinstance(error, ValueError) and "rotocol" in str(error):
            raise InvalidValue(f"{path}: no library knows {protocol}://; write s3://, gs:// or a path") from error
        kinds = [type(each).__name__ for each in (error, error.__cause__, error.__context__) if each]
        remedy = next((_REMEDIES[kind] for kind in kinds if kind in _REMEDIES), None)
        text = " ".join(str(error).split())[:200]
        raise AudioFileError(f"{path}: {remedy or f'{type(error).__name__}: {text}'}") from error


def _can_be_named(key: str) -> bool:
    """Whether a path can say it; with an empty part, or a dot for one, it would be another file's name."""
    return not {"", "."} & {*key.lstrip("/").split("/")}


def _seconds(when: Any) -> float:
    if isinstance(when, str):
        with suppress(ValueError):
            return datetime.fromisoformat(when.replace("Z", "+00:00")).timestamp()
        return 0.0
    return when.timestamp() if isinstance(when, datetime) else float(when)
