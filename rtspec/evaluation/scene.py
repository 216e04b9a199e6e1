"""``rtspec evaluate scene``: how well taggers tell scenes: packages out and random splits, calibration, steadiness.

Clips go through the packages that ship, as they are played; the last answer of a clip counts. "test" holds scenes of
packages that no training has seen; "random" those of other files of the training's own packages, which flatters.
"""

import argparse
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..console import emit, table
from ..errors import InvalidValue
from ..frames import stft
from ..models.frame_model import FrameModel
from ..processors.equalizer.tagging import UNKNOWN, labels_of, tag
from ..training.data.dcase import Scene, read_folder
from ..training.data.scene_mix import SAMPLE_RATE
from ..training.data.scene_sets import folds, is_recipe
from ..training.scene.batches import sound_of
from ..training.scene.features import LIVE_PLAN, mfcc

MODELS = ("scene-live", "scene-paper")
BINS = 10
"""Of the calibration error."""
STEADY_EVERY = 3
"""Of the clips, which are played for the switches a minute."""


def probabilities(model: str, sound: np.ndarray) -> np.ndarray:
    """A package's answers for a sound at 16 kHz, float32 (n_classes, n_answers)."""
    player = FrameModel(model)
    manifest = player.manifest
    frames = np.abs(stft(sound, LIVE_PLAN)) if manifest.input.representation == "magnitude" else mfcc(sound)
    made = player.process(frames[np.newaxis].astype(np.float32))
    return np.concatenate([made, player.flush()], axis=2)[0]


def judged(answers: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Top-1 and top-3 accuracy and the expected calibration error of (n_clips, n_classes) probabilities. They are
    float32, and `targets` the right classes, int64 of shape (n_clips,)."""
    order = np.argsort(-answers, axis=1)
    right = order[:, 0] == targets
    sure = answers.max(axis=1)
    return {
        "clips": len(targets),
        "top1": float(right.mean()),
        "top3": float(np.mean([t in row[:3] for t, row in zip(targets, order, strict=True)])),
        "ece": calibration_error(sure, right),
    }


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Mean distance of probability and share of right answers over equal bins of probability, by their clips. `sure` is
    float32, `right` bool, both of shape (n_clips,)."""
    which = np.minimum((sure * bins).astype(int), bins - 1)
    parts = [(which == k) for k in range(bins) if np.any(which == k)]
    return float(sum(abs(sure[p].mean() - right[p].mean()) * p.mean() for p in parts))


def confusion(answers: np.ndarray, targets: np.ndarray, labels: list[str]) -> list[dict]:
    """A row for each true class: the share of its clips that was called what. `answers` are float32 of shape (n_clips,
    n_classes), `targets` int64 of shape (n_clips,)."""
    called = answers.argmax(axis=1)
    rows = []
    for k, label in enumerate(labels):
        mine = called[targets == k]
        shares = {other: float(np.mean(mine == j)) if len(mine) else 0.0 for j, other in enumerate(labels)}
        rows.append({"true": label, "clips": len(mine), **shares})
    return rows


def false_switches(model: str, scenes: list[Scene], repeats: int = 3) -> float:
    """Changes a minute of the decided scene while one clip is played again and again: nothing in it changes.

    The first decision after the start is none; going to "unknown" and coming back from it are.
    """
    switches, minutes = 0, 0.0
    for scene in scenes:
        sound = np.tile(sound_of(scene), repeats)
        names = [name for name, _ in tag(sound, model)]
        settled = next((i for i, name in enumerate(names) if name != UNKNOWN), len(names))
        switches += sum(a != b for a, b in pairwise(names[settled:]))
        minutes += len(sound) / SAMPLE_RATE / 60
    return switches / max(minutes, 1e-9)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which data and which packages."""
    text = "of rtspec data scene, or a labelled set (DCASE 2017, TAU 2019, ESC-50, UrbanSound8K, folders)"
    parser.add_argument("folder", metavar="FOLDER", type=Path, help=text)
    parser.add_argument("--model", action="append", metavar="NAME|FILE", help=f"default {' and '.join(MODELS)}")
    parser.add_argument("--fold", type=int, default=1, metavar="N", help="of a labelled set (default 1)")
    parser.add_argument("--no-steady", action="store_true", help="leave out the switches a minute")


def run(args: argparse.Namespace) -> None:
    """Tables for each package: accuracy by split, confusion on what was held out."""
    rows, matrices = [], {}
    for model in args.model or MODELS:
        labels = labels_of(model)
        for split, scenes in _splits(args).items():
            answers, targets = _answers(model, scenes, labels)
            row = {"model": model, "split": split, **judged(answers, targets)}
            if split == "test" and model == "scene-live" and not args.no_steady:
                row["switches_a_minute"] = false_switches(model, scenes[::STEADY_EVERY])
            rows.append({"switches_a_minute": "", **row})
            if split != "random":
                matrices[model] = confusion(answers, targets, labels)
    texts = [table(rows), *(f"{model}:\n\n{table(matrix)}" for model, matrix in matrices.items())]
    emit(args, {"rows": rows, "confusion": matrices}, "\n\n".join(texts))


def _splits(args: argparse.Namespace) -> dict[str, list[Scene]]:
    if is_recipe(args.folder):
        return {split: read_folder(args.folder / split) for split in ("test", "random")}
    return {f"fold {args.fold}": folds(args.folder, args.fold)[1]}


def _answers(model: str, scenes: list[Scene], labels: list[str]) -> tuple[np.ndarray, np.ndarray]:
    kept = [s for s in scenes if s.label in labels]
    if not kept:
        named = ", ".join(sorted({s.label for s in scenes})[:5])
        raise InvalidValue(f"{model} knows {', '.join(labels)}, the folder's labels are {named} …; train one on them")
    answers = np.stack([probabilities(model, sound_of(s))[:, -1] for s in kept])
    return answers, np.array([labels.index(s.label) for s in kept])
