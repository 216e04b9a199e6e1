"""How long rendering, phases and the engine take in two checkouts, as ratios of interleaved runs.

    python bench/times.py BEFORE AFTER [--rounds N] [--seconds N] [--engine-seconds N] [--json]

BEFORE and AFTER are folders of checkouts, as for golden.py. Each round runs both in processes of their own; which one
begins alternates, so that what the machine does in the meantime meets both. Printed is the median over the rounds of
each time, the median of the rounds' ratios, their range, and a verdict: within --limit, or named in :data:`MEANT`, or
slower. Then one line each for the engine, for rendering and for phases; exit status 1 where anything is slower. Run it
on a quiet machine: beside other work even one checkout against itself is not 1.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

CASES = """
import json, sys, time
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv.pop(1))
import rtspec
assert Path(rtspec.__file__).is_relative_to(sys.path[0]), rtspec.__file__
RATE, SECONDS = 48000, float(sys.argv[1])
sound = (0.1 * np.random.default_rng(5).standard_normal((2, round(SECONDS * RATE)))).astype(np.float32)
create = rtspec.processors.create


def taken(work, repeats=3):
    work()  # compiles, and fills the caches
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def render(*names):
    board = rtspec.Pedalboard([create(name) for name in names])
    return lambda: board(sound, RATE)


plan = rtspec.FramePlan(sample_rate=RATE, n_fft=1024, hop=256)
magnitudes = np.abs(rtspec.frames.stft(sound[0], plan))
cases = {"render " + name: render(name) for name in ("inversion", "onnx:tilt-gate", "onnx:identity", "bandwidth")}
cases |= {f"phase {m}": (lambda m=m: rtspec.phase.reconstruct(magnitudes, plan, method=m)) for m in
          ("spsi", "rtpghi", "rtisi-la", "pghi")}
print(json.dumps({name: taken(work) for name, work in cases.items()}))
"""

MEANT = (("phase rtisi-la", "90e35b9 gives it the same bits at every level: 67 instead of 64 µs a frame", 1.08),)
"""Cases that may take longer; the commit that meant it, and why; up to which ratio."""

KINDS = ("engine", "render", "phase")
"""With what the names of cases begin."""

TRIES = 4
"""An engine whose kernels are not compiled yet may not end in the time that its benchmark gives it."""

ENGINE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from rtspec.cli import main; sys.exit(main())"


def run(code: str, checkout: Path, *words: str) -> str:
    """What a checkout prints in a process of its own."""
    place = str(checkout.resolve())
    environment = {**os.environ, "PYTHONPATH": place, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", code, place, *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tempfile.gettempdir())
    return done.stdout if done.stdout.strip() else f"nothing printed: {done.stderr[-500:]}"


def engine_times(checkout: Path, seconds: float) -> dict[str, float]:
    """Medians of `benchmark engine` on the virtual device, one a block size, microseconds."""
    words = ["benchmark", "engine", "--device", "virtual", "--seconds", f"{seconds:g}", "--json"]
    row = r'"block":\s*(\d+).*?"callback_p50_us":\s*([\d.]+).*?"frame_p50_us":\s*([\d.]+)'
    told = ""
    for _ in range(TRIES):
        told = run(ENGINE, checkout, *words)
        if found := re.findall(row, told, re.DOTALL):
            break
    else:
        raise SystemExit(f"{checkout}: benchmark engine told no times in {TRIES} tries: {told[:500]}")
    times = {f"engine callback µs, block {block}": float(callback) for block, callback, _ in found}
    return times | {f"engine frame µs, block {block}": float(frame) for block, _, frame in found}


def times_of(checkout: Path, seconds: float, engine_seconds: float) -> dict[str, float]:
    """Every time of one round in one checkout."""
    told = run(CASES, checkout, f"{seconds:g}").strip().splitlines()[-1]
    try:
        times = json.loads(told)
    except ValueError:
        raise SystemExit(f"{checkout}: {told}") from None
    return times | (engine_times(checkout, engine_seconds) if engine_seconds else {})


def measure(sides: tuple[Path, Path], rounds: int, seconds: float, engine_seconds: float) -> list[dict]:
    """Rounds in which the checkout that begins takes turns: one row a case."""
    told: tuple[list, list] = ([], [])
    for k in range(rounds):
        for which in (0, 1) if k % 2 == 0 else (1, 0):
            told[which].append(times_of(sides[which], seconds, engine_seconds))
    rows = []
    for name in told[0][0]:
        before, after = (np.array([each.get(name, np.nan) for each in side]) for side in told)
        ratios = after / before
        rows.append(
            {
                "case": name,
                "before": float(np.median(before)),
                "after": float(np.median(after)),
                "ratio": float(np.median(ratios)),
                "lowest": float(ratios.min()),
                "highest": float(ratios.max()),
            }
        )
    return rows


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
    parser.add_argument("--seconds", type=float, default=10.0, metavar="N", help="of sound in each case")
    parser.add_argument("--engine-seconds", type=float, default=5.0, metavar="N", help="0 leaves the engine out")
    parser.add_argument("--limit", type=float, default=1.03, metavar="X", help="exit status 1 above this ratio")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    rows = measure((given.before, given.after), given.rounds, given.seconds, given.engine_seconds)
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
