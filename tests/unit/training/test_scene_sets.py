"""Published sets of scenes, laid out as they are published, and what is made of the open recipe."""

import numpy as np
import pytest

from rtspec.audio.files import write
from rtspec.training.data.packages import DataError
from rtspec.training.data.scene_mix import CLASSES, SceneMixer
from rtspec.training.data.scene_sets import folds, kind_of
from rtspec.training.data.surroundings import class_of


def _sounds(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(folder / name, np.zeros((1, 800), np.float32), 16000)


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _dcase(folder):
    _sounds(folder, ("audio/a.wav", "audio/b.wav"))
    _write(folder / "meta.txt", "audio/a.wav\tbeach\ts1\naudio/b.wav\tbus\ts2\n")
    _write(folder / "evaluation_setup" / "fold1_train.txt", "audio/a.wav\tbeach\n")
    _write(folder / "evaluation_setup" / "fold1_evaluate.txt", "audio/b.wav\tbus\n")


def _tau(folder):
    _sounds(folder, ("audio/a.wav", "audio/b.wav"))
    _write(folder / "meta.csv", "filename\tscene_label\tidentifier\naudio/a.wav\tbeach\tx\naudio/b.wav\tbus\ty\n")
    _write(folder / "evaluation_setup" / "fold1_train.csv", "filename\tscene_label\naudio/a.wav\tbeach\n")
    _write(folder / "evaluation_setup" / "fold1_evaluate.csv", "filename\naudio/b.wav\n")


def _esc(folder):
    _sounds(folder, ("audio/1-a.wav", "audio/2-b.wav"))
    _write(folder / "meta" / "esc50.csv", "filename,fold,target,category\n1-a.wav,2,0,beach\n2-b.wav,1,1,bus\n")


def _urban(folder):
    _sounds(folder, ("audio/fold2/a.wav", "audio/fold1/b.wav"))
    text = "slice_file_name,fsID,fold,class\na.wav,1,2,beach\nb.wav,2,1,bus\n"
    _write(folder / "metadata" / "UrbanSound8K.csv", text)


@pytest.mark.parametrize(
    ("make", "kind"), [(_dcase, "dcase-2017"), (_tau, "tau-2019"), (_esc, "esc-50"), (_urban, "urbansound8k")]
)
def test_a_fold_is_held_out_with_its_labels(tmp_path, make, kind):
    make(tmp_path)
    assert kind_of(tmp_path) == kind
    learnt, held = folds(tmp_path, 1)
    assert [(s.path.name[-5], s.label) for s in learnt] == [("a", "beach")]
    assert [(s.path.name[-5], s.label) for s in held] == [("b", "bus")]
    with pytest.raises(DataError, match="fold"):
        folds(tmp_path, 7)


def test_a_missing_file_is_named(tmp_path):
    _esc(tmp_path)
    (tmp_path / "audio" / "2-b.wav").unlink()
    with pytest.raises(DataError, match=r"2-b\.wav, which is not there"):
        folds(tmp_path)


def test_paths_tell_their_class_and_speech_is_none():
    assert class_of("lincity-ng-data", "sounds/TraficHigh1.wav") == "transport"
    assert class_of("redeclipse-data", "ambience/creek.ogg") == "water-wind"
    assert class_of("megaglest-data", "sounds/night.ogg") is None
    assert class_of("unheard-of", "sounds/rain.ogg") is None


def test_scenes_follow_from_their_seed_and_quiet_ones_are_faint():
    layers = [
        (label, np.random.default_rng(k).standard_normal(20000).astype(np.float32))
        for k, label in enumerate(CLASSES[:4])
    ]
    mixer = SceneMixer(layers)
    assert mixer.labels == list(CLASSES)
    for label in CLASSES:
        scenes = [mixer.scene(label, np.random.default_rng(3), 1.0) for _ in range(2)]
        assert np.array_equal(scenes[0], scenes[1])
        assert np.abs(scenes[0]).max() <= 1
        level_db = 20 * np.log10(scenes[0].std())
        assert (level_db < -50) == (label == "quiet")
