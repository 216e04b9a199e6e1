"""``rtspec data scene``: what is heard around a player, in five coarse classes, from the sounds of Debian packages.

File names of ambience and effect sounds tell their class weakly; crowds come from spoken clips too, many at once in a
room. Whole packages are held out for validation and test; a share of the training packages' files is held out beside
them, to show how much a random split flatters. All folders are laid out as DCASE 2017 task 1 is
(:mod:`rtspec.training.data.dcase`): ``train`` holds single layers, which training mixes anew for every batch, and
``validation``, ``test`` and ``random`` ten-second scenes.
"""

import argparse
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import read
from ...console import emit
from ...errors import AudioFileError, RtspecError
from .dcase import write_folder
from .folders import held_out
from .packages import DataError, fetch, licence_list
from .scene_mix import CLASSES, OTHER, SAMPLE_RATE, SCENE_S, SPOKEN, SceneMixer

SPLITS: dict[str, tuple[str, ...]] = {
    "train": (
        *("redeclipse-data", "megaglest-data", "minetest-data", "ufoai-sound", "lincity-ng-data"),
        *("searchandrescue-data", "etw-data", "supertux-data", "ardentryst", "hedgewars-data", "frozen-bubble-data"),
        *("krank", "caveexpress-data", "tuxpaint-stamps-default"),
    ),
    "validation": ("flare-game", "gigalomania-data", "tuxmath-data", "freedink-data", "cube2-data", "klettres-data"),
    "test": ("torcs-data", "widelands-data", "unknown-horizons", "supertuxkart-data", "klettres-data"),
}
"""Debian packages of each split; copies of one sound are on one side. klettres' languages are shared out below."""

PATTERNS: dict[str, dict[str, str]] = {
    "redeclipse-data": {
        "water-wind": r"ambience/.*(wind|creek|river|water)|morph/(rain|storm|wind)|underwater|cavedrip",
        "nature": r"cycadas|forest\d|nightcrickets",
        "transport": r"distant_cars",
        OTHER: r"ambience/(fire|electro|hum|machine|pneumatic|vapour|lava)|morph/(machine|ambient)|burnfire",
    },
    "megaglest-data": {
        "water-wind": r"/(wind|rain)\.",
        "nature": r"/((desert|sunny_)?day|nightime|wolf|hawk|owl|rooster|chicken|mudchute_cow_1)\.",
        OTHER: r"/(anvil|worker_mine|worker_build)\d",
    },
    "minetest-data": {
        "water-wind": r"env_sounds_water",
        "transport": r"cart_moving",
        OTHER: r"lava|fire_(fire|small|large)|furnace|dig_",
    },
    "ufoai-sound": {
        "water-wind": r"ambience/(arcticwind|water|waterfontain|thunder|wind_turbine)",
        "nature": r"ambience/cricket",
        OTHER: r"ambience/(alien-(generator|ventilation)|alienmachinery|droning|fire|hum|lights|machine|minepump|steam"
        r"|sparks)",
    },
    "lincity-ng-data": {
        "transport": r"(trafic|dirttrack|railtrain|parklandplane)",
        "water-wind": r"/(water|harbor[12]|parklandlake|windmill)",
        "people": r"(market(low|med|full)|sportscroud|school)",
        "nature": r"(green|organicfarm[23]|farm[123]\.)",
        OTHER: r"(industry|blacksmith|mine|mill\d|powercoal|recycle|build|construction|pottery)",
    },
    "searchandrescue-data": {
        "transport": r"(engine_(in|out)side|helicopter_engine|jet_engine|stall|wheel)",
        "water-wind": r"(thunder|splash)",
    },
    "etw-data": {"people": r"crowd"},
    "supertux-data": {"water-wind": r"(rain|thunder|waterfall)\.", OTHER: r"/fire\.ogg"},
    "ardentryst": {"water-wind": r"(rain_loop|mdrain|cavewind)", OTHER: r"fire_loop"},
    "hedgewars-data": {"transport": r"sounds/(rc)?plane", "water-wind": r"sounds/(beewater|splash)"},
    "frozen-bubble-data": {"people": r"applause"},
    "krank": {"water-wind": r"water/atmo", "nature": r"summer/atmo", OTHER: r"industry/atmo"},
    "caveexpress-data": {"water-wind": r"(waterfall|geyser|water-rising)"},
    "tuxpaint-stamps-default": {SPOKEN: r"_desc(_(be|bg|ca|da|el|es|fr|nl|ro|ru))?\."},
    "flare-game": {
        "water-wind": r"environment/(cave_wind|cave_droplets|rain|river|wind)|powers/thunder",
        "nature": r"environment/(bird|forest)",
        "transport": r"environment/minecart",
    },
    "gigalomania-data": {"transport": r"(biplane|jetplane)"},
    "tuxmath-data": {"people": r"cheer", "transport": r"engine"},
    "freedink-data": {"nature": r"bird1"},
    "cube2-data": {"water-wind": r"yo_frankie/amb_water"},
    "klettres-data": {SPOKEN: r"\.ogg"},
    "torcs-data": {"transport": r"(engine|skid|backfire_loop)"},
    "widelands-data": {
        "nature": r"animals/|farm/(sheep|horse|ox|donkey|farm_animal)|duck/",
        "people": r"taverns/",
        "water-wind": r"fisher/",
    },
    "unknown-horizons": {"people": r"(tavern|main_square)", "water-wind": r"windmill"},
    "supertuxkart-data": {
        "transport": r"(steamloco|jetengine|car_accel|car_revup|engine_(large|small)|sfx/skid)",
        "nature": r"(exotic-birds|cow)",
        "water-wind": r"(river_loop|waterfall_loop|sfx/thunder|sfx/splash)",
        "people": r"restaurant|airport",
    },
}
"""What of ``folder/file`` (in lower case) belongs to which class; speech is what crowds are made of."""

REFUSED = r"music|megaglest.*/night\.|initiate_build3|ambience/(alienenergy|jingle)|waterdrop|water_(in|out|under)\."
"""Speech inside, or no such sound."""

COUNTS = {"validation": 150, "test": 250, "random": 150}
LAYER_S = 60.0
RANDOM_SHARE = 0.15
"""Of the training packages' files, held out one by one."""
MOST_SPOKEN = 700
"""Spoken clips that are kept of a package."""


@dataclass(frozen=True)
class Source:
    """A sound, its class and its package."""

    label: str
    package: str
    path: Path


def sources(folder: Path, packages: Iterable[str]) -> list[Source]:
    """All usable sounds below ``folder/<package>`` in the order of their paths; a package that is absent has none."""
    found = []
    for package in packages:
        root = folder / package
        if root.is_dir():
            found += _few_spoken(list(_matching(root, package)))
    return found


def _matching(root: Path, package: str) -> Iterator[Source]:
    for path in sorted(p for p in root.rglob("*") if p.suffix in (".ogg", ".wav", ".mp3")):
        label = class_of(package, f"{path.parent.name}/{path.name}")
        if label is not None:
            yield Source(label, package, path)


def _few_spoken(found: list[Source]) -> list[Source]:
    spoken = [s for s in found if s.label == SPOKEN]
    kept = spoken[:: max(1, len(spoken) // MOST_SPOKEN)]
    return [s for s in found if s.label != SPOKEN] + kept


def class_of(package: str, path: str) -> str | None:
    """The class that a path inside a package tells, or None."""
    name = path.lower()
    if re.search(REFUSED, f"{package}/{name}"):
        return None
    return next((label for label, p in PATTERNS.get(package, {}).items() if re.search(p, name)), None)


def split_sources(folder: Path, split: str) -> list[Source]:
    """The sounds of "train", "validation", "test", or "random" (files of training packages that training never has)."""
    found = sources(folder, SPLITS["train" if split == "random" else split])
    if split in ("train", "random"):
        return [s for s in found if held_out(_content(s.path), RANDOM_SHARE) == (split == "random")]
    return [s for s in found if s.package != "klettres-data" or _language_is_test(s.path) == (split == "test")]


def _content(path: Path) -> str:
    """What is the same for copies of one file, so that they lie on one side."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _language_is_test(path: Path) -> bool:
    """klettres has a folder a language, some with sub-folders: half of the languages are test."""
    return held_out("/".join(path.parts[path.parts.index("klettres") + 1 :][:1]), 0.5)


def decoded(found: Iterable[Source]) -> Iterator[tuple[Source, np.ndarray]]:
    """Each sound's first minute, mono at 16 kHz; what cannot be read, or is silent, is left out. Float32 of shape
    (n_samples,)."""
    for source in found:
        try:
            sound = read(source.path, SAMPLE_RATE)[0].mean(axis=0)[: round(LAYER_S * SAMPLE_RATE)]
        except AudioFileError:
            continue
        if len(sound) > SAMPLE_RATE // 5 and np.sqrt(np.mean(sound**2)) > 1e-4:
            yield source, np.ascontiguousarray(sound, np.float32)


def prepare(packages: Path, folder: Path, split: str, n_scenes: int) -> Path:
    """Write a split: the layers of "train", or labelled scenes of the others, classes in turn."""
    found = split_sources(packages, split)
    if not found:
        raise DataError(f"{packages} holds no sound of {split}; run 'rtspec data scene' with a network")
    if split == "train":
        layers = ((s.label, s.package, sound) for s, sound in decoded(found))
        return write_folder(folder / split, layers, SAMPLE_RATE)
    mixer = SceneMixer((s.label, sound) for s, sound in decoded(found))
    labels = [label for label in CLASSES if label in mixer.labels]
    seed = sorted(COUNTS).index(split)
    order = [(labels[k % len(labels)], np.random.default_rng((seed, k))) for k in range(n_scenes)]
    made = ((label, f"session{k}", mixer.scene(label, rng, SCENE_S)) for k, (label, rng) in enumerate(order))
    return write_folder(folder / split, made, SAMPLE_RATE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and how many."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, help="gets packages/, train/, validation/, test/, random/"
    )
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="make X times as many scenes (default 1)")


def run(args: argparse.Namespace) -> None:
    """Fetch what is missing, mix, write; a package that this release lacks is named and left out."""
    fetched, missing = [], []
    for name in dict.fromkeys(sum(SPLITS.values(), ())):
        try:
            fetched += fetch([name], args.folder, lambda text: print(text, flush=True))
        except RtspecError as error:
            missing.append(f"{name}: left out ({error})")
    packages = args.folder / "packages"
    made = {"train": prepare(packages, args.folder, "train", 0)}
    for split, count in COUNTS.items():
        made[split] = prepare(packages, args.folder, split, max(len(CLASSES), round(args.scale * count)))
    data = {split: str(folder) for split, folder in made.items()}
    listed = "\n".join([*(f"{split}: {folder}" for split, folder in data.items()), *missing])
    licences = {p.name: p.licence for p in fetched}
    emit(args, {**data, "licences": licences, "left_out": missing}, f"{listed}\n{licence_list(fetched)}")
