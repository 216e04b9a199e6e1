"""What a test asks of a device that must get every period in time.

The host of a virtual machine takes its processors away for milliseconds now and then, and no stream plays through that.
So beside such a test a thread of the highest priority watches the clock (:mod:`rtspec.benchmarks.host`). A stream that
came late while this watch did is tried again; if it is late then too the test is skipped with what the watch saw,
since on such a machine nobody can tell. What is late on a machine that keeps time fails at once, as all else does that
is wrong.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import wraps

import pytest

from rtspec.benchmarks.host import Watch

TRIES, QUIET_S, MOST_WAIT_S = 2, 1.0, 10.0
_tries: Counter = Counter()


class NotInTime(AssertionError):
    """A stream came late."""


class HostTookTime(AssertionError):
    """A stream came late while the host of this machine kept the processors to itself."""


def check_in_time(seen: Mapping, *names: str) -> None:
    """Raise :class:`NotInTime` unless all of these counts are 0."""
    if any(seen[name] for name in names):
        raise NotInTime(str({**{name: seen[name] for name in names}, **seen}))


def tried_twice(limit_s: float = 60.0) -> Callable:
    """Decorator of a test that calls :func:`check_in_time`; `limit_s` is what one try may take."""

    def mark(test: Callable) -> Callable:
        @wraps(test)
        def judged(*arguments, **named):
            with Watch() as watch:
                try:
                    test(*arguments, **named)
                except NotInTime as late:
                    if not watch.held_up:
                        raise
                    _try_again_or_skip(f"{watch.held_up}; {late}")

        again = pytest.mark.flaky(reruns=TRIES - 1, only_rerun=[HostTookTime.__name__])
        return pytest.mark.timeout(TRIES * (limit_s + MOST_WAIT_S))(again(judged))

    return mark


def _try_again_or_skip(why: str) -> None:
    name = os.environ["PYTEST_CURRENT_TEST"]
    _tries[name] += 1
    if _tries[name] >= TRIES:
        pytest.skip(f"cannot be judged here, {TRIES} times: {why}")
    _wait_for_the_host()
    raise HostTookTime(why) from None


def _wait_for_the_host() -> None:
    """Until it keeps time for a while, or for too long."""
    end = time.monotonic() + MOST_WAIT_S
    while time.monotonic() < end:
        with Watch() as watch:
            time.sleep(QUIET_S)
            if not watch.held_up:
                return
