"""``rtspec data scenes``: acoustic scenes, and the layers to mix them of, from the sounds of Debian's game packages.

No labelled set of scenes can be had from a package registry. The file names of ambience and effect sounds in game
packages give weak classes of sound; two to four layers of them, with random gain, speed and offset, make a scene. Whole
packages are held out, never single files. All folders are laid out as DCASE 2017 task 1 is
(:mod:`rtspec.training.data.dcase`): validation and test hold labelled ten-second scenes, train the single layers, which
training mixes anew for every batch.
"""

import argparse
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from ...console import emit
from ...errors import AudioFileError, InvalidValue
from .dcase import write_folder
from .folders import read_excerpts, tracks
from .packages import fetch, licence_list

SAMPLE_RATE = 22050
"""Hz: what the poorest sources have."""

LOW_PASS_HZ = 10000.0
"""One common edge, so that nothing can tell the sources' own rates."""

SCENE_S = 10.0

SPLITS: dict[str, tuple[str, ...]] = {
    "train": ("redeclipse-data", "megaglest-data", "openclonk-data", "minetest-data", "ufoai-sound"),
    "validation": ("flare-game",),
    "test": ("torcs-data", "widelands-data", "unknown-horizons"),
}
"""Debian packages of each split. Copies of one sound (fire in openclonk and minetest) are on one side."""

TONAL = (
    *("ufoai-music", "singularity-music", "planetblupi-music-ogg", "drascula-music"),
    "colobot-common-sounds",
)
"""Packages whose sounds join the training layers as "tonal": music and vehicles hold the harmonic spectra that ambience
lacks."""

COUNTS = {"validation": 60, "test": 120}
"""Scenes of each split by default."""

LAYER_S, TONAL_S = 60.0, 40.0
"""Longest layer that is kept of an ambience, and of a piece of music (its middle)."""

_NO_AMBIENCE = (
    r"music|voice|announcer|speech|attack|_ack|select|_sel|die|hurt|death|pain|footstep|step\d|weapon|interface|theme"
    r"|track_|radio|tv_|jingle|disco|lobby|message|alert|click|scenario|boom|fireball|firearrow|_hit|_walk|flint|civ"
    r"|male|clonk|doubt|laugh|scream|inventory|impact|charge|crash|blast|confirm|sing\d|shock|declin|next"
)
EFFECTS = ("redeclipse-data", "minetest-data", "ufoai-sound", "openclonk-data")
"""Packages of the train split whose other sounds join its layers as "effect"; none of them may hold speech."""

_NO_EFFECT = (
    r"music|voice|announcer|speech|player|soldier|civilian|alien|clonk\.ocg|interface|/ui|misc|jingle|theme|laugh|scream"
    r"|radio|tv_|talk|\.ocg\.d"
)

_KINDS = {
    "rain": r"(?<!t)rain(?!ing|bow)",
    "thunder": r"thunder|stormbolt|lightning",
    "fire": r"fire|burn|lava|furnace",
    "birds": r"bird|raven|eagle|duck|chicken",
    "night": r"cricket|cycada|night|owl|frog",
    "sea": r"sea(?!l)|ocean|beach|wave|(?<!air)ship",
    "water": r"water|river|creek|splash|fountain|liquid|drip|droplet|bubbl",
    "aircraft": r"airship_fly|orni_fly|plane|helicopter|jet(?!t)|propeller|wormhole",
    "car": r"car[s_]|skid|road|vehicle",
    "construction": r"hammer|anvil|smith|saw|build|stone|wood|lumberjack|axe|construct|chop|drill|dig_",
    "machine": r"machin|engine|generator|/hum\d?\.|device|lights_loop|sparks|ambient|ventil|pump|pneumatic|electro"
    r"|steam|mill|turbine|droning|static|elevator",
    "crowd": r"tavern|inn_|crowd|main_square|market|city|sheep|farm",
    "wind": r"wind|storm|forest|gust|atmo",
}
"""Weak classes of sound, and what a path holds that belongs to them; the first that fits counts."""

SCENES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "park": (("birds", "wind"), ("car", "crowd", "water")),
    "street": (("car", "machine"), ("crowd", "wind", "construction", "aircraft")),
    "harbour": (("sea", "water"), ("crowd", "machine", "birds")),
    "storm": (("rain", "thunder", "wind"), ("water",)),
    "forest": (("wind", "birds"), ("night", "water", "fire")),
    "workshop": (("construction", "machine"), ("fire", "crowd")),
    "factory": (("machine",), ("construction", "car", "fire")),
    "riverside": (("water", "wind"), ("birds", "night", "sea")),
    "camp": (("fire", "night"), ("wind", "crowd", "birds")),
    "square": (("crowd", "car"), ("birds", "construction", "aircraft", "rain")),
}
"""A scene: sounds that it is made of (at least one of them), and those that may join."""


@dataclass(frozen=True)
class Source:
    """A sound effect: its weak class, its package, its file."""

    kind: str
    package: str
    path: Path


def kind_of(package: str, path: str) -> str | None:
    """The weak class of sound that a path inside a package tells, or None where it tells none."""
    name = path.lower()
    if re.search(_NO_AMBIENCE, name):
        return None
    if package == "torcs-data":
        return "car"
    return next((kind for kind, pattern in _KINDS.items() if re.search(pattern, name)), None)


def sources(folder: Path, packages: tuple[str, ...]) -> list[Source]:
    """All usable sounds below ``folder/<package>``, archives inside opened first, in the order of their paths."""
    found = []
    for package in packages:
        root = folder / package
        if not root.is_dir():
            continue
        open_archives(root)
        for path in sorted(p for p in root.rglob("*") if p.suffix in (".ogg", ".wav")):
            kind = kind_of(package, f"{path.parent.name}/{path.name}")
            if kind is not None and _is_readable(path):
                found.append(Source(kind, package, path))
        if not any(source.package == package for source in found):
            warnings.warn(f"{package}: none of its sounds is of a class that scenes are made of", stacklevel=2)
    if not found:
        raise InvalidValue(f"{folder} holds no sound of {', '.join(packages)}; run 'rtspec data scenes' with a network")
    return found


def effects(folder: Path) -> list[Source]:
    """The sounds of EFFECTS that are no ambience and, by their paths, no speech and no music."""
    found = []
    for package in EFFECTS:
        root = folder / package
        paths = sorted(p for p in root.rglob("*") if p.suffix in (".ogg", ".wav"))
        other = (p for p in paths if kind_of(package, f"{p.parent.name}/{p.name}") is None)
        spoken = re.compile(_NO_EFFECT)
        kept = (p for p in other if not spoken.search(str(p.relative_to(root)).lower()) and _is_readable(p))
        found += [Source("effect", package, path) for path in kept]
    return found


def _is_readable(path: Path) -> bool:
    from ...audio.files import Reader

    try:
        with Reader(path):
            return True
    except AudioFileError:
        return False


# Archives inside packages ---------------------------------------------------------------------------------------------


def open_archives(root: Path) -> None:
    """Write the sounds inside OpenClonk's group files beside them, once; zip files :mod:`.packages` has opened."""
    for archive in root.rglob("Sound.ocg"):
        target = archive.with_name(archive.name + ".d")
        if target.is_dir():
            continue
        for name, data in _group_members(_group_bytes(archive)):
            if name.endswith((".ogg", ".wav")) and ".." not in name:
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).write_bytes(data)


_GROUP_HEADER, _GROUP_ENTRY = 204, 316
"""Bytes, in OpenClonk's group files: a scrambled header, then entries, then the files one after the other."""


def _group_bytes(archive: Path) -> bytes:
    """A group file is gzip with two other first bytes."""
    return zlib.decompress(b"\x1f\x8b" + archive.read_bytes()[2:], wbits=31)


def _group_members(group: bytes, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    header = bytearray(group[:_GROUP_HEADER])
    for i in range(0, _GROUP_HEADER - 2, 3):
        header[i], header[i + 2] = header[i + 2], header[i]
    n_entries = struct.unpack_from("<i", bytes(b ^ 237 for b in header), 36)[0]
    start = _GROUP_HEADER + _GROUP_ENTRY * n_entries
    for k in range(n_entries):
        entry = group[_GROUP_HEADER + _GROUP_ENTRY * k :][:_GROUP_ENTRY]
        name = prefix + entry[:257].split(b"\0")[0].decode(errors="replace")
        is_group, size, _, offset = struct.unpack_from("<iiii", entry, 264)
        data = group[start + offset : start + offset + size]
        if is_group:
            yield from _group_members(data, f"{name}/")
        else:
            yield name, data


# Mixing ---------------------------------------------------------------------------------------------------------------


class Mixer:
    """Mixes scenes from sources; a scene follows from its seed and the sources alone.

    Parameters
    ----------
    found : list of Source
    """

    def __init__(self, found: list[Source]):
        self._by_kind: dict[str, list[Source]] = {}
        for source in found:
            self._by_kind.setdefault(source.kind, []).append(source)
        self._decoded: dict[Path, np.ndarray] = {}

    @property
    def labels(self) -> list[str]:
        """Scenes that these sources can make."""
        return [label for label, (core, _) in SCENES.items() if self._present(core)]

    def _present(self, kinds: tuple[str, ...]) -> list[str]:
        return [kind for kind in kinds if kind in self._by_kind]

    def scene(self, label: str, seed: tuple[int, ...]) -> np.ndarray:
        """Ten seconds of a scene, float32 of shape (n_samples,), at the levels that the sounds' authors gave them.

        Parameters
        ----------
        label : str
            One of :attr:`labels`.
        seed : tuple of int
        """
        rng = np.random.default_rng(seed)
        core, guests = (self._present(kinds) for kinds in SCENES[label])
        chosen = list(rng.permutation(core)[: rng.integers(1, 3)])
        chosen += list(rng.permutation(guests)[: rng.integers(1, 3)])
        mix = np.sum([self._layer(kind, rng) for kind in chosen], axis=0)
        return (mix / max(1.0, 1.01 * np.abs(mix).max())).astype(np.float32)

    def _layer(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        candidates = self._by_kind[kind]
        sound = self.sound(candidates[rng.integers(len(candidates))].path)
        sound = _at_speed(sound, 2 ** rng.uniform(-0.5, 0.5))
        return _fill(sound, round(SCENE_S * SAMPLE_RATE), rng) * 10 ** (rng.uniform(-15, 0) / 20)

    def sound(self, path: Path) -> np.ndarray:
        """A file's first minute, mono, behind the common low-pass; decoded once. Float32 of shape (n_samples,)."""
        if path not in self._decoded:
            from ...audio.files import read

            audio = read(path, SAMPLE_RATE)[0].mean(axis=0)
            self._decoded[path] = _low_passed(audio[: round(LAYER_S * SAMPLE_RATE)])
        return self._decoded[path]


def _low_passed(audio: np.ndarray) -> np.ndarray:
    from scipy.signal import butter, sosfilt

    return np.asarray(sosfilt(butter(8, LOW_PASS_HZ, fs=SAMPLE_RATE, output="sos"), audio), np.float32)


def _at_speed(sound: np.ndarray, speed: float) -> np.ndarray:
    """Played faster or slower, by linear interpolation."""
    times = np.arange(0, len(sound) - 1, speed)
    return np.interp(times, np.arange(len(sound)), sound).astype(np.float32)


def _fill(sound: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` samples: a piece of a long sound, a loop of a middling one, a short one now and then."""
    if len(sound) >= n:
        start = rng.integers(len(sound) - n + 1)
        return sound[start : start + n]
    if len(sound) > 2 * SAMPLE_RATE:
        return np.roll(np.tile(sound, n // len(sound) + 1)[:n], rng.integers(n))
    layer = np.zeros(n, np.float32)
    for _ in range(rng.integers(2, 9)):
        at = rng.integers(n)
        piece = sound[: n - at]
        layer[at : at + len(piece)] += piece * rng.uniform(0.3, 1)
    return layer


# The command ----------------------------------------------------------------------------------------------------------


def prepare(packages: Path, folder: Path, split: str, n_scenes: int, seed: int = 0) -> Path:
    """Write a split's scenes as ``folder/<split>``, laid out as DCASE 2017; classes take turns.

    Parameters
    ----------
    packages : Path
        Holds one extracted package a folder.
    folder : Path
    split : str
        One of :data:`SPLITS`.
    n_scenes : int
    seed : int
    """
    mixer = Mixer(sources(packages, SPLITS[split]))
    labels = mixer.labels
    order = [(labels[k % len(labels)], k) for k in range(n_scenes)]
    made = ((label, f"session{k}", mixer.scene(label, (seed, k))) for label, k in order)
    return write_folder(folder / split, made, SAMPLE_RATE)


def prepare_layers(packages: Path, folder: Path) -> Path:
    """Write the single sounds of the train split as ``folder/train``, labelled by their weak classes."""
    mixer = Mixer([])
    found = [*sources(packages, SPLITS["train"]), *effects(packages)]
    ambience = ((s.kind, s.package, mixer.sound(s.path)) for s in found)
    music = (t for package in TONAL if (packages / package).is_dir() for t in tracks(packages / package, package))
    tonal = (("tonal", t.group, _low_passed(x.mean(axis=0))) for t, x in read_excerpts(music, SAMPLE_RATE, TONAL_S))
    long_enough = (layer for layer in chain(ambience, tonal) if len(layer[2]) > SAMPLE_RATE // 2)
    return write_folder(folder / "train", long_enough, SAMPLE_RATE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and how many."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="gets packages/, and train/, validation/, test/")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="make X times as many scenes (default 1)")


def run(args: argparse.Namespace) -> None:
    """Fetch what is missing, mix, write."""
    packages = args.folder / "packages"
    fetched = fetch((*sum(SPLITS.values(), ()), *TONAL), args.folder, lambda text: print(text, flush=True))
    made = {"train": prepare_layers(packages, args.folder)}
    for split, count in COUNTS.items():
        made[split] = prepare(packages, args.folder, split, max(1, round(args.scale * count)))
    data = {split: str(folder) for split, folder in made.items()}
    listed = "\n".join(f"{split}: {folder}" for split, folder in data.items())
    emit(args, {**data, "licences": {p.name: p.licence for p in fetched}}, f"{listed}\n{licence_list(fetched)}")
