"""Sounds measured rather than rendered, by the same runner: of each a file of figures, and a ledger of which are done.

What a killed run measured is not measured again, nor what another shard of the same command did.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..audio.files import make_folder
from ..console import progress
from ..errors import InvalidValue, RtspecError
from ..options import integer, share
from ..storage import AtomicFile
from .cluster import runner_of
from .ledger import Ledger
from .plan import Job
from .records import Record
from .resuming import tidy_targets

ROWS = "rows"
"""The folder below --out that has a file of figures for each source."""
_UNDECIDED = ("out", "tracks")
"""Settings that change no figure: where figures go, and of how many sounds there are some."""
_PACKAGE = Path(__file__).parents[1]


def code_of(*rooms: str) -> str:
    """What the code of some rooms of this package is, 16 hexadecimal digits: figures of other code are others."""
    digest = hashlib.sha256()
    for path in sorted(path for room in rooms for path in (_PACKAGE / room).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many processes, and which share of the work."""
    parser.add_argument(
        "--jobs", type=integer(1, 256), default=1, metavar="N", help="sounds at a time, each in its own process"
    )
    parser.add_argument(
        "--cluster", metavar="ADDRESS", help="of a dask scheduler whose workers measure, into --out: tcp://HOST:PORT"
    )
    parser.add_argument(
        "--shard",
        type=share,
        default=(1, 1),
        metavar="K/N",
        help="the K-th of N shares of all sounds, on any machine; tables are of all that is in --out",
    )


def is_shared(args: argparse.Namespace) -> bool:
    """Whether the command asks for worker processes, or for a share.

    Raises
    ------
    InvalidValue
        A share, or a cluster, without a folder in which figures come together.
    """
    if args.shard != (1, 1) and not args.out:
        raise InvalidValue("--shard needs --out, where the shares' figures come together; give all the same folder")
    if args.cluster and not args.out:
        raise InvalidValue("--cluster needs --out, a folder that its machines share: the figures come together there")
    return args.jobs > 1 or bool(args.cluster) or args.shard != (1, 1)


class Figures:
    """What a worker process measures with: it writes what `of(source, target)` gives, as JSON."""

    def __init__(self, of: Callable[[Path, Path], Any]):
        self._of = of

    def render(self, source: Path, target: Path, advance: Callable[[int, int], None], picture: Path | None) -> Record:
        """Measure one source."""
        made = self._of(source, target)
        make_folder(target.parent)
        with AtomicFile(target) as file:
            file.write(json.dumps(made).encode())
        return Record(str(source), str(target))


def shared_figures(
    args: argparse.Namespace, work: str, settings: dict[str, Any], sources: list[tuple[str, Path]]
) -> dict[tuple[str, Path], Any]:
    """What there is of each source, by worker processes and by other shards in the same folder.

    Parameters
    ----------
    args : argparse.Namespace
        With `jobs`, `cluster`, `shard`, `out` and `json`.
    work : str
        The module whose ``make_worker(settings)`` gives a :class:`Figures`.
    settings : dict
        What the measuring needs beside a source, as JSON has it.
    sources : list of (str, Path)
        What the target's name begins with, before "--", and a sound's file; no two alike.
    """
    with tempfile.TemporaryDirectory() as spare:
        folder = Path(args.out or spare) / ROWS
        jobs = [Job(path, folder / f"{name}--{_word(path)}.json") for name, path in sources]
        decided = {name: value for name, value in settings.items() if name not in _UNDECIDED}
        key = f"{code_of('evaluation', 'metrics', 'processors')} {json.dumps(decided)}"

        def runner(n: int):
            n_workers = args.jobs if args.cluster else min(args.jobs, n)
            return runner_of(settings, n_workers, args.cluster, work=work)

        done = measured(runner, key, jobs, args.shard, args.json)
        found = {source: done[job] for source, job in zip(sources, jobs, strict=True) if job in done}
    if len(found) < len(jobs):
        print(f"rtspec: {len(found)} of {len(jobs)} are measured; the other shards have the rest", file=sys.stderr)
    return found


def _word(path: Path) -> str:
    """What tells a sound from the others, as one word."""
    return "-".join((*path.parts[-3:-1], path.stem)).replace(" ", "_")


def measured(
    runner: Callable[[int], Any], key: str, jobs: list[Job], shard: tuple[int, int], quiet: bool
) -> dict[Job, Any]:
    """What the targets of all jobs hold, as far as they are there: figures of other shards too.

    Parameters
    ----------
    runner : callable
        Makes who measures so many sounds, where there are any.
    key : str
        What decides a figure beside its source; figures of another key are measured again.
    jobs : list of Job
        All, of all shards; their targets are in one folder.
    shard : (int, int)
    quiet : bool

    Raises
    ------
    RtspecError
        A source could not be measured; what the others gave is kept.
    """
    folder = jobs[0].target.parent
    own = jobs[shard[0] - 1 :: shard[1]]
    with Ledger(folder, key, shard) as ledger:
        left = [job for job in own if not ledger.verdict(job, everything=True)]
        ledger.begin()
        failed = _run(runner, left, ledger, quiet) if left else []
        ledger.end(keep=True)
        there = [job for job in jobs if job in own or ledger.verdict(job, everything=True)]
    tidy_targets(own)
    if failed:
        raise RtspecError(
            f"{len(failed)} of {len(own)} could not be measured; the others are kept: {'; '.join(failed)}"
        )
    return {job: json.loads(job.target.read_text()) for job in there}  # type: ignore[union-attr]  (paths of this machine)


def _run(runner: Callable[[int], Any], jobs: list[Job], ledger: Ledger, quiet: bool) -> list[str]:
    """Have the jobs done; what failed, in words."""
    failed = []
    with runner(len(jobs)) as working, progress(quiet) as bar:
        task = bar.add_task("measured", total=len(jobs))
        for kind, i, what in working.events(jobs):
            if kind in ("record", "error"):
                ledger.note(jobs[i], Record(**what) if kind == "record" else what)
                failed += [what] if kind == "error" else []
                bar.advance(task)
    return failed
