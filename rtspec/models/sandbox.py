"""Work on a foreign file in a process of its own, which has so much memory and time and no more.

What a file makes onnxruntime allocate, or loop over, cannot be told before it runs; a crash ends the child alone.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

from ..errors import ModelError, RtspecError

MEMORY_BYTES = 2 << 30
"""What the child may allocate beyond what it needs to start."""
TIME_S = 300.0
SAID = "rtspec says: "


def sandboxed(function: str, **arguments: Any) -> Any:
    """Call a function in a child process.

    Parameters
    ----------
    function : str
        "module:name"; takes and gives what JSON can hold.

    Raises
    ------
    ModelError
        The child ran out of time or memory, or died: which of them.
    """
    command = [sys.executable, "-m", __name__, function]
    paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    try:
        done = subprocess.run(
            command, input=json.dumps(arguments).encode(), capture_output=True, env=os.environ | paths, timeout=TIME_S
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"it took longer than {TIME_S:g} s and was ended; the model may loop for ever") from None
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    raise ModelError(_why(done.returncode, done.stderr.decode(errors="replace")))


def _why(code: int, said: str) -> str:
    last = (said.strip().splitlines() or ["nothing"])[-1][:200]
    if "MemoryError" in said or "bad_alloc" in said or "BFCArena" in said:
        return f"it needs more than the {MEMORY_BYTES >> 20} MiB that it may take"
    if code < 0:
        return f"the process that ran it died by {signal.Signals(-code).name}; last it said: {last}"
    if last.startswith(SAID):
        return said.strip().splitlines()[-1].removeprefix(SAID)
    return f"the process that ran it ended with status {code}; last it said: {last}"


def _limit_memory() -> None:
    """No more address space than there is now, and the allowance."""
    try:
        import resource

        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limit = now + MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    except (ImportError, OSError, ValueError):
        return  # a system without such limits bounds time alone


def main() -> None:
    """The child: arguments on standard input, the result as the last line of standard output."""
    module, name = sys.argv[1].split(":")
    work = getattr(importlib.import_module(module), name)
    _limit_memory()
    try:
        print("\n" + json.dumps(work(**json.load(sys.stdin))))
    except RtspecError as error:  # what the file does wrong is said as it would be said here
        print(f"\n{SAID}{error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
