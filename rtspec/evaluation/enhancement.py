"""``rtspec evaluate enhancement``: coded and narrow-band music, extended and mended, against the original.

Every figure stands beside the unprocessed sound's, and beside a baseline that copies bands up.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from .. import checks
from ..audio.files import make_folder, write
from ..console import emit, progress, table
from ..errors import AudioFileError
from ..metrics import artefacts
from ..metrics import distances as metrics
from ..pictures.spectrograms import spectrograms
from ..storage import AtomicFile
from .baselines.neighbours import oracle_taps
from .baselines.sbr import copy_up
from .enhancement_tables import RATIOS, artefacts_of, brightness, means, parts
from .never_worse import harmless, opening

Method = Callable[[np.ndarray, int], np.ndarray]
PERCEPTION = ("pesq", "stoi", "visqol")


@dataclass(frozen=True)
class Condition:
    """What is done to music before it is to be restored.

    Attributes
    ----------
    sample_rate, channels : int
    edge_hz : float
        Where its band ends.
    kbps : int or None
        Of the MP3; None: it is low-passed alone.
    wall_hz : float or None
        Where the original itself was cut off by a coder before it came here; None: nowhere.
    """

    sample_rate: int
    channels: int
    edge_hz: float
    kbps: int | None = None
    wall_hz: float | None = None

    def degrade(self, sound: np.ndarray) -> np.ndarray:
        """The sound as it arrives: float32 of the same shape."""
        from ..training.enhancement.degradation import low_pass, mp3

        if self.kbps is None:
            return low_pass(sound, self.sample_rate, self.edge_hz)
        return mp3(sound, self.sample_rate, self.kbps)

    @property
    def edge(self) -> float:
        """As a share of the Nyquist frequency."""
        return 2 * self.edge_hz / self.sample_rate

    @property
    def wall(self) -> float:
        """The foot of the original's own wall as a share of the Nyquist frequency; 1 where there is none."""
        from ..training.data.walls import WALL_FOOT_HZ

        return 1.0 if self.wall_hz is None else min(1.0, 2 * (self.wall_hz - WALL_FOOT_HZ) / self.sample_rate)


CONDITIONS = {
    "mp3-32": Condition(44100, 2, 5500.0, 32),
    "mp3-32-mono": Condition(44100, 1, 8400.0, 32),
    "mp3-32-paper": Condition(22050, 1, 8400.0, 32),
    "mp3-64": Condition(44100, 2, 11000.0, 64),
    "low-4000": Condition(44100, 2, 4000.0),
    "low-8000": Condition(44100, 2, 8000.0),
    "low-12000": Condition(44100, 2, 12000.0),
}
DEFAULT_CONDITIONS = "mp3-32,low-4000,low-8000,low-12000"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which sound, which conditions, which models, and where the report goes."""
    parser.add_argument("--audio", metavar="FOLDER", help="your own full-band music")
    parser.add_argument("--data", default="data/music", metavar="FOLDER", help="of rtspec data music: its test part")
    parser.add_argument("--models", default="live", help="of BandwidthExtension, with commas: live,paper,FILE.onnx")
    known = ", ".join(CONDITIONS)
    parser.add_argument("--conditions", default=DEFAULT_CONDITIONS, help=f"with commas, of: {known}")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="N", help="of each track (default 20)")
    parser.add_argument("--tracks", type=int, metavar="N", help="so many, evenly spread (default: all)")
    parser.add_argument("--perception", action="store_true", help="PESQ, STOI and ViSQOL too (slow)")
    parser.add_argument(
        "--quantised", action="store_true", help="the models in float16 and int8 too: size, time, change"
    )
    parser.add_argument("--wave-u-net", metavar="FOLDER", help="a run of rtspec train enhancement --model wave-u-net")
    parser.add_argument(
        "--oracle", action="store_true", help="also the best weights of nine neighbouring bins, fitted to each track"
    )
    parser.add_argument("--each", action="store_true", help="list every track")
    parser.add_argument("--out", metavar="FOLDER", help="write report.md, report.json, pictures and WAV pairs there")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    chosen = {name: CONDITIONS[name] for name in _known(args.conditions.split(","))}
    processors, rows = _processors(args), []
    with progress(args.json) as bar:
        task = bar.add_task("enhancement", total=None)
        for name, condition in chosen.items():
            methods = {"copied up": _copier(condition), **processors}
            for track in _sounds(args, condition):
                bar.update(task, description=f"{name}: {track.name}")
                known = {"best taps": partial(oracle_taps, track.sound)} if args.oracle else {}
                ways = {"unprocessed": _unprocessed, **known, **methods}
                rows += _measure(args, name, replace(condition, wall_hz=track.wall_hz), track, ways)
    data = _tables(rows, args.models.split(","))
    if args.quantised:
        data["quantised"] = _quantised(args.models.split(","), chosen)
    text = "\n\n".join(table(part) for part in [*data.values(), *([rows] if args.each else [])])
    data["tracks"] = rows
    if args.out:
        _keep(Path(args.out), text, data)
    emit(args, data, text)


def _tables(rows: list[dict], models: list[str]) -> dict[str, list[dict]]:
    """Means of all, by genre and brightness, and what is done to sound that needs nothing."""
    return {
        "means": means(rows),
        "artefacts": artefacts_of(rows),
        "genres": parts(rows, "genre"),
        "brightness": parts(rows, "brightness"),
        "harmless": harmless(models[0]),
        "opening": [{"model": model, **opening(model)} for model in models],
    }


def _known(names: list[str]) -> list[str]:

    return [checks.choice("condition", name, CONDITIONS) for name in names]


def _unprocessed(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    return sound


def _copier(condition: Condition) -> Method:
    return lambda sound, sample_rate: copy_up(sound, sample_rate, condition.edge_hz)


def _processors(args: argparse.Namespace) -> dict[str, Method]:
    from ..processors.bandwidth.processor import BandwidthExtension

    found: dict[str, Method] = {}
    if args.wave_u_net:
        from ..training.enhancement.wave_u_net import trained

        found["wave-u-net"] = trained(args.wave_u_net)
    return {**found, **{model: BandwidthExtension(model) for model in args.models.split(",")}}


def _quantised(models: list[str], conditions: dict[str, Condition]) -> list[dict]:
    from .quantisation import rows

    condition = next(iter(conditions.values()))
    t = np.arange(4 * condition.sample_rate) / condition.sample_rate
    noise = np.random.default_rng(0).standard_normal((1, len(t)))
    sound = condition.degrade((0.1 * np.exp(-5 * (t % 0.25)) * noise).astype(np.float32))
    return [{"model": model, **row} for model in models for row in rows(model, sound, condition.sample_rate)]


@dataclass(frozen=True)
class Original:
    """A track, or its middle, by name and genre (its folder's name, or its package's): float32 of shape (channels,
    n_samples), and where it was cut off before it came here, Hz."""

    name: str
    genre: str
    sound: np.ndarray
    wall_hz: float | None


def _sounds(args: argparse.Namespace, condition: Condition) -> Iterator[Original]:
    """Tracks in the condition's rate and channels, not so loud that a coder clips them."""
    from ..training.enhancement.degradation import within_range

    for track in _own(args) if args.audio else _prepared(args):
        sound = track.sound
        if condition.sample_rate != 44100:
            sound = metrics.resampled(sound, 44100, condition.sample_rate)
        sound = within_range(sound if condition.channels == 2 else sound.mean(axis=0, keepdims=True))
        yield replace(track, sound=sound)


def _own(args: argparse.Namespace) -> Iterator[Original]:
    from ..training.data.folders import read_excerpts, tracks
    from ..training.data.walls import wall_hz

    found = False
    for track, audio in read_excerpts(_spread(tracks(args.audio), args.tracks), 44100, args.seconds):
        found = True
        sound = np.ascontiguousarray(np.broadcast_to(audio[:2], (2, audio.shape[1])))
        yield Original(track.name, track.group, sound, wall_hz(audio, 44100))
    if not found:
        raise AudioFileError(f"no sound file in {args.audio} can be read; check one with: rtspec render FILE out.wav")


def _spread(items: list, n: int | None) -> list:
    """`n` of the items, evenly spread; all where None."""
    if n is None or n >= len(items):
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, max(1, n))]


def _prepared(args: argparse.Namespace) -> Iterator[Original]:
    from ..training.data.folders import clips

    for clip in _spread(clips(Path(args.data) / "clips" / "test"), args.tracks):
        facts, n = clip.facts, round(args.seconds * 44100)
        part = clip.part("original", max(0, (facts["n_samples"] - n) // 2), n)
        sound = np.ascontiguousarray(np.broadcast_to(part, (2, part.shape[1])))
        yield Original(clip.folder.name, facts["group"], sound, facts.get("wall_hz"))


def _measure(args, name: str, condition: Condition, track: Original, methods: dict) -> list[dict]:
    """One row a method."""
    original, arrived = track.sound, condition.degrade(track.sound)
    about = {"condition": name, "track": track.name, "genre": track.genre}
    about["brightness"] = brightness(original, condition.sample_rate)
    rows = []
    for method, process in methods.items():
        start = time.perf_counter()
        made = process(arrived, condition.sample_rate)
        seconds = time.perf_counter() - start
        row = {**about, "method": method, **figures(original, made, condition)}
        row |= _artefacts(original, made, condition)
        if args.perception:
            row |= {kind: getattr(metrics, kind)(original, made, condition.sample_rate) for kind in PERCEPTION}
        row["ms_per_100000"] = 1e8 * seconds / made.size
        rows.append(row | _ratios(row, rows[0] if rows else row))
    if args.out:
        _draw(Path(args.out), name, track.name, original, arrived, made, condition.sample_rate)
    return rows


def figures(original: np.ndarray, made: np.ndarray, condition: Condition) -> dict[str, float]:
    """What needs no package: SNR, log-spectral distance whole, below and above the edge, envelope correlation; the
    distances whole and above once more without what lies beyond the original's own wall. Both float32 of shape
    (channels, n_samples)."""
    low, high = (0.0, condition.edge * 0.98), (condition.edge * 1.02, 1.0)
    top = max(condition.wall, condition.edge * 1.1)
    return {
        "snr_db": metrics.snr_db(original, made),
        "lsd": metrics.log_spectral_distance(original, made),
        "lsd_below": metrics.log_spectral_distance(original, made, low),
        "lsd_above": metrics.log_spectral_distance(original, made, high),
        "lsd_walled": metrics.log_spectral_distance(original, made, (0.0, top)),
        "above_walled": metrics.log_spectral_distance(original, made, (high[0], top)),
        "envelope": metrics.envelope_correlation(original, made, condition.edge),
    }


def _artefacts(original: np.ndarray, made: np.ndarray, condition: Condition) -> dict[str, float | None]:
    """What no distance names; the share of partials is that between the edge and the original's own wall."""
    found = {name: measure(original, made, condition.sample_rate) for name, measure in artefacts.ARTEFACTS.items()}
    band = (condition.edge * 1.02, max(condition.wall, condition.edge * 1.1))
    return found | {"tonal_db": artefacts.tonal_db(original, made, band)}


def _ratios(row: dict, first: dict) -> dict[str, float]:
    """Against the unprocessed sound."""
    return {
        "snr_gain_db": row["snr_db"] - first["snr_db"],
        **{ratio: row[figure] / first[figure] for ratio, figure in RATIOS.items()},
    }


# ------------------------------------------------------------------------------------------ reports


def _keep(folder: Path, text: str, data: dict) -> None:
    make_folder(folder)
    for name, content in (("report.md", text + "\n"), ("report.json", json.dumps(data))):
        with AtomicFile(folder / name) as file:
            file.write(content.encode())


def _draw(folder: Path, name: str, track: str, original, arrived, made, sample_rate: int) -> None:
    """A picture, and a pair to listen to: original and last method's result, as WAV."""
    make_folder(folder)
    stem = f"{name}-{track}"
    spectrograms(folder / f"{stem}.png", {"original": original, "arrived": arrived, "made": made}, sample_rate)
    for kind, sound in (("original", original), ("arrived", arrived), ("made", made)):
        write(folder / f"{stem}-{kind}.wav", np.clip(sound, -1, 1), sample_rate)
