"""Named choices: a method, its look-ahead, iterations and momentum, for a plan and a share of the hop's time.

All four are RTISI-LA with this package's windows (:mod:`rtspec.phase.rtisi`), since nothing else came near them at
any look-ahead; they differ in the look-ahead that they wait for, in the iterations that they spend, and in how new
frames start. On the clips of ``rtspec data clips`` (speech, music, textures, transients; spectral convergence at 75
and 87.5 % overlap) RTPGHI's start is worth about 1 dB without look-ahead, and .5 to .9 dB at half a window and 12
iterations; at one frame of look-ahead it costs 4 dB, and at a whole window with 24 iterations .6 to .9 dB. Transients
gain by it 4 to 5 dB at half a window and more, with 2 to 4 dB less pre-echo, and textures lose 2: ``start="rtpghi"``
makes "best" one for percussion. Figures are in :mod:`rtspec.phase.figures`; ``rtspec benchmark phase`` measures them
anew, and says whether another method dominates a choice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import log2

from .. import checks
from ..frames.plan import FramePlan

PAIR_US = 3.0
"""A refinement of one frame of 1024 samples on a slow machine, µs; grows as n·log n. Only guards against plans that
could not keep up."""


@dataclass(frozen=True)
class Choice:
    """A named compromise: `look_ahead` in frames as a function of the overlap length / hop, and iterations a frame."""

    name: str
    look_ahead: Callable[[int], int]
    iterations: int
    summary: str
    start: str | None = None


CHOICES: dict[str, Choice] = {
    c.name: c
    for c in (
        Choice("live", lambda overlap: 0, 16, "no look-ahead at all", start="rtpghi"),
        Choice("fast", lambda overlap: 1, 16, "one frame of look-ahead"),
        Choice("balanced", lambda overlap: max(1, overlap // 2), 12, "half a window of look-ahead", start="rtpghi"),
        Choice("best", lambda overlap: overlap, 24, "a window of look-ahead"),
    )
}


def safe_momentum(overlap: int) -> float:
    """Momentum with a margin to divergence, which comes the earlier the more frames overlap (above .75, .6 and .55 at
    4, 8 and 16)."""
    return {2: 0.65, 4: 0.65, 8: 0.55, 16: 0.45}.get(1 << max(1, (overlap - 1).bit_length()), 0.3)


def choose(name: str, plan: FramePlan, *, load: float = 0.5) -> tuple[str, dict]:
    """The method and the options that a name stands for.

    Parameters
    ----------
    name : str
        "live", "fast", "balanced" or "best".
    plan : FramePlan
    load : float
        Share of a hop's time that one channel may take, more than 0; iterations are cut to fit.

    Returns
    -------
    method : str
    options : dict
        `look_ahead` (frames), `iterations`, `momentum`, and `start` where it has one.

    Examples
    --------
    >>> choose("live", FramePlan())
    ('rtisi-la', {'look_ahead': 0, 'iterations': 16, 'momentum': 0.65, 'start': 'rtpghi'})
    """
    if load <= 0:
        checks.fail("load", load, "must be more than 0", "try 0.5")
    choice, overlap = CHOICES[name], -(-plan.length // plan.hop)
    look_ahead = choice.look_ahead(overlap)
    pair_us = PAIR_US * plan.n_fft * log2(plan.n_fft) / (1024 * 10)
    affordable = int(load * 1e6 / plan.frame_rate_hz / (pair_us * (look_ahead + 1)))
    iterations = max(1, min(choice.iterations, affordable))
    options = {"look_ahead": look_ahead, "iterations": iterations, "momentum": safe_momentum(overlap)}
    return "rtisi-la", options | ({"start": choice.start} if choice.start else {})


def resolve(method: str, plan: FramePlan, options: dict) -> tuple[str, dict]:
    """A choice as its method with its options, those given taking precedence; any other name as it is."""
    if method not in CHOICES:
        return method, options
    load = {"load": options["load"]} if options.get("load") is not None else {}
    chosen, own = choose(method, plan, **load)
    return chosen, own | {name: value for name, value in options.items() if name != "load" and value is not None}
