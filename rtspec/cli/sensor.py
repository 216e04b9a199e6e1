"""A sensor's levels as a source: what a command must do so that the chain's inversion plays them."""

from collections.abc import Callable, Iterable

from ..batch.sources import hear_levels

PREFIX = "levels:"
"""Of a live source that is a table of levels, or "udp:PORT[:BANDS[:PERIOD_S]]"."""


def is_sensor(source: str | None) -> bool:
    """Whether a live source is a sensor's levels."""
    return source is not None and source.startswith(PREFIX)


def silent_source(chain: Iterable, source: str, rate: float, report: Callable[[str], None]) -> tuple:
    """The silence to play while the chain's inversion sounds, (1, n_samples), and whether it must loop."""
    import numpy as np

    seconds = hear_levels(chain, source.removeprefix(PREFIX), report)
    return np.zeros((1, max(1, round(rate * (seconds or 1.0)))), np.float32), seconds is None
