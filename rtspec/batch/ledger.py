"""What a folder of renderings knows of itself: which source became which file, by what chain, when, and how it went.

One line of JSON a file, in a hidden folder beside the renderings; a shard has a file of its own, so that machines which
share the folder never write the same one. A line that a killed process left unfinished counts for nothing. It is there
while a run lasts, so that the same command goes on where it was killed; it stays where a run is meant to be resumed.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

from ..cache import VARIABLE, data_folder
from ..errors import RtspecError
from .plan import Job
from .recipe import Recipe
from .records import Record
from .remote import STORE, Remote, fetch, place, put

FOLDER = ".rtspec-ledger"
_BLOCK = 1 << 20


def fingerprint(recipe: Recipe) -> str:
    """What decides a rendering besides its source: the chain with its settings, the content of every file that they
    name (models, automation, maps), size and time of the shipped models (their content would take 70 ms, while workers
    start), and the version; 16 hexadecimal digits."""
    from .. import __version__

    settings = recipe.as_dict()
    files = sorted({path for value in _texts(settings) if (path := _file(value)) is not None})
    contents = [[str(path), _digest(path)] for path in files] + [[str(path), stamp(path)] for path in _shipped(recipe)]
    text = json.dumps([__version__, settings, contents], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _file(text: str) -> Path | None:
    """The file that a setting names, "onnx:model.onnx" too."""
    for name in (text, text.partition(":")[2]):
        with suppress(OSError, ValueError):
            if name and Path(name).is_file():
                return Path(name)
    return None


def _shipped(recipe: Recipe) -> list[Path]:
    """The shipped models: which of them a chain plays only the chain knows."""
    from ..models.catalogue import models

    return sorted(models().values()) if recipe.chain else []


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


class Ledger:
    """The ledger of a folder of renderings; a context manager.

    Parameters
    ----------
    folder : path
        Where the renderings go.
    key : str
        Of :func:`fingerprint`.
    shard : (int, int)
        Which share of the work this process does, of how many.

    Attributes
    ----------
    rows : dict of str to dict
        The last row of each target, from all shards.
    interrupted : bool
        Whether this shard's last run had the same key and did not end: what it did is done.
    """

    def __init__(self, folder: str | os.PathLike[str], key: str, shard: tuple[int, int] = (1, 1)):
        self.root, self.key = place(folder), key
        self._folder = mirrored(self.root) if isinstance(self.root, Remote) else self.root / FOLDER
        self.path = self._folder / f"{shard[0]}-of-{shard[1]}.jsonl"
        self.rows: dict[str, dict[str, Any]] = {}
        self.interrupted, self._since, self._made_root, self._news = False, 0.0, False, False
        for path in sorted(self._folder.glob("*.jsonl")):
            self._read(path)
        self._file: BinaryIO | None = None

    def _read(self, path: Path) -> None:
        own = path == self.path
        begun: dict[str, Any] = {}
        with suppress(OSError), path.open("rb") as file:
            for line in file:
                with suppress(ValueError, KeyError, TypeError):
                    row = json.loads(line)
                    if "run" in row:
                        begun = row if row["run"] == "begun" else {}
                        continue
                    known = self.rows.get(row["target"])
                    if known is None or row["time"] >= known["time"]:
                        self.rows[row["target"]] = row
        if own and begun.get("key") == self.key:
            self.interrupted, self._since = True, float(begun["time"])

    def verdict(self, job: Job, everything: bool) -> bool | None:
        """Whether a job's rendering is there, made of the same source by the same chain; None where nobody noted it.

        Parameters
        ----------
        everything : bool
            Whatever run it was made in; else only in the one that was interrupted.
        """
        row = self.rows.get(self._name(job))
        if row is None:
            return None
        if row["key"] != self.key or "error" in row or not (everything or row["time"] >= self._since):
            return False
        there = (row["source"], row["read"], row["made"])
        return there == (str(job.source), stamp(job.source), stamp(job.target))

    def begin(self) -> None:
        """A run begins."""
        self._made_root = isinstance(self.root, Path) and not self.root.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a+b", buffering=0)
        self._file.seek(0, os.SEEK_END)
        if self._file.tell():
            self._file.seek(-1, os.SEEK_END)
            if self._file.read(1) != b"\n":  # a killed process left a line unfinished
                self._file.write(b"\n")
        if not self.interrupted:
            self._write({"run": "begun", "key": self.key, "time": time.time()})

    def note(self, job: Job, result: Record | str) -> None:
        """One file is done, or failed for a reason in words."""
        row = {"target": self._name(job), "source": str(job.source), "key": self.key, "time": time.time()}
        row |= {"read": stamp(job.source), "made": stamp(job.target, fresh=True)}
        self._news = True
        self._write({**row, **({"error": result} if isinstance(result, str) else {"result": _short(result)})})

    def end(self, keep: bool) -> None:
        """The run has ended by itself: a new one does all again unless it is to resume, for which this is kept."""
        self._write({"run": "ended", "key": self.key, "time": time.time()})
        if keep:
            if isinstance(self.root, Remote) and self._news:
                put(self.path, self.root / FOLDER / self.path.name)
            return
        with suppress(OSError):
            self.path.unlink()
            self.path.parent.rmdir()
            if self._made_root and isinstance(self.root, Path):  # where nothing was rendered, nothing is left behind
                self.root.rmdir()

    def _name(self, job: Job) -> str:
        """The target within the folder: machines may see it at other places."""
        if isinstance(job.target, Remote):
            return str(job.target.relative_to(self.root))
        return os.path.relpath(job.target, self.root)

    def _write(self, row: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write((json.dumps(row, separators=(",", ":")) + "\n").encode())

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_) -> None:
        if self._file is not None:
            self._file.close()


def mirrored(root: Remote) -> Path:
    """The folder of this machine for the ledgers of a folder at a URL, where no line can be added to a file: what lies
    there already is fetched, unless it is here; :meth:`Ledger.end` puts what is new."""
    base = data_folder("ledgers")
    if base is None:
        raise RtspecError(f"{root} needs a ledger here, and no folder can be written; {VARIABLE}=FOLDER names one")
    folder = base / hashlib.sha256(str(root).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for path in STORE.walked(root):
        if path.parent == root / FOLDER and not (folder / path.name).exists():
            fetch(path, folder / path.name)
    return folder


def stamp(path: Any, fresh: bool = False) -> list | None:
    """Size in bytes and time of change in ns, or the ETag of what is at a URL (`fresh`: asked for again); None where
    nothing is there."""
    if isinstance(path, Remote):
        return STORE.stamp(path, fresh)
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return [found.st_size, found.st_mtime_ns]


def _short(record: Record) -> dict[str, Any]:
    """What a record says beyond its names, where it says something."""
    fields = {name: value for name, value in asdict(record).items() if value}
    return {name: value for name, value in fields.items() if name not in ("input", "output")}
