"""Offline style transfer: slopes are true, Gram matrices exact, sounds come nearer, and wrong wishes get one line."""

import json
import os
import sys
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import rtspec
from rtspec.cli import main
from rtspec.errors import InvalidValue
from rtspec.evaluation.style_figure import CELLS, figure
from rtspec.evaluation.style_pairs import Pair
from rtspec.evaluation.style_verdicts import verdicts
from rtspec.style.balance import LEAST, MOST
from rtspec.style.judging import Judges
from rtspec.style.losses import GramTarget, StyleLoss
from rtspec.style.measures import content_kept
from rtspec.style.networks import Convolution, Ulyanov, Wyse, _random, network_named, pooled, unpooled
from rtspec.style.representations import HEIGHT, LAYOUTS, VIEWS, WIDTH, Picture, Represented
from rtspec.style.spectra import RATE, Seen, frames_of, sound_slope
from rtspec.style.transfer import DEFAULT_PHASE, Section, Wishes, as_heard


def noise(seed, *shape):
    return np.abs(np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("n_filters", [40, 60], ids=["matrices", "products over frames"])
def test_gram_distance_and_slope_are_those_of_the_matrices_written_out(n_filters):
    style, made = noise(0, n_filters, 30).astype(np.float64), noise(1, n_filters, 25).astype(np.float64)
    value, slope = GramTarget(style).distance(made)
    apart = made @ made.T / 25 - style @ style.T / 30
    assert value == pytest.approx(np.sum(apart**2), rel=1e-6)
    np.testing.assert_allclose(slope, 4 / 25 * apart @ made, rtol=1e-4, atol=1e-4 * np.abs(slope).max())


@pytest.mark.parametrize("longer", ["content", "style"])
def test_how_long_a_sound_is_costs_no_memory_but_its_own(longer):
    style, made = noise(0, 64, 40 if longer == "content" else 20000), noise(1, 64, 20000 if longer == "content" else 40)
    tracemalloc.start()
    GramTarget(style).distance(made)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 * (style.nbytes + made.nbytes)  # products over frames would take 1.6 GB


@pytest.mark.parametrize("same", [True, False])
def test_convolution_and_its_slope_are_the_sums_written_out(same):
    weight, frames = np.random.default_rng(0).standard_normal((5, 6, 4)), noise(1, 4, 12)
    layer = Convolution(weight.astype(np.float32), same=same)
    padded = np.pad(frames, ((0, 0), (2, 2))) if same else frames
    n_out = padded.shape[1] - 4
    wanted = np.array(
        [[sum(weight[k, f] @ padded[:, t + k] for k in range(5)) for t in range(n_out)] for f in range(6)]
    )
    made = layer(frames)
    np.testing.assert_allclose(made, np.maximum(wanted, 0), atol=1e-5)
    slope = noise(2, *made.shape)
    assert np.sum(layer.backwards(slope, made, 12) * frames) == pytest.approx(np.sum(slope * made), rel=1e-4)


def test_a_picture_is_seen_by_each_filter_wherever_it_fits():
    picture, seen = Picture(3, 2), noise(0, 7, 13)
    made = picture(seen).reshape(2, 3, 3)
    weight = np.random.default_rng((3, HEIGHT, WIDTH)).standard_normal((2, HEIGHT * WIDTH), np.float32)
    wanted = weight[1] @ seen[2 : 2 + HEIGHT, 1 : 1 + WIDTH].ravel() * np.sqrt(2 / (HEIGHT * WIDTH))
    assert made[1, 2, 1] == pytest.approx(max(0, wanted), rel=1e-4)


def test_a_bias_is_added_before_the_rectifier():
    weight, frames, bias = noise(0, 3, 6, 4), noise(1, 4, 12), np.linspace(-30, 30, 6, dtype=np.float32)
    plain = np.maximum(sum(weight[k] @ frames[:, k : k + 10] for k in range(3)) + bias[:, None], 0)
    np.testing.assert_allclose(Convolution(weight, bias=bias)(frames), plain, rtol=1e-5)


def test_wyses_layers_count_by_1_and_2_over_the_squares_of_their_filters():
    loss = StyleLoss(network := Wyse.random(0, (12, 6)), noise(0, 257, 40), content := noise(1, 257, 30))
    seen = noise(2, 257, 30)
    grams = [[f @ f.T / f.shape[1] for f in network.features(each)] for each in (noise(0, 257, 40), content, seen)]
    far, near = (
        sum(w / n**2 * np.sum((g - s) ** 2) for w, n, g, s in zip((1, 2), (12, 6), each, grams[0], strict=True))
        for each in grams[1:]
    )
    assert loss.measured(seen).style == pytest.approx(near / far, rel=1e-3)


def test_pooling_goes_back_to_where_it_came_from():
    frames = noise(0, 3, 7)
    half, is_second = pooled(frames)
    back = unpooled(half, is_second, 7)
    assert half.shape == (3, 4) and np.sum(back) == pytest.approx(np.sum(half))
    assert np.all((back == 0) | (back == frames))


SMALL = {
    "ulyanov": Ulyanov(0, 11, 64),
    "wyse": Wyse.random(0, (48, 16)),
    **{f"{view}, {layout}": Represented(view, layout, 0, 16) for view in VIEWS for layout in LAYOUTS},
}


@pytest.mark.parametrize("network", SMALL.values(), ids=SMALL)
def test_the_loss_falls_as_its_slope_says(network):
    n_bins = network.plan.n_bins
    style, content, seen = noise(0, n_bins, 40), noise(1, n_bins, 50), noise(2, n_bins, 50)
    loss = StyleLoss(network, style, content, content_weight=0.1)
    value, slope = loss(seen)
    step = 1e-3 * slope / np.abs(slope).max()
    expected = float(np.sum(slope.astype(np.float64) * step))
    assert loss(seen - step)[0] - value == pytest.approx(-expected, rel=0.05)
    parts = loss.measured(seen)
    assert value == pytest.approx(parts.style + 0.1 * parts.content, rel=1e-5)
    assert loss.measured(content).style == pytest.approx(1.0, rel=1e-5)
    assert loss.measured(np.zeros_like(content)).content == pytest.approx(1.0, rel=1e-5)


def test_the_slope_at_samples_is_the_adjoint_of_the_frames():
    sound = np.random.default_rng(0).standard_normal(6000).astype(np.float32)
    spectrum = frames_of(sound)
    weights = np.random.default_rng(1).standard_normal(spectrum.shape).astype(np.float32)
    step = 1e-3 * np.random.default_rng(2).standard_normal(6000).astype(np.float32)
    changed = np.sum(weights * (np.abs(frames_of(sound + step)) - np.abs(frames_of(sound - step))), dtype=np.float64)
    assert 2 * float(sound_slope(weights, spectrum, 6000) @ step) == pytest.approx(changed, rel=1e-2)


@pytest.mark.parametrize("as_level", [True, False])
def test_what_is_seen_gives_the_magnitudes_back(as_level):
    seen, magnitude = Seen(as_level, 30.0), 30 * np.geomspace(1e-3, 1, 50, dtype=np.float32)
    np.testing.assert_allclose(seen.magnitude(seen.of(magnitude)), magnitude, rtol=1e-4)
    slope = seen.slope(np.ones(50, np.float32), magnitude)
    step = 1e-3 * magnitude
    np.testing.assert_allclose(slope * step, (seen.of(magnitude + step) - seen.of(magnitude - step)) / 2, rtol=0.02)


def crackle(seconds=1.5, rate=RATE):
    generator = np.random.default_rng(3)
    sound = 0.01 * generator.standard_normal(round(seconds * rate))
    for at in generator.integers(0, len(sound) - 200, 60):
        sound[at : at + 200] += np.exp(-np.arange(200) / 30) * generator.standard_normal(200)
    return sound


def melody(seconds=1.2, rate=RATE):
    t = np.arange(round(seconds * rate)) / rate
    return 0.3 * np.sin(2 * np.pi * 220 * 2 ** (np.floor(4 * t) / 12) * t) * np.exp(-6 * (t % 0.25))


def small(wishes):
    style, content = as_heard(crackle(), RATE, "style")[0], as_heard(melody(), RATE, "content")[0]
    return Section(Ulyanov(0, 11, 256), style, content, wishes), style, content


def test_a_transfer_comes_nearer_to_its_style_by_networks_that_it_never_saw():
    section, style, content = small(Wishes(iterations=40, content_weight=0.0))
    magnitude = section.magnitude()
    assert section.losses(magnitude).style < 0.05
    sound = section.sound(magnitude)
    moved = section.moved(sound)
    judges = Judges(style, content)
    assert judges.share(moved) < judges.share(sound) < 0.7 and judges.share(content) == pytest.approx(1)
    assert content_kept(content, content) == pytest.approx({"envelope": 1, "onset": 1, "chroma": 1})


def test_more_weight_keeps_more_of_the_content():
    kept = []
    for weight in (0.0, 1.0):
        section, *_ = small(Wishes(iterations=25, content_weight=weight))
        kept.append(section.losses(section.magnitude()).content)
    assert kept[1] < 0.6 * kept[0]


@pytest.mark.parametrize("seconds", [0.5, 1.5])
def test_the_weight_that_is_found_keeps_about_half_of_the_content(seconds):
    style, content = as_heard(crackle(), RATE, "style")[0], as_heard(melody(seconds), RATE, "content")[0]
    section = Section(Ulyanov(0, 11, 512), style, content, Wishes(iterations=60))
    assert LEAST < section.content_weight < MOST
    assert 0.3 < section.losses(section.magnitude()).content < 0.65


@pytest.fixture
def few_filters(monkeypatch):
    """The networks by name with few filters and few rounds on samples, to be quick."""
    _random.cache_clear()
    monkeypatch.setattr("rtspec.style.networks.Ulyanov.__init__.__defaults__", (0, 11, 64, 1025))
    monkeypatch.setattr(sys.modules[Section.__module__], "SOUND_ROUNDS", 8)
    yield
    _random.cache_clear()


@pytest.mark.usefixtures("few_filters")
def test_the_same_seed_gives_the_same_bits_at_the_contents_rate_length_and_level():
    content, style = np.stack([melody(1.0, 48000)] * 2), crackle(1.0, 48000)
    one, again, other = (
        rtspec.style.transfer(content, style, 48000, iterations=4, content_weight=0.02, seed=seed).audio
        for seed in (0, 0, 1)
    )
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert one.shape == (1, 48000) and one.dtype == np.float32 and np.isfinite(one).all()


@pytest.mark.usefixtures("few_filters")
def test_long_contents_are_made_in_sections_without_a_gap():
    told = []
    content = np.tile(melody(1.0), 14)
    wishes = {"iterations": 2, "start": "content", "content_weight": 0.02}
    made = rtspec.style.transfer(content, crackle(), RATE, progress=told.append, **wishes)
    assert made.content_weight == 0.02
    assert made.n_sections == 2 and len(made.audio) == len(content)
    joint = made.audio[len(content) // 2 - RATE // 2 :][:RATE]
    level = np.sqrt(np.mean(joint.reshape(21, -1) ** 2, axis=1))
    assert level.min() > 0 and told == sorted(told) and told[-1] == 1


@pytest.mark.usefixtures("few_filters")
@pytest.mark.parametrize("rate", [8000, 44100])
def test_stereo_at_any_rate_comes_back_at_that_rate_as_one_channel(rate):
    content = np.stack([melody(1.0, rate), 0.5 * melody(1.0, rate)]).astype(np.float32)
    made = rtspec.style.transfer(content, crackle(1.0, rate), rate, iterations=3, content_weight=0.02)
    assert made.audio.shape == (1, rate) and np.isfinite(made.audio).all()
    assert np.sqrt(np.mean(made.audio**2)) == pytest.approx(np.sqrt(np.mean(content.mean(0) ** 2)), rel=0.1)


@pytest.mark.usefixtures("few_filters")
@pytest.mark.parametrize("network", ["ulyanov", "wyse-random"])
def test_the_shortest_sounds_are_judged_too(network, monkeypatch):
    monkeypatch.setattr("rtspec.style.networks.WYSE_FILTERS", (16, 8))
    made = rtspec.style.transfer(melody(0.3), crackle(0.31), RATE, iterations=3, content_weight=0.02, network=network)
    assert made.unseen > 0 and np.isnan(made.own) and len(made.audio) == round(0.3 * RATE)


@pytest.mark.usefixtures("few_filters")
def test_two_threads_give_the_bits_of_one():
    def made(seed):
        wishes = {"iterations": 4, "content_weight": 0.02, "domain": "sound", "network": f"ulyanov:{seed}"}
        return rtspec.style.transfer(melody(0.5), crackle(0.6), RATE, seed=seed, **wishes).audio

    alone = [made(seed) for seed in (0, 1)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(made, (0, 1)))
    assert all(np.array_equal(*pair) for pair in zip(alone, together, strict=True))


def test_verdicts_are_of_the_figures_of_all_pairs():
    plain = {"way": DEFAULT_PHASE, "unseen": 0.4, "seconds": 1.0, "search_s": 60.0, "spectrogram": 5e-4}
    lim = plain | {"way": "griffin-lim 500", "unseen": 0.5, "seconds": 5.0}
    sound = plain | {"way": "sound", "unseen": 0.2}
    wishes = Wishes(iterations=150, content_weight=0.0)
    rows = verdicts([plain, lim, sound, plain, lim | {"unseen": 0.3}, sound | {"unseen": 0.3}], 4.0, wishes)
    assert [(row["figure"], row["reached"]) for row in rows] == [
        (1.0, "no"),
        (0.2, "yes"),
        (pytest.approx(0.625), "no"),
        (pytest.approx(240.0), "yes"),
        (5e-4, "yes"),
    ]


# Networks of files ----------------------------------------------------------------------------------------------------


def weights(**changed):
    rng = np.random.default_rng(0)
    made = {"first": (5, 24, 257), "second": (5, 8, 24), "first_bias": (24,), "second_bias": (8,)}
    return {name: (0.05 * rng.standard_normal(shape)).astype(np.float16) for name, shape in made.items()} | changed


@pytest.mark.usefixtures("few_filters")
def test_a_network_of_a_file_is_its_weights_and_is_read_anew_when_they_change(tmp_path):
    path, parts = tmp_path / "own.npz", weights()
    np.savez(path, **parts)
    seen = noise(0, 257, 20)
    found = network_named(str(path)).features(seen)[0]
    layer = Convolution(parts["first"].astype(np.float32), True, parts["first_bias"].astype(np.float32))
    assert np.array_equal(found, layer(seen)) and network_named(str(path)) is network_named(str(path))
    np.savez(path, **weights(first_bias=np.ones(24, np.float16)))
    os.utime(path, ns=(0, 1))
    assert not np.array_equal(network_named(str(path)).features(seen)[0], found)
    made = rtspec.style.transfer(melody(0.5), crackle(0.6), RATE, network=str(path), iterations=3, domain="sound")
    assert made.audio.shape == (round(0.5 * RATE),) and made.sound.style < 2


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (weights(first=np.zeros((5, 24, 256))), r"shapes .* must be \(kernel, n_filters, 257\)"),
        (weights(second=np.zeros((5, 8, 23))), "must be"),
        (weights(first_bias=np.zeros(23)), "must be"),
        (weights(second_bias=np.full(8, np.nan)), "weights must be finite numbers"),
        (weights(first=np.zeros((5, 24, 257), int)), "weights must be finite numbers"),
        ({"first": np.zeros(3)}, "is no network of rtspec train wyse .*give the file that its --export wrote"),
        (weights(first=np.array([{}], object)), "is no network of rtspec train wyse"),
    ],
)
def test_what_is_no_network_gets_one_line(tmp_path, parts, text):
    np.savez(tmp_path / "own.npz", **parts)
    with pytest.raises(InvalidValue, match=text):
        network_named(str(tmp_path / "own.npz"))


def test_a_file_that_is_missing_or_no_archive_gets_one_line(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    for name in ("text.npz", "missing.npz"):
        with pytest.raises(InvalidValue, match=f"{name}.* is no network of rtspec train wyse"):
            network_named(str(tmp_path / name))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"network": "vgg"}, r'network="vgg" is unknown; choose ulyanov or wyse-random'),
        ({"network": "ulyanov:x"}, "is unknown"),
        (
            {"content_weight": -1},
            r"content_weight=-1 must be a number from 0 to 1e\+06; 0 makes the",
        ),
        ({"content_weight": "most"}, "content_weight='most' must be"),
        ({"iterations": 0}, "iterations=0 must be a whole number from 1 to 100000; try 300"),
        ({"start": "middle"}, "start='middle' must be a number from 0 to 1; it is a share of noise, or say"),
        ({"start": 2.0}, "start=2.0 must be a number from 0 to 1; it is a share of noise, or say"),
        ({"domain": "time"}, "domain='time' is not known; choose one of spectrogram, sound"),
    ],
)
def test_wrong_wishes_get_one_line(wrong, text):
    with pytest.raises(InvalidValue, match=text):
        rtspec.style.transfer(melody(), crackle(), RATE, **wrong)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (np.zeros(RATE), "content is silence"),
        (np.full(RATE, np.nan), "must be real, finite"),
        (np.ones(100), "must last 0.3 s or more"),
    ],
)
def test_sounds_that_have_no_texture_get_one_line(content, text):
    with pytest.raises(InvalidValue, match=text):
        rtspec.style.transfer(content, crackle(), RATE)


@pytest.mark.usefixtures("few_filters")
def test_the_command_writes_sound_and_picture_and_says_how_near_it_came(tmp_path, capsys):
    from rtspec.audio import files

    names = [str(tmp_path / name) for name in ("content.wav", "style.wav", "out.flac")]
    files.write(names[0], melody(), RATE)
    files.write(names[1], crackle(), RATE)
    assert main(["style", *names, "--iterations", "5", "--picture", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert LEAST < told["content_weight"] < MOST
    assert told["unseen"] > 0 and told["sections"] == 1 and (tmp_path / "out.png").stat().st_size > 5000
    assert files.read(names[2])[0].shape == (1, len(melody()))
    assert main(["style", names[0], names[1], names[0]]) == 1
    assert "is one of the two sounds" in capsys.readouterr().err


@pytest.mark.usefixtures("few_filters")
def test_the_papers_figure_is_four_panels_of_a_pair_and_a_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("rtspec.style.networks.Wyse.random.__func__.__defaults__", (0, (24, 8), 257))
    np.savez(tmp_path / "own.npz", **weights())
    style, content = as_heard(crackle(), RATE, "style")[0], as_heard(melody(), RATE, "content")[0]
    wishes = Wishes(iterations=3, content_weight=0.1)
    pair, picture = Pair("crackle", style, content), tmp_path / "figure.png"
    rows, drawn = figure([pair], wishes, picture, str(tmp_path / "own.npz"))
    assert [row["panel"] for row in rows] == list(CELLS) and drawn.stat().st_size > 5000
    assert len({row["unseen"] for row in rows}) == 4 and all(row["seconds"] > 0 for row in rows)


def test_a_trained_network_that_does_not_ship_says_how_to_make_it(monkeypatch):
    monkeypatch.setattr("rtspec.models.catalogue.FOLDERS", ())
    with pytest.raises(InvalidValue, match='network="wyse" has no weights here; make them by rtspec train wyse'):
        network_named("wyse")
