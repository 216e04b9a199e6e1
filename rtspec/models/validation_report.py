"""What was looked at in a model, and what came of it."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Check:
    """One line of the report: what was checked, whether it holds, and the figure."""

    name: str
    ok: bool
    detail: str


@dataclass
class Report:
    """What `validate` found.

    Attributes
    ----------
    model : str
        The file.
    checks : list of Check
        In the order in which they were made; the first that fails may be the last.
    figures : dict of str to float or None
        delay_frames, error (of the peak), frame_ms_p50, frame_ms_p99, hop_ms, real_time_factor.
    """

    model: str
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, float | None] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether every check holds."""
        return all(check.ok for check in self.checks)

    def __str__(self) -> str:
        width = max((len(check.name) for check in self.checks), default=0)
        lines = [f"{'ok  ' if c.ok else 'FAIL'}  {c.name:<{width}}  {c.detail}" for c in self.checks]
        return "\n".join([self.model, *lines, "valid" if self.ok else "NOT valid"])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON can hold it."""
        return {"model": self.model, "ok": self.ok, "checks": [asdict(c) for c in self.checks], "figures": self.figures}

    def to_json(self) -> str:
        """The report as one JSON object."""
        return json.dumps(self.to_dict())
