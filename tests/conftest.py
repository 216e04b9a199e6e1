"""What all tests share: which of them run alone, and the count of tests on real devices, which must not silently be
none."""

import os
from pathlib import Path

import pytest

import rtspec  # noqa: F401 (before any test imports onnxruntime: its telemetry is off from the start)

TESTS = Path(__file__).parent
DEVICE_TESTS = TESTS / "device"
ALONE = (
    DEVICE_TESTS,
    TESTS / "realtime",
    *(TESTS / "unit" / name for name in ("audio/test_jack.py", "benchmarks", "live", "panel")),
    *(TESTS / "unit" / "control" / name for name in ("test_midi.py", "test_osc.py", "test_pad.py")),
)
"""Tests that play in time, count what a thread allocates, or start servers of which the machine has a few places: they
want the machine to themselves."""

SIDE_BY_SIDE = "not alone"
_passed: set[str] = set()


def device_tests_required(config) -> bool:
    """In CI and in tests/run.sh a machine without JACK is a failure, elsewhere a loud warning."""
    if config.option.collectonly or config.option.markexpr == SIDE_BY_SIDE:
        return False
    return os.environ.get("CI") == "true" or os.environ.get("REQUIRE_DEVICE_TESTS") == "1"


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: wants the machine to itself; given by the folder, and to what is timed")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("flaky") or any(place in (item.path, *item.path.parents) for place in ALONE):
            item.add_marker("alone")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed and DEVICE_TESTS in item.path.parents:
        _passed.add(item.nodeid)
    return report


def pytest_sessionfinish(session, exitstatus):
    if device_tests_required(session.config) and not _passed and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    if config.option.markexpr == SIDE_BY_SIDE:
        return
    terminalreporter.write_line(f"device tests: {len(_passed)} ran")
    if not _passed and not config.option.collectonly:
        from rtspec.audio.jack import why_unavailable

        reason = why_unavailable() or "none was selected, or none passed"
        terminalreporter.write_line(f"WARNING: no test ran on a real device: {reason}", red=True, bold=True)
