"""``rtspec data music``: music of Debian packages, whole packages apart for training, validation and test.

Whole tracks are kept as 16-bit originals; what a coder or a narrow channel does to them is done when batches are drawn.
"""

import argparse
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np

from ...console import emit, progress, table
from ...ending import Terminated, follow_parent
from ...errors import RtspecError
from ...options import share
from .decoding import decoded
from .folders import CODEC_FREE, CODED, FACTS, INT16_SCALE, Clip, Track, keep_clip, tracks
from .packages import MODULES, Unpacked, fetch
from .walls import upper_edge_hz, wall_hz

_NEWER = (
    "ardentryst", "brainparty-data", "bumprace-data", "caveexpress-data", "cavepacker-data", "cube2-data",
    "endless-sky-data", "extremetuxracer-data", "flare-game", "freedink-data", "freeorion-data",
    "frozen-bubble-data", "gigalomania-data", "glob2-data", "hex-a-hop-data", "krank", "lincity-ng-data",
    "lomiri-sounds", "mazeofgalious-data", "megaglest-data", "miceamaze", "neverball-common", "pathological",
    "pax-britannica-data", "pink-pony-data", "raincat-data", "redeclipse-data", "renpy-demo", "renpy-thequestion",
    "searchandrescue-data", "starfighter-data", "supertux-data", "supertuxkart-data", "torcs-data", "tuxmath-data",
    "tuxtype-data", "ufoai-sound", "unknown-horizons", "widelands-data", "wordwarvi-sound", "xmoto-data",
    "pingus-data", "tecnoballz-data", "pekka-kana-2-data", "heroes-sound-tracks", "biniax2-data", "rafkill-data",
    "madbomber-data", "open-invaders-data", "fb-music-high", "tomatoes-data",
)  # fmt: skip
"""Games whose music joined the training later; the last ten have tracker modules."""

PARTS = {
    "train": (
        "ufoai-music",
        "warzone2100-music",
        "wesnoth-[0-9.]+-music",
        "singularity-music",
        "planetblupi-music-ogg",
        "colobot-common-sounds",
        "drascula-music",
        "hedgewars-data",
        *_NEWER,
    ),
    "validation": ("hyperrogue-music", "pushover-data", "openclonk-data", "berusky2-data"),
    "test": (
        "nexuiz-music",
        "fretsonfire-songs-muldjord",
        "fretsonfire-songs-sectoid",
        "marsshooter-data",
        "freedroidrpg-data",
        "trackballs-data",
    ),
}
"""DATA of the shipped models: whole packages, never parts of one in two of them; pieces that stand in two packages
(supertux and flare-game, tuxmath and tuxtype, megaglest and wesnoth …) have both in training."""
SAMPLE_RATE = 44100
SHORTEST_S = {"train": 10.0, "validation": 25.0, "test": 25.0}
"""A sound effect is no music."""
LOWEST_EDGE_HZ = {"train": 14000.0, "validation": 18000.0, "test": 18000.0}
"""Below 18 kHz there is something to learn yet: the loss counts nothing above a track's own wall."""
_LOUDEST = 0.99


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to, and how much."""
    parser.add_argument("--out", default="data/music", metavar="FOLDER", help="packages and clips (default data/music)")
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all", help="default: all")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes that decode (default 1)")
    parser.add_argument(
        "--shard", type=share, default=(1, 1), metavar="K/N", help="prepare the K-th of N shares of each part's tracks"
    )
    parser.add_argument("--audio", metavar="FOLDER", help="prepare your own music instead, as part train")


def run(args: argparse.Namespace) -> None:
    """Fetch the packages that are missing and prepare the tracks that are missing."""
    root = Path(args.out)
    parts = tuple(PARTS) if args.part == "all" else (args.part,)
    rows, licences = [], {}
    with progress(args.json) as bar:
        task = bar.add_task("music", total=None)

        def report(text: str) -> None:
            bar.update(task, description=text)

        if args.audio:
            made = prepare([(track, {}) for track in tracks(args.audio)], root, "train", args.jobs, report, args.shard)
            rows += rows_of("train", list(made))
        for part in () if args.audio else parts:
            packages = fetch(PARTS[part], root, report)
            licences |= {each.name: each.licence for each in packages}
            rows += rows_of(part, list(prepare(music_tracks(packages), root, part, args.jobs, report, args.shard)))
    lines = "\n".join(f"{name}: {text}" for name, text in licences.items())
    emit(args, {"folder": str(root), "parts": rows, "licences": licences}, f"{table(rows)}\n\n{lines}")


def music_tracks(packages: Iterable[Unpacked]) -> Iterator[tuple[Track, dict[str, str]]]:
    """Tracks of packages and what is known of each; the songs of Frets on Fire come as stems, which are summed."""
    for package in packages:
        files = package.sounds()
        stems = package.name.startswith("fretsonfire")
        for track in tracks(package.folder, package.name, stems=stems, files=files) if files else ():
            module = track.paths[0].suffix.lower() in MODULES
            licence = package.licence if stems else package.licence_of(track.paths[0])
            yield track, {"source": CODEC_FREE if module else CODED, "licence": licence}


def prepare(
    sources: Iterable[tuple[Track, dict[str, str]]],
    root: Path,
    part: str,
    jobs: int = 1,
    report: Callable[[str], None] = lambda _: None,
    shard: tuple[int, int] = (1, 1),
) -> Iterator[Clip]:
    """The full-band tracks of a part as clips; those that are there already stay, and what was left out is noted, each
    shard's in a file of its own, so that machines which share the folder never write the same one."""
    folder = root / "clips" / part
    folder.mkdir(parents=True, exist_ok=True)
    noted = [line for path in folder.glob("done*.txt") for line in path.read_text().splitlines()]
    seen = {line.split("\t", 1)[0] for line in noted if "\t" in line}
    done = folder / ("done.txt" if shard == (1, 1) else f"done-{shard[0]}-of-{shard[1]}.txt")
    found = {f"{track.group}-{track.name}"[:120]: (track, known) for track, known in sources}
    wanted = dict(list(found.items())[shard[0] - 1 :: shard[1]])
    missing = {name: each for name, each in wanted.items() if name not in seen}
    with done.open("a") as file:
        for name, why in each_of(partial(_prepared, folder, part), missing.items(), jobs):
            report(f"{part}: {name}")
            file.write(f"{name}\t{why}\n")
            file.flush()
    yield from (Clip(folder / name) for name in wanted if (folder / name / FACTS).exists())


def each_of(work: Callable, items: Iterable, jobs: int) -> Iterator[Any]:
    """The work's results in the items' order, by so many processes; they end where the caller does, however it ends."""
    if jobs <= 1:
        yield from map(work, items)
        return
    already = set(active_children())
    with ProcessPoolExecutor(jobs, initializer=follow_parent) as pool:
        try:
            yield from pool.map(partial(_ending_well, work), list(items))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in set(active_children()) - already:
                process.terminate()
            raise


def _ending_well(work: Callable, item: Any) -> Any:
    """In a worker: what the work began is cleaned up when it is told to end (its pool would take that for a result)."""
    try:
        return work(item)
    except Terminated as ended:
        os._exit(int(ended.code or 0))


def _prepared(folder: Path, part: str, item: tuple[str, tuple[Track, dict[str, str]]]) -> tuple[str, str]:
    """One track as a clip; its name, and why there is none ("kept" where there is)."""
    name, (track, known) = item
    try:
        audio = decoded(track, SAMPLE_RATE)
    except (RtspecError, OSError, ValueError) as error:
        return name, " ".join(str(error).split())[:200]
    seconds, edge = audio.shape[1] / SAMPLE_RATE, upper_edge_hz(audio, SAMPLE_RATE)
    if seconds < SHORTEST_S[part] or len(audio) > 2:
        return name, f"{seconds:.0f} s, {len(audio)} channels"
    if edge < LOWEST_EDGE_HZ[part]:
        return name, f"ends at {edge:.0f} Hz"
    free = known.get("source") == CODEC_FREE
    facts = {
        "name": track.name,
        "group": track.group,
        "sample_rate": SAMPLE_RATE,
        "n_samples": audio.shape[1],
        "edge_hz": edge,
        "wall_hz": None if free else wall_hz(audio, SAMPLE_RATE),
        **known,
    }
    keep_clip(folder / name, {"original": to_int16(audio)}, facts)
    return name, "kept"


def to_int16(audio: np.ndarray) -> np.ndarray:
    """Rounded to 16 bits, turned down where it would clip: int16 of the same shape."""
    loudest = float(np.abs(audio).max(initial=0.0))
    scale = INT16_SCALE * min(1.0, _LOUDEST / max(loudest, 1e-9))
    return np.round(audio * scale).astype(np.int16)


def rows_of(part: str, made: list[Clip]) -> list[dict[str, Any]]:
    """One row a source of the part: tracks, hours, and how many have a wall."""
    facts = [clip.facts for clip in made]
    rows = []
    for source in dict.fromkeys(each.get("source", CODED) for each in facts):
        own = [each for each in facts if each.get("source", CODED) == source]
        hours = sum(each["n_samples"] / each["sample_rate"] for each in own) / 3600
        walls = sum(each["wall_hz"] is not None for each in own)
        rows.append({"part": part, "source": source, "tracks": len(own), "hours": round(hours, 2), "walls": walls})
    return rows
