"""What went wrong inside a program while it played, read from counters that its stages keep."""

from dataclasses import dataclass

from ..models.session import ModelStage
from .native import NativeStep
from .program import Program


@dataclass(frozen=True)
class Faults:
    """Runs of models, those that failed and those that gave NaN or infinity; the last error; blocks that native plugins
    refused."""

    model_runs: int = 0
    failed_runs: int = 0
    bad_frames: int = 0
    model_error: str = ""
    refused_blocks: int = 0

    def __add__(self, other: "Faults") -> "Faults":
        return Faults(
            self.model_runs + other.model_runs,
            self.failed_runs + other.failed_runs,
            self.bad_frames + other.bad_frames,
            self.model_error or other.model_error,
            self.refused_blocks + other.refused_blocks,
        )


def faults_of(program: Program) -> Faults:
    """What is counted since the program's last reset, by its stages and those of the programs that it joins."""
    found = Faults()
    for stage in program.stages:
        found += _of_stage(stage)
    for part in program.parts:
        found += faults_of(part)
    return found


def _of_stage(stage) -> Faults:
    if isinstance(stage, ModelStage):
        counted = stage.counters
        error = stage.last_error if counted["failures"] else ""
        return Faults(counted["runs"], counted["failures"], counted["not_finite"], error)
    return Faults(refused_blocks=sum(each.errors for each in stage.kept if isinstance(each, NativeStep)))
