"""A track under a condition: what is done to it, what each method makes of that, and the figures of each."""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.files import make_folder, write
from ..batch.measuring import Figures
from ..metrics import artefacts
from ..metrics import distances as metrics
from ..pictures.spectrograms import spectrograms
from .baselines.neighbours import oracle_taps
from .baselines.sbr import copy_up
from .enhancement_tables import RATIOS, brightness

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
    "headset": Condition(48000, 1, 8000.0),
    "telephone": Condition(48000, 1, 4000.0),
}


@dataclass(frozen=True)
class Original:
    """A track, or its middle, by name and genre (its folder's name, or its package's): float32 of shape (channels,
    n_samples), and where it was cut off before it came here, Hz."""

    name: str
    genre: str
    sound: np.ndarray
    wall_hz: float | None


def sources(settings: dict[str, Any]) -> list[Path]:
    """The tracks that are measured: sound files of the user's, or originals of prepared clips."""
    from ..training.data.folders import clips, tracks

    if settings["audio"]:
        found = [track.paths[0] for track in tracks(settings["audio"])]
    else:
        found = [clip.folder / "original.npy" for clip in clips(Path(settings["data"]) / "clips" / "test")]
    return _spread(found, settings["tracks"])


def _spread(items: list, n: int | None) -> list:
    """`n` of the items, evenly spread; all where None."""
    if n is None or n >= len(items):
        return items
    return [items[round(i)] for i in np.linspace(0, len(items) - 1, max(1, n))]


class Listener:
    """Measures tracks, one after the other.

    Parameters
    ----------
    settings : dict
        The command's arguments by their names.
    """

    def __init__(self, settings: dict[str, Any]):
        self._args = argparse.Namespace(**settings)
        self._processors = _processors(self._args)

    def rows(self, name: str, source: Path) -> list[dict]:
        """One row a method of a track under the condition of that name.

        Raises
        ------
        AudioFileError
            It cannot be read.
        """
        condition = CONDITIONS[name]
        track = self._original(source, condition)
        known = {"best taps": partial(oracle_taps, track.sound)} if self._args.oracle else {}
        methods = {"unprocessed": _unprocessed, **known, "copied up": _copier(condition), **self._processors}
        return _measure(self._args, name, replace(condition, wall_hz=track.wall_hz), track, methods)

    def _original(self, source: Path, condition: Condition) -> Original:
        """In the condition's rate and channels, not so loud that a coder clips it."""
        from ..training.enhancement.degradation import within_range

        track = self._own(source) if self._args.audio else self._prepared(source)
        sound = np.ascontiguousarray(np.broadcast_to(track.sound[:2], (2, track.sound.shape[1])))
        if condition.sample_rate != 44100:
            sound = metrics.resampled(sound, 44100, condition.sample_rate)
        sound = within_range(sound if condition.channels == 2 else sound.mean(axis=0, keepdims=True))
        return replace(track, sound=sound)

    def _own(self, source: Path) -> Original:
        from ..training.data.folders import tracks
        from ..training.data.walls import wall_hz

        (track,) = tracks(self._args.audio, files=[source])
        audio = track.middle(44100, self._args.seconds)
        return Original(track.name, track.group, audio, wall_hz(audio, 44100))

    def _prepared(self, source: Path) -> Original:
        from ..training.data.folders import Clip

        clip = Clip(source.parent)
        facts, n = clip.facts, round(self._args.seconds * 44100)
        part = clip.part("original", max(0, (facts["n_samples"] - n) // 2), n)
        return Original(clip.folder.name, facts["group"], part, facts.get("wall_hz"))


def make_worker(settings: dict[str, Any]) -> Figures:
    """What measures in a worker process: rows of a track under the condition that the target's name begins with."""
    listener = Listener(settings)
    return Figures(lambda source, target: listener.rows(target.name.partition("--")[0], source))


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
    return {**found, **{Path(model).name: BandwidthExtension(model) for model in args.models.split(",")}}


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
        if args.ears:
            row |= _ears(original, made, condition.sample_rate)
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


def _ears(original: np.ndarray, made: np.ndarray, sample_rate: int) -> dict[str, Any]:
    """What networks of others hear: a distance, and features from which all tracks together have one."""
    from ..training import ears

    sounds = {"original": original, "made": made}
    features = {name: ears.features(sound, sample_rate).round(4).tolist() for name, sound in sounds.items()}
    return {"cdpam": ears.cdpam(original, made, sample_rate), "features": features}


def _ratios(row: dict, first: dict) -> dict[str, float]:
    """Against the unprocessed sound."""
    return {
        "snr_gain_db": row["snr_db"] - first["snr_db"],
        **{ratio: row[figure] / first[figure] for ratio, figure in RATIOS.items()},
    }


def _draw(folder: Path, name: str, track: str, original, arrived, made, sample_rate: int) -> None:
    """A picture, and a pair to listen to: original and last method's result, as WAV."""
    make_folder(folder)
    stem = f"{name}-{track}"
    spectrograms(folder / f"{stem}.png", {"original": original, "arrived": arrived, "made": made}, sample_rate)
    for kind, sound in (("original", original), ("arrived", arrived), ("made", made)):
        write(folder / f"{stem}-{kind}.wav", np.clip(sound, -1, 1), sample_rate)
