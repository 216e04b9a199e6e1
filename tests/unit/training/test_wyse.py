"""``rtspec train wyse``: the paper's classifier, on ESC-50's layout and on packages, and the network that it leaves."""

import csv
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rtspec.audio import files  # noqa: E402
from rtspec.cli import main  # noqa: E402
from rtspec.style.networks import network_named  # noqa: E402
from rtspec.style.spectra import RATE  # noqa: E402
from rtspec.training.data.packages import DataError  # noqa: E402
from rtspec.training.data.sound_fonts import (  # noqa: E402
    FAMILIES,
    PROGRAMS,
    TEST_FONT,
    TRAINING_FONT,
    VALIDATION_PROGRAMS,
)
from rtspec.training.wyse import clips  # noqa: E402
from rtspec.training.wyse.clips import CENTROIDS, Labelled, Pieces, bands_of, labelled, seen, stretch  # noqa: E402
from rtspec.training.wyse.network import Classifier, Held, export  # noqa: E402


def tone(hz: float, seconds: float = 0.6) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE, dtype=np.float32)


@pytest.fixture
def esc50(tmp_path):
    """Five folds of two classes, laid out as the published set is."""
    rng, rows = np.random.default_rng(0), []
    for number in range(20):
        label, fold = number % 2, 1 + number // 2 % 5
        sound = tone(300 + 20 * number) if label else 0.1 * rng.standard_normal(round(0.6 * RATE))
        name = f"{fold}-{number}-A-{label}.wav"
        (tmp_path / "audio").mkdir(exist_ok=True)
        files.write(tmp_path / "audio" / name, sound, RATE)
        rows.append([name, fold, label, ("hiss", "tone")[label], "False", str(number), "A"])
    (tmp_path / "meta").mkdir()
    with (tmp_path / "meta" / "esc50.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["filename", "fold", "target", "category", "esc10", "src_file", "take"], *rows])
    return tmp_path


def test_levels_of_80_db_are_0_to_1():
    found = seen(tone(43.066 * 20, 1.0))
    assert found.shape[0] == 257 and found.max() == pytest.approx(1) and found.min() == 0


def test_bands_of_centroids_are_balanced_and_rise():
    clips = [Labelled(tone(100 + 60 * k), "a", "g") for k in range(48)]
    bands = bands_of(clips)
    assert np.array_equal(bands, np.arange(48) // 3) and np.bincount(bands).tolist() == [3] * CENTROIDS


def test_pieces_follow_from_the_generator_alone_and_classes_are_alike():
    clips = [Labelled(tone(200 + 50 * k), "ab"[k % 2], "g") for k in range(6)]
    pieces = Pieces(clips, 0.3)
    one, again = (pieces(np.random.default_rng(4), 8) for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(one, again, strict=True))
    assert one[0].shape[:2] == (8, 257) and np.bincount(one[1]).tolist() == [4, 4]


def test_a_stretch_of_a_sound_that_is_mostly_silent_is_not_silent():
    sound = np.zeros(20 * RATE, np.float32)
    sound[-RATE:] = 0.1
    rng = np.random.default_rng(0)
    assert np.mean([stretch(sound, RATE // 2, rng).any() for _ in range(40)]) > 0.7


def test_what_is_exported_computes_what_was_trained(tmp_path):
    torch.manual_seed(0)
    network = Classifier(3, 20, (24, 8)).eval()
    export(network, tmp_path, "card")
    x = torch.rand(1, 257, 19)
    with torch.no_grad():
        first = torch.relu(network.first(x))
        second = torch.relu(network.second(network.pool(first)))
    made = network_named(str(tmp_path / "weights.npz")).features(x[0].numpy())
    assert made[0] == pytest.approx(first[0].numpy(), abs=2e-3)
    assert made[1] == pytest.approx(second[0].numpy(), abs=2e-3)


def test_what_a_bin_usually_is_lies_in_the_weights_that_are_exported(tmp_path):
    torch.manual_seed(0)
    network = Classifier(3, 20, (24, 8)).eval()
    x = torch.rand(6, 257, 20) * torch.linspace(0.1, 1, 257)[:, None]
    network.accustom(x)
    assert (network.usual[:, 0] - torch.linspace(0.05, 0.5, 257)).abs().max() < 0.1
    export(network, tmp_path, "card")
    with torch.no_grad():
        first = torch.relu(network.first((x[:1] - network.usual) / network.spread))[0].numpy()
    made = network_named(str(tmp_path / "weights.npz")).features(x[0].numpy())
    assert made[0][:, 2:-2] == pytest.approx(first[:, 2:-2], abs=1e-2)  # at the ends the frames beyond are silence


def test_families_of_instruments_are_learnt_of_one_font_and_judged_on_another(tmp_path, monkeypatch):
    """Programs that the timbre networks hold out are held out here too."""

    class Font:
        def __init__(self, path, sample_rate):
            assert sample_rate == RATE

        def render(self, note, held_s):
            return tone(440.0, held_s) if note.velocity > 100 else np.zeros(100, np.float32)

    monkeypatch.setattr(clips, "SoundFont", Font)
    monkeypatch.setattr(clips, "fetched_font", lambda package, folder: (folder / package, None))
    learnt, held = clips.instruments(tmp_path)
    assert {clip.group for clip in learnt} == {TRAINING_FONT} and {clip.group for clip in held} == {TEST_FONT}
    assert {clip.label for clip in learnt} == {clip.label for clip in held} == set(FAMILIES)
    assert len(learnt) == (len(PROGRAMS) - len(VALIDATION_PROGRAMS)) * len(clips.KEYS)


def test_who_is_right_is_told_by_all_stretches_of_a_clip():
    class Answers(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(1))

        def forward(self, x):
            return x[:, :2, 0], None

    one = np.zeros((2, 257, 1), np.float32)
    one[0, 0], one[1, 1] = 2.0, 1.0  # surer of class 0 than of class 1
    held = Held([one, one], [0, 1])
    assert held.right(Answers()).tolist() == [True, False]


def test_esc_50_trains_and_the_command_tells_what_is_named(esc50, tmp_path, capsys):
    out = tmp_path / "made"
    command = f"train wyse --data {esc50} --fold 2 --seconds 0.5 --filters 16,8 --steps 40 --learning-rate 0.01"
    command += f" --epsilon 1e-8 --out {tmp_path / 'run'} --export {out} --device cpu --json --report"
    assert main(command.split()) in (0, None)
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert "rtspec: 40 steps: network" in said.err and told["times"]["hours_distinct"] * 60 == told["learnt_minutes"]
    assert told["classes"] == ["hiss", "tone"] and told["learnt_clips"] == 16 and told["held_clips"] == 4
    assert told["groups"] == {"fold 2": 1.0} and told["accuracy"] == 1.0 and told["most_frequent_share"] == 0.5
    card = (out / "card.md").read_text()
    assert "--fold 2 --seconds 0.5" in card and "4 held clips 100 % are named" in card
    assert network_named(str(out / "weights.npz")).features(np.ones((257, 8), np.float32))[1].shape == (8, 4)


def test_packages_are_torn_apart_as_wholes_and_unknown_classes_are_counted(tmp_path):
    for package, names in {"one": ("rain", "fire"), "two": ("rain", "bird")}.items():
        (tmp_path / "packages" / package / "ambience").mkdir(parents=True)
        for name in names:
            files.write(tmp_path / "packages" / package / "ambience" / f"{name}.wav", tone(500.0), RATE)
    learnt, held, n_unknown = labelled(tmp_path, 1, ["one"], ["two"])
    assert [(clip.label, clip.group) for clip in held] == [("rain", "two")] and n_unknown == 1
    assert {clip.group for clip in learnt} == {"one"}
    with pytest.raises(DataError, match="has no three; run rtspec data scenes, or name the packages it has"):
        labelled(tmp_path, 1, ["three"], ["two"])
