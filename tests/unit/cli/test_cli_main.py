"""The frame of the command line: laziness, help, and one line for every failure."""

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from rtspec import cli
from rtspec.cache import COMPILING
from rtspec.errors import DeviceError

TIMEOUT_S = 90
COMMAND = [sys.executable, "-m", "rtspec.cli"]


def told(complaint: str) -> list[str]:
    """What a command told on stderr, but for the one line of a first start on a machine."""
    return [line for line in complaint.splitlines() if line != f"rtspec: {COMPILING}"]


def test_help_imports_nothing_slow():
    code = (
        "import sys, rtspec.cli\n"
        "try: rtspec.cli.main(['--help'])\n"
        "except SystemExit: pass\n"
        "print('slow:', sorted({'numpy', 'numba', 'onnx', 'onnxruntime', 'pedalboard', 'rich'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    assert done.stdout.splitlines()[-1] == "slow: []"
    assert all(name in done.stdout for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main([name, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    example = importlib.import_module(f"rtspec.cli.{name.replace('-', '_')}").EXAMPLE
    assert stopped.value.code == 0
    assert f"example: {example}" in said and "--json" in said and example.startswith(f"rtspec {name}")


@pytest.mark.parametrize(
    "words",
    [["nonsense"], ["live", "--block", "x"], ["live", "--seconds", "-1"], ["render", "a"], ["live", "--set", "x"]],
)
def test_wrong_usage_gives_one_line_and_exits_with_2(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == cli.BAD_USAGE
    said = capsys.readouterr().err
    assert said.startswith("rtspec") and said.endswith("--help explains\n") and said.count("\n") == 1


def test_no_command_prints_help_and_exits_with_2(rtspec):
    ran = rtspec()
    assert ran.status == cli.BAD_USAGE and "commands:" in ran.out


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out.startswith("rtspec 0.")


class TestFailures:
    """What a command raises, and what becomes of it."""

    @pytest.fixture
    def raising(self, monkeypatch):
        from rtspec.cli import devices

        def make(error: BaseException):
            def run(args):
                raise error

            monkeypatch.setattr(devices, "run", run)

        return make

    def test_an_error_of_rtspec_is_one_line(self, raising, rtspec):
        raising(DeviceError("no such\n thing"))
        assert rtspec("devices").failed_in_one_line() == "rtspec: no such thing"

    def test_an_unexpected_error_is_one_line_too(self, raising, rtspec, monkeypatch):
        monkeypatch.delenv("RTSPEC_TRACE", raising=False)
        raising(ZeroDivisionError("of all\nthings"))
        assert "ZeroDivisionError: of all things (RTSPEC_TRACE=1" in rtspec("devices").failed_in_one_line()

    def test_an_unexpected_error_is_raised_where_a_trace_is_wanted(self, raising, rtspec, monkeypatch):
        monkeypatch.setenv("RTSPEC_TRACE", "1")
        raising(ZeroDivisionError())
        with pytest.raises(ZeroDivisionError):
            rtspec("devices")

    def test_an_interruption_is_130_and_quiet(self, raising, rtspec):
        raising(KeyboardInterrupt())
        assert rtspec("devices") == (130, "", "")


def test_a_broken_pipe_is_quiet():
    child = subprocess.Popen([*COMMAND, "doctor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.close()
    _, complaint = child.communicate(timeout=TIMEOUT_S)
    assert complaint == b""
    assert child.returncode == cli.BROKEN_PIPE


@pytest.mark.parametrize(
    "words", [["models"], ["models", "--json"], ["--help"], ["render", "IN", "-"], ["live", "--virtual"]]
)
def test_a_full_standard_output_is_one_line(sound, words):
    filled = [str(sound) if word == "IN" else word for word in words]
    if words[0] in ("render", "live"):
        filled += ["--processor", "onnx:identity"]
    with open("/dev/full", "wb") as full:
        buffered = {**os.environ, "PYTHONUNBUFFERED": ""}  # else argparse does not hear that nobody gets its help
        ran = {"stderr": subprocess.PIPE, "text": True, "timeout": TIMEOUT_S, "env": buffered}
        done = subprocess.run([*COMMAND, *filled], stdout=full, **ran)
    line = told(done.stderr)[-1]
    assert told(done.stderr)[:-1] == [] or "render" in words  # which tells on stderr what it rendered
    assert line.startswith("rtspec: cannot write to standard output: No space left on device; make room")
    assert done.returncode == cli.FAILED


def test_what_libraries_print_does_not_come_between_what_rtspec_prints():
    program = "import ctypes, sys, rtspec.cli as c; s = c.main(); ctypes.CDLL(None).printf(b'Ooops'); sys.exit(s)"
    words = [sys.executable, "-c", program, "models", "--json"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0 and json.loads(done.stdout) and told(done.stderr) == ["Ooops"]


def test_a_full_standard_error_is_no_reason_to_end(sound, tmp_path):
    loud = [*COMMAND, "render", str(sound), str(tmp_path / "o.wav"), "--processor", "onnx:identity", "--set"]
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*loud, "output_db=20"], stdout=subprocess.PIPE, stderr=full, timeout=TIMEOUT_S)
    assert done.returncode == 0 and b"clipped at peak" in done.stdout


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_live_stream_ends_cleanly_by_signal(number, status):
    words = [*COMMAND, "live", "--virtual", "--processor", "onnx:identity"]
    traced = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=traced)
    assert child.stdout is not None
    while "playing" not in child.stdout.readline():
        assert child.poll() is None
    time.sleep(0.3)
    child.send_signal(number)
    try:
        out, complaint = child.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGABRT)  # which faulthandler answers by where every thread stands
        raise AssertionError(f"it did not end: {child.communicate()[1]}") from None
    assert told(complaint) == [] and child.returncode == status
    assert ("callbacks" in out) == (status == 0)


MADE_ANOTHER = """
import os, signal, sys
from rtspec import cli
def run(parser):
    try:
        os.kill(os.getpid(), signal.{name})
    except BaseException:
        raise ImportError("an extension made this of it") from None
sys.modules["rtspec.cli.devices"] = type(sys)("devices")
sys.modules["rtspec.cli.devices"].__dict__.update(EXAMPLE="", add_arguments=lambda parser: None, run=run)
sys.argv = ["rtspec", "devices", "--json"]
sys.exit(cli.main())
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_that_an_import_made_another_error_of_still_ends_the_command(name):
    number = getattr(signal, name)
    heeded = partial(signal.signal, number, signal.SIG_DFL)
    words = [sys.executable, "-c", MADE_ANOTHER.format(name=name)]
    ran = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, preexec_fn=heeded)
    assert (ran.returncode, ran.stderr) == (128 + number, "")
    assert json.loads(ran.stdout)["error"]["kind"] == "Interrupted"
