"""What rtspec's commands reach outside: sockets, look-ups of names, files that they write, seen by strace.

Run ``python bench/outside.py`` (needs strace). Local sockets to sound servers (JACK, PulseAudio, PipeWire, X11) are
listed, not counted; anything else fails.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

SOUND = Path(__file__).resolve().parents[1] / "examples" / "audio" / "speech.flac"
COMMANDS = {
    "demo": ["demo", "--virtual", "--seconds", "1", "--out", "out"],
    "render": ["render", str(SOUND), "out.wav", "--processor", "onnx:tilt-gate", "--picture"],
    "live": ["live", "--virtual", "--seconds", "1", "--quiet", "--processor", "onnx:tilt-gate"],
}
LOCAL = re.compile(r"jack|pulse|pipewire|X11|dbus")
OWN = re.compile(r"^(/dev/(null|shm/|tty|pts)|/proc/self/|/sys/)")


def traced(words: list[str], folder: Path) -> list[str]:
    """The system calls of a command and its children that open, connect or send."""
    log = folder / "calls.txt"
    calls = "trace=socket,connect,sendto,sendmsg,openat,creat,rename,mkdir"
    command = ["strace", "-f", "-qq", "-e", calls, "-o", str(log), sys.executable, "-m", "rtspec.cli", *words]
    environment = {**os.environ, "HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("ORT_DISABLE_TELEMETRY", None)
    root = Path(__file__).resolve().parents[1]
    environment["PYTHONPATH"] = str(root)
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return log.read_text(errors="replace").splitlines()


def reached(calls: list[str], folder: Path) -> tuple[list[str], list[str], list[str]]:
    """Sockets beyond this machine, local ones, and files written outside the folder and rtspec's own."""
    outside = [call for call in calls if re.search(r"AF_INET|AF_INET6|resolv\.conf|nsswitch|/etc/hosts", call)]
    local = [call for call in calls if "connect(" in call and "AF_UNIX" in call]
    opened = [re.search(r'openat\([^,]+, "([^"]+)", [^)]*O_(?:WRONLY|RDWR|CREAT)', call) for call in calls]
    tried = [match[1] for match in opened if match and " = -1 " not in match.string]
    own = (str(folder), str(Path(__file__).resolve().parents[1] / "rtspec"), tempfile.gettempdir())
    files = [name for name in tried if name.startswith("/") and not name.startswith(own) and not OWN.match(name)]
    return outside, local, files


def main() -> int:
    """One line a command; 1 where something was reached."""
    bad = 0
    print("| command | sockets and look-ups outside | local sockets | files elsewhere |\n| --- | --: | --- | --- |")
    for name, words in COMMANDS.items():
        with tempfile.TemporaryDirectory() as place:
            (Path(place) / "home").mkdir()
            outside, local, files = reached(traced(words, Path(place)), Path(place))
        servers = sorted({match[0] for call in local if (match := LOCAL.search(call))})
        strange = [call for call in local if not LOCAL.search(call)]
        bad += len(outside) + len(files) + len(strange)
        print(
            f"| {name} | {len(outside)} | {', '.join(servers) or 'none'} | {', '.join(sorted(set(files))) or 'none'} |"
        )
        for call in [*outside, *strange][:10]:
            print("  ", call[:160], file=sys.stderr)
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
