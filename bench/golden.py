"""What every shipped processor, phase method and the engine play, compared between two checkouts, to the bit.

    python bench/golden.py BEFORE AFTER [--only NAME …] [--engine-seconds N] [--json]

BEFORE and AFTER are folders of checkouts (of one working tree with two states: ``git worktree add``, or ``git archive
REVISION | tar -x -C FOLDER``). Both run with this interpreter and its packages. One line a case tells whether its
output is equal; where it is not, how far apart both are. ``benchmark engine`` must say in both that what it played
live is what a render gives, and its chain is a case here.

Commits that are named were found by pairs of checkouts: each differs from its parent there, and no other commit does.

A case that differs is well where :data:`MEANT` names the commits that meant it to, and it stays within the bound there:
a level, or what BEFORE differs from itself once its sound carries noise of -140 dB. That is the bound of phases that
are chaotic: RTISI, GSRTISI, and RTPGHI where a network's answer decides which bins are peaks. Exit status 1 where
something else differs, or is missing.
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

RATE = 48000

NUDGED = "nudged"
NUDGE = 1e-8
"""Standard deviation of the noise: -140 dB beside a sound of .1."""

CHAOS_DB = 6.0
"""By how much more a chaotic case may differ than BEFORE does from its nudged self."""

_ONE_FRAME = "8ef480d plays heavy models one frame a call, which rounds otherwise"
_FLOAT16 = "8ef480d and 045842c play heavy models one frame a call with float16 weights"
_LEVELS = "90e35b9 gives RTISI and Griffin-Lim the same bits at every level"
_GENERAL_MIDI = (
    "365fa94: programs begin, go on and end as they do; e6a6bd2: a channel's volume is General MIDI's;"
    " 3a702b5: voices that sound are asked alone, which rounds otherwise, -127 dB"
)

MEANT: tuple[tuple[str, str, float | str], ...] = (
    ("inversion live, phase zero", _FLOAT16, -80.0),
    ("inversion live", _FLOAT16, NUDGED),
    ("bandwidth", _FLOAT16, -80.0),
    ("tilt-gate rtisi-la", f"{_ONE_FRAME}; {_LEVELS}", NUDGED),
    ("tilt-gate", _ONE_FRAME, -130.0),
    ("timbre-morph", _ONE_FRAME, -130.0),
    ("timbre-synth", _GENERAL_MIDI, 0.0),
    ("phase rtisi-la", _LEVELS, NUDGED),
    ("phase gsrtisi-la", _LEVELS, NUDGED),
    ("phase live", _LEVELS, NUDGED),
    ("phase best", _LEVELS, NUDGED),
    ("phase started", _LEVELS, NUDGED),
    ("phase griffin-lim", _LEVELS, -100.0),
    ("phase fast-griffin-lim", _LEVELS, NUDGED),
    ("phase pghi-fgla", _LEVELS, NUDGED),
    ("phase sweeps", _LEVELS, NUDGED),
)
"""Beginning of a case's name; the commits that changed it, and why; how far apart it may be, dB relative to before."""

CASES = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv.pop(1))
import rtspec
assert Path(rtspec.__file__).is_relative_to(sys.path[0]), rtspec.__file__
from rtspec import frames, phase

RATE, OUT, NUDGE, ONLY = 48000, sys.argv[1], float(sys.argv[2]), sys.argv[3:]
rng, t = np.random.default_rng(5), np.arange(36000) / 48000
swell = 0.05 * (1.1 + np.sin(2 * np.pi * 3.7 * t))
tone = 0.2 * np.sin(2 * np.pi * (220 * t + 40 * np.sin(2 * np.pi * 0.9 * t)))
SOUND = (swell * rng.standard_normal((2, len(t))) + tone).astype(np.float32)
SOUND[:, 20000:23000] = 0
SOUND += (NUDGE * np.random.default_rng(1).standard_normal(SOUND.shape)).astype(np.float32)
NARROW = np.asarray(np.fft.irfft(np.fft.rfft(SOUND) * (np.fft.rfftfreq(len(t), 1 / 48000) < 6000)), np.float32)
NOTES = [((0x90, 60, 100), 0.0), ((0x90, 64, 80), 0.0517), ((0xE0, 0, 96), 0.1), ((0x90, 71, 20), 0.15),
         ((0xB0, 64, 127), 0.2), ((0x80, 60, 0), 0.2033), ((0xD0, 90), 0.3), ((0xB0, 64, 0), 0.4)]
P = rtspec.processors.create


def effect(spec, sound=SOUND, rate=RATE, block=441, **settings):
    return lambda: P(spec, **settings)(sound, rate, buffer_size=block)


def synth(anchor, **settings):
    return lambda: P(f"timbre-synth:{anchor}", **settings)(NOTES, duration=0.6, sample_rate=RATE)


def rebuilt(method, **options):
    plan = frames.FramePlan(n_fft=1024, hop=256)
    spectrum = frames.stft(SOUND[0, :12000], plan)
    given = {"input_spectrum": spectrum} if options.pop("with_input", False) else {}
    return lambda: phase.reconstruct(np.abs(spectrum), plan, method=method, **given, **options)


def chain():
    return rtspec.Pedalboard([P("inversion"), P("onnx:tilt-gate")])(SOUND, RATE)


cases = {
    "engine's chain": chain,
    "inversion": effect("inversion"),
    "inversion 44.1 kHz": effect("inversion", rate=44100),
    "inversion live": effect("inversion", model="live", refine=0.7, blur_ms=50.0, tilt_db_per_octave=2.0),
    "inversion live, phase zero": effect("inversion", model="live", phase="zero"),
    "inversion nnls": effect("inversion", bands="mel", method="nnls", n_bands=40, mix=0.5, output_db=-6.0),
    "inversion mfcc": effect("inversion", bands="mel", n_coefficients=13),
    "inversion privacy": effect("inversion", bands="third-octave", phase="random"),
    "bandwidth": effect("bandwidth", NARROW),
    "bandwidth paper": effect("bandwidth:paper", NARROW, 22050),
    "tilt-gate": effect("onnx:tilt-gate", tilt_db_per_octave=3.0, mix=0.7),
    "tilt-gate rtpghi": effect("onnx:tilt-gate", phase="rtpghi", n_fft=1024),
    "tilt-gate rtisi-la": effect("onnx:tilt-gate", phase="rtisi-la", n_fft=512),
    "identity": effect("onnx:identity", block=64),
    "timbre-morph": effect("timbre-morph", sound=SOUND[:1]),
    "timbre-morph flute": effect("timbre-morph:flute", amount=0.8),
    **{f"timbre-synth {a}": synth(a) for a in ("strings", "flute", "piano")},
    "timbre-synth phase": synth("strings", phase="rtpghi"),
    **{f"phase {m}": rebuilt(m) for m in ("zero", "random", "spsi", "rtpghi", "rtisi-la", "gsrtisi-la", "pghi",
       "live", "best")},
    "phase published spsi": rebuilt("spsi", refined=False),
    "phase published rtpghi": rebuilt("rtpghi", refined=False, look_ahead=0),
    "phase input": rebuilt("input", with_input=True),
    "phase blend": rebuilt("rtpghi", with_input=True, blend=0.4),
    "phase started": rebuilt("rtisi-la", start="rtpghi", look_ahead=2, iterations=3),
    "phase started by spsi": rebuilt("gsrtisi-la", start="spsi", look_ahead=2, iterations=3),
    "phase started by input": rebuilt("rtisi-la", with_input=True, start="input", look_ahead=2, iterations=3),
    **{f"phase {m}": rebuilt(m, iterations=5) for m in ("griffin-lim", "fast-griffin-lim", "pghi-fgla", "sweeps")},
}
made = {}
for name, case in cases.items():
    if not ONLY or any(part in name for part in ONLY):
        try:
            made[name] = np.asarray(case())
        except Exception as error:
            made[name] = np.array(f"{type(error).__name__}: {error}")
np.savez(OUT, **made)
"""


def outputs(checkout: Path, only: list[str], folder: Path, nudge: float = 0.0) -> dict[str, np.ndarray]:
    """What each case gives in a checkout; a text where it failed. `nudge` is the level of noise in the sound."""
    file = folder / f"{len(list(folder.iterdir()))}.npz"
    command = [sys.executable, "-c", CASES, str(checkout.resolve()), str(file), f"{nudge:g}", *only]
    for _ in range(1 if nudge else 2):  # a process that compiles its kernels may round otherwise than all those after
        subprocess.run(command, check=True, cwd=folder)
    with np.load(file) as kept:
        return {name: kept[name] for name in kept.files}


def engine_is_equal(checkout: Path, seconds: float) -> bool:
    """Whether `benchmark engine` says that what was played live is what a render gives."""
    place = str(checkout.resolve())
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from rtspec.cli import main; sys.exit(main())"
    command = ["benchmark", "engine", "--device", "virtual", "--seconds", f"{seconds:g}", "--json"]
    environment = {**os.environ, "PYTHONPATH": place}  # for processes that it starts itself
    options = {"capture_output": True, "text": True, "env": environment, "cwd": tempfile.gettempdir()}
    done = subprocess.run([sys.executable, "-c", code, place, *command], **options)
    equalities = re.findall(r'"equal_to_render":\s*(true|false)', done.stdout)
    return done.returncode == 0 and bool(equalities) and set(equalities) == {"true"}


def apart_db(before: np.ndarray, after: np.ndarray) -> float:
    """Level of the difference relative to `before`, dB; of magnitudes' phases as well as of sound."""
    noise = np.linalg.norm((after.astype(complex) - before).ravel())
    return float(20 * np.log10(noise / np.linalg.norm(before.astype(complex).ravel()) + 1e-20))


def compare(name: str, before: np.ndarray, after: np.ndarray, nudged: np.ndarray) -> tuple[bool, str]:
    """Whether two outputs are as they are meant to be, and what is to be said of it."""
    if after.dtype.kind == "U" or before.dtype.kind == "U":
        same = before.dtype.kind == after.dtype.kind and before.item() == after.item()
        return False, f"fails{' in both' if same else ''}: {(after if after.dtype.kind == 'U' else before).item()[:80]}"
    if before.shape != after.shape or before.dtype != after.dtype:
        return False, f"{before.dtype} {before.shape} became {after.dtype} {after.shape}"
    if before.tobytes() == after.tobytes():
        return True, f"equal to the bit, {before.size} numbers, peak {np.abs(before).max():.3g}"
    return judged(name, apart_db(before, after), apart_db(before, nudged))


def judged(name: str, level_db: float, chaos_db: float) -> tuple[bool, str]:
    """Whether a case that differs by `level_db` was meant to; BEFORE is `chaos_db` from its nudged self."""
    said = f"differs, {level_db:.1f} dB"
    why, bound = next(
        ((why, bound) for begin, why, bound in MEANT if name.startswith(begin)), ("nobody's wish", -np.inf)
    )
    if isinstance(bound, str):
        bound = chaos_db + CHAOS_DB
        said += f" (noise of -140 dB in the sound changes it by {chaos_db:.1f} dB)"
    return level_db <= bound, f"{said}, at most {bound:.1f} dB: {why}"


def main() -> int:
    """Compare, print, and tell by the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("before", type=Path, help="folder of a checkout")
    parser.add_argument("after", type=Path, help="folder of another")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="cases whose names hold one of these")
    parser.add_argument("--engine-seconds", type=float, default=5.0, metavar="N", help="0 leaves the engine out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        before, after = (outputs(side, args.only, Path(folder)) for side in (args.before, args.after))
        nudged = outputs(args.before, args.only, Path(folder), nudge=NUDGE)
    for name in before:
        rows[name] = compare(name, before[name], after[name], nudged[name])
    if args.engine_seconds:
        for side in (args.before, args.after):
            equal = engine_is_equal(side, args.engine_seconds)
            rows[f"engine plays what a render gives: {side}"] = equal, "yes" if equal else "no"
    if args.json:
        print(json.dumps({name: {"well": well, "said": said} for name, (well, said) in rows.items()}))
    else:
        print("\n".join(f"{'ok  ' if well else 'FAIL'} {name}: {said}" for name, (well, said) in rows.items()))
        n_equal = sum("equal to the bit" in said for _, said in rows.values())
        n_well = sum(well for well, _ in rows.values())
        print(f"{n_equal} of {len(rows)} equal to the bit, {n_well} of {len(rows)} as they are meant to be")
    return 0 if rows and all(well for well, _ in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
