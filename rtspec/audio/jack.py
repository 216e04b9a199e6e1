"""A JACK server of one's own, with a dummy driver: a real, well-paced audio device on a machine without a sound card.

PortAudio finds a server through JACK_DEFAULT_SERVER when it is initialised, once a process: whoever wants to play on a
server started here runs in a child process with :attr:`JackServer.environment`. Stop the server last: a client whose
server has died may hang for ever when it closes.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DeviceError

TOOLS = ("jackd", "jack_wait", "jack_lsp", "jack_connect", "jack_disconnect")
START_TIMEOUT_S = 10
NAMES = tuple(f"rtspec-{i}" for i in range(8))
"""Servers run side by side, at most 8 on a machine. One that was killed keeps its place until its name is used again:
so names come from a fixed list, and a lock on each, held as long as its server lives, keeps two processes from starting
the same one at once."""


def why_unavailable() -> str | None:
    """What to install before :class:`JackServer` can start, or None where all is there."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"{missing[0]} is not installed (Debian: apt-get install jackd2)" if missing else None


def _dying_with_us() -> list[str]:
    """What goes before a command so that it ends when this process is killed; nothing where util-linux is missing."""
    return ["setpriv", "--pdeathsig", "TERM"] if shutil.which("setpriv") else []


@contextmanager
def _locked(name: str) -> Iterator[int | None]:
    """The open lock of a server's name, which a child that inherits it holds on to; None where somebody else has it."""
    try:  # one's own lock: another user's cannot be opened, and need not be, since jackd's names are each user's own
        lock = os.open(Path(tempfile.gettempdir()) / f"{name}.{os.getuid()}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        yield None
        return
    try:
        yield lock if _lock(lock) else None
    finally:
        os.close(lock)


def _lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class JackGraph:
    """The ports of a running server, whoever started it, and the cables between them.

    Parameters
    ----------
    name : str
        Of the server.
    """

    def __init__(self, name: str):
        self.name = name

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a child process that is to play on this server."""
        return {
            **os.environ,
            "JACK_DEFAULT_SERVER": self.name,
            "JACK_NO_AUDIO_RESERVATION": "1",
            "JACK_NO_START_SERVER": "1",
        }

    def ports(self) -> list[str]:
        """Names of all ports, those of clients too."""
        return self._tool("jack_lsp").split("\n")[:-1]

    def connections(self) -> dict[str, list[str]]:
        """What each port is connected to."""
        found: dict[str, list[str]] = {}
        for line in self._tool("jack_lsp", "-c").split("\n")[:-1]:
            if line.startswith(" "):
                list(found.values())[-1].append(line.strip())
            else:
                found[line] = []
        return found

    def connect(self, source: str, target: str) -> None:
        """Connect an output port to an input port."""
        self._tool("jack_connect", source, target)

    def disconnect(self, source: str, target: str) -> None:
        """Undo :meth:`connect`."""
        self._tool("jack_disconnect", source, target)

    def loop_back(self, client: str = "PortAudio") -> None:
        """Take a client's ports off all others and connect each of its outputs to its own input of the same number."""
        connected = self.connections()
        outputs = sorted(port for port in connected if port.startswith(f"{client}:out_"))
        inputs = sorted(port for port in connected if port.startswith(f"{client}:in_"))
        for port in outputs:
            for other in connected[port]:
                self.disconnect(port, other)
        for port in inputs:
            for other in connected[port]:
                self.disconnect(other, port)
        for source, target in zip(outputs, inputs, strict=False):
            self.connect(source, target)

    def _tool(self, name: str, *arguments: str) -> str:
        command = [name, "-s", self.name, *arguments]
        try:
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, timeout=START_TIMEOUT_S + 5, check=False
            )
        except subprocess.TimeoutExpired:
            raise DeviceError(f"{' '.join(command)} did not answer") from None
        if done.returncode:
            said = " ".join((done.stderr or done.stdout).split())
            raise DeviceError(f"{' '.join(command)} failed: {said[:200] or f'status {done.returncode}'}")
        return done.stdout


class JackServer(JackGraph):
    """A server of one's own; a context manager that stops it.

    Parameters
    ----------
    sample_rate : int
        Hz.
    period : int
        Frames.
    inputs, outputs : int
        Channels.
    """

    def __init__(self, sample_rate: int = 48000, period: int = 128, inputs: int = 2, outputs: int = 2):
        problem = why_unavailable()
        if problem:
            raise DeviceError(f"no JACK server can be started: {problem}")
        self._command = ["-R", "-d", "dummy", "-r", str(sample_rate), "-p", str(period)]
        self._command += ["-C", str(inputs), "-P", str(outputs)]
        complaint = "all names are taken"
        for name in NAMES:
            super().__init__(name)
            with _locked(name) as lock:
                if lock is None:
                    continue
                complaint = self._started(lock)
            if complaint is None:
                return
            if "already active" not in complaint:
                break
        remedy = "try 48000 and 128, and look for servers that were left running (at most 8 fit on a machine)"
        raise DeviceError(f"no JACK server starts at {sample_rate} Hz with periods of {period}: {complaint}; {remedy}")

    def _started(self, lock: int) -> str | None:
        """Start under the present name and wait until clients may come; what jackd said if it ended instead."""
        with tempfile.TemporaryFile("w+") as said:
            command = [*_dying_with_us(), "jackd", "-n", self.name, *self._command]
            self._process = subprocess.Popen(
                command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                pass_fds=(lock,),
            )
            end = time.monotonic() + START_TIMEOUT_S
            while time.monotonic() < end and self._process.poll() is None:
                if self._is_ready():
                    return None
                time.sleep(0.02)
            self.stop()
            said.seek(0)
            return (said.read().strip().splitlines() or ["it said nothing"])[0]

    def _is_ready(self) -> bool:
        """Whether our own process serves under this name, not another's."""
        try:
            answer = self._tool("jack_wait", "-c")
        except DeviceError:
            return False
        return "not" not in answer and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    def stop(self) -> None:
        """Stop the server, by its own process id."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self) -> None:
        """End the server at once, as a device that is pulled out does."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> "JackServer":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
