"""Sound servers of a desktop, started for measurements: PulseAudio, and PipeWire with its JACK and PulseAudio sides.

Each has a runtime folder of its own and one sink that plays nowhere, so they stand beside any other server.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from ..errors import DeviceError
from .jack import _dying_with_us

START_TIMEOUT_S, START_PAUSE_S = 20, 0.3
TOOLS = {
    "pulse": ("pulseaudio", "pactl"),
    "pipewire": ("dbus-daemon", "pipewire", "wireplumber", "pipewire-pulse", "pactl"),
}
_PULSE = "pulseaudio --daemonize=no --exit-idle-time=-1 -n --log-level=0 -L module-native-protocol-unix"
_BUS = "dbus-daemon --session --nofork --nopidfile --address={bus}"
_COMMANDS = {"pulse": (_PULSE,), "pipewire": (_BUS, "pipewire", "wireplumber", "pipewire-pulse")}
_JACK_OF_PIPEWIRE = "/usr/lib/*-linux-gnu/pipewire-0.3/jack"


def why_unavailable(kind: str) -> str | None:
    """What to install before a server of this kind can start, or None where all is there."""
    missing = [tool for tool in TOOLS[kind] if shutil.which(tool) is None]
    return f"{missing[0]} is not installed" if missing else None


class DesktopServer:
    """A server of one's own with the sink "out"; a context manager that stops it.

    Parameters
    ----------
    kind : str
        "pulse" or "pipewire".
    """

    def __init__(self, kind: str):
        problem = why_unavailable(kind)
        if problem:
            raise DeviceError(f"no {kind} server can be started: {problem}")
        self.kind, self._folder = kind, tempfile.TemporaryDirectory(prefix="rtspec-desktop-")
        self._bus = f"unix:path={self._folder.name}/bus" if kind == "pipewire" else "disabled:"
        self._processes: list[subprocess.Popen] = []
        try:
            for command in _COMMANDS[kind]:
                self._start(command.format(bus=self._bus).split())
                time.sleep(START_PAUSE_S)
            self._wait()
            self.load_sink()
        except BaseException:
            self.stop()
            raise

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a child process that is to play on this server."""
        own = {"XDG_RUNTIME_DIR": self._folder.name, "HOME": self._folder.name, "JACK_NO_START_SERVER": "1"}
        own["JACK_DEFAULT_SERVER"] = f"rtspec-none-{os.getpid()}"
        if self.kind == "pipewire":
            own["LD_LIBRARY_PATH"] = str(next(Path("/").glob(_JACK_OF_PIPEWIRE.lstrip("/")), ""))
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PULSE_", "DBUS_"))}
        return {**kept, **own, "DBUS_SESSION_BUS_ADDRESS": self._bus}

    def control(self, *arguments: str) -> str:
        """What pactl answers."""
        done = subprocess.run(
            ["pactl", *arguments], env=self.environment, capture_output=True, text=True, timeout=10, check=False
        )
        if done.returncode:
            raise DeviceError(f"pactl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout.strip()

    def load_sink(self) -> str:
        """Add the sink; its module's number, for :meth:`control` with "unload-module"."""
        self.module = self.control("load-module", "module-null-sink", "sink_name=out")
        return self.module

    def _start(self, command: list[str]) -> None:
        nowhere = subprocess.DEVNULL
        environment = {name: value for name, value in self.environment.items() if name != "LD_LIBRARY_PATH"}
        command = [*_dying_with_us(), *command]
        self._processes.append(
            subprocess.Popen(command, env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere)
        )

    def _wait(self) -> None:
        end = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self.control("info")
                return
            except (DeviceError, subprocess.TimeoutExpired):
                if time.monotonic() > end:
                    raise DeviceError(f"the {self.kind} server did not start within {START_TIMEOUT_S} s") from None
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop the server's processes, each by its own id."""
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._folder.cleanup()

    def __enter__(self) -> "DesktopServer":
        return self

    def __exit__(self, *_) -> None:
        self.stop()
