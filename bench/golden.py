"""What every shipped processor, phase method and the engine play, compared between two checkouts, to the bit.

    python bench/golden.py BEFORE AFTER [--young FOLDER] [--only NAME …] [--engine-seconds N] [--json]

BEFORE and AFTER are folders of checkouts (of one working tree with two states: ``git worktree add``, or ``git archive
REVISION | tar -x -C FOLDER``). All run with this interpreter and its packages. One line a case tells whether its
output is equal; where it is not, how far apart both are. What BEFORE does not have yet is compared with a third
checkout, `--young`: at 1c8ed6c both equalizers, the scene equalizer and StyleTransfer sound as they do now.
``benchmark engine`` must say in both that what it played live is what a render gives, and its chain is a case here.

Commits that are named were found by pairs of checkouts: each differs from its parent there, and no other commit does.

A case that differs is well where :data:`MEANT` names the commits that meant it to, and it stays within the bound there:
a level, or what BEFORE differs from itself once its sound carries a little noise. That is the bound of phases that are
chaotic: RTISI, GSRTISI, and RTPGHI where a network's answer decides which bins are peaks. The noise is -140 dB, or as
loud as the same case differs by without such phases, where one is named. Exit status 1 where something else differs, or
is missing.
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

BESIDE = 0.1
"""Level of the sound, which noise is told beside."""

NUDGE_DB = -140.0
CHAOS_DB = 6.0
"""By how much more a chaotic case may differ than BEFORE does from its nudged self."""

SEEDS = (1, 2, 3, 4, 5)
"""Of the noises that nudge; the one that moves a case most counts."""

NUDGED = "nudged"
_NO_PHASES = "inversion live, phase zero"

_ONE_FRAME = "8ef480d plays heavy models one frame a call, which rounds otherwise"
_FLOAT16 = "8ef480d and 045842c play heavy models one frame a call with float16 weights"
_LEVELS = "90e35b9 gives RTISI and Griffin-Lim the same bits at every level"
_CHOICES = "095e964 chooses other iterations and starts for the named methods"
_RESAMPLED = "35e0f60 sums a resampler's products side by side"
_GENERAL_MIDI = (
    "365fa94: programs begin, go on and end as they do; e6a6bd2: a channel's volume is General MIDI's;"
    " 3a702b5: voices that sound are asked alone, which rounds otherwise, -127 dB"
)
_QUOTIENTS = "0c08ed3 divides a row by one number as a product with its reciprocal, 2e-7 of the peak at most"
_POLYNOMIAL = "f3fef45: the network's weights are float16; d06ef41: partials are a polynomial and no table, -68 dB"

MEANT: tuple[tuple[str, str, float | str], ...] = (
    (_NO_PHASES, _FLOAT16, -80.0),
    ("inversion live", _FLOAT16, _NO_PHASES),
    ("resampled bandwidth", f"{_RESAMPLED}; {_FLOAT16}", -80.0),
    ("resampled", _RESAMPLED, -120.0),
    ("inversion 44.1 kHz", _RESAMPLED, -120.0),
    ("bandwidth", _FLOAT16, -80.0),
    ("tilt-gate rtisi-la", f"{_ONE_FRAME}; {_LEVELS}", NUDGED),
    ("tilt-gate", _ONE_FRAME, -130.0),
    ("style", _QUOTIENTS, -130.0),
    ("timbre-morph", f"{_ONE_FRAME}; {_POLYNOMIAL}", -60.0),
    ("timbre-synth", f"{_GENERAL_MIDI}; {_POLYNOMIAL}", 0.0),
    ("phase rtisi-la", _LEVELS, NUDGED),
    ("phase gsrtisi-la", _LEVELS, NUDGED),
    ("phase fast-griffin-lim", _LEVELS, NUDGED),
    ("phase fast", _LEVELS, NUDGED),
    ("phase live", _CHOICES, 6.1),
    ("phase balanced", _CHOICES, 6.1),
    ("phase best", _CHOICES, 6.1),
    ("phase started", _LEVELS, NUDGED),
    ("phase griffin-lim", _LEVELS, -100.0),
    ("phase pghi-fgla", _LEVELS, NUDGED),
    ("phase sweeps", _LEVELS, NUDGED),
)
"""Beginning of a case's name; the commits that changed it, and why; how far apart it may be, dB relative to before.

The bound is a level, or :data:`NUDGED`: as far as BEFORE goes by noise of :data:`NUDGE_DB`. A case's name in its place
has that case say how loud the noise is: as loud as the difference of both there, where no phase hides how much a model
answers otherwise. Unrelated phases are 3 dB apart, opposite ones 6, so named methods that became others are compared by
what they were too, as "phase rtisi-la as live was". Inversion's phases differ for the most part whatever the model
rounds: with `precision="float"` its magnitudes are within -131 dB, and its sound within -6.7 dB, of BEFORE's; with
float16 weights -89 and -3.5 dB."""

CASES = """
import sys
from pathlib import Path
import numpy as np
sys.path.insert(0, sys.argv.pop(1))
import rtspec
assert Path(rtspec.__file__).is_relative_to(sys.path[0]), rtspec.__file__
from rtspec import frames, phase

STYLES = sys.argv.pop(1)
RATE, OUT, NUDGE, SEED, ONLY = 48000, sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
rng, t = np.random.default_rng(5), np.arange(36000) / 48000
swell = 0.05 * (1.1 + np.sin(2 * np.pi * 3.7 * t))
tone = 0.2 * np.sin(2 * np.pi * (220 * t + 40 * np.sin(2 * np.pi * 0.9 * t)))
SOUND = (swell * rng.standard_normal((2, len(t))) + tone).astype(np.float32)
SOUND[:, 20000:23000] = 0
SOUND += (NUDGE * np.random.default_rng(SEED).standard_normal(SOUND.shape)).astype(np.float32)
NARROW = np.asarray(np.fft.irfft(np.fft.rfft(SOUND) * (np.fft.rfftfreq(len(t), 1 / 48000) < 6000)), np.float32)
NOTES = [((0x90, 60, 100), 0.0), ((0x90, 64, 80), 0.0517), ((0xE0, 0, 96), 0.1), ((0x90, 71, 20), 0.15),
         ((0xB0, 64, 127), 0.2), ((0x80, 60, 0), 0.2033), ((0xD0, 90), 0.3), ((0xB0, 64, 0), 0.4)]
P = rtspec.processors.create


def effect(spec, sound=SOUND, rate=RATE, block=441, **settings):
    return lambda: P(spec, **settings)(sound, rate, buffer_size=block)


def hears(rate, **settings):
    music, room = np.tile(SOUND, (1, 6)), np.tile(NARROW[0], 6)
    room[: len(room) // 3] *= 0.01  # a still room grows loud
    return lambda: P("scene-eq", max_rise_db=6.0, **settings)(music, rate, buffer_size=441, sensor=room)


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
    "resampled bandwidth": effect("bandwidth", NARROW, 44100),
    "resampled morph": effect("timbre-morph", SOUND[:1], 44100),
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
       "live", "fast", "balanced", "best")},
    "phase rtisi-la as live was": rebuilt("rtisi-la", look_ahead=0, iterations=24, momentum=0.65),
    "phase rtisi-la as balanced was": rebuilt("rtisi-la", look_ahead=2, iterations=12, momentum=0.65),
    "phase rtisi-la as best was": rebuilt("rtisi-la", look_ahead=4, iterations=24, momentum=0.65, start="rtpghi"),
    "equalizer": effect("equalizer", gains_db={63: 6, 1000: -4, 8000: 9}, output_db=-3.0),
    "equalizer parametric": effect("equalizer", bands="parametric", band_2_db=4.0, band_4_db=-9.0),
    "scene equalizer": hears(RATE),
    "scene equalizer 44.1 kHz": hears(44100),
    "scene equalizer of scenes": hears(RATE, mode="both", curves={"transport": {63: 3.0, 2000: -3.0}}),
    "style": effect("style:rain", model=STYLES),
    "style of noise": effect("style:bells", model=STYLES, strength=0.7, noise=0.3, follow=0.5, seed=4),
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


BLOCKS = (64, 128, 256)


def outputs(
    checkout: Path, only: list[str], folder: Path, weights: Path, nudge: float = 0.0, seed: int = 0
) -> dict[str, np.ndarray]:
    """What each case gives in a checkout; a text where it failed. StyleTransfer, which was trained again since, has the
    weights of the checkout `weights`; `nudge` is the level of noise of a seed in the sound."""
    file, styles = folder / f"{len(list(folder.iterdir()))}.npz", weights.resolve() / "exports/style-live/model.onnx"
    options = [str(styles), str(file), f"{nudge:g}", str(seed)]
    command = [sys.executable, "-c", CASES, str(checkout.resolve()), *options, *only]
    for _ in range(1 if nudge else 2):  # a process that compiles its kernels may round otherwise than all those after
        subprocess.run(command, check=True, cwd=folder)
    with np.load(file) as kept:
        return {name: kept[name] for name in kept.files}


def engine_is_equal(checkout: Path, block: int, seconds: float, tries: int = 4) -> tuple[bool, str]:
    """Whether `benchmark engine` says that what was played live is what a render gives, and what is to be said of it.

    Beside other work, or where kernels are not compiled yet, a stream may lose sound, or not end in the time that the
    benchmark gives it. That tells no difference: it is played again, with the kernels that are kept by then.
    """
    place, said = str(checkout.resolve()), "it printed nothing"
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from rtspec.cli import main; sys.exit(main())"
    words = ["--device", "virtual", "--blocks", str(block), "--seconds", f"{seconds:g}", "--json"]
    environment = {**os.environ, "PYTHONPATH": place}  # for processes that it starts itself
    options = {"capture_output": True, "text": True, "env": environment, "cwd": tempfile.gettempdir()}
    for k in range(tries):
        done = subprocess.run([sys.executable, "-c", code, place, "benchmark", "engine", *words], **options)
        found = re.search(r'"underruns":\s*(\d+).*?"equal_to_render":\s*(true|false)', done.stdout, re.DOTALL)
        if found and (found[2] == "true" or found[1] == "0"):
            return found[2] == "true", f"{'yes' if found[2] == 'true' else 'no'}, at the {_nth(k + 1)} try"
        said = f"{found[1]} underruns" if found else (done.stderr.strip() or said).splitlines()[-1]
    return False, f"not told in {tries} tries ({said}); run it beside less"


def _nth(n: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(n, f"{n}th")


def apart_db(before: np.ndarray, after: np.ndarray) -> float:
    """Level of the difference relative to `before`, dB; of magnitudes' phases as well as of sound."""
    noise = np.linalg.norm((after.astype(complex) - before).ravel())
    return float(20 * np.log10(noise / np.linalg.norm(before.astype(complex).ravel()) + 1e-20))


def meant(name: str) -> tuple[str, float | str]:
    """Who meant a case to differ, and its bound."""
    return next(((why, bound) for begin, why, bound in MEANT if name.startswith(begin)), ("nobody's wish", -np.inf))


class Comparison:
    """The outputs of two checkouts, and where BEFORE goes when it is nudged.

    Parameters
    ----------
    before, after, young : Path or None
        Checkouts; what `before` has not is what `young` gives.
    only : list of str
        Parts of the names of cases; all where it is empty.
    folder : Path
        For files in between.
    """

    def __init__(self, before: Path, after: Path, young: Path | None, only: list[str], folder: Path):
        self._folder = folder
        weights = young or after
        self.before, self.after = (outputs(side, only, folder, weights) for side in (before, after))
        self._sides = dict.fromkeys(self.before, before)
        missing = [name for name, made in self.before.items() if _failed(made) and not _failed(self.after[name])]
        if missing and young is not None:
            self.before |= _of(missing, outputs(young, missing, folder, weights))
            self._sides |= dict.fromkeys(missing, young)
        self.noise_db = {name: noise for name in self.before if (noise := self._noise_of(name)) is not None}
        self._nudged: dict[str, list[np.ndarray]] = {}
        for side, noise_db in {(self._sides[name], noise_db) for name, noise_db in self.noise_db.items()}:
            names = [name for name, db in self.noise_db.items() if (self._sides[name], db) == (side, noise_db)]
            level = BESIDE * 10 ** (noise_db / 20)
            made = [outputs(side, names, folder, weights, level, seed) for seed in SEEDS]
            self._nudged |= {name: [each[name] for each in made] for name in names}

    def _noise_of(self, name: str) -> float | None:
        """How loud the noise is that nudges BEFORE for a case's bound, dB; None where there is no need of it."""
        bound = meant(name)[1]
        if not isinstance(bound, str) or _failed(self.before[name]) or _equal(self.before[name], self.after[name]):
            return None
        return NUDGE_DB if bound == NUDGED else apart_db(self.before[bound], self.after[bound])

    def verdict(self, name: str) -> tuple[bool, str]:
        """Whether a case's two outputs are as they are meant to be, and what is to be said of it."""
        before, after = self.before[name], self.after[name]
        if _failed(after) or _failed(before):
            both = _failed(before) and before.item() == after.item()
            return False, f"fails{' in both' if both else ''}: {(after if _failed(after) else before).item()[:80]}"
        if before.shape != after.shape or before.dtype != after.dtype:
            return False, f"{before.dtype} {before.shape} became {after.dtype} {after.shape}"
        if _equal(before, after):
            return True, f"equal to the bit, {before.size} numbers, peak {np.abs(before).max():.3g}"
        return self._judged(name, apart_db(before, after))

    def _judged(self, name: str, level_db: float) -> tuple[bool, str]:
        (why, bound), said = meant(name), f"differs, {level_db:.1f} dB"
        if name in self._nudged:
            moved_db = max(apart_db(self.before[name], nudged) for nudged in self._nudged[name])
            said += f" (noise of {self.noise_db[name]:.0f} dB in the sound changes it by up to {moved_db:.1f} dB)"
            bound = moved_db + CHAOS_DB
        return level_db <= float(bound), f"{said}, at most {bound:.1f} dB: {why}"


def _failed(made: np.ndarray) -> bool:
    return made.dtype.kind == "U"


def _equal(before: np.ndarray, after: np.ndarray) -> bool:
    return (before.shape, before.dtype) == (after.shape, after.dtype) and before.tobytes() == after.tobytes()


def _of(names: list[str], made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: made[name] for name in names}


def main() -> int:
    """Compare, print, and tell by the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("before", type=Path, help="folder of a checkout")
    parser.add_argument("after", type=Path, help="folder of another")
    parser.add_argument("--young", type=Path, metavar="FOLDER", help="of a third, at 1c8ed6c, for what BEFORE lacks")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="cases whose names hold one of these")
    parser.add_argument("--engine-seconds", type=float, default=5.0, metavar="N", help="0 leaves the engine out")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(args.before, args.after, args.young, args.only, Path(folder))
    rows = {name: comparison.verdict(name) for name in comparison.before}
    for side in (args.before, args.after) if args.engine_seconds else ():
        for block in BLOCKS:
            rows[f"engine plays what a render gives: {side}, block {block}"] = engine_is_equal(
                side, block, args.engine_seconds
            )
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
