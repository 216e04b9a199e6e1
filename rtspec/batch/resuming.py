"""What of a plan is done already: by a ledger where the file is in one, else by what is newer than its source."""

import stat
from typing import TYPE_CHECKING

from ..storage import tidy

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
    try:
        made, read = job.target.stat(), job.source.stat()
    except OSError:
        return False
    return stat.S_ISREG(made.st_mode) and made.st_size > 0 and made.st_mtime_ns >= read.st_mtime_ns


def tidy_targets(jobs: "list[Job]") -> None:
    """Remove what killed processes left unfinished beside the targets."""
    for folder in {job.target.parent for job in jobs}:
        tidy(folder)
