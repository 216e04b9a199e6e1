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
from scipy.signal import lfilter

from .. import checks
from ..audio.files import make_folder, write
from ..console import emit, progress, table
from ..errors import AudioFileError
from ..metrics import distances as metrics
from ..pictures.spectrograms import spectrograms
from ..storage import AtomicFile
from .baselines.neighbours import oracle_taps
from .baselines.sbr import copy_up

Method = Callable[[np.ndarray, int], np.ndarray]
PERCEPTION = ("pesq", "stoi", "visqol")
_RATIOS = {
    "lsd_ratio": "lsd",
    "above_ratio": "lsd_above",
    "walled_ratio": "lsd_walled",
    "above_walled_ratio": "above_walled",
}
"""Figures that are given as shares of the unprocessed sound's."""


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
            for track, original, wall_hz in _sounds(args, condition):
                bar.update(task, description=f"{name}: {track}")
                known = {"best taps": partial(oracle_taps, original)} if args.oracle else {}
                ways = {"unprocessed": _unprocessed, **known, **methods}
                rows += _measure(args, name, replace(condition, wall_hz=wall_hz), track, original, ways)
    data = {"means": _means(rows), "harmless": harmless(args.models.split(",")[0])}
    if args.quantised:
        data["quantised"] = _quantised(args.models.split(","), chosen)
    text = "\n\n".join(table(part) for part in [*data.values(), *([rows] if args.each else [])])
    data["tracks"] = rows
    if args.out:
        _keep(Path(args.out), text, data)
    emit(args, data, text)


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


def _sounds(args: argparse.Namespace, condition: Condition) -> Iterator[tuple[str, np.ndarray, float | None]]:
    """Tracks by name, in the condition's rate and channels, not so loud that a coder clips them; and their walls."""
    from ..training.enhancement.degradation import within_range

    for name, sound, wall in _own(args) if args.audio else _prepared(args):
        if condition.sample_rate != 44100:
            sound = metrics.resampled(sound, 44100, condition.sample_rate)
        yield name, within_range(sound if condition.channels == 2 else sound.mean(axis=0, keepdims=True)), wall


def _own(args: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, float | None]]:
    from ..training.data.folders import read_excerpts, tracks
    from ..training.data.walls import wall_hz

    found = False
    for track, audio in read_excerpts(_spread(tracks(args.audio), args.tracks), 44100, args.seconds):
        found = True
        wall = wall_hz(audio, 44100)
        yield track.name, np.ascontiguousarray(np.broadcast_to(audio[:2], (2, audio.shape[1]))), wall
    if not found:
        raise AudioFileError(f"no sound file in {args.audio} can be read; check one with: rtspec render FILE out.wav")


def _spread(items: list, n: int | None) -> list:
    """`n` of the items, evenly spread; all where None."""
    if n is None or n >= len(items):
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, max(1, n))]


def _prepared(args: argparse.Namespace) -> Iterator[tuple[str, np.ndarray, float | None]]:
    from ..training.data.folders import clips

    for clip in _spread(clips(Path(args.data) / "clips" / "test"), args.tracks):
        facts, n = clip.facts, round(args.seconds * 44100)
        part = clip.part("original", max(0, (facts["n_samples"] - n) // 2), n)
        sound = np.ascontiguousarray(np.broadcast_to(part, (2, part.shape[1])))
        yield clip.folder.name, sound, facts.get("wall_hz")


def _measure(args, name: str, condition: Condition, track: str, original: np.ndarray, methods: dict) -> list[dict]:
    """One row a method."""
    arrived = condition.degrade(original)
    rows = []
    for method, process in methods.items():
        start = time.perf_counter()
        made = process(arrived, condition.sample_rate)
        seconds = time.perf_counter() - start
        row = {"condition": name, "track": track, "method": method, **figures(original, made, condition)}
        if args.perception:
            row |= {kind: getattr(metrics, kind)(original, made, condition.sample_rate) for kind in PERCEPTION}
        row["ms_per_100000"] = 1e8 * seconds / made.size
        rows.append(row | _ratios(row, rows[0] if rows else row))
    if args.out:
        _draw(Path(args.out), name, track, original, arrived, made, condition.sample_rate)
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


def _ratios(row: dict, first: dict) -> dict[str, float]:
    """Against the unprocessed sound."""
    return {
        "snr_gain_db": row["snr_db"] - first["snr_db"],
        **{ratio: row[figure] / first[figure] for ratio, figure in _RATIOS.items()},
    }


def _means(rows: list[dict]) -> list[dict]:
    """Means over tracks; `wins` is the share of tracks whose distance above the edge beats the copied bands'."""
    out = []
    for condition, method in dict.fromkeys((row["condition"], row["method"]) for row in rows):
        own = [row for row in rows if (row["condition"], row["method"]) == (condition, method)]
        rival = [row for row in rows if (row["condition"], row["method"]) == (condition, "copied up")]
        means = {key: float(np.mean([row[key] for row in own])) for key in own[0] if isinstance(own[0][key], float)}
        for ratio, figure in _RATIOS.items():
            means[ratio] = means[figure] / _mean(rows, condition, figure)
        wins = np.mean([a["lsd_above"] < b["lsd_above"] for a, b in zip(own, rival, strict=True)])
        out.append({"condition": condition, "method": method, "tracks": len(own), **means, "wins": float(wins)})
    return out


def _mean(rows: list[dict], condition: str, key: str) -> float:
    """Of the unprocessed sound."""
    own = [row[key] for row in rows if (row["condition"], row["method"]) == (condition, "unprocessed")]
    return float(np.mean(own))


# ------------------------------------------------------------------------------------------ never worse


def harmless(model: str = "live") -> list[dict]:
    """What the processor does to sound that needs nothing: level of the change, dB relative to the input, at the
    model's own sample rate."""
    from ..processors.bandwidth.processor import BandwidthExtension

    rows, sample_rate = [], BandwidthExtension(model).plan(44100).sample_rate
    for name, sound in {**untouchable(sample_rate), "speech": speech(sample_rate)}.items():
        made = BandwidthExtension(model)(sound, sample_rate)
        change = np.asarray(made - sound, np.float64)
        level = float(np.sqrt(np.mean(change**2)) / (np.sqrt(np.mean(sound.astype(float) ** 2)) + 1e-30))
        rows.append(
            {
                "input": name,
                "change_db": 20 * float(np.log10(level + 1e-15)),
                "equal": bool(np.array_equal(made, sound)),
            }
        )
    return rows


def untouchable(sample_rate: int) -> dict[str, np.ndarray]:
    """Sounds made from formulae that have nothing to mend: float32 of shape (1, n_samples)."""
    t = np.arange(6 * sample_rate) / sample_rate
    noise = np.random.default_rng(0).standard_normal(len(t))
    beat = (np.sin(2 * np.pi * 2 * t) > 0) * np.sin(2 * np.pi * 220 * t) + 0.05 * noise
    sounds = {
        "silence": np.zeros_like(t),
        "tone at 1 kHz": 0.5 * np.sin(2 * np.pi * 1000 * t),
        "tone at 7 kHz": 0.5 * np.sin(2 * np.pi * 7000 * t),
        "white noise": 0.1 * noise,
        "clipped tone": np.clip(1.5 * np.sin(2 * np.pi * 440 * t), -0.7, 0.7),
        "clipped beat": np.clip(2 * beat, -0.5, 0.5),
    }
    return {name: np.ascontiguousarray(sound[None], np.float32) for name, sound in sounds.items()}


def speech(sample_rate: int) -> np.ndarray:
    """Pulses of a gliding pitch through four formants, hisses between, and a room's noise 72 dB down: float32 of shape
    (1, n_samples). Its vowels have little above 4 kHz, but do not end at an edge as coded sound does."""
    t = np.arange(6 * sample_rate) / sample_rate
    breath, room = np.random.default_rng(1).standard_normal((2, len(t)))
    cycles = np.cumsum(120 + 25 * np.sin(2 * np.pi * 0.7 * t)) / sample_rate
    voiced = np.sin(2 * np.pi * 2.5 * t) > -0.3
    vowels = np.diff(np.floor(cycles), prepend=0.0) * voiced + 0.002 * breath
    for hz, width_hz in ((650, 90), (1150, 110), (2500, 160), (3500, 250)):
        radius = np.exp(-np.pi * width_hz / sample_rate)
        turn = 2 * np.pi * hz / sample_rate
        vowels = np.asarray(lfilter([1.0], [1.0, -2 * radius * np.cos(turn), radius**2], vowels))
    hisses = 0.03 * np.asarray(lfilter([1.0, -0.95], [1.0], breath)) * ~voiced
    return (0.4 * vowels / np.abs(vowels).max() + hisses + 1e-4 * room).astype(np.float32)[None]


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
