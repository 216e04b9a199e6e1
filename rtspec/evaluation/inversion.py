"""``rtspec evaluate inversion``: the tables of Gontier et al. for pseudo-inverse, NNLS and networks, on any folder.

Spectral RMSE is that of linear magnitudes, scaled so that a full-scale sine is 1, over all bins and frames of a scene;
SRR is the paper's equation 3; ViSQOL in audio mode stands in for ODG. Every method is measured at its own plan, beside
the pseudo-inverse at that plan.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ..audio.files import make_folder, read
from ..batch import measuring
from ..console import emit, progress, table
from ..errors import InvalidValue
from ..frames import FramePlan, istft, stft
from ..frames.bands import BandFilters, band_filters
from ..metrics.artefacts import early_db, modulation_db
from ..metrics.distances import log_spectral_distance, snr_db, visqol
from ..metrics.phases import spectral_convergence_db
from ..models import FrameModel, load
from ..models.catalogue import models
from ..phase import reconstruct
from ..processors.inversion.band_inversion import METHODS, invert
from ..processors.inversion.processor import MODELS, TRAINED_ON

PAPER_PLAN = FramePlan(sample_rate=16000, n_fft=1024, hop=512)
GRIFFIN_LIM_ITERATIONS = 100
SAMPLE_RATE = 16000

COVERED = 0.5
"""Sum of the bands' weights from which a bin counts as inside a band: those below the lowest band are in none, and the
baselines leave them empty."""


@dataclass(frozen=True)
class Inverter:
    """A way from band powers to magnitudes.

    Attributes
    ----------
    name : str
        "pinv" and "nnls" at any plan; a network's short name, a shipped model's or a file's at its own.
    plan : FramePlan
    apply : callable
        (filters, powers of shape (n_bands, n_frames)) → magnitudes, float32 of shape (n_bins, n_frames).
    """

    name: str
    plan: FramePlan
    apply: Callable[[BandFilters, np.ndarray], np.ndarray]

    @property
    def filters(self) -> BandFilters:
        """The bands that it inverts."""
        return band_filters(TRAINED_ON, self.plan)

    def magnitudes(self, spectrum: np.ndarray) -> np.ndarray:
        """What it makes of the band levels of a complex spectrogram. Complex of shape (n_bins, n_frames) in, float32 of
        that shape out."""
        return self.apply(self.filters, self.filters.apply(np.abs(spectrum)))


def baseline(method: str, plan: FramePlan) -> Inverter:
    """The pseudo-inverse or NNLS at a plan."""
    return Inverter(method, plan, lambda filters, powers: invert(filters, powers, method))


def network(name: str) -> Inverter:
    """A network that refines the pseudo-inverse: "live", "paper", "log", a shipped model or a file."""
    path = MODELS.get(name, name)
    return Inverter(
        Path(name).name, load(path).plan(SAMPLE_RATE), lambda filters, powers: _refined(path, invert(filters, powers))
    )


def _refined(path: str, magnitudes: np.ndarray) -> np.ndarray:
    model = _model(path)
    model.reset()
    return np.concatenate([model.process(magnitudes[np.newaxis]), model.flush()], axis=2)[0]


@cache
def _model(path: str) -> FrameModel:
    return FrameModel(path)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, and with what."""
    parser.add_argument("--audio", metavar="FOLDER", help="scenes: laid out as DCASE 2017, or any folder")
    parser.add_argument("--split", help="take the list evaluation_setup/fold1_SPLIT.txt of a DCASE folder")
    parser.add_argument(
        "--networks", nargs="*", metavar="NAME", help="live, paper, log or files (default: those that ship)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most N scenes, drawn by chance, always the same")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of each scene (default 10)")
    parser.add_argument("--quick", action="store_true", help="no phases are estimated and ViSQOL is left out")
    parser.add_argument(
        "--oracle",
        action="store_true",
        help="also the pseudo-inverse with the best constant gain of each bin and scene",
    )
    measuring.add_arguments(parser)
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="also write tables and figures there")
    parser.add_argument(
        "--live", metavar="SECONDS", nargs="?", type=float, const=60.0, help="on a JACK device instead: on time?"
    )


def run(args: argparse.Namespace) -> None:
    """Measure all scenes and print both tables, or how each inverter plays live."""
    if args.live:
        from .inversion_live import rows

        played = rows(args.live)
        return emit(args, {"rows": played}, table(played))
    if args.audio is None:
        raise InvalidValue("--audio is missing: give a folder of scenes, as of rtspec data scenes; or --live")
    return _run_scenes(args)


def _run_scenes(args: argparse.Namespace) -> None:
    from ..training.data.dcase import read_folder

    scenes = read_folder(args.audio, args.split)
    order = np.sort(np.random.default_rng(0).permutation(len(scenes))[: args.limit])
    chosen = [scenes[k] for k in order]
    settings = {name: getattr(args, name) for name in ("networks", "seconds", "quick", "oracle")}
    if measuring.is_shared(args):
        names = [("scene", scene.path) for scene in chosen]
        by_path = {path: rows for (_, path), rows in measuring.shared_figures(args, __name__, settings, names).items()}
    else:
        measure = _measure(settings)
        with progress(args.json) as bar:
            by_path = {scene.path: measure(scene.path) for scene in bar.track(chosen, description="scenes")}
    rows = [
        {"scene": each.path.name, "label": each.label, **row} for each in chosen for row in by_path.get(each.path, [])
    ]
    data = {"scenes": len(by_path), "table_1": overall(rows), "table_2": by_class(rows)}
    text = (
        f"{len(by_path)} scenes of {args.audio}\n\n{table(data['table_1'])}\n\nbeside the pseudo-inverse, by class\n\n"
    )
    text += table(data["table_2"])
    if args.out:
        make_folder(args.out)
        (args.out / "inversion.md").write_text(text + "\n")
        (args.out / "inversion.json").write_text(json.dumps({**data, "rows": rows}))
    emit(args, data, text)


def _measure(settings: dict) -> Callable[[Path], list[dict]]:
    """What measures a scene's file."""
    inverters = inverters_of(settings["networks"])

    def measure(path: Path) -> list[dict]:
        sound = read(path, SAMPLE_RATE)[0].mean(axis=0)[: round(settings["seconds"] * SAMPLE_RATE)]
        return measured(sound, inverters, settings["quick"], settings["oracle"])

    return measure


def make_worker(settings: dict) -> measuring.Figures:
    """The same in a worker process."""
    measure = _measure(settings)
    return measuring.Figures(lambda source, target: measure(source))


def inverters_of(names: list[str] | None) -> list[Inverter]:
    """Baselines at every plan that is in use, each plan's own before its networks."""
    shipped = [name for name, model in MODELS.items() if model in models()]
    networks = [network(name) for name in (shipped if names is None else names)]
    plans = dict.fromkeys([PAPER_PLAN, *(each.plan for each in networks)])
    return [
        inverter
        for plan in plans
        for inverter in [*(baseline(m, plan) for m in METHODS), *(n for n in networks if n.plan == plan)]
    ]


def measured(sound: np.ndarray, inverters: list[Inverter], quick: bool = False, oracle: bool = False) -> list[dict]:
    """One row of figures for each inverter.

    Parameters
    ----------
    sound : ndarray, float32, shape (n_samples,)
        At 16 kHz.
    inverters : list of Inverter
        For each plan its "pinv" comes first.
    quick : bool
        Leave out what takes long: estimated phases and ViSQOL.
    oracle : bool
        After each pseudo-inverse a row for its :func:`best_gains`.
    """
    if len(sound) < 2 * PAPER_PLAN.n_fft:
        raise InvalidValue(f"a scene of {len(sound)} samples is too short; give at least {2 * PAPER_PLAN.n_fft}")
    rows, pinv_rmse = [], {}
    for inverter in inverters:
        spectrum = stft(sound, inverter.plan)
        target, made = np.abs(spectrum), inverter.magnitudes(spectrum)
        ways = {inverter.name: made}
        if oracle and inverter.name == "pinv":
            ways["best gains"] = best_gains(target, made)
        inside = inverter.filters.weights.sum(axis=0) > COVERED
        for name, magnitudes in ways.items():
            rmse = np.array([spectral_rmse(target[k], magnitudes[k], inverter.plan) for k in (slice(None), inside)])
            ratios = rmse / np.maximum(pinv_rmse.setdefault(inverter.plan, rmse), 1e-12)
            rows.append({"method": name, "n_fft": inverter.plan.n_fft, "hop": inverter.plan.hop})
            rows[-1] |= {"rmse": float(rmse[0]), "of_pinv": float(ratios[0]), "of_pinv_in_bands": float(ratios[1])}
            rows[-1] |= _sounding(sound, spectrum, magnitudes, inverter.plan, quick)
    return rows


def best_gains(target: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Magnitudes (n_bins, n_frames) times a constant for each bin, that which brings them nearest to the target: what a
    network could reach at best that knew each bin's mean level in this very scene, though bands do not tell it.
    Float32."""
    gains = np.sum(target * base, axis=1) / np.maximum(np.sum(base**2, axis=1), 1e-20)
    return gains[:, np.newaxis] * base


def spectral_rmse(target: np.ndarray, made: np.ndarray, plan: FramePlan) -> float:
    """Root mean squared error of magnitudes, a full-scale sine being 1 (the paper's first metric). Both float32 of
    shape (n_bins, n_frames)."""
    scale = 2 / float(np.sum(plan.analysis, dtype=np.float64))
    return float(scale * np.sqrt(np.mean(np.square(target - made, dtype=np.float64))))


def _sounding(sound: np.ndarray, spectrum: np.ndarray, made: np.ndarray, plan: FramePlan, quick: bool) -> dict:
    oracle = istft(made * np.exp(1j * np.angle(spectrum)), plan, length=len(sound))
    figures = {"srr_oracle_db": snr_db(sound, oracle), "lsd": log_spectral_distance(sound, oracle)}
    if quick:
        return figures
    guessed = _heard(made, plan, len(sound), "griffin-lim", iterations=GRIFFIN_LIM_ITERATIONS)
    figures |= {"srr_griffin_lim_db": snr_db(sound, guessed)}
    for method in ("live", "best"):
        figures |= {f"{name}_{method}": value for name, value in _as_heard(sound, made, plan, method).items()}
    return figures | {
        "visqol_oracle": visqol(sound, oracle, SAMPLE_RATE),
        "visqol_griffin_lim": visqol(sound, guessed, SAMPLE_RATE),
    }


def _as_heard(sound: np.ndarray, made: np.ndarray, plan: FramePlan, method: str) -> dict[str, float | None]:
    """What is heard of magnitudes once phases are guessed: how far those are from fitting, and, beside the original,
    the log-spectral distance, the modulations of bands, and how much louder it is before onsets than at them."""
    heard = _heard(made, plan, len(sound), method)
    return {
        "sc_db": spectral_convergence_db(heard, made, plan),
        "lsd_heard": log_spectral_distance(sound, heard),
        "modulation_db": modulation_db(sound, heard, SAMPLE_RATE),
        "onset_blur_db": early_db(sound, heard, SAMPLE_RATE),
    }


def _heard(magnitudes: np.ndarray, plan: FramePlan, length: int, method: str, **options) -> np.ndarray:
    return istft(reconstruct(magnitudes, plan, method=method, **options), plan, length=length)


def overall(rows: list[dict]) -> list[dict]:
    """Table 1: means ± standard deviations over the scenes, and the ratio of mean errors to the pseudo-inverse's."""
    groups: dict[tuple, list[dict]] = defaultdict(list)
    for row in rows:
        groups[row["method"], row["n_fft"], row["hop"]].append(row)
    lines = []
    for (method, n_fft, hop), group in groups.items():
        mean, pinv = np.mean([r["rmse"] for r in group]), np.mean([r["rmse"] for r in groups["pinv", n_fft, hop]])
        line = {"method": method, "plan": f"{n_fft}/{hop}", "spectral RMSE": _spread(group, "rmse", 5)}
        line |= {"of pinv": round(float(mean / pinv), 3), "of pinv, scene by scene": round(_mean(group, "of_pinv"), 3)}
        line |= {"in bands alone": round(_mean(group, "of_pinv_in_bands"), 3)}
        columns = ("scene", "label", "method", "n_fft", "hop", "rmse", "of_pinv", "of_pinv_in_bands")
        line |= _heard_of_pinv(group, groups["pinv", n_fft, hop])
        names = [key for key in group[0] if key not in columns]
        lines.append(line | {name.replace("_", " "): _spread(group, name, 2) for name in names})
    return lines


def _heard_of_pinv(group: list[dict], pinv: list[dict]) -> dict[str, float]:
    """Mean log-spectral distance of what is heard beside the pseudo-inverse's."""
    names = [name for name in group[0] if name.startswith("lsd_heard_")]
    return {f"heard {n.rpartition('_')[2]} of pinv": round(_mean(group, n) / _mean(pinv, n), 3) for n in names}


def by_class(rows: list[dict]) -> list[dict]:
    """Table 2: by class and method, the mean difference of RMSE and of SRR with the original phase to the pinv's."""
    pinv = {(r["scene"], r["n_fft"]): r for r in rows if r["method"] == "pinv"}
    groups: dict[tuple, list[tuple[dict, dict]]] = defaultdict(list)
    for row in rows:
        if row["method"] not in METHODS:
            groups[row["label"], row["method"]].append((row, pinv[row["scene"], row["n_fft"]]))
    return [
        {
            "class": label or "(none)",
            "method": name,
            "scenes": len(pairs),
            "spectral RMSE": _difference(pairs, "rmse", 5),
            "SRR oracle dB": _difference(pairs, "srr_oracle_db", 2),
        }
        for (label, name), pairs in sorted(groups.items())
    ]


def _mean(group: list[dict], key: str) -> float:
    return float(np.mean([row[key] for row in group]))


def _spread(group: list[dict], key: str, digits: int) -> str:
    values = [row[key] for row in group if row[key] is not None and np.isfinite(row[key])]
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}" if values else "-"


def _difference(pairs: list[tuple[dict, dict]], key: str, digits: int) -> str:
    values = [row[key] - other[key] for row, other in pairs]
    return f"{np.mean(values):+.{digits}f} ± {np.std(values):.{digits}f}"
