"""How long a second run over many finished files takes: small files, a ledger that knows them all, one command.

Processor time is what counts beside other work; memory is the largest that the command held.

python bench/ledger.py --files 100000
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rtspec.batch.ledger import Ledger, fingerprint
from rtspec.batch.plan import Job
from rtspec.batch.recipe import Recipe
from rtspec.batch.records import Record

CHAIN = "onnx:identity"
PER_FOLDER = 1000


def finished(root: Path, n: int) -> None:
    """`n` sources and their renderings, which a ledger knows."""
    key = fingerprint(Recipe(chain=[(CHAIN, {})]))
    with Ledger(root / "out", key) as ledger:
        ledger.begin()
        for i in range(n):
            name = f"{i // PER_FOLDER:03d}/{i:06d}.wav"
            for place in ("in", "out"):
                path = root / place / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"RIFF")
            job = Job(root / "in" / name, root / "out" / name)
            ledger.note(job, Record(str(job.source), str(job.target), seconds=1.0))
        ledger.end(keep=True)


def main() -> None:
    """Make the files, run the command, tell the time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=1000)
    n = parser.parse_args().files
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        finished(root, n)
        command = [sys.executable, "-m", "rtspec.cli", "render", str(root / "in"), str(root / "out")]
        start = time.perf_counter()
        ran = subprocess.run([*command, "--processor", CHAIN, "--resume"], capture_output=True, text=True)
        taken, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu, mb = used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
        said = ran.stdout.strip() or ran.stderr.strip()
        print(
            f"{n} finished files: {taken:.1f} s, {cpu:.1f} s of processor, {mb:.0f} MB, exit {ran.returncode}: {said}"
        )


if __name__ == "__main__":
    main()
