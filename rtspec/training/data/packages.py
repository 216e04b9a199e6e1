"""Debian packages as a source of sound: fetched without installing, their sound alone unpacked, licences listed."""

import fnmatch
import re
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...audio.files import is_audio
from ...errors import RtspecError
from ...storage import alone

ARCHIVES = (".zip", ".pk3", ".pk4", ".wz", ".jar", ".h2drumkit")
"""Archives (zip or tar) that hold sound."""
MODULES = (".mod", ".xm", ".s3m", ".it", ".umx", ".mptm")
"""Tracker music: notes and samples, which no coder has seen."""
_SOUNDS = (".opus", ".oga", *MODULES)
"""Sound beside what :func:`rtspec.audio.files.is_audio` knows."""
_KEPT_ELSE = (".txt", ".json", ".ini", ".csv", ".xml", ".sf2", ".sf3", ".mid", ".midi", ".rmi", ".wad", ".ocg")
"""What a package may hold beside sound that readers use: texts, sound fonts, scores."""
_MAGIC = {b"OggS": ".ogg", b"fLaC": ".flac", b"RIFF": ".wav", b"ID3\x03": ".mp3", b"MThd": ".mid"}
"""First bytes of files whose name has no ending, and the ending that they get."""


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
        return self.files(lambda path: is_audio(path) or path.suffix.lower() in _SOUNDS)

    def files(self, wanted: Callable[[Path], bool]) -> list[Path]:
        """The files that are wanted, sorted; what a link names counts once."""
        return sorted(p for p in self.folder.rglob("*") if p.is_file() and not p.is_symlink() and wanted(p))

    def licence_of(self, path: Path) -> str:
        """The licence that the copyright file gives to one file, by its name; the package's where it gives none."""
        found = [names for patterns, names in _stanzas(self.folder) if _matches(path.name, patterns)]
        return found[-1] if found else self.licence


def fetch(names: Iterable[str], folder: str | Path, report: Callable[[str], None] = lambda _: None) -> list[Unpacked]:
    """Download packages with ``apt-get download`` and unpack their sound, scores, fonts and licences; what is there
    already stays, and nothing is fetched for it.

    Parameters
    ----------
    names : iterable of str
        Package names, or patterns where the name differs between releases: "wesnoth-[0-9.]+-music".
    folder : path
        Gets packages/NAME/; debs/ holds a download until it is unpacked.
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
    report(f"waiting for {pattern}")
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / ".fetching"):  # of shards that begin together the first fetches, the others find it done
        return unpacked(pattern, folder) or _brought(_resolved(pattern), folder, report)


def _brought(name: str, folder: Path, report: Callable[[str], None]) -> Unpacked:
    report(f"fetching {name}")
    archive = _downloaded(name, folder / "debs")
    report(f"unpacking {name}")
    target = folder / "packages" / name
    part = target.with_name(f".{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, exist_ok=True)
    _unpack(archive, part)
    part.rename(target)
    archive.unlink()
    return Unpacked(name, target, licences(target))


def _unpack(archive: Path, target: Path) -> None:
    """What readers use of a package, the archives inside it opened beside themselves and gone."""
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as process,
        tarfile.open(fileobj=process.stdout, mode="r|") as tar,
    ):
        for member in tar:
            _take(tar, member, target)
    if process.returncode:
        raise DataError(f"{archive} is damaged (dpkg-deb ends with {process.returncode}); delete it and start again")
    for each in [p for p in target.rglob("*") if p.suffix.lower() in ARCHIVES and p.is_file()]:
        _open_archive(each)
        each.unlink()


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    """Extract a member that is of use: never outside the folder, never a device."""
    path = Path(member.name)
    if member.isfile() and not path.suffix:
        start = tar.extractfile(member).read()  # type: ignore[union-attr]  (a file has content)
        if ending := _MAGIC.get(start[:4]):
            made = (target / path).resolve().with_suffix(ending)
            if made.is_relative_to(target.resolve()):
                made.parent.mkdir(parents=True, exist_ok=True)
                made.write_bytes(start)
        elif path.name == "copyright":
            (target / path.parent).mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(start)
    elif (member.isfile() or member.issym()) and (_is_wanted(path) or path.suffix.lower() in ARCHIVES):
        tar.extract(member, target, filter="data")


def _is_wanted(path: Path) -> bool:
    return is_audio(path) or path.suffix.lower() in (*_SOUNDS, *_KEPT_ELSE)


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
    """What readers use out of a zip or tar, into a folder beside it; nothing out of a file that is only called so."""
    target = path.with_name(path.name + ".d").resolve()
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                inside = (target / member).resolve()
                if _is_wanted(inside) and inside.is_relative_to(target) and not member.endswith("/"):
                    archive.extract(member, target)
    elif tarfile.is_tarfile(path):
        with tarfile.open(path) as tar:
            for member in tar:
                if member.isfile() and _is_wanted(Path(member.name)):
                    tar.extract(member, target, filter="data")


def _stanzas(folder: Path) -> list[tuple[list[str], str]]:
    """(file patterns, licence) of the package's machine-readable copyright file, in its order."""
    found = []
    for path in sorted(folder.glob("usr/share/doc/*/copyright")):
        for stanza in re.split(r"\n\s*\n", path.read_text(errors="replace")):
            files = re.search(r"^Files:((?:.*\n?)(?:[ \t].*\n?)*)", stanza, re.M)
            licence = re.search(r"^License:[ \t]*(\S.*)$", stanza, re.M)
            if files and licence:
                found.append((files[1].split(), licence[1].strip()))
    return found


def _matches(name: str, patterns: list[str]) -> bool:
    """Whether one of the patterns names this file: a bare * names none in particular."""
    last = (pattern.rsplit("/", 1)[-1] for pattern in patterns)
    return any(each != "*" and fnmatch.fnmatch(name, each) for each in last)


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
