"""The inversion workshop: what the networks see is what the host makes, they start as the baseline, and they learn."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rtspec.audio.files import write  # noqa: E402
from rtspec.errors import AudioFileError, InvalidValue  # noqa: E402
from rtspec.evaluation import inversion as tables  # noqa: E402
from rtspec.frames import stft  # noqa: E402
from rtspec.models import FrameModel  # noqa: E402
from rtspec.processors.inversion.band_inversion import invert  # noqa: E402
from rtspec.training.data.dcase import read_folder, write_folder  # noqa: E402
from rtspec.training.data.scenes import Mixer, Source, kind_of, sources  # noqa: E402
from rtspec.training.data.speech import utterances  # noqa: E402
from rtspec.training.inversion.arguments import add_arguments  # noqa: E402
from rtspec.training.inversion.data import PLANS, Features, _chances, _piece, filters_of, layers  # noqa: E402
from rtspec.training.inversion.export import export  # noqa: E402
from rtspec.training.inversion.networks import Levelled, LogNetwork, PaperNetwork, widened  # noqa: E402
from rtspec.training.inversion.task import Error, make, train  # noqa: E402

RATE = 16000


def hum(seed, seconds=2.0):
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    tones = sum(np.sin(2 * np.pi * f * t + f) for f in rng.uniform(100, 3000, 4))
    return (0.1 * tones + 0.01 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes")
    for split, seeds in {"train": range(6), "validation": range(6, 8)}.items():
        write_folder(root / split, [(f"hum{s % 2}", f"s{s}", hum(s)) for s in seeds], RATE)
    return root


@pytest.mark.parametrize("name", ["live", "paper"])
def test_features_are_those_of_the_compiled_stages(name):
    plan, sound = PLANS[name], hum(1)
    magnitude, base = Features(plan)(torch.from_numpy(sound[np.newaxis]))
    skipped = plan.length // plan.hop - 1  # frames that reach before the start
    spectrum = np.abs(stft(sound, plan))[:, skipped : skipped + magnitude.shape[2]]
    filters = filters_of(plan)
    np.testing.assert_allclose(magnitude[0].numpy(), spectrum, atol=1e-3 * spectrum.max())
    made = invert(filters, filters.apply(spectrum))
    np.testing.assert_allclose(base[0].numpy(), made, atol=1e-3 * made.max())


def test_the_papers_network_has_the_papers_parameters_and_starts_near_the_baseline():
    network = PaperNetwork()
    assert sum(p.numel() for p in network.parameters()) == 1_005_953
    base = torch.rand(1, 40, 8)
    assert float((network(base) - base).detach().abs().max()) < 0.1


def test_the_paper_network_learns_each_half_of_the_bins_with_what_lies_beside_it():
    """Whichever half a step takes, the baseline's loss is one and the network sees 20 bins beyond it."""
    error, seen = Error(Features(PLANS["paper"])), []

    class Baseline(Levelled):
        def forward(self, magnitude, part=slice(None)):
            seen.append(magnitude[:, part].shape[1])
            return magnitude[:, part]

    sound = torch.from_numpy(hum(3)[np.newaxis])
    losses = [float(error(Baseline(torch.nn.Identity()), (sound,))) for _ in range(24)]
    assert {256 + 20, 257 + 20} == set(seen)
    assert min(losses) > 1.0 and max(losses) < 1.3  # one, and the share of the log magnitudes


def test_mixtures_hold_every_label_and_short_sounds_are_looped_or_heard_once():
    labels = np.array(["wind", "tonal", "effect", "rain"])
    chances = _chances(np.array([1.0, 2.0, 3.0, 3.0]), labels)
    np.testing.assert_allclose(chances, [0.55 / 4, 0.3, 0.15, 0.55 * 3 / 4])
    pieces = [_piece(np.ones(100, np.float16), 1000, 1.0, np.random.default_rng(k)) for k in range(20)]
    assert {round(float(piece.sum())) for piece in pieces} == {100, 1000}


def test_a_widened_network_is_the_same_function():
    narrow = PaperNetwork(4, 5)
    base = torch.rand(2, 30, 9)
    wide = widened(narrow, 7, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(wide(base).detach(), narrow(base).detach(), atol=1e-5)
    assert wide.layers.get_parameter("1.weight").shape[:2] == (7, 7)


@pytest.mark.parametrize(
    "network", [Levelled(PaperNetwork(4, 3)), LogNetwork(4), make("live")], ids=["paper", "log", "live"]
)
def test_networks_work_in_proportion_to_the_level_and_keep_silence(network):
    base = torch.rand(1, 201, 12) + 0.1
    with torch.no_grad():
        quiet, loud = network(1e-3 * base) * 1e3, network(base)
        np.testing.assert_allclose(quiet[:, :, 1:], loud[:, :, 1:], rtol=2e-2, atol=1e-3)  # before frame 0 is silence
        assert not network(torch.zeros(1, 201, 12)).any()


def test_the_live_network_does_not_look_ahead():
    network, base = make("live"), torch.rand(1, 201, 20)
    changed = base.clone()
    changed[:, :, 12:] += 1
    with torch.no_grad():
        before, after = network(base), network(changed)
    np.testing.assert_allclose(before[:, :, :12], after[:, :, :12], atol=1e-6)
    assert float((before - after)[:, :, 12].abs().max()) > 1e-3


def test_the_loss_of_the_baseline_is_one_and_of_the_truth_nearly_nothing():
    error = Error(Features(PLANS["live"]))
    sound = torch.from_numpy(hum(3)[np.newaxis])
    target, _ = error.features(sound)
    assert float(error.relative(lambda base: base, sound)) == pytest.approx(1.0)
    assert float(error.relative(lambda base: target, sound)) < 1e-3


def _arguments(folder, out, *words):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["--data", str(folder), "--out", str(out), *words])


def test_a_few_steps_lower_the_error_on_sounds_held_out(folder, tmp_path):
    fitted = train(_arguments(folder, tmp_path, "--steps", "14", "--batch", "2", "--learning-rate", "0.03"))
    assert fitted.best < 1.0


def test_the_paper_network_grows_while_it_trains(folder, tmp_path):
    words = ["--network", "paper", "--steps", "2", "--batch", "1"]
    fitted = train(_arguments(folder, tmp_path, *words))
    assert sum(p.numel() for p in fitted.network.parameters()) == 1_005_953
    words += ["--start", str(tmp_path), "--learning-rate", "1e-9"]
    again = train(_arguments(folder, tmp_path / "more", *words))
    for before, after in zip(fitted.network.parameters(), again.network.parameters(), strict=True):
        torch.testing.assert_close(after, before, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["live", "paper", "log"])
def test_what_ships_streams_as_the_network_computes(name, tmp_path):
    path = export(make(name, channels=4).eval(), name, tmp_path / name, _arguments("scenes", tmp_path, "--steps", "1"))
    golden = np.load(tmp_path / name / "golden.npz")
    model = FrameModel(path)
    made = np.concatenate([model.process(golden["input"]), model.flush()], axis=2)
    np.testing.assert_allclose(made, golden["output"], atol=1e-6 * np.abs(made).max())
    assert model.manifest.n_fft == PLANS.get(name, PLANS["paper"]).n_fft
    assert "rtspec train inversion" in (tmp_path / name / "card.md").read_text()


def test_dcases_folders_are_read_and_bad_ones_refused(folder, tmp_path):
    scenes = read_folder(folder / "train")
    assert [s.label for s in scenes] == ["hum0", "hum1"] * 3
    setup = folder / "train" / "evaluation_setup"
    setup.mkdir()
    (setup / "fold1_test.txt").write_text(f"audio/{scenes[1].path.name}\n")
    assert [(s.path.name, s.label) for s in read_folder(folder / "train", "test")] == [(scenes[1].path.name, "hum1")]
    (setup / "fold1_train.txt").write_text("audio/lost.wav\thum0\n")
    with pytest.raises(AudioFileError, match=r"fold1_train.txt:1 names 'audio/lost.wav', which is not there"):
        read_folder(folder / "train", "train")
    with pytest.raises(AudioFileError, match="holds no sound file"):
        read_folder(tmp_path)
    with pytest.raises(AudioFileError, match="is no folder"):
        read_folder(tmp_path / "missing")


def test_batches_depend_on_the_generator_alone(folder):
    draw = layers(folder / "train", PLANS["live"], 20)
    one, two, other = (draw(np.random.default_rng(k), 3)[0] for k in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (3, PLANS["live"].length + 20 * PLANS["live"].hop)
    assert np.abs(one - other).max() > 1e-3


def test_names_of_files_tell_weak_classes_and_scenes_follow_from_their_seed(tmp_path):
    kinds = [
        kind_of("x", f"ambience/{name}") for name in ("rain.ogg", "train.ogg", "river.ogg", "orc_attack.ogg", "hum.ogg")
    ]
    assert kinds == ["rain", None, "water", None, "machine"]
    for name in ("bird.wav", "wind.wav", "car_a.wav"):
        write(tmp_path / name, hum(len(name), 3.0)[np.newaxis], RATE)
    mixer = Mixer(
        [Source(k, "x", tmp_path / f) for k, f in (("birds", "bird.wav"), ("wind", "wind.wav"), ("car", "car_a.wav"))]
    )
    assert "park" in mixer.labels
    np.testing.assert_array_equal(mixer.scene("park", (0, 1)), mixer.scene("park", (0, 1)))
    assert np.abs(mixer.scene("park", (0, 1)) - mixer.scene("park", (0, 2))).max() > 1e-3


def test_the_tables_compare_every_method_with_the_pseudo_inverse_of_its_own_plan(folder):
    inverters = tables.inverters_of(["live"])
    rows = [
        {"scene": s, "label": label, **row}
        for s, label in (("a", "x"), ("b", "y"))
        for row in tables.measured(hum(ord(s)), inverters, quick=True)
    ]
    first = tables.overall(rows)
    assert [(r["method"], r["plan"]) for r in first] == [
        ("pinv", "1024/512"),
        ("nnls", "1024/512"),
        ("pinv", "400/100"),
        ("nnls", "400/100"),
        ("live", "400/100"),
    ]
    assert [r["of pinv"] for r in first if r["method"] == "pinv"] == [1.0, 1.0]
    assert [(r["class"], r["scenes"]) for r in tables.by_class(rows)] == [("x", 1), ("y", 1)]
    assert json.dumps(first)


def test_the_best_gains_of_all_leave_what_moves_within_a_bin(folder):
    """No constant gain of a bin is better: 1 % more or less of each is worse."""
    sound = hum(0)
    row = tables.measured(sound, [tables.baseline("pinv", tables.PAPER_PLAN)], quick=True, oracle=True)[-1]
    assert row["method"] == "best gains" and row["of_pinv"] < 1
    target = np.abs(stft(sound, tables.PAPER_PLAN))
    base = tables.baseline("pinv", tables.PAPER_PLAN).magnitudes(stft(sound, tables.PAPER_PLAN))
    best = tables.best_gains(target, base)
    errors = [np.sum((share * best - target) ** 2) for share in (0.99, 1.0, 1.01)]
    assert errors[1] < min(errors[0], errors[2])


def test_perfect_magnitudes_have_no_error_and_give_the_sound_back():
    sound = hum(5)
    plan = PLANS["paper"]
    spectrum = stft(sound, plan)
    assert tables.spectral_rmse(np.abs(spectrum), np.abs(spectrum), plan) == 0
    perfect = tables.Inverter("perfect", plan, lambda filters, powers: np.abs(spectrum))
    row = tables.measured(sound, [perfect], quick=True)[0]
    assert row["srr_oracle_db"] > 60


def test_a_folder_or_a_live_measurement_is_asked_for():
    parser = argparse.ArgumentParser()
    tables.add_arguments(parser)
    with pytest.raises(InvalidValue, match=r"--audio is missing: give a folder of scenes"):
        tables.run(parser.parse_args([]))


def test_speech_without_text_is_refused(tmp_path):
    write(tmp_path / "a.wav", hum(1)[np.newaxis], RATE)
    with pytest.raises(AudioFileError, match=r"holds no name\.wav beside a name\.txt"):
        utterances(tmp_path)
    (tmp_path / "a.txt").write_text("It's a HUM, isn't it?")
    assert utterances(Path(tmp_path))[0].words == ("it's", "a", "hum", "isn't", "it")


def test_a_package_that_gives_scenes_nothing_is_named(tmp_path):
    for package, name in (("weather", "rain.wav"), ("songs", "music.wav")):
        (tmp_path / package).mkdir()
        write(tmp_path / package / name, np.zeros((1, 2205), np.float32), 22050)
    with pytest.warns(UserWarning, match="songs: none of its sounds is of a class that scenes are made of"):
        found = sources(tmp_path, ("weather", "songs"))
    assert [(source.kind, source.package) for source in found] == [("rain", "weather")]
