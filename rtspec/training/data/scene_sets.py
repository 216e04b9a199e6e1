"""Readers of published sets of scenes and sounds: DCASE 2017 task 1, TAU Urban Acoustic Scenes 2019, ESC-50,
UrbanSound8K; any folder of folders of sound will do as well, the folders' names being the labels.

=================  ==========================================================  ====================================
set                what tells its layout                                       folds
=================  ==========================================================  ====================================
DCASE 2017         ``meta.txt``, ``evaluation_setup/foldN_{train,evaluate}``   1–4, of the set
TAU 2019           ``meta.csv`` (tab), ``evaluation_setup/foldN_train.csv``    1, of the set
ESC-50             ``meta/esc50.csv``, ``audio/``                              1–5, of the set
UrbanSound8K       ``metadata/UrbanSound8K.csv``, ``audio/foldN/``             1–10, of the set
any folder         ``label/name.wav``                                          5, by the files' names
=================  ==========================================================  ====================================
"""

import csv
from collections.abc import Callable
from pathlib import Path

from ... import checks
from .dcase import SETUP, Scene, read_folder
from .folders import held_out
from .packages import DataError

Folds = tuple[list[Scene], list[Scene]]
"""What is learnt from, and what is held out."""


def is_recipe(folder: Path) -> bool:
    """Whether the folder is of ``rtspec data scene``."""
    return all((folder / split / "meta.txt").is_file() for split in ("train", "validation"))


def kind_of(folder: Path) -> str:
    """Which set a folder is laid out as: "dcase-2017", "tau-2019", "esc-50", "urbansound8k" or "folder"."""
    if (folder / "meta" / "esc50.csv").is_file():
        return "esc-50"
    if (folder / "metadata" / "UrbanSound8K.csv").is_file():
        return "urbansound8k"
    if (folder / "meta.csv").is_file():
        return "tau-2019"
    return "dcase-2017" if (folder / SETUP).is_dir() else "folder"


def folds(folder: str | Path, fold: int = 1) -> Folds:
    """The scenes of a labelled set without one fold, and that fold.

    Parameters
    ----------
    folder : path
    fold : int
        From 1; as the set numbers them.

    Raises
    ------
    DataError
        No such folder, no such fold, or a list that names files that are not there.
    InvalidValue
        A fold below 1.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder; give one of rtspec data scene, or of a labelled set")
    checks.at_least("fold", fold, 1, "try 1")
    learnt, held = _READERS[kind_of(folder)](folder, fold)
    if not learnt or not held:
        raise DataError(f"{folder} ({kind_of(folder)}) has no fold {fold}; give another --fold")
    return learnt, held


def _dcase(folder: Path, fold: int) -> Folds:
    if not (folder / SETUP / f"fold{fold}_train.txt").is_file():
        raise DataError(f"{folder / SETUP} has no fold{fold}_train.txt; DCASE 2017 has folds 1 to 4")
    return read_folder(folder, "train", fold), read_folder(folder, "evaluate", fold)


def _tau(folder: Path, fold: int) -> Folds:
    """TAU 2019 lists its files in tab-separated CSV with a head line; the label may be missing in the test list."""
    labels = {row["filename"]: row["scene_label"] for row in _rows(folder / "meta.csv", "\t")}
    lists = []
    for split in ("train", "evaluate"):
        rows = _rows(folder / SETUP / f"fold{fold}_{split}.csv", "\t")
        found = [(row["filename"], row.get("scene_label") or labels.get(row["filename"], "")) for row in rows]
        lists.append([_scene(folder, folder / name, label) for name, label in found])
    return lists[0], lists[1]


def _esc(folder: Path, fold: int) -> Folds:
    rows = _rows(folder / "meta" / "esc50.csv")
    return _by_fold(
        [(int(r["fold"]), _scene(folder, folder / "audio" / r["filename"], r["category"])) for r in rows], fold
    )


def _urban(folder: Path, fold: int) -> Folds:
    rows = _rows(folder / "metadata" / "UrbanSound8K.csv")
    place = folder / "audio"
    return _by_fold(
        [(int(r["fold"]), _scene(folder, place / f"fold{r['fold']}" / r["slice_file_name"], r["class"])) for r in rows],
        fold,
    )


def _plain(folder: Path, fold: int) -> Folds:
    """Five folds by the files' names, each label alone."""
    scenes = [s for s in read_folder(folder) if s.label]
    of = lambda s: next(k for k in range(1, 6) if k == 5 or held_out(f"{k} {s.path.name}", 1 / (6 - k)))  # noqa: E731
    return _by_fold([(of(s), s) for s in scenes], fold)


def _by_fold(found: list[tuple[int, Scene]], fold: int) -> Folds:
    return [s for k, s in found if k != fold], [s for k, s in found if k == fold]


def _rows(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file, delimiter=delimiter))
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read ({error}); is the set complete?") from None


def _scene(folder: Path, path: Path, label: str) -> Scene:
    if not path.is_file():
        raise DataError(f"{folder} lists {path.relative_to(folder)}, which is not there; is the set complete?")
    return Scene(path, label)


_READERS: dict[str, Callable[[Path, int], Folds]] = {
    "dcase-2017": _dcase,
    "tau-2019": _tau,
    "esc-50": _esc,
    "urbansound8k": _urban,
    "folder": _plain,
}
