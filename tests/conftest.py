"""What all tests share: the count of tests on real devices, which must not silently be none."""

import os
from pathlib import Path

import pytest

import rtspec  # noqa: F401 (before any test imports onnxruntime: its telemetry is off from the start)

DEVICE_TESTS = Path(__file__).parent / "device"
_passed: set[str] = set()


def device_tests_required() -> bool:
    """In CI and in tests/run.sh a machine without JACK is a failure, elsewhere a loud warning."""
    return os.environ.get("CI") == "true" or os.environ.get("REQUIRE_DEVICE_TESTS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.when == "call" and report.passed and DEVICE_TESTS in item.path.parents:
        _passed.add(item.nodeid)
    return report


def pytest_sessionfinish(session, exitstatus):
    if device_tests_required() and not _passed and not session.config.option.collectonly and exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    terminalreporter.write_line(f"device tests: {len(_passed)} ran")
    if not _passed and not config.option.collectonly:
        from rtspec.audio.jack import why_unavailable

        reason = why_unavailable() or "none was selected, or none passed"
        terminalreporter.write_line(f"WARNING: no test ran on a real device: {reason}", red=True, bold=True)
