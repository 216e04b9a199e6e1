"""Which file becomes which: from files, folders and patterns, none of it rendered twice or over another."""

import glob
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from ..audio.formats import READABLE, is_audio, is_levels, is_score, target_name
from ..errors import AudioFileError
from .lists import LIST, read_list
from .remote import STORE, Remote, is_folder, is_there, place, real
from .resuming import leave_out_done

OTHER_SOUNDS = (
    *(
        ".m4a",
        ".aac",
        ".opus",
        ".aif",
        ".aiff",
        ".aifc",
        ".caf",
        ".wma",
        ".mp2",
        ".mp4",
        ".webm",
        ".mka",
        ".ape",
        ".wv",
    ),
    *(".amr", ".ac3", ".au", ".snd", ".w64", ".rf64", ".bwf", ".oga", ".spx", ".dsf"),
    *(".mid", ".midi", ".kar", ".rmi", ".smf"),
)
"""Endings of sound that a folder may hold and that is not taken from it, or not read at all: to be named."""


@dataclass(frozen=True)
class Job:
    """One file to read and the one to write; where its picture goes, if not to the target's name with .png."""

    source: Path | Remote
    target: Path | Remote
    picture: Path | Remote | None = None


@dataclass
class Plan:
    """What to do, what failed before it could begin, what is skipped and why, and what was done before; of that, how
    much no ledger knows (`unnoted`)."""

    jobs: list[Job] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    unnoted: int = 0
    is_batch: bool = False


def make_plan(
    sources: list[str],
    target: str,
    file_format: str | None = None,
    resume: bool = False,
    scores: bool = False,
    levels: bool = False,
    shard: tuple[int, int] = (1, 1),
) -> Plan:
    """Every file to read with the file to write; a folder's shape is kept.

    Parameters
    ----------
    sources : list of str
        Files, folders, URLs of either, lists of them (``@list.txt``: one a line, and after a tab its name in OUT), and
        patterns such as ``takes/*.wav`` that a shell left as they are.
    target : str
        A file where there is one source and it is a file; else a folder.
    file_format : str, optional
        "wav", "flac", "ogg" or "mp3": what to write in place of the sources' own.
    resume : bool
        Leave out what is there already and is newer than its source.
    scores : bool
        Take the MIDI files of folders too: the chain has an instrument.
    levels : bool
        Take the tables of levels of folders too: the chain has an inversion.
    shard : (int, int)
        Which share of the work this is, from 1, and of how many: together they are all of it, and no two overlap.

    Raises
    ------
    AudioFileError
        Nothing is there to render, or the only file would be overwritten by its own rendering.
    """
    named = [each for source in sources for each in _expanded(source)]
    out, plan = place(target), Plan(is_batch=is_batch(sources))
    if plan.is_batch and is_there(out) and not is_folder(out):
        raise AudioFileError(f"{out} is a file; several files or a folder need a folder to go to")
    played = [kind for kind, wanted in ((is_audio, True), (is_score, scores), (is_levels, levels)) if wanted]
    for path, name in named:
        if is_folder(path):
            _add_folder(plan, path, out / name, file_format, played)
        else:
            _add_file(plan, path, out, file_format, name)
    _refuse_collisions(plan)
    _part_pictures(plan)
    _take_share(plan, *shard)
    if resume:
        leave_out_done(plan)
    return plan


def _take_share(plan: Plan, k: int, n: int) -> None:
    """Every n-th of what all would do, in the order that is the same for all; what is done already counts too."""
    for name in ("jobs", "failed", "skipped"):
        vars(plan)[name] = vars(plan)[name][k - 1 :: n]


def is_batch(sources: list[str]) -> bool:
    """Whether these are more than one file, or a folder."""
    first = place(sources[0])
    return len(sources) > 1 or _is_list(sources[0]) or is_folder(first) or _is_pattern(first)


def _is_pattern(path: Path | Remote) -> bool:
    return glob.has_magic(str(path)) and not is_there(path)


def _is_list(source: str) -> bool:
    return source.startswith(LIST) and not os.path.lexists(source)


def _expanded(source: str) -> list[tuple[Path | Remote, str]]:
    """What a word of the command stands for, and what each is to be called in OUT where its own name is not kept."""
    if _is_list(source):
        return read_list(Path(source[len(LIST) :]))
    path = place(source)
    if not _is_pattern(path):
        return [(path, "")]
    found = STORE.fitting(path) if isinstance(path, Remote) else map(Path, sorted(glob.glob(source, recursive=True)))
    if not (paths := [(each, "") for each in found]):
        raise AudioFileError(f"no file is called {source}; a pattern in quotes must fit at least one")
    return paths


def _add_file(plan: Plan, source: Path | Remote, out: Path | Remote, file_format: str | None, name: str = "") -> None:
    into_folder = plan.is_batch or is_folder(out) or not out.suffix
    plan.jobs.append(Job(source, out / (name or _result_name(source, file_format)) if into_folder else out))


def _result_name(source: Path | Remote, file_format: str | None) -> str:
    if is_score(source) or is_levels(source):
        return source.with_suffix(f".{file_format or 'wav'}").name
    return target_name(source, file_format)


def _add_folder(plan: Plan, folder: Path | Remote, out: Path | Remote, file_format: str | None, played: list) -> None:
    n_before = len(plan.jobs) + len(plan.failed)
    own = None if real(out) == real(folder) else real(out)
    walked = STORE.walked(folder) if isinstance(folder, Remote) else _walked(folder, own, plan)
    for path in walked:
        if path.name.startswith("."):
            if is_audio(path):
                plan.skipped.append(_skip(path, "hidden"))
        elif any(kind(path) for kind in played):
            if (reason := _unreadable(path)) is not None:
                plan.failed.append({"file": str(path), "error": f"cannot read {path}: {reason}"})
            elif own and own in real(path).parents:
                plan.skipped.append(_skip(path, "leads into OUT"))
            else:
                within = path.relative_to(folder).parent
                plan.jobs.append(Job(path, out / within / _result_name(path, file_format)))
        elif path.suffix.lower() in OTHER_SOUNDS:
            plan.skipped.append(_skip(path, path.suffix.lower()))
    if len(plan.jobs) + len(plan.failed) == n_before:
        others = f"; skipped: {', '.join(Path(s['file']).name for s in plan.skipped[:8])}" if plan.skipped else ""
        raise AudioFileError(
            f"{folder} holds no sound file ({', '.join(READABLE)}), not in its sub-folders either{others}"
        )


def _skip(path: Path | Remote, reason: str) -> dict[str, str]:
    return {"file": str(path), "reason": reason}


def _walked(folder: Path, own: Path | Remote | None, plan: Plan) -> Iterator[Path]:
    """All that lies in a folder and its sub-folders, but for what lies in `own`; folders with a sound's name too."""

    def closed(error: OSError) -> None:
        plan.failed.append({"file": str(error.filename), "error": f"cannot read {error.filename}: {error.strerror}"})

    for parent, folders, files in os.walk(folder, onerror=closed):
        folders.sort()
        for name in [*folders]:
            path = Path(parent, name)
            if path.is_symlink():
                plan.skipped.append(_skip(path, "a link to a folder"))
            elif own and Path(os.path.realpath(path)) == own:
                folders.remove(name)
            elif is_audio(path) and not name.startswith("."):
                yield path
        yield from (Path(parent, name) for name in sorted(files))


def _unreadable(path: Path | Remote) -> str | None:
    """Why something with a sound's name is no file that can be read; None where it is one."""
    if isinstance(path, Remote):
        return None
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return error.strerror or str(error)
    if stat.S_ISDIR(mode):
        return os.strerror(21)
    return None if stat.S_ISREG(mode) else "it is a pipe or a device, no ordinary file"


def _real_places() -> Callable[[Path | Remote], str]:
    """``os.path.realpath`` that asks of each folder once: of a hundred thousand files it is most of the time."""
    folders = cache(os.path.realpath)

    def real_place(path: Path | Remote) -> str:
        name = str(path)
        if isinstance(path, Remote):
            return name
        if os.path.islink(name) or path.name in ("", ".."):
            return os.path.realpath(name)
        return os.path.join(folders(os.path.dirname(name) or "."), path.name)

    return real_place


def _refuse_collisions(plan: Plan) -> None:
    """A source or an earlier rendering must not be written over."""
    real_place = _real_places()
    sources = {real_place(job.source) for job in plan.jobs}
    taken: dict[str, Path | Remote] = {}
    kept = []
    for job in plan.jobs:
        place = real_place(job.target)
        if place in sources:
            error = f"{job.source} would be overwritten by its own rendering; choose another OUT"
            if place != real_place(job.source):
                error = f"{job.target}, which is to be read too, would be overwritten; choose another OUT"
            if not plan.is_batch:
                raise AudioFileError(error)
            plan.failed.append({"file": str(job.source), "error": error})
        elif place in taken:
            error = f"{job.source} would be written over the rendering of {taken[place]}: {job.target}; render it apart"
            plan.failed.append({"file": str(job.source), "error": error})
        else:
            taken[place] = job.source
            kept.append(job)
    plan.jobs = kept


def _part_pictures(plan: Plan) -> None:
    """Pictures of a.wav and a.flac in one folder must not both be a.png: they are a.wav.png and a.flac.png."""
    shared = Counter(job.target.with_suffix("") for job in plan.jobs)
    plan.jobs = [
        replace(job, picture=job.target.with_name(f"{job.target.name}.png"))
        if shared[job.target.with_suffix("")] > 1
        else job
        for job in plan.jobs
    ]
