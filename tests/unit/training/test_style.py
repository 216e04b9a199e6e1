"""``rtspec train style``: what is heard, how it is judged, and a package in the end."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")


import rtspec  # noqa: E402
from rtspec.audio import files  # noqa: E402
from rtspec.cli import main  # noqa: E402
from rtspec.errors import InvalidValue, ModelError  # noqa: E402
from rtspec.frames import stft  # noqa: E402
from rtspec.frames.analysis import analysis_stage  # noqa: E402
from rtspec.processors.style.frames import (  # noqa: E402
    CONTROLS,
    FLOOR,
    HOP,
    N_ANSWER,
    N_BINS,
    N_DRAWN,
    N_FEATURES,
    N_NOISE,
    PLAN,
    hiss_power,
    hiss_stage,
    look_stage,
    retell_stage,
    seen_of,
)
from rtspec.style.judging import Texture, magnitudes  # noqa: E402
from rtspec.style.measures import content_kept  # noqa: E402
from rtspec.style.networks import Ulyanov  # noqa: E402
from rtspec.training.data.packages import DataError  # noqa: E402
from rtspec.training.style.judges import Judge, correlation, distance, levelled, resampled, spectrogram  # noqa: E402
from rtspec.training.style.judges import content_kept as judges_content_kept  # noqa: E402
from rtspec.training.style.loss import Batch, StyleLoss, retold  # noqa: E402
from rtspec.training.style.networks import StyleNetwork  # noqa: E402
from rtspec.training.style.sounds import Batches, Contents, Style, drawn, made_up, read_styles, split  # noqa: E402
from rtspec.training.style.starting import OF_A_STYLE, freeze, start_styles  # noqa: E402
from rtspec.training.style.task import as_often, make  # noqa: E402
from rtspec.training.weights import load_package_weights, name_of_start, start_at  # noqa: E402


@pytest.fixture(scope="module")
def spectrum() -> np.ndarray:
    """Strokes of noise and a pause, complex64 (N_BINS, n_frames)."""
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(24000) * np.exp(-(np.arange(24000) % 6000) / 1500)
    sound[12000:18000] = 0
    return stft(sound.astype(np.float32), PLAN)


def test_training_sees_what_the_stage_sees(spectrum):
    stage = look_stage(PLAN, np.zeros(N_BINS, np.complex64), np.zeros(1, np.float32), np.ones(1, np.float32))
    frames = np.ascontiguousarray(spectrum.T)
    seen = np.zeros((len(frames), N_FEATURES + CONTROLS), np.float32)
    stage.run(frames, len(frames), seen)
    features, levels = seen_of(spectrum, np.zeros((len(frames), N_NOISE), np.float32))
    assert seen[:, :N_FEATURES] == pytest.approx(features, abs=2e-5)
    assert seen[:, N_FEATURES:] == pytest.approx(levels, rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_training_hears_what_the_stage_makes(spectrum, share):
    rng = np.random.default_rng(1)
    answers = rng.uniform(-8, 3, (spectrum.shape[1], N_ANSWER)).astype(np.float32)
    answers[:, N_BINS] = share
    hisses = drawn(rng, spectrum.shape[1])[1]
    _, levels = seen_of(spectrum, np.zeros((spectrum.shape[1], N_NOISE), np.float32))
    parts = [torch.as_tensor(np.ascontiguousarray(each)[None]) for each in (answers, spectrum.T, levels, hisses)]
    wanted = retold(*parts)[0].numpy()
    now, hiss, level = np.zeros(N_BINS, np.complex64), np.zeros(N_BINS, np.complex64), np.zeros(CONTROLS, np.float32)
    dials = {
        "noise": np.ones(1, np.float32),
        "strength": np.ones(1, np.float32),
        "texture_db": np.zeros(1, np.float32),
        "follow": np.ones(1, np.float32),
    }
    stage, made = retell_stage(PLAN, now, level, hiss, **dials), np.zeros(N_BINS, np.complex64)
    for t in range(spectrum.shape[1]):
        now[:], level[:], hiss[:] = spectrum[:, t], levels[t], hisses[t]
        stage.run(answers[t], 1, made)
        heard = np.abs(now) > 1.01 * np.sqrt(FLOOR * level[0])
        assert np.abs(made - wanted[t])[heard].max(initial=0) <= 1e-4 * np.abs(wanted).max()


def test_noise_is_normal_and_begins_anew():
    source, one = hiss_stage(3), np.ones(1, np.float32)
    analysis, hiss = analysis_stage(PLAN), np.zeros(N_BINS, np.complex64)
    stage, nothing, hop = look_stage(PLAN, hiss, one, one, 3), np.zeros(N_BINS, np.complex64), np.zeros(HOP, np.float32)
    seen, sound = np.zeros((2, 500, N_FEATURES + CONTROLS), np.float32), np.zeros((2, 500, HOP), np.float32)
    for k in range(2):
        for t in range(500):
            source.run(hop, 1, sound[k, t])
            analysis.run(sound[k, t], 1, hiss)
            stage.run(nothing, 1, seen[k, t])
        for each in (source, analysis, stage):
            each.reset()
    noise, grains = seen[0][:, N_BINS + 1 : N_FEATURES - N_BINS], seen[0][8:, N_FEATURES - N_BINS :]
    assert (sound.mean(), sound.std()) == pytest.approx((0, 1), abs=0.02)
    assert (grains.mean(), grains.std()) == pytest.approx((0, 0.64), abs=0.02)
    assert (noise.mean(), noise.std()) == pytest.approx((0, 1), abs=0.03)
    assert abs(np.corrcoef(noise[:, 0], sound[0][:, 0])[0, 1]) < 0.15
    assert np.array_equal(seen[0], seen[1]) and np.array_equal(sound[0], sound[1])


def test_training_draws_noise_as_the_stage_does():
    shown, hiss = drawn(np.random.default_rng(0), 400)
    assert (shown.shape, hiss.shape) == ((400, N_NOISE), (400, N_BINS))
    grains = shown[:, N_DRAWN:]
    assert (grains.mean(), grains.std()) == pytest.approx((0, 0.64), abs=0.02)
    assert np.mean(np.abs(hiss) ** 2) == pytest.approx(hiss_power(PLAN), rel=0.02)


# Judges ---------------------------------------------------------------------------------------------------------------


def test_a_gram_matrix_is_that_of_the_naive_form():
    judge, magnitudes = Judge(3, 8), torch.rand(1, 1025, 30)
    kernel = judge.weight.shape[2]
    logs, weight = torch.log1p(magnitudes)[0].numpy(), judge.weight.numpy()
    windows = np.stack([logs[:, t : t + kernel] for t in range(30 - kernel + 1)])
    features = np.maximum(0, np.einsum("fbk,tbk->ft", weight, windows))
    wanted = features @ features.T / features.shape[1]
    assert judge.gram(magnitudes)[0].numpy() == pytest.approx(wanted, rel=1e-4)


def test_what_is_trained_for_is_what_is_measured():
    rng = np.random.default_rng(2)
    sounds = [
        rng.standard_normal(22050).astype(np.float32) * np.exp(-(np.arange(22050) % 5000) / n) for n in (900, 3e4)
    ]
    seen = [spectrogram(levelled(torch.as_tensor(each, dtype=torch.float32)[None])) for each in sounds]
    assert seen[0][0].numpy() == pytest.approx(magnitudes(sounds[0]), rel=1e-3, abs=2e-4)
    judge = Judge(5, 64)
    texture = Texture(sounds[1], [Ulyanov(5, judge.weight.shape[2], 64)])
    found = float(distance(judge.gram(seen[0]), judge.gram(seen[1])))
    assert found == pytest.approx(float(texture.distances(sounds[0])[0]), rel=1e-3)
    kept = {name: float(value) for name, value in judges_content_kept(*seen).items()}
    assert kept == pytest.approx(content_kept(*sounds), abs=1e-3)


def test_judges_tell_textures_apart_and_agree_on_the_same():
    rng = np.random.default_rng(0)
    sounds = [torch.as_tensor(rng.standard_normal((1, 132300)).astype(np.float32)) for _ in range(2)]
    tone = torch.sin(torch.arange(132300) * 0.1)[None]
    same, other, content = (spectrogram(levelled(sound)) for sound in (*sounds, tone))
    judge = Judge(7, 64)
    assert float(judge.shares(same, other, content)) < 0.01
    assert float(judge.shares(content, other, content)) == pytest.approx(1)
    assert float(distance(judge.gram(same), judge.gram(same))) == 0


def test_a_clip_at_another_rate_is_the_same_sound():
    t = np.arange(9600) / 48000
    tone = torch.as_tensor(np.sin(2 * np.pi * 1000 * t).astype(np.float32))[None]
    made = resampled(tone, 4410)[0].numpy()
    assert made[200:-200] == pytest.approx(np.sin(2 * np.pi * 1000 * np.arange(4410) / 22050)[200:-200], abs=1e-3)
    assert float(correlation(tone, 3 * tone + 1)[0]) == pytest.approx(1)


# Sounds ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def textures(tmp_path):
    rng = np.random.default_rng(0)
    hiss, hum = rng.standard_normal(48000 * 3), np.sin(np.arange(48000 * 3) * 0.05)
    (tmp_path / "hum").mkdir()
    files.write(tmp_path / "Soft Hiss.wav", 0.1 * hiss, 48000)
    files.write(tmp_path / "hum" / "take.wav", 0.1 * hum, 48000)
    return tmp_path


def test_files_and_folders_are_styles(textures):
    styles = read_styles(textures)
    assert {style.name for style in styles} == {"soft-hiss", "hum"}
    assert all(np.sqrt(np.mean(style.sound**2)) == pytest.approx(0.1, rel=1e-3) for style in styles)
    learnt, kept = split(styles[0])
    assert len(learnt.sound) + len(kept.sound) == len(styles[0].sound)


def test_a_style_that_is_short_or_silent_is_refused(tmp_path):
    files.write(tmp_path / "click.wav", np.ones(1000) * 0.1, 48000)
    with pytest.raises(DataError, match=r"style 'click' lasts 0\.0 s at .*it must last 2 s"):
        read_styles(tmp_path)


@pytest.fixture(scope="module")
def three() -> list[Style]:
    return [Style(str(k), made_up(np.random.default_rng(k), 96000)) for k in range(3)]


class _Hiss(Contents):
    """Contents that are made at once: noise that is louder and softer."""

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.standard_normal(n, np.float32) * np.repeat(rng.uniform(0.1, 1, 8), n // 8).astype(np.float32)


def test_batches_follow_from_the_generator_alone(three):
    batches = Batches(three, _Hiss())
    one, other = (batches(np.random.default_rng(5), 5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert set(one[3].argmax(1)) == {0, 1, 2}


@pytest.mark.parametrize(("n", "groups"), [(1, [0]), (2, [0, 1]), (5, [0, 0, 1, 1, 2]), (8, [0, 0, 0, 0, 1, 1, 1, 1])])
def test_the_contents_of_a_group_have_one_style(three, n, groups):
    batch = Batch(*map(torch.as_tensor, Batches(three, _Hiss())(np.random.default_rng(0), n)))
    assert batch.group.tolist() == groups
    styles = batch.weights.argmax(1).tolist()
    assert len(batch.style) == len(set(groups)) == len({(g, s) for g, s in zip(groups, styles, strict=True)})


def test_a_style_may_be_drawn_more_often_than_others(three):
    often = as_often(["a", "b", "c"], {"b": 4})
    assert often == [0, 1, 1, 1, 1, 2]
    batches = Batches(three, _Hiss(), often)
    drawn_styles = [batches(np.random.default_rng(k), 2)[3].argmax(1) for k in range(30)]
    assert np.mean(np.concatenate(drawn_styles) == 1) == pytest.approx(4 / 6, abs=0.12)
    with pytest.raises(InvalidValue, match=r"often='d' .*a, b, c"):
        as_often(["a", "b", "c"], {"d": 2})


def test_means_over_a_styles_contents_are_what_is_asked_for(three):
    """One of two contents lacks as much as the other has too much: together they lack nothing."""
    batch = [torch.as_tensor(part) for part in Batches(three, _Hiss(), [0])(np.random.default_rng(0), 2)]
    network, tonal = StyleNetwork(3, 16, 1).eval(), torch.zeros(3)
    apart = [*batch[:5], batch[5].repeat(2, 1), torch.arange(2), batch[7]]
    with torch.no_grad():
        kept = [StyleLoss(tonal, n_filters=8).parts(network, _item(apart, k))["envelope"] for k in range(2)]
        goals = (float(sum(kept) / 2), -1, -1)
        loss = StyleLoss(tonal, n_filters=8, goals=goals)
        together, alone = (loss.parts(network, tuple(each))["lacking"] for each in (batch, apart))
    assert float(together) == pytest.approx(0, abs=1e-6)
    assert float(alone) == pytest.approx(abs(float(kept[0] - kept[1])) / 4, abs=1e-6) and alone > 1e-4


def _item(batch: list, k: int) -> tuple:
    return (*(part[k : k + 1] for part in batch[:6]), torch.zeros(1, dtype=torch.int64), batch[7])


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--often bells", "must be STYLE=TIMES,STYLE=TIMES"),
        ("--often bells=0", "every style is drawn at least once"),
        ("--goals .7,.9", "must be three correlations"),
        ("--goals a,b,2", "must be three correlations"),
    ],
)
def test_options_that_say_nothing_are_refused(option, text, capsys):
    with pytest.raises(SystemExit):
        main(["train", "style", "--styles", ".", *option.split()])
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--precision bf16", "--accumulate 2"])
def test_what_styles_cannot_be_trained_with_is_refused_and_not_ignored(option, textures, tmp_path, capsys):
    command = f"train style --styles {textures} --steps 2 --batch 2 --width 16 --out {tmp_path / 'run'} {option}"
    assert main(command.split()) == 1
    assert f"{option.split()[0]}=" in capsys.readouterr().err and not (tmp_path / "run" / "curve.csv").exists()


def test_the_loss_has_a_slope_where_the_content_is_silent():
    styles = [Style("a", made_up(np.random.default_rng(0), 96000))]
    batch = [torch.as_tensor(part) for part in Batches(styles, Contents())(np.random.default_rng(0), 1)]
    silent = [batch[0], batch[1] * 0, batch[2] * 0, *batch[3:]]
    network = StyleNetwork(1, 16, 1).train()
    StyleLoss(torch.zeros(1), n_filters=8)(network, tuple(silent)).backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_a_few_steps_make_a_package_that_plays(textures, tmp_path, capsys):
    out = tmp_path / "own"
    command = f"train style --styles {textures} --steps 2 --batch 2 --width 16 --out {tmp_path / 'run'} --export {out}"
    command += " --often hum=2"
    assert main(command.split()) in (0, None)
    assert "hum, soft-hiss: 2 steps" in capsys.readouterr().out.replace("soft-hiss, hum", "hum, soft-hiss")
    live = rtspec.StyleTransfer("hum", model=out / "model.onnx")
    x = made_up(np.random.default_rng(0), 9600)
    assert live(x, 48000).shape == x.shape
    card = (out / "card.md").read_text()
    assert "rtspec train style" in card and "--often hum=2 --goals 0.78,0.92,0.6 --average 0.99" in card


def test_other_styles_start_from_what_all_styles_share(textures, tmp_path):
    network = make(read_styles(textures), 192)
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    start_styles(network, ["hum", "bells"], "style-live")
    now = network.state_dict()
    assert torch.equal(now["spectra"][0], fresh["spectra"][0])  # of a style that is new
    assert not torch.equal(now["spectra"][1], fresh["spectra"][1])  # of one that is known
    assert not torch.equal(now["leave.weight"], fresh["leave.weight"])
    freeze(network)
    assert {name.split(".")[0] for name, p in network.named_parameters() if p.requires_grad} == set(OF_A_STYLE)


def test_a_start_is_a_runs_folder_a_file_or_a_shipped_models_name(tmp_path):
    shipped = Path(rtspec.models.models()["style-live"])
    assert start_at("style-live") == start_at(shipped) == shipped and start_at(tmp_path) == tmp_path
    assert name_of_start("style-live") == "exports/style-live/model.onnx"
    with pytest.raises(ModelError, match=r'there is no model "nowhere"; give a file, or one of: .*style-live'):
        start_at("nowhere")


def test_a_package_gives_its_weights_back():
    package = Path(rtspec.models.models()["style-live"])
    network = StyleNetwork(8)
    network.hissing[[1, 3, 4, 5, 6, 7]] = 1
    load_package_weights(network, package)
    weights = np.zeros((1, 8), np.float32)
    weights[0, 0] = 1
    golden = np.load(package.with_name("golden.npz"))
    with torch.no_grad():
        made = network.eval()(torch.as_tensor(golden["input"]), torch.as_tensor(weights)).numpy()
    assert made == pytest.approx(golden["output"], abs=1e-3)
