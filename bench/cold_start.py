"""What a first start costs: CPU time of a process that must compile its kernels, and of the next one, which need not.

    python bench/cold_start.py [BEFORE] [--cases NAME ...] [--rounds N] [--json]

Each case plays half a second of sound through its processors, as a whole sound and then live on the virtual device, in
a process with an empty cache, and once more with what the first kept. Printed are CPU seconds (user and system), of
that process and of the second one that compiles the engine beside it; how many functions numba compiled in the first,
which of them twice because a constant is a type of its own, its peak of memory, and what the second start compiles
again. The last two should be nothing.
With BEFORE, the folder of another checkout, rounds take turns and a ratio follows: CPU time depends on what else runs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

OWN = Path(__file__).resolve().parents[1]
CASES = {
    "engine": ["inversion", "onnx:tilt-gate"],
    "scene-eq": ["scene-eq"],
    "bandwidth": ["bandwidth"],
    "timbre-synth": ["timbre-synth"],
    "style": ["style:rain"],
}

PLAYED = """
import json, os, resource, sys, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from numba.core import event


class Counted(event.Listener):
    names, with_constants = [], set()

    def on_start(self, what):
        self.names.append(what.data["dispatcher"].py_func.__qualname__)
        if "Literal[int]" in str(what.data["args"]):
            self.with_constants.add(self.names[-1])

    def on_end(self, what):
        pass


event.register("numba:compile", Counted())
import numpy as np
import rtspec
assert Path(rtspec.__file__).is_relative_to(sys.path[0]), rtspec.__file__
warnings.simplefilter("ignore")  # a silent sensor is what the scene equalizer has here
sound = (0.1 * np.random.default_rng(0).standard_normal((2, 24000))).astype(np.float32)
board = rtspec.Pedalboard([rtspec.processors.create(name) for name in sys.argv[2:]])
if not isinstance(board[0], rtspec.processors.Instrument):
    board(sound, 48000)
with rtspec.AudioStream(None, None, board, 48000, 128, source=sound, devices=rtspec.Devices(virtual=True)) as stream:
    stream.wait()
uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({
    "cpu_s": sum(used.ru_utime + used.ru_stime for used in uses),
    "peak_mb": uses[0].ru_maxrss / 1024,
    "compiled": Counted.names,
    "twice": [name for name in sorted(Counted.with_constants) if Counted.names.count(name) > 1],
}))
"""


def started(checkout: Path, processors: list[str], cache: str) -> dict:
    """One start in a process of its own: what PLAYED prints."""
    place = str(checkout.resolve())
    environment = {**os.environ, "RTSPEC_CACHE": cache, "PYTHONPATH": place, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PLAYED, place, *processors]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tempfile.gettempdir())
    if done.returncode:
        raise SystemExit(f"{checkout}, {processors}: {done.stderr[-800:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def measured(checkout: Path, processors: list[str]) -> dict:
    """A cold and a warm start."""
    with tempfile.TemporaryDirectory() as cache:
        cold, warm = started(checkout, processors, cache), started(checkout, processors, cache)
    return {
        "cold_s": cold["cpu_s"],
        "warm_s": warm["cpu_s"],
        "compiled": len(cold["compiled"]),
        "peak_mb": cold["peak_mb"],
        "twice": cold["twice"],
        "again": warm["compiled"],
    }


def row_of(case: str, rounds: list[list[dict]]) -> dict:
    """Medians over the rounds of the last checkout, and its ratio to the first where there are two."""
    own = [each[-1] for each in rounds]
    row = {"case": case, **own[-1], **{k: median(one[k] for one in own) for k in ("cold_s", "warm_s", "peak_mb")}}
    if len(rounds[0]) > 1:
        row["before_s"] = median(each[0]["cold_s"] for each in rounds)
        row["ratio"] = median(each[1]["cold_s"] / each[0]["cold_s"] for each in rounds)
    return row


def main() -> int:
    """Measure and print one table; exit status 1 where a warm start compiles, or a cold one twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("before", type=Path, nargs="?", help="folder of another checkout")
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=CASES, metavar="NAME")
    parser.add_argument("--rounds", type=int, default=1, metavar="N")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    sides = [given.before, OWN] if given.before else [OWN]
    rows = []
    for case in given.cases:
        rounds = []
        for k in range(given.rounds):
            order = sides if k % 2 == 0 else sides[::-1]
            told = {side: measured(side, CASES[case]) for side in order}
            rounds.append([told[side] for side in sides])
        rows.append(row_of(case, rounds))
    if given.json:
        print(json.dumps(rows))
    else:
        print("| case | cold CPU s | before | ratio | warm CPU s | functions | twice | peak MB | compiled again |")
        print("|---" * 9 + "|")
        for row in rows:
            before, ratio = (f"{row[k]:.2f}" if k in row else "" for k in ("before_s", "ratio"))
            twice, again = (", ".join(row[k]) or "none" for k in ("twice", "again"))
            print(
                f"| {row['case']} | {row['cold_s']:.1f} | {before} | {ratio} | {row['warm_s']:.1f} | {row['compiled']}"
                f" | {twice} | {row['peak_mb']:.0f} | {again} |"
            )
    return 1 if any(row["again"] or row["twice"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
