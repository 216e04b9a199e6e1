"""How long rendering, phases and the engine take in two checkouts, as ratios of interleaved turns.

    python bench/times.py BEFORE AFTER [--rounds N] [--turns N] [--seconds N] [--engine-seconds N] [--json]

BEFORE and AFTER are folders of checkouts, as for golden.py. Each has a process of its own, which plays a case once when
it is asked to and tells how much processor time that took; both are asked in turns, and which one begins alternates. A
round is so many turns of every case, of which the quickest counts: other work stands in no processor time, but for the
caches that it spoils, and that only ever lengthens a turn. Each round has processes of its own, since where memory
happens to lie makes one of the same checkout 5 % quicker than the next, for as long as it lives. Printed is the median
over the rounds of each time, the median of the rounds' ratios, their range, and a verdict: within --limit, or named in
:data:`MEANT`, or slower. Then one line each for the engine, for rendering and for phases; exit status 1 where anything
is slower.

The engine's are those of a stream on the virtual device: processor time of its two busiest threads, the engine's and
the device's, for each second that they play. (By the clock, frames of one and the same checkout differ by half on a
machine whose host holds it up.) ``--engine-seconds 0`` leaves them out.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

CASES = """
import json, sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv.pop(1))
import rtspec
assert Path(rtspec.__file__).is_relative_to(sys.path[0]), rtspec.__file__
RATE, SECONDS, ENGINE, SETTLED = 48000, float(sys.argv[1]), float(sys.argv[2]), 0.5
sound = (0.1 * np.random.default_rng(5).standard_normal((2, round(SECONDS * RATE)))).astype(np.float32)
create = rtspec.processors.create


def render(*names):
    board = rtspec.Pedalboard([create(name) for name in names])
    return lambda: board(sound, RATE)


plan = rtspec.FramePlan(sample_rate=RATE, n_fft=1024, hop=256)
magnitudes = np.abs(rtspec.frames.stft(sound[0], plan))
cases = {"render " + name: render(name) for name in ("inversion", "onnx:tilt-gate", "onnx:identity", "bandwidth")}
cases |= {f"phase {m}": (lambda m=m: rtspec.phase.reconstruct(magnitudes, plan, method=m)) for m in
          ("spsi", "rtpghi", "rtisi-la", "pghi")}


def threads():
    ran = {}
    for task in Path("/proc/self/task").iterdir():
        ran[task.name] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return ran


def playing(block):
    virtual = {"devices": rtspec.Devices(virtual=True)} if hasattr(rtspec, "Devices") else {"virtual": True}
    names = ("inversion", "onnx:tilt-gate")
    already = threads()
    long = np.tile(sound, (1, 2 + round((SETTLED + ENGINE) / SECONDS)))

    def work():
        board = rtspec.Pedalboard([create(name) for name in names])
        with rtspec.AudioStream(plugins=board, sample_rate=RATE, buffer_size=block, source=long, **virtual):
            time.sleep(SETTLED)
            began, at = threads(), time.monotonic()
            time.sleep(ENGINE)
            ended, over = threads(), time.monotonic()
        ran = [ended[name] - began[name] for name in ended.keys() & began.keys() - already.keys()]
        return sum(sorted(ran)[-2:]) / (over - at)

    return work


if ENGINE:
    cases |= {f"engine, block {block}": playing(block) for block in (64, 128, 256)}
for work in cases.values():
    work()  # compiles, and fills the caches
print(json.dumps(list(cases)), flush=True)
for line in sys.stdin:
    work = cases[line.strip()]
    began = time.process_time()
    told = work() if line.startswith("engine") else (work(), time.process_time() - began)[1]
    print(told, flush=True)
"""

MEANT = (("phase rtisi-la", "90e35b9 gives it the same bits at every level, which costs 3 to 5 %", 1.06),)
"""Cases that may take longer; the commit that meant it, and why; up to which ratio."""

KINDS = ("engine", "render", "phase")
"""With what the names of cases begin."""


def started(code: str, checkout: Path, *words: str, **options: Any) -> subprocess.Popen:
    """A process of a checkout's own."""
    place = str(checkout.resolve())
    environment = {**os.environ, "PYTHONPATH": place, "OMP_NUM_THREADS": "1"}
    options = {"stdout": subprocess.PIPE, "text": True, "env": environment, "cwd": tempfile.gettempdir(), **options}
    return subprocess.Popen([sys.executable, "-c", code, place, *words], **options)


class Side:
    """A checkout's process that plays a case when it is asked to; a context manager that ends it.

    Attributes
    ----------
    cases : list of str
        What it may be asked for.
    """

    def __init__(self, checkout: Path, seconds: float, engine_seconds: float):
        words = f"{seconds:g}", f"{engine_seconds:g}"
        self._process = started(CASES, checkout, *words, stdin=subprocess.PIPE)
        self.cases: list[str] = self._answer()

    def ask(self, case: str) -> float:
        """Processor time that the case takes now, seconds."""
        print(case, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise SystemExit("a checkout's process has ended; what it said stands above")
        return json.loads(line)

    def __enter__(self) -> "Side":
        return self

    def __exit__(self, *_) -> None:
        self._process.kill()
        self._process.wait()


def in_order(k: int) -> tuple[int, int]:
    """Who goes first and who second, the `k`th time."""
    return (0, 1) if k % 2 == 0 else (1, 0)


def quickest(sides: tuple[Side, Side], case: str, turns: int) -> tuple[float, float]:
    """The quickest of both sides' times of a case, asked in turns, seconds."""
    taken: tuple[list, list] = ([], [])
    for k in range(turns):
        for which in in_order(k):
            taken[which].append(sides[which].ask(case))
    return min(taken[0]), min(taken[1])


def measure(places: tuple[Path, Path], given: argparse.Namespace) -> list[dict]:
    """All rounds of both checkouts: one row a case."""
    told: tuple[list, list] = ([], [])
    for _ in range(given.rounds):
        sides = (Side(place, given.seconds, given.engine_seconds) for place in places)
        with next(sides) as before, next(sides) as after:
            taken = {case: quickest((before, after), case, given.turns) for case in before.cases}
        for which in (0, 1):
            told[which].append({case: both[which] for case, both in taken.items()})
    return [row_of(name, *told) for name in told[0][0]]


def row_of(case: str, *told: list[dict[str, float]]) -> dict:
    """A case's times and ratios, of the rounds of before and of after."""
    before, after = (np.array([each.get(case, np.nan) for each in side]) for side in told)
    ratios = after / before
    return {
        "case": case,
        "before": float(np.median(before)),
        "after": float(np.median(after)),
        "ratio": float(np.median(ratios)),
        "lowest": float(ratios.min()),
        "highest": float(ratios.max()),
    }


def verdict(case: str, ratio: float, limit: float) -> str:
    """ "within", or the commit that meant a case to take longer, or "SLOWER"."""
    if ratio <= limit:
        return "within"
    return next((why for begin, why, most in MEANT if case.startswith(begin) and ratio <= most), "SLOWER")


def summary(rows: list[dict], limit: float) -> list[str]:
    """One line a kind: its worst ratio, and what is to be said of it."""
    lines = []
    for kind in KINDS:
        of_kind = [row for row in rows if row["case"].startswith(kind)]
        slower = [row["case"] for row in of_kind if row["verdict"] == "SLOWER"]
        named = [f"{row['case']} ({row['verdict']})" for row in of_kind if row["verdict"] not in ("within", "SLOWER")]
        if of_kind:
            worst = max(row["ratio"] for row in of_kind)
            said = f"SLOWER: {', '.join(slower)}" if slower else "all within the limit or named"
            lines.append(f"{kind}: worst {worst:.3f} of at most {limit:g}; {'; '.join([said, *named])}")
    return lines


def main() -> int:
    """Measure, print one table and the verdicts, and tell by the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("before", type=Path, help="folder of a checkout")
    parser.add_argument("after", type=Path, help="folder of another")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--turns", type=int, default=12, metavar="N", help="of every case in a round")
    parser.add_argument("--seconds", type=float, default=2.0, metavar="N", help="of sound in each case")
    parser.add_argument("--engine-seconds", type=float, default=2.0, metavar="N", help="0 leaves the engine out")
    parser.add_argument("--limit", type=float, default=1.03, metavar="X", help="exit status 1 above this ratio")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    rows = measure((given.before, given.after), given)
    rows = [{**row, "verdict": verdict(row["case"], row["ratio"], given.limit)} for row in rows]
    if given.json:
        print(json.dumps(rows))
    else:
        print("| case | before | after | ratio | range | verdict |\n|---|---|---|---|---|---|")
        for row in rows:
            spread = f"{row['lowest']:.3f}–{row['highest']:.3f}"
            cells = f"{row['before']:.4g} | {row['after']:.4g} | {row['ratio']:.3f} | {spread}"
            print(f"| {row['case']} | {cells} | {row['verdict']} |")
        print("\n" + "\n".join(summary(rows, given.limit)))
    return 1 if any(row["verdict"] == "SLOWER" for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
