"""Offline style transfer: slopes are true, Gram matrices exact, sounds come nearer, and wrong wishes get one line."""

import json

import numpy as np
import pytest

import rtspec
from rtspec.cli import main
from rtspec.errors import InvalidValue
from rtspec.style.balance import LEAST, MOST
from rtspec.style.judging import Judges
from rtspec.style.losses import GramTarget, StyleLoss
from rtspec.style.measures import content_kept
from rtspec.style.networks import Convolution, Ulyanov, Wyse, network_named, pooled, unpooled
from rtspec.style.spectra import RATE, Seen, frames_of, sound_slope
from rtspec.style.transfer import Section, Wishes, as_heard


def noise(seed, *shape):
    return np.abs(np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def test_gram_distance_and_slope_are_those_of_the_matrices_written_out():
    style, made = noise(0, 40, 30).astype(np.float64), noise(1, 40, 25).astype(np.float64)
    value, slope = GramTarget(style).distance(made)
    apart = made @ made.T / 25 - style @ style.T / 30
    assert value == pytest.approx(np.sum(apart**2), rel=1e-6)
    np.testing.assert_allclose(slope, 4 / 25 * apart @ made, rtol=1e-4, atol=1e-4 * np.abs(slope).max())


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


def test_pooling_goes_back_to_where_it_came_from():
    frames = noise(0, 3, 7)
    half, is_second = pooled(frames)
    back = unpooled(half, is_second, 7)
    assert half.shape == (3, 4) and np.sum(back) == pytest.approx(np.sum(half))
    assert np.all((back == 0) | (back == frames))


@pytest.mark.parametrize("network", [Ulyanov(0, 11, 64), Wyse.random(0, (48, 16))], ids=["ulyanov", "wyse"])
def test_the_loss_falls_as_its_slope_says(network):
    style, content, seen = noise(0, 1025, 40), noise(1, 1025, 50), noise(2, 1025, 50)
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
    """The networks by name with few filters, to be quick."""
    network_named.cache_clear()
    monkeypatch.setattr("rtspec.style.networks.Ulyanov", lambda seed: Ulyanov(seed, 11, 64))
    yield
    network_named.cache_clear()


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


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"network": "vgg"}, r'network="vgg" is unknown; choose ulyanov or wyse-random'),
        ({"network": "ulyanov:x"}, "is unknown"),
        ({"content_weight": -1}, 'content_weight=-1 must be "half" or 0 to 1e6'),
        ({"content_weight": "most"}, "content_weight='most' must be"),
        ({"iterations": 0}, "iterations=0 must be 1 to 100000"),
        ({"start": "middle"}, 'start="middle" must be'),
        ({"start": 2.0}, "start=2.0 must be a share"),
        ({"domain": "time"}, 'domain="time" must be'),
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
