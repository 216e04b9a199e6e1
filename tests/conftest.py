"""What all tests share: which of them run alone, and the count of tests on real devices, which must not silently be
none."""

import os
import re
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

import rtspec  # noqa: F401 (before any test imports onnxruntime: its telemetry is off from the start)

TESTS = Path(__file__).parent
DEVICE_TESTS = TESTS / "device"
ALONE = (TESTS / "realtime", TESTS / "unit" / "benchmarks" / "test_host.py")
"""Tests that count what a thread allocates or how long it takes; with those that :mod:`punctual` judges they want the
machine to themselves."""

IN_TURN = (
    DEVICE_TESTS,
    *(TESTS / "unit" / name for name in ("audio/test_jack.py", "live", "panel")),
    *(TESTS / "unit" / "control" / name for name in ("test_midi.py", "test_osc.py", "test_pad.py")),
)
"""Tests that start servers of which the machine has a few places, or play: beside others, but one after another."""

_passed: set[str] = set()


def device_tests_required(config) -> bool:
    """In CI and in tests/run.sh a machine without JACK is a failure, elsewhere a loud warning."""
    if config.option.collectonly or hasattr(config, "workerinput"):  # the first process counts for all
        return False
    return os.environ.get("CI") == "true" or os.environ.get("REQUIRE_DEVICE_TESTS") == "1"


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: wants the machine to itself; given by the folder, and to what is timed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("flaky") or _lies_in(item.path, ALONE):
            item.add_marker("alone")
    items.sort(key=_order)


def _lies_in(path, places) -> bool:
    return any(place in (path, *path.parents) for place in places)


def _order(item) -> int:
    """First what compiles the kernels: a stream on a device must not wait for a compiler."""
    return 0 if _lies_in(item.path, [TESTS / "equivalence"]) else 1 if _lies_in(item.path, IN_TURN) else 2


class InTurn(LoadScopeScheduling):
    """Of all processes one gets the tests that go one after another, and one those of a processor's contract, whose
    kernels only it then compiles; no two get the same test."""

    def __init__(self, config, log):
        config.option.loadscopereorder = False  # see _order
        super().__init__(config, log)

    def _split_scope(self, nodeid):
        path, _, case = nodeid.partition("::")
        if _lies_in(TESTS.parent / path, IN_TURN):
            return "in turn"
        processor = re.search(r"\[([\w:]+(?:-[a-z]+)*)", case)
        return f"contract of {processor[1]}" if processor and path.endswith("/test_contract.py") else nodeid


def pytest_xdist_make_scheduler(config, log):
    """Not pytest-xdist's own groups by a mark, which its 3.8 forgets beside pytest 9.2."""
    return InTurn(config, log)


def pytest_runtest_logreport(report):
    if report.when == "call" and report.passed and DEVICE_TESTS in (TESTS.parent / report.fspath).parents:
        _passed.add(report.nodeid)


def pytest_sessionfinish(session, exitstatus):
    if device_tests_required(session.config) and not _passed and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.write_line(f"device tests: {len(_passed)} ran")
    if not _passed and not config.option.collectonly:
        from rtspec.audio.jack import why_unavailable

        reason = why_unavailable() or "none was selected, or none passed"
        terminalreporter.write_line(f"WARNING: no test ran on a real device: {reason}", red=True, bold=True)
