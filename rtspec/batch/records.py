"""What became of each file, and what is to be said about it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

BAD_SHARE = 0.001
"""A file of whose frames more than this share is bad (a model's run failed, or gave NaN) is not what was asked for."""

_NAMED = 8
"""Files that a line names at most."""


@dataclass
class Record:
    """One rendered file.

    `clipped_samples` lie beyond full scale in a format that cannot hold them. `failed_runs` are runs of a model that
    gave an error (`model_error` is the last one), `bad_frames` those that gave NaN or infinity; both are silent.
    `refused_blocks` a native plugin would not take; they pass unprocessed. `unheard_channels` (from 1) are silent
    to the last sample although their input is not.
    """

    input: str
    output: str
    seconds: float = 0.0
    peak: float = 0.0
    times_real_time: float = 0.0
    clipped_samples: int = 0
    model_runs: int = 0
    failed_runs: int = 0
    bad_frames: int = 0
    refused_blocks: int = 0
    model_error: str = ""
    unheard_channels: list[int] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    picture: str | None = None

    @property
    def is_as_asked(self) -> bool:
        """Whether at most :data:`BAD_SHARE` of the frames are bad."""
        bad = self.failed_runs + self.bad_frames
        return bad <= BAD_SHARE * self.model_runs and not self.refused_blocks

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `picture` where there is one."""
        found = {**asdict(self), "as_asked": self.is_as_asked}
        return found if self.picture else {name: value for name, value in found.items() if name != "picture"}

    def line(self) -> str:
        """For people."""
        clipped = f"; clipped at peak {self.peak:.2f}, try --set output_db=-6" if self.clipped_samples else ""
        return f"{self.input} → {self.output}: {self.seconds:g} s at {self.times_real_time:g} × real time{clipped}"


@dataclass
class Report:
    """A batch: what is done, failed, skipped, was done before (`resumed`; `unnoted` of it nobody knows by which chain),
    or is left because it was interrupted."""

    done: list[Record] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    unnoted: int = 0

    @property
    def status(self) -> int:
        """The exit status: 1 where a file failed or is not what was asked for."""
        return int(bool(self.failed or self.left) or not all(record.is_as_asked for record in self.done))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        rest = {name: getattr(self, name) for name in ("failed", "skipped", "resumed", "unnoted", "left")}
        return {"done": [record.as_dict() for record in self.done], **rest, "problems": self.problems()}

    def problems(self) -> list[str]:
        """What is not as it should be, one line for each kind."""
        return [line for line in self._lines() if line]

    def _lines(self) -> Iterable[str]:
        yield self._skips()
        yield from (f"{_name(record)}: {note}" for record in self.done for note in record.notes)
        yield self._count("clipped_samples", "samples clipped", "try --set output_db=-6, or --bit-depth 32f")
        yield self._count("failed_runs", "runs of a model failed, silent in the output", self._model_error())
        yield self._count(
            "bad_frames", "frames of a model were NaN or infinite, silent in the output", "check the model"
        )
        yield self._count(
            "refused_blocks", "blocks were refused by a plugin and pass unprocessed", "check its settings"
        )
        quiet = [record for record in self.done if record.unheard_channels]
        yield f"silent channels, although their input is not, in {_names(quiet)}" if quiet else ""

    def _model_error(self) -> str:
        return next((record.model_error for record in self.done if record.model_error), "no reason given")

    def _count(self, field_name: str, text: str, remedy: str) -> str:
        files = [record for record in self.done if getattr(record, field_name)]
        total = sum(getattr(record, field_name) for record in files)
        of = f" of {sum(record.model_runs for record in files)}" if field_name in ("failed_runs", "bad_frames") else ""
        return f"{total}{of} {text}, in {_names(files)}; {remedy}" if files else ""

    def _skips(self) -> str:
        if not self.skipped:
            return ""
        named = [f"{Path(each['file']).name} ({each['reason']})" for each in self.skipped]
        return f"{len(named)} files skipped: {_listed(named)}"


def _name(record: Record) -> str:
    return Path(record.input).name


def _names(records: list[Record]) -> str:
    return _listed([_name(record) for record in records])


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
