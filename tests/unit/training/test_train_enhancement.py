"""Enhancement from generated sound to a processor that plays, and the parts on the way."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import rtspec
from rtspec.cli import main
from rtspec.metrics import distances as metrics
from rtspec.processors.bandwidth.hiss import even_noise, hiss_stage
from rtspec.processors.bandwidth.sizes import ANSWER, N_FEATURES
from rtspec.training.data.folders import Clip, keep_clip
from rtspec.training.data.music import to_int16
from rtspec.training.data.walls import upper_edge_hz
from rtspec.training.enhancement import degradation, live, paper, shipping
from rtspec.training.enhancement.batches import LIVE_PLAN, Batch, LiveBatches, Seen, long_frames, spectra
from rtspec.training.enhancement.wave_u_net import WaveUNet
from rtspec.training.fit import fit
from rtspec.training.recipe import Recipe
from rtspec.training.weights import start_from

RATE = 44100


def music(seconds=5.0, seed=0, rate=RATE) -> np.ndarray:
    """Struck chords and noise bursts over the whole band, float32 of shape (2, n_samples)."""
    t = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(seed)
    decay = np.exp(-5 * (t % 0.25))
    chord = np.sum([np.sin(2 * np.pi * 220 * 2 ** (k / 3) * t + k) / (k + 1) for k in range(12)], axis=0)
    left = 0.1 * decay * (chord + 0.5 * rng.standard_normal(len(t)))
    return np.stack([left, 0.7 * left]).astype(np.float32)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Clip:
    original = music()
    facts = {"group": "generated", "sample_rate": RATE, "n_samples": original.shape[1], "wall_hz": None}
    return keep_clip(tmp_path_factory.mktemp("clips") / "clip", {"original": to_int16(original)}, facts)


@pytest.fixture(scope="module")
def mp3_32(clip) -> np.ndarray:
    return degradation.mp3(clip.part("original"), RATE, 32)


@pytest.mark.parametrize(("rate", "channels", "edge_hz"), [(44100, 2, 5500), (44100, 1, 8400), (22050, 1, 8400)])
def test_mp3_pairs_are_aligned_to_the_sample_and_end_where_the_coder_ends(rate, channels, edge_hz):
    original = music(3, rate=rate)[:channels]
    coded = degradation.mp3(original, rate, 32)
    assert coded.shape == original.shape
    shifts = [np.vdot(np.roll(coded[0], shift), original[0]) for shift in range(-5, 6)]
    assert int(np.argmax(shifts)) == 5
    assert 0.85 * edge_hz < upper_edge_hz(coded, rate) < 1.15 * edge_hz


def test_a_bit_rate_that_the_coder_lacks_gives_one_line():
    with pytest.raises(rtspec.errors.AudioFileError, match="MP3 at 17 kbit/s cannot be made at 44100 Hz"):
        degradation.mp3(music(0.1), RATE, 17)


@pytest.mark.parametrize(("order", "slack_hz"), [(None, 300), (12, 3000)])
def test_low_passing_leaves_the_rest_in_place(order, slack_hz):
    sound = 0.1 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    low = degradation.low_pass(sound, RATE, 8000.0, order)
    assert 7800 < upper_edge_hz(low, RATE) < 8000 + slack_hz
    again, wanted = (degradation.low_pass(x, RATE, 5000.0)[:, 1000:-1000] for x in (low, sound))
    np.testing.assert_allclose(again, wanted, atol=1e-3)


def test_equalising_turns_both_of_a_pair_alike_and_fills_nothing():
    whole = music(1.0)
    low = degradation.low_pass(whole, RATE, 6000.0)
    tilted = degradation.equalised([low, whole], RATE, np.random.default_rng(1))
    made, wanted = (each[:, 1000:-1000] for each in (tilted[0], degradation.low_pass(tilted[1], RATE, 6000.0)))
    np.testing.assert_allclose(made, wanted, atol=1e-3 * np.abs(wanted).max())
    assert np.abs(tilted[1] - whole).max() > 0.1 * np.abs(whole).max()


def test_batches_depend_on_their_generator_alone(clip):
    draw = LiveBatches([clip], 0.5)
    first, second = (draw(np.random.default_rng(3), 2) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert first.features.shape[2] == N_FEATURES and set(np.unique(first.coded)) <= {0.0, 1.0}


def test_the_loss_expects_of_hiss_what_the_measures_find_in_it(clip, mp3_32):
    """Closed form against sound: random answers, noise drawn, figures of rtspec.metrics.distances."""
    torch.manual_seed(3)
    network = live.LiveNetwork(width=16, memory=8, n_late=1).eval()
    sound, original = mp3_32[0], clip.part("original")[0]
    seen, start = Seen(sound), 172
    whole = (seen.features, seen.controls, seen.spectrum, spectra(original))
    times = [x[start * LIVE_PLAN.hop : len(seen.features) * LIVE_PLAN.hop] for x in (sound, original)]
    scalars = (np.float32(1), np.float32(512))
    parts = (*(part[start:] for part in whole), *times, long_frames(times[1][: -LIVE_PLAN.hop]), *scalars)
    batch = Batch(*(torch.as_tensor(np.asarray(part))[None] for part in parts))
    with torch.no_grad():
        expected = live.LiveLoss(LIVE_PLAN).parts(network, batch)
        change = live.difference(network(batch.features), batch.spectrum, batch.controls, hiss(batch), batch.coded)
        made = times[0] + live.overlap_added(change, LIVE_PLAN)[0].numpy()
    wanted, before, after = (x[2048:-2048] for x in (times[1], times[0], made))
    edge = float(batch.controls[0, -1, 0]) / 512
    assert metrics.log_spectral_distance(wanted, after) == pytest.approx(float(expected["distance"]), abs=0.08)
    assert metrics.log_spectral_distance(wanted, after, (edge, 1)) == pytest.approx(float(expected["above"]), abs=0.08)
    assert metrics.envelope_correlation(wanted, after, edge) == pytest.approx(float(expected["envelope"]), abs=0.1)
    gained = metrics.snr_db(wanted, after) - metrics.snr_db(wanted, before)
    assert gained == pytest.approx(float(expected["snr_db"]), abs=0.1)


def test_the_hiss_is_as_even_as_the_loss_takes_it_to_be():
    noise = even_noise(metrics.LSD_N_FFT)
    short, long = np.log10(np.abs(spectra(noise))[8:, 8:-8] ** 2), long_frames(noise)[:, 8:-8]
    for logs, typical, scatter in (
        (short, live.TYPICAL, live.SCATTER),
        (long, live.EVEN_TYPICAL, live.EVEN_SCATTER),
    ):
        assert 10 ** (logs.mean() - np.log10(np.mean(10**logs))) == pytest.approx(typical, abs=0.01)
        assert logs.var() == pytest.approx(scatter, abs=0.01)
    assert np.abs(np.corrcoef(noise[:-7], noise[7:])[0, 1]) < 0.01 and np.abs(noise).max() < 5.5 * noise.std()


def hiss(batch: Batch) -> torch.Tensor:
    """Frames of what the host fills with."""
    n_frames = batch.features.shape[1]
    noise = np.empty((n_frames, LIVE_PLAN.hop), np.float32)
    hiss_stage(LIVE_PLAN).run(noise, n_frames, noise)
    return torch.as_tensor(spectra(noise.ravel()))[None]


def test_frames_added_up_give_the_sound_back_on_both_plans():
    sound = torch.as_tensor(music(0.5))
    for plan in (LIVE_PLAN, paper.PLAN):
        frames = paper.stacked(sound, plan) / paper.SCALE
        again = live.overlap_added(torch.complex(frames[:, 0], frames[:, 1]).transpose(1, 2), plan)
        n = plan.length
        torch.testing.assert_close(again[:, n:-n], sound[:, n : again.shape[1] - n], atol=1e-5, rtol=0)


def test_what_training_hears_is_what_the_host_plays(mp3_32, tmp_path):
    """The torch twin of the compiled stages, without the hiss, which is random: repair alone."""
    torch.manual_seed(1)
    network = live.LiveNetwork(width=8, memory=8, n_late=1).eval()
    with torch.no_grad():
        network.leave.weight.mul_(30)
        network.leave.bias[ANSWER.fill :] = -50.0
        network.leave.weight[ANSWER.fill :] = 0
    processor = rtspec.BandwidthExtension(shipping.ship_live(network, tmp_path, {}, "test"))
    sound = mp3_32[:1]
    played = processor(sound, RATE)[0] - sound[0]
    seen = Seen(sound[0])
    parts = (torch.as_tensor(part)[None] for part in (seen.features, seen.spectrum, seen.controls))
    features, spectrum, controls = parts
    with torch.no_grad():
        made = live.difference(network(features), spectrum, controls, 0 * spectrum, torch.ones(1))
        heard = live.overlap_added(made, LIVE_PLAN)[0].numpy()
    settled = slice(2 * RATE, 4 * RATE)  # the gates are open
    error = np.abs(heard[settled] - played[settled]).max()
    assert np.abs(heard[settled]).max() > 1e-2 and error < 2e-3 * np.abs(heard[settled]).max()


@pytest.mark.skipif(not shutil.which("g++"), reason="torch compiles through g++")
def test_a_compiled_loss_is_the_loss_with_its_slopes(clip):
    torch.manual_seed(0)
    network = live.LiveNetwork(width=16, memory=8, n_late=1)
    batch = tuple(torch.as_tensor(x) for x in LiveBatches([clip], 0.5)(np.random.default_rng(1), 2))
    found = []
    for compiled in (False, True):
        loss = live.LiveLoss(LIVE_PLAN, compiled=compiled)(network, batch)
        found.append((loss.item(), torch.autograd.grad(loss, network.leave.weight)[0]))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    assert torch.allclose(found[0][1], found[1][1], rtol=0.02, atol=1e-3 * float(found[0][1].abs().max()))


def test_compiling_is_refused_where_it_would_do_nothing(tmp_path, capsys):
    assert main(["train", "enhancement", "--model", "paper", "--compile", "--out", str(tmp_path)]) == 1
    assert "--compile does nothing for --model paper" in capsys.readouterr().err


def judged(loss, network, draw) -> float:
    """The loss on a batch that training does not see."""
    torch.manual_seed(0)
    with torch.no_grad():
        return float(loss(network, tuple(torch.as_tensor(x) for x in draw(np.random.default_rng(99), 4))))


def test_a_tiny_network_learns_ships_and_plays(clip, mp3_32, tmp_path):
    torch.manual_seed(0)
    loss = live.LiveLoss(LIVE_PLAN)
    recipe = Recipe(steps=20, batch=2, learning_rate=0.01, schedule="constant", validate_every=10)
    network, draw = live.LiveNetwork(width=16, memory=8, n_late=1), LiveBatches([clip], 0.5)
    before = judged(loss, network.eval(), draw)
    fitted = fit(network, draw, loss, recipe, tmp_path / "run", device="cpu", progress=False)
    assert judged(loss, fitted.network, draw) < before - 0.3
    path = shipping.ship_live(fitted.network, tmp_path / "export", {"training_data": "generated"}, "a card")
    assert {p.name for p in (tmp_path / "export").iterdir()} == {"model.onnx", "golden.npz", "card.md"}
    processor = rtspec.BandwidthExtension(path)
    sound = mp3_32
    made = processor(sound, RATE)
    added = upper_edge_hz(made[:, RATE:], RATE)
    assert added > 15000 > 7000 > upper_edge_hz(sound[:, RATE:], RATE)


@pytest.mark.parametrize("skip", [False, True])
def test_the_papers_network_learns_ships_and_plays(clip, tmp_path, skip):
    torch.manual_seed(0)
    loss = paper.SoundLoss() if skip else paper.PaperLoss()
    recipe = Recipe(steps=8, batch=2, learning_rate=0.003, schedule="constant", validate_every=8)
    network, draw = paper.PaperNetwork(1, skip, latent=16), paper.PaperBatches([clip], 22050)
    before = judged(loss, network, draw)
    fitted = fit(network, draw, loss, recipe, tmp_path / "run", device="cpu", progress=False)
    assert judged(loss, fitted.network, draw) < before
    processor = rtspec.BandwidthExtension(shipping.ship_paper(fitted.network, tmp_path / "export", {}, "a card"))
    assert processor.latency(22050) == {"window": 1023, "model": 4 * 248}
    sound = degradation.mp3(music(rate=22050)[:1], 22050, 32)
    assert not np.array_equal(processor(sound, 22050), sound)


def test_the_papers_network_has_the_papers_shape_and_shares_slopes_over_time():
    network = paper.PaperNetwork(2)
    assert network(torch.zeros(1, 2, 513, 9)).shape == (1, 2, 513, 9)
    assert [m.num_parameters for m in network.modules() if isinstance(m, torch.nn.PReLU)] == [256, 256]


def test_losses_of_equal_spectra_are_zero_and_of_silence_what_the_equation_says():
    wanted = torch.randn(2, 2, 65, 20, generator=torch.Generator().manual_seed(0))
    assert paper.pixel_loss(wanted, wanted) == 0
    centred = wanted - wanted.mean((1, 2, 3), keepdim=True)
    expected = (wanted.square().sum((1, 2, 3)) / centred.square().sum((1, 2, 3))).mean()
    torch.testing.assert_close(paper.pixel_loss(wanted, 0 * wanted), expected)
    magnitude = wanted.square().sum(1).sqrt()
    torch.testing.assert_close(paper.ssim(magnitude, magnitude), torch.tensor(1.0), atol=1e-5, rtol=0)
    assert paper.ssim(magnitude, magnitude.flip(2)) < 0.5


def test_the_wave_u_net_starts_as_the_identity():
    sound = torch.as_tensor(music(0.1))[:, :3200]
    torch.testing.assert_close(WaveUNet(levels=3, width=4)(sound), sound)


@pytest.fixture(scope="module")
def data(clip, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for part in ("train", "validation", "test"):
        versions = {name: np.array(clip.array(name)) for name in clip.versions()}
        keep_clip(root / "clips" / part / "clip", versions, clip.facts)
    return root


def test_the_command_trains_goes_on_and_packages(data, tmp_path, capsys):
    command = ["train", "enhancement", "--model", "paper-skip", "--data", str(data), "--out", str(tmp_path / "run")]
    command += ["--steps", "2", "--batch", "1", "--seconds", "1", "--device", "cpu", "--json"]
    assert main([*command, "--report"]) == 0
    told = capsys.readouterr()
    data = json.loads(told.out)
    times, distinct = data["times"], data["times"]["hours_distinct"]
    assert data["steps"] == 2 and times["hours_drawn"] == pytest.approx(2 / 3600) and distinct > 0
    assert f"h of sound drawn from {distinct:.2f} h (each {2 / 3600 / distinct:.2g} times)" in told.err
    assert main([*command, "--export", str(tmp_path / "export")]) == 0
    assert "generated" in (tmp_path / "export" / "card.md").read_text()
    assert "--model paper-skip" in (tmp_path / "export" / "card.md").read_text()


def test_the_live_network_for_voices_is_trained_on_voices(data, tmp_path, capsys):
    command = ["train", "enhancement", "--model", "speech", "--data", str(data), "--out", str(tmp_path / "run")]
    command += ["--steps", "2", "--batch", "1", "--seconds", "1", "--device", "cpu", "--json"]
    assert main([*command, "--export", str(tmp_path / "export")]) == 0
    assert json.loads(capsys.readouterr().out)["model"] == "speech"
    assert "rtspec data voices --out data/voices" in (tmp_path / "export" / "card.md").read_text()
    package = rtspec.models.load(tmp_path / "export" / "model.onnx")
    assert package.manifest.name == "bandwidth-speech"


def test_the_command_says_what_is_wrong_in_one_line(data, tmp_path, capsys):
    assert main(["train", "enhancement", "--data", str(tmp_path)]) == 1
    assert "holds no prepared clips; rtspec data prepares them" in capsys.readouterr().err
    assert main(["train", "enhancement", "--data", str(data), "--blocks", "9"]) == 1
    assert "--blocks=9 must be 1 to 7; the paper found 1 to do best" in capsys.readouterr().err


def test_a_package_gives_its_weights_back_as_a_start(tmp_path):
    torch.manual_seed(4)
    network = live.LiveNetwork(width=16, memory=8, n_late=1).eval()
    with torch.no_grad():  # as after training: exporters keep equal tensors once
        for parameter in network.parameters():
            parameter.add_(0.01 * torch.randn_like(parameter))
    path = shipping.ship_live(network, tmp_path, {}, "test")
    again = live.LiveNetwork(width=16, memory=8, n_late=1).eval()
    start_from(again, path)
    features = torch.randn(1, 12, N_FEATURES)
    with torch.no_grad():
        torch.testing.assert_close(again(features), network(features), atol=1e-6, rtol=0)
    with pytest.raises(rtspec.errors.RtspecError, match="is of another network"):
        start_from(live.LiveNetwork(width=24, memory=8, n_late=1), path)
