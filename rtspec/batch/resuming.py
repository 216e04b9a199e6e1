"""What of a plan is done already: by a ledger where the file is in one, else by what is newer than its source."""

import stat
from pathlib import Path
from typing import TYPE_CHECKING

from ..storage import tidy
from .remote import STORE, Remote

if TYPE_CHECKING:
    from .ledger import Ledger
    from .plan import Job, Plan


def leave_out_done(plan: "Plan", ledger: "Ledger | None" = None, everything: bool = True) -> None:
    """Take from a plan's jobs what is done.

    Parameters
    ----------
    ledger : Ledger, optional
        What it notes counts: same source, same chain, same result. What it does not know counts as done where it is
        newer than its source.
    everything : bool
        Whether what earlier runs did counts too; else only what an interrupted one did.
    """
    left = []
    for job in plan.jobs:
        known = ledger.verdict(job, everything) if ledger else None
        if known if known is not None else everything and _is_newer(job):
            plan.resumed.append(str(job.target))
            plan.unnoted += known is None and ledger is not None
        else:
            left.append(job)
    plan.jobs = left


def _is_newer(job: "Job") -> bool:
    made, read = _modified(job.target), _modified(job.source)
    return bool(made and read and made[0] > 0 and made[1] >= read[1])


def _modified(path: "Path | Remote") -> tuple[int, float] | None:
    """Size and time of change in seconds of an ordinary file; None where none is."""
    if isinstance(path, Remote):
        return STORE.modified(path)
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_size, found.st_mtime) if stat.S_ISREG(found.st_mode) else None


def tidy_targets(jobs: "list[Job]") -> None:
    """Remove what killed processes left unfinished beside the targets."""
    for folder in {job.target.parent for job in jobs if isinstance(job.target, Path)}:
        tidy(folder)
