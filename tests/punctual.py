"""What a test asks of a device that must get every period in time.

A shared machine takes the processor away for milliseconds now and then, and no stream plays through that. So a stream
that came late is told from one that is wrong: it is tried again, twice at most, and pytest's closing line counts it
("rerun"). Anything else fails at once, and so does what is late three times.
"""

from collections.abc import Callable, Mapping

import pytest


class NotInTime(AssertionError):
    """A stream came late."""


def check_in_time(seen: Mapping, *names: str) -> None:
    """Raise :class:`NotInTime` unless all of these counts are 0."""
    if any(seen[name] for name in names):
        raise NotInTime(str({**{name: seen[name] for name in names}, **seen}))


def tried_thrice(limit_s: float = 60.0) -> Callable:
    """Decorator of a test that calls :func:`check_in_time`; `limit_s` is what one try may take."""

    def mark(test: Callable) -> Callable:
        again = pytest.mark.flaky(reruns=2, only_rerun=[NotInTime.__name__])
        return pytest.mark.timeout(3 * limit_s)(again(test))

    return mark
