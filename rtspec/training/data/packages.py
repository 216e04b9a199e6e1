"""Debian packages as a source of sound: fetched without installing, unpacked, their licences listed."""

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...audio.files import is_audio
from ...errors import RtspecError

ARCHIVES = (".zip", ".pk3", ".pk4", ".opus.zip")
_KEPT_ELSE = (".txt", ".json", ".ini", ".csv", ".sf2", ".sf3", ".opus")
"""What an archive may hold beside sound that readers use."""


class DataError(RtspecError):
    """Data cannot be fetched, read or prepared."""


@dataclass(frozen=True)
class Unpacked:
    """A package on the disk.

    Attributes
    ----------
    name : str
        As Debian calls it in this release.
    folder : Path
        Its files, archives opened beside themselves in folders that end in ".d".
    licence : str
        The licences that its copyright file names, e.g. "CC-BY-SA-3.0, GPL-2+".
    """

    name: str
    folder: Path
    licence: str

    def sounds(self) -> list[Path]:
        """Sound files in it, sorted."""
        return sorted(path for path in self.folder.rglob("*") if path.is_file() and is_audio(path))


def fetch(names: Iterable[str], folder: str | Path, report: Callable[[str], None] = lambda _: None) -> list[Unpacked]:
    """Download packages with ``apt-get download`` and unpack them with ``dpkg-deb -x``; what is there already stays.

    Parameters
    ----------
    names : iterable of str
        Package names, or patterns where the name differs between releases: "wesnoth-[0-9.]+-music".
    folder : path
        Gets debs/NAME_VERSION_ARCH.deb and packages/NAME/.
    report : callable
        Told what is being done, in words.

    Raises
    ------
    DataError
        No such package, no network, no apt, or no room on the disk.
    """
    folder = Path(folder)
    return [_fetched(name, folder, report) for name in names]


def _fetched(pattern: str, folder: Path, report: Callable[[str], None]) -> Unpacked:
    found = unpacked(pattern, folder)
    if found is not None:
        return found
    name = _resolved(pattern)
    report(f"fetching {name}")
    archive = _downloaded(name, folder / "debs")
    report(f"unpacking {name}")
    target = folder / "packages" / name
    part = target.with_name(f".{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, exist_ok=True)
    _run(["dpkg-deb", "-x", str(archive), str(part)])
    for each in [p for p in part.rglob("*") if p.suffix.lower() in ARCHIVES and p.is_file()]:
        _open_archive(each)
    part.rename(target)
    return Unpacked(name, target, licences(target))


def unpacked(pattern: str, folder: str | Path) -> Unpacked | None:
    """The package, if an earlier :func:`fetch` left it in `folder`; None if not."""
    packages = Path(folder) / "packages"
    here = sorted(packages.iterdir()) if packages.is_dir() else []
    for path in here:
        if re.fullmatch(pattern, path.name):
            return Unpacked(path.name, path, licences(path))
    return None


def _resolved(pattern: str) -> str:
    """The package's name in this release: the newest that matches."""
    if re.fullmatch(r"[a-z0-9][a-z0-9+.-]*", pattern):
        return pattern
    listed = _run(["apt-cache", "search", "--names-only", f"^{pattern}$"]).split("\n")
    names = [line.split(" ", 1)[0] for line in listed if line]
    if not names:
        raise DataError(f'no package is called "{pattern}"; run apt-get update, or name the one of your release')
    return max(names, key=lambda name: [int(n) for n in re.findall(r"\d+", name)])


def _downloaded(name: str, debs: Path) -> Path:
    debs.mkdir(parents=True, exist_ok=True)
    if not list(debs.glob(f"{name}_*.deb")):
        _run(["apt-get", "download", name], debs)
    return sorted(debs.glob(f"{name}_*.deb"))[-1]


def _run(command: Sequence[str], folder: Path | None = None) -> str:
    try:
        return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    except FileNotFoundError:
        raise DataError(f"{command[0]} is not installed; fetch data on a Debian machine, or give a folder") from None
    except subprocess.CalledProcessError as error:
        why = (error.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise DataError(f"{' '.join(command[:3])} failed: {why}; is there network, and room on the disk?") from None


def _open_archive(path: Path) -> None:
    """Sound and its texts out of a zip, into a folder beside it."""
    target = path.with_name(path.name + ".d").resolve()
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                inside = (target / member).resolve()
                wanted = is_audio(inside) or inside.suffix.lower() in _KEPT_ELSE
                if wanted and inside.is_relative_to(target) and not member.endswith("/"):
                    archive.extract(member, target)
    except zipfile.BadZipFile:
        return  # a file that is only called .zip


def licences(folder: Path) -> str:
    """Names of the licences in a package's copyright file (machine-readable ones list them; else what it mentions)."""
    found: list[str] = []
    for path in sorted(folder.glob("usr/share/doc/*/copyright")):
        text = path.read_text(errors="replace")
        found += [line.strip() for line in re.findall(r"^License:[ \t]*(\S[^\n]*)$", text, re.M)]
        if not found:
            found += re.findall(r"(?:CC[- ]BY[-A-Z]*[ -][\d.]+|GPL-[\d.]+\+?|GPL|public domain|MIT)", text)
    return ", ".join(dict.fromkeys(found)) or "see its copyright file"


def licence_list(packages: Iterable[Unpacked]) -> str:
    """One Markdown line a package, for cards."""
    return "\n".join(f"- {each.name}: {each.licence}" for each in packages)
