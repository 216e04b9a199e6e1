"""The timbre workshop: notes become moments, networks learn them, packages play; the rows of the paper's tables run."""

import argparse
import json
import re
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from rtspec.audio.files import Writer  # noqa: E402
from rtspec.errors import InvalidValue  # noqa: E402
from rtspec.models import FrameModel, load  # noqa: E402
from rtspec.processors.timbre.anchors import LatentMap, read_map  # noqa: E402
from rtspec.processors.timbre.levels import FLOOR_DB, N_BANDS, N_LEVELS, N_PARTIALS, key_hz, note_levels  # noqa: E402
from rtspec.processors.timbre.notes import TIMES_S, note_latents  # noqa: E402
from rtspec.training.data.nsynth import note_files  # noqa: E402
from rtspec.training.data.packages import DataError  # noqa: E402
from rtspec.training.fit import fit  # noqa: E402
from rtspec.training.recipe import Recipe  # noqa: E402
from rtspec.training.timbre import log_mel, playable, shipping, task  # noqa: E402
from rtspec.training.timbre.arguments import add_arguments  # noqa: E402
from rtspec.training.timbre.networks import N_LATENTS, Autoencoder, Instrument, Performer, brought_to_unit  # noqa: E402
from rtspec.training.timbre.notes_cache import NoteLevels  # noqa: E402
from rtspec.training.timbre.paper import (  # noqa: E402
    TABLES,
    StackedAutoencoder,
    UpsampledConvTranspose2d,
    clipped,
    peak_error,
    reconstruction_loss,
)

RATE = 48000


def tones(amplitudes, key=60, seconds=1.0, noise=0.0):
    times = np.arange(round(seconds * RATE)) / RATE
    hz = float(key_hz(key))
    sound = sum(a * np.sin(2 * np.pi * hz * (k + 1) * times + k) for k, a in enumerate(amplitudes))
    return (sound + noise * np.random.default_rng(0).standard_normal(len(times))).astype(np.float32)


def toy_levels(n_programs=6, keys=(48, 60, 72)):
    """Notes of instruments that differ in how steeply their partials fall."""
    notes = [(p, k, v) for p in range(n_programs) for k in keys for v in (60, 120)]
    levels = np.full((len(notes), len(TIMES_S), N_LEVELS), FLOOR_DB, np.float16)
    for i, (program, _, _) in enumerate(notes):
        levels[i, :, :40] = np.maximum(-(program + 1) * np.arange(40) / 2, FLOOR_DB)
    whole = np.tile(np.linspace(0, -12, len(TIMES_S)).astype(np.float32), (len(notes), 1))
    return NoteLevels(np.array(notes), levels, whole)


@pytest.mark.parametrize("key", [36, 60, 96])
def test_levels_of_partials_are_measured_to_half_a_decibel(key):
    amplitudes = np.array([0.3, 0.1, 0.2, 0.03])
    levels, whole_db = note_levels(tones(amplitudes, key), RATE, key, np.array([0.5]))
    power = amplitudes**2 / 2
    assert whole_db[0] == pytest.approx(10 * np.log10(power.sum()), abs=0.5)
    assert levels[0, :4] == pytest.approx(10 * np.log10(power / power.sum()), abs=0.5)
    assert levels[0, 5:N_PARTIALS].max() < -50


def test_noise_between_partials_is_measured_and_its_power_is_right():
    levels, whole_db = note_levels(tones([0.3], 60, noise=0.05), RATE, 60, np.linspace(0.2, 0.8, 30))
    bands = 10 ** ((levels[:, N_PARTIALS:] + whole_db[:, None]) / 10)
    share = 20000 / 24000
    assert 10 * np.log10(bands.sum(1).mean() / (0.05**2 * share)) == pytest.approx(0, abs=1.5)
    assert len(bands[0]) == N_BANDS


def test_a_notes_latents_are_the_mean_of_its_moments_by_amplitude_and_time():
    whole = np.stack([np.zeros(len(TIMES_S)), np.where(TIMES_S < 0.5, 0.0, -60.0)]).astype(np.float32)
    timbre = np.zeros((2, len(TIMES_S), 3), np.float32)
    timbre[:, TIMES_S >= 0.5] = 1.0
    told = note_latents(timbre, whole)
    assert told.shape == (2, 3)
    assert told[0] == pytest.approx(np.full(3, 0.78), abs=0.05)
    assert np.all(told[1] < 0.02)


def test_moments_are_learned_turned_and_shipped_as_packages_that_play(tmp_path):
    levels = toy_levels()
    torch.manual_seed(0)
    everything = np.ones(len(levels.notes), bool)
    draw = playable.MomentBatches(levels, everything).draw
    recipe = Recipe(40, 32, 3e-3, validate_every=20)
    fitted = fit(Autoencoder(), draw, playable.moment_loss, recipe, tmp_path / "run", progress=False)
    assert isinstance(fitted.network, Autoencoder)
    losses = [row["loss"] for row in fitted.curve]
    assert losses[-1] < 0.7 * losses[0]
    share, told = playable.onto_principal_axes(fitted.network, levels)
    assert np.all(np.diff(share) <= 1e-9) and share.sum() == pytest.approx(1)
    places = LatentMap({"steep": [0.0] * N_LATENTS}, {}, [float(s) for s in share])
    instrument = Instrument.inside(fitted.network, Performer(), told.latents)
    path = shipping.ship_instrument(instrument, told, places, tmp_path / "timbre-toy", "a card")
    assert read_map(load(path)) == places
    amplitudes = FrameModel(path).process(shipping.example_voices(told, 3))
    assert amplitudes.shape == (3, 16, N_LEVELS) and np.all(amplitudes >= 0)
    heard = FrameModel(shipping.ship_morph(fitted.network, levels, places, tmp_path / "timbre-told", "a card"))
    power = (heard.process(shipping.example_features(levels, 4)) ** 2).sum(1)
    assert power == pytest.approx(np.ones(4), abs=0.01)


def test_turning_the_latents_changes_no_sound():
    levels, network = toy_levels(), Autoencoder().eval()
    frames = torch.from_numpy(levels.levels[:5, 3].astype(np.float32))
    key, velocity = torch.full((5,), 55.0), torch.full((5,), 0.5)
    with torch.no_grad():
        before = network.decoder(network.encoder(frames, key, velocity), key, velocity)
        playable.onto_principal_axes(network, levels)
        after = network.decoder(network.encoder(frames, key, velocity), key, velocity)
    assert torch.allclose(before, after, atol=1e-2)


def test_an_earlier_network_is_gone_on_from_and_sounds_the_same_though_it_had_fewer_latents():
    earlier, network = Autoencoder().eval(), Autoencoder().eval()
    weights = {name: value.numpy().copy() for name, value in earlier.state_dict().items()}
    weights["encoder.body.4.weight"], weights["encoder.body.4.bias"] = (
        weights["encoder.body.4.weight"][:14],
        weights["encoder.body.4.bias"][:14],
    )
    first = weights["decoder.body.0.weight"]
    weights["decoder.body.0.weight"] = np.concatenate([first[:, :14], first[:, N_LATENTS:]], axis=1)
    with torch.no_grad():
        earlier.state_dict()["decoder.body.0.weight"][:, 14:N_LATENTS] = 0.0
    network.start_from(weights)
    frames = torch.from_numpy(toy_levels().levels[:5, 3].astype(np.float32))
    note = torch.full((5,), 55.0), torch.full((5,), 0.5)
    with torch.no_grad():
        told = [n.decoder(n.encoder(frames, *note), *note) for n in (earlier, network)]
    assert torch.allclose(*told, atol=1e-4)


def test_levels_brought_to_unit_have_power_one_however_large_they_were():
    made = brought_to_unit(torch.tensor([[400.0, 390.0, -5000.0]]))
    assert float((10 ** (made / 10)).sum()) == pytest.approx(1.0, abs=1e-5)


def test_a_path_is_learned_without_velocity():
    levels, network = toy_levels(), Autoencoder().eval()
    _, told = playable.onto_principal_axes(network, levels)
    draw = playable.PathBatches(told, np.ones(len(levels.notes), bool)).draw
    performer = Performer()
    timbre = performer(torch.zeros(2, N_LATENTS), torch.full((2,), 60.0), torch.tensor([0.1, 1.0]))
    assert timbre.shape == (2, N_LATENTS)
    loss = playable.path_loss(network.decoder)(
        performer, tuple(map(torch.as_tensor, draw(np.random.default_rng(0), 8)))
    )
    assert torch.isfinite(loss)


@pytest.mark.parametrize("variant", [v for rows in TABLES.values() for v in rows], ids=lambda v: v.name)
def test_every_row_of_the_tables_gives_pictures_and_a_penalty_where_it_says_so(variant):
    torch.manual_seed(0)
    small = variant.quick()
    network = StackedAutoencoder(small).train()
    pictures = torch.rand(2, log_mel.N_MELS, log_mel.N_FRAMES)
    made = network(pictures)
    assert made.shape == pictures.shape and bool((made >= 0).all()) and bool((made <= 1).all())
    assert network.encode(pictures).shape == (2, small.latent or small.widths[-1] * 16)
    assert bool(network.penalty() > 0) == bool(small.kernel or small.activity)
    assert reconstruction_loss(network, (pictures,)) >= ((made - pictures) ** 2).mean() * 0.5


def test_the_fused_kernel_is_upsampling_and_then_a_transposed_convolution():
    layer, x = UpsampledConvTranspose2d(5, 3, 4, 2, 1), torch.randn(2, 5, 4, 6)
    twice = torch.nn.functional.interpolate(x, scale_factor=2)
    slow = torch.nn.functional.conv_transpose2d(twice, layer.weight, layer.bias, stride=2, padding=1)
    for made in (layer(x), layer.fused()(x)):
        torch.testing.assert_close(made, slow, rtol=0, atol=1e-5)


def test_clipped_values_lie_in_0_to_1_and_their_gradient_leads_back():
    x = torch.tensor([-0.5, 0.25, 2.0], requires_grad=True)
    ((clipped(x) - torch.tensor([0.5, 0.25, 1.0])) ** 2).sum().backward()
    assert clipped(x).tolist() == [0.0, 0.25, 1.0] and x.grad is not None
    assert x.grad.tolist() == [-1.0, 0.0, 0.0]


def test_the_loss_that_sees_peaks_is_least_at_the_original_and_greater_for_a_moved_peak_than_for_as_wrong_levels():
    original = torch.full((1, log_mel.N_MELS, 4), 0.9)
    original[:, 60], original[:, 61] = 0.95, 0.94
    moved, louder = original.clone(), original.clone()
    moved[:, 60], moved[:, 61] = 0.94, 0.95
    louder[:, 60:62] += 0.01
    least, for_moved, for_louder = (float(peak_error(x, original)) for x in (original, moved, louder))
    assert least < for_louder < for_moved


def test_a_dense_layer_stacked_on_a_trained_network_begins_as_good_on_the_notes_of_its_axes():
    small = TABLES["latent"][2].quick()
    below, above = StackedAutoencoder(replace(small, latent=0)), StackedAutoencoder(small)
    pictures = torch.rand(40, log_mel.N_MELS, log_mel.N_FRAMES)
    above.stack_on(below, pictures)
    with torch.no_grad():
        torch.testing.assert_close(above(pictures), below(pictures), rtol=0, atol=1e-4)


def test_the_tables_are_the_papers():
    assert {name: len(rows) for name, rows in TABLES.items()} == {
        "regularisation": 16,
        "pooling": 3,
        "latent": 3,
        "dense": 2,
    }


def test_a_log_mel_picture_is_128_by_512_from_0_to_1_and_scale_invariant():
    sound = tones([0.3, 0.1], 60, 4.0)[::3]
    picture = log_mel.log_mel(sound)
    assert picture.shape == (128, 512) and picture.max() == 1 and picture.min() >= 0
    assert np.allclose(log_mel.log_mel(0.01 * sound), picture, atol=1e-4)
    strongest = log_mel.mel_centres_hz()[picture[:, 200].argmax()]
    assert strongest == pytest.approx(261.6, rel=0.06)


def run_task(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    add_arguments(parser)
    task.run(parser.parse_args(["--json", "--model", "paper", *map(str, words)]))


def test_a_variant_is_trained_scored_and_stacked_on_by_command(tmp_path, capsys):
    pictures = np.random.default_rng(0).random((20, log_mel.N_MELS, log_mel.N_FRAMES)).astype(np.float16)
    log_mel.write(log_mel.Pictures(np.zeros(20, np.int64), pictures), tmp_path / "train")
    run_task("--data", tmp_path, "--out", tmp_path / "run", "--steps", 2, "--report")
    told = capsys.readouterr()
    scores = json.loads(told.out)
    assert re.search(r"rtspec: 2 steps: network .* loader .* validation .*; \d+ items drawn\n", told.err)
    assert scores["variant"] == "no-dense" and 0 < scores["RMSE"] < 1 and 0 < scores["F1"] < 1
    more = ("--start", tmp_path / "run", "--peaks", "--steps", 1)
    run_task("--data", tmp_path, "--out", tmp_path / "peaks", *more)
    assert json.loads(capsys.readouterr().out)["variant"] == "no-dense"
    with pytest.raises(InvalidValue, match="cannot stream"):
        run_task("--variant", "latent-dim-2048", "--export", tmp_path)


def test_nsynths_folder_is_read_by_its_names_and_its_json(tmp_path):
    folder = tmp_path / "audio"
    folder.mkdir()
    for name in ("bass_electronic_018-036-100", "flute_acoustic_002-077-050", "not a note"):
        with Writer(folder / f"{name}.wav", 16000, 1) as writer:
            writer.write(np.zeros((1, 1600), np.float32) + 0.1)
    facts = {"bass_electronic_018-036-100": {"instrument_family_str": "bass", "pitch": 36}}
    (tmp_path / "examples.json").write_text(json.dumps(facts))
    notes = note_files(tmp_path)
    assert [(n.instrument, n.family, n.key, n.velocity) for n in notes] == [
        ("bass_electronic_018", "bass", 36, 100),
        ("flute_acoustic_002", "flute", 77, 50),
    ]
    assert notes[0].audio(48000).dtype == np.float32 and len(notes[0].audio(48000)) == pytest.approx(4800, abs=50)


def test_a_folder_without_notes_and_a_damaged_json_give_one_clear_line(tmp_path):
    with pytest.raises(DataError, match="holds no notes; name sound files as NSynth does"):
        note_files(tmp_path)
    (tmp_path / "examples.json").write_text("{")
    with pytest.raises(DataError, match=r"examples\.json is no JSON object of notes"):
        note_files(tmp_path)
