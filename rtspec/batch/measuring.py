"""Sounds measured rather than rendered, by the same runner: of each a file of figures, and a ledger of which are done.

What a killed run measured is not measured again, nor what another shard of the same command did.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from ..console import progress
from ..errors import RtspecError
from .ledger import Ledger
from .plan import Job
from .records import Record
from .resuming import tidy_targets
from .runner import Runner

_PACKAGE = Path(__file__).parents[1]


def code_of(*rooms: str) -> str:
    """What the code of some rooms of this package is, 16 hexadecimal digits: figures of other code are others."""
    digest = hashlib.sha256()
    for path in sorted(path for room in rooms for path in (_PACKAGE / room).rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def measured(
    work: str, settings: dict[str, Any], key: str, jobs: list[Job], n_workers: int, shard: tuple[int, int], quiet: bool
) -> list[Any]:
    """What the targets of all jobs hold, as far as they are there: figures of other shards too.

    Parameters
    ----------
    work : str
        The module whose ``make_worker(settings)`` has a method `render(source, target, advance, picture)` that writes
        JSON and returns a :class:`.Record`.
    settings : dict
        What goes to it, as JSON has it.
    key : str
        What decides a figure beside its source; figures of another key are measured again.
    jobs : list of Job
        All, of all shards; their targets are in one folder.
    n_workers : int
        Processes.
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
        failed = _run(work, settings, left, n_workers, ledger, quiet)
        ledger.end(keep=True)
        there = [job for job in jobs if job in own or ledger.verdict(job, everything=True)]
    tidy_targets(own)
    if failed:
        raise RtspecError(
            f"{len(failed)} of {len(own)} could not be measured; the others are kept: {'; '.join(failed)}"
        )
    return [json.loads(job.target.read_text()) for job in there]  # type: ignore[union-attr]  (paths of this machine)


def _run(
    work: str, settings: dict[str, Any], jobs: list[Job], n_workers: int, ledger: Ledger, quiet: bool
) -> list[str]:
    """Have the jobs done; what failed, in words."""
    failed = []
    with Runner(settings, min(n_workers, len(jobs)), False, attempts=2, work=work) as runner, progress(quiet) as bar:
        task = bar.add_task("measured", total=len(jobs))
        for kind, i, what in runner.events(jobs):
            if kind in ("record", "error"):
                ledger.note(jobs[i], Record(**what) if kind == "record" else what)
                failed += [what] if kind == "error" else []
                bar.advance(task)
    return failed
