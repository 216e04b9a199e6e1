"""What is known of a tensor that carries frames: where time lies, how many frames there are, how late they come."""

from dataclasses import dataclass, replace
from fractions import Fraction
from math import gcd


@dataclass(frozen=True)
class Clock:
    """How many frames a tensor has for a clip of T: up · floor((T + phase) / down) + extra, 0 ≤ phase < down."""

    up: int = 1
    down: int = 1
    phase: int = 0
    extra: int = 0

    @property
    def rate(self) -> Fraction:
        """Frames of this tensor for each frame of the input."""
        return Fraction(self.up, self.down)

    def length(self, n_frames: int) -> int:
        """Number of frames of this tensor for a clip of `n_frames`."""
        return self.up * ((n_frames + self.phase) // self.down) + self.extra

    def longer(self, frames: int) -> "Clock":
        """The clock of a tensor that has so many frames more (fewer where negative)."""
        return replace(self, extra=self.extra + frames)

    def repeated(self, times: int) -> "Clock":
        """The clock after each frame was repeated `times` times."""
        return replace(self, up=self.up * times, extra=self.extra * times)

    def strided(self, step: int, more: int) -> "Clock":
        """The clock of floor((length + more) / step) frames."""
        if step == 1:
            return self.longer(more)
        if self.up == 1:
            total = self.phase + self.down * (self.extra + more)
            down = self.down * step
            return Clock(1, down, total % down, total // down)
        if self.up % step == 0:
            return replace(self, up=self.up // step, extra=(self.extra + more) // step)
        # Lengths nest only for whole periods here: exact where the clip is a multiple of `down`.
        shared = gcd(self.up, self.down * step)
        return Clock(self.up // shared, self.down * step // shared, 0, (self.extra + more) // step)

    def meets(self, other: "Clock") -> bool:
        """Whether both have the same number of frames for every clip that is a whole number of periods."""
        return self.rate == other.rate and self.extra == other.extra


@dataclass(frozen=True)
class Flow:
    """How frames pass through a tensor of the streaming model.

    Attributes
    ----------
    axis : int
        The time axis.
    clock : Clock
        Number of frames for a clip of T.
    delay : int
        Frame j of the offline tensor is frame j + delay of the stream, in this tensor's own frames. Below zero (padding
        in front) the first frames lie before the stream's first: they are constants, the tensor's *lead*.
    silent : bool
        Frames before the first and after the last are zero.
    finite : bool
        Frames before the first and after the last cannot be infinite or NaN.
    tail : int
        How many frames at the end are padding.
    """

    axis: int
    clock: Clock = Clock()
    delay: int = 0
    silent: bool = False
    finite: bool = True
    tail: int = 0

    def but(self, **changes) -> "Flow":
        """A copy with some fields changed."""
        return replace(self, **changes)
