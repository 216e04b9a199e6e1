"""What a chain asks of whoever plays it live: all that ties it to :mod:`rtspec.live`."""

from typing import Protocol

from ..buffers.step import Stage
from .program import Program


class Driver(Protocol):
    """Plays one program after another without a gap; the engine of a stream is one."""

    @property
    def running(self) -> bool:
        """Whether it plays now, so that an edit must be faded in."""
        ...

    def play(self, program: Program, following: Program | None = None, after_samples: int = 0) -> None:
        """Release a program, and `following`, which plays when the first has played `after_samples`."""
        ...

    def settle(self) -> None:
        """Wait until what was released plays."""
        ...


class LastStage(Protocol):
    """Stands behind a chain in the same program, as the feedback guard does."""

    stage: Stage
    """Planar float32, no delay."""
