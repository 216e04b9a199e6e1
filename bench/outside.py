"""What rtspec's commands reach outside: sockets, look-ups of names, files that they write, seen by strace.

Run ``python bench/outside.py`` (needs strace). Where JACK is installed the commands play on a server of this script's
own too. Local sockets to sound servers (JACK, PulseAudio, PipeWire), JACK's own files and the folder that PulseAudio's
client library makes in ~/.config are allowed, the servers named; anything else fails: another socket, a name looked up,
a file outside the working folder, the temporary folder and rtspec's own cache.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rtspec.audio.jack import JackServer, why_unavailable

ROOT = Path(__file__).resolve().parents[1]
SOUND = ROOT / "examples" / "audio" / "speech.flac"
CHAIN = ["--processor", "onnx:tilt-gate"]
COMMANDS = {
    "demo": ["demo", "--virtual", "--seconds", "1", "--out", "out"],
    "render": ["render", str(SOUND), "out.wav", *CHAIN, "--picture"],
    "live": ["live", "--virtual", "--seconds", "1", "--quiet", *CHAIN],
}
ON_JACK = {
    "demo on JACK": ["demo", "--seconds", "1", "--out", "out"],
    "live on JACK": ["live", "--seconds", "1", "--quiet", "--record", "take.wav", *CHAIN],
}
CALLS = "trace=socket,connect,bind,sendto,sendmsg,open,openat,creat,rename,renameat2,mkdir,link,symlink,mknod"
BEYOND = re.compile(r"AF_INET|AF_PACKET|resolv\.conf|nsswitch|/etc/hosts|nscd")
SERVERS = re.compile(r"jack|pulse|pipewire|dbus")
"""Local sockets that sound goes through."""

SYSTEM = re.compile(
    r"^(/dev/(null|tty|pts)|/dev/shm/(jack|sem\.jack)|/proc/self/|/tmp/jack|.*/home/\.c(ache|onfig(/pulse)?)$)"
)
"""What is no file of anybody's; JACK's own; folders that rtspec's cache and PulseAudio's client library lie in."""

MADE = re.compile(r'\b(?:open|openat|creat|mkdir|mknod|link|symlink|rename|renameat2)\((?:AT_FDCWD, )?"([^"]+)"(.*)')


def traced(words: list[str], place: Path, environment: dict[str, str]) -> list[str]:
    """The system calls of Python with these words, and of its children, that open, make, connect or send."""
    log = place / "calls.txt"
    for folder in ("work", "home", "tmp"):
        (place / folder).mkdir()
    command = ["strace", "-f", "-qq", "-s", "200", "-e", CALLS, "-o", str(log), sys.executable]
    silent = ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME", "CI")
    environment = {name: value for name, value in environment.items() if name not in silent}
    environment |= {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *words], cwd=place / "work", env=environment, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} ended with {done.returncode}")
    return log.read_text(errors="replace").splitlines()


def written(call: str) -> str | None:
    """The file that a call opens for writing, makes or renames; None where it does none of that, or failed."""
    found = MADE.search(call)
    if found is None or " = -1 " in call:
        return None
    opens = re.search(r"\bopen(at)?\(", call)
    return None if opens and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", found[2]) else found[1]


def reached(calls: list[str], place: Path) -> tuple[list[str], list[str], set[str]]:
    """Calls that go beyond this machine, those to local sockets, and files made elsewhere."""
    own = [str(place / part) for part in ("work", "tmp", "home/.cache/rtspec")]
    own += [str(ROOT / "rtspec"), *filter(None, [os.environ.get("RTSPEC_CACHE")])]
    beyond = [call for call in calls if BEYOND.search(call)]
    local = [call for call in calls if re.search(r"\b(connect|bind|send\w+)\(", call) and "sun_path" in call]
    files = {os.path.join(place / "work", name) for call in calls if (name := written(call))}

    return (
        beyond,
        local,
        {name for name in files if not os.path.normpath(name).startswith(tuple(own)) and not SYSTEM.match(name)},
    )


def row(name: str, words: list[str], environment: dict[str, str]) -> int:
    """Print a line of the table; how much was reached that must not be."""
    with tempfile.TemporaryDirectory() as folder:
        beyond, local, files = reached(traced(["-m", "rtspec.cli", *words], Path(folder), environment), Path(folder))
    servers = sorted({found[0] for call in local if (found := SERVERS.search(call))})
    strange = [call for call in local if not SERVERS.search(call)]
    shown = ", ".join(sorted(files)[:5]) or "none"
    print(f"| {name} | {len(beyond) + len(strange)} | {', '.join(servers) or 'none'} | {shown} |", flush=True)
    for call in [*beyond, *strange][:10]:
        print("  ", call[:160], file=sys.stderr)
    return len(beyond) + len(strange) + len(files)


def main() -> int:
    """One line a command; 1 where something was reached."""
    print("| command | sockets and look-ups outside | sound servers | files elsewhere |\n| --- | --: | --- | --- |")
    bad = sum(row(name, words, dict(os.environ)) for name, words in COMMANDS.items())
    if (reason := why_unavailable()) is not None:
        print(f"not on JACK: {reason}", file=sys.stderr)
        return int(bad > 0)
    with JackServer(48000, 256) as server:
        bad += sum(row(name, words, server.environment) for name, words in ON_JACK.items())
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
