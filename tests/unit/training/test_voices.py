"""Voices for training: clips of Debian packages joined voice by voice, and what narrow channels make of them."""

import numpy as np
import pytest

from rtspec.audio.files import write
from rtspec.training.data import voices
from rtspec.training.data.folders import keep_clip
from rtspec.training.data.music import to_int16
from rtspec.training.data.packages import Unpacked
from rtspec.training.enhancement.degradation import telephone
from rtspec.training.enhancement.segments import SpokenSegments

RATE = 44100


def spoken(seconds=1.5, seed=0, rate=RATE) -> np.ndarray:
    """Noise and a tone, up and down as syllables are: float32 of shape (1, n_samples)."""
    rng, t = np.random.default_rng(seed), np.arange(round(seconds * rate)) / rate
    syllables = np.sin(np.pi * 4 * t) ** 2
    return (0.2 * syllables * (np.sin(2 * np.pi * 180 * t) + rng.standard_normal(len(t)))).astype(np.float32)[None]


@pytest.fixture
def package(tmp_path):
    root = tmp_path / "tuxpaint-stamps-default"
    for voice, seed in (("fr", 1), ("nl", 2)):
        for k in range(12):
            (root / "stamps").mkdir(parents=True, exist_ok=True)
            write(root / "stamps" / f"animal{k}_desc_{voice}.ogg", spoken(seed=100 * seed + k), RATE)
    write(root / "stamps" / "animal0.ogg", spoken(), RATE)  # a noise, no speech
    return Unpacked("tuxpaint-stamps-default", root, "GPL-2")


def test_clips_are_joined_by_voice_and_voices_are_held_out(package, tmp_path):
    for part, voice in (("train", "fr"), ("validation", "nl")):
        found = list(voices.voices([package], part))
        assert [(each.group, len(each.paths)) for each in found] == [(f"tuxpaint-stamps-default-{voice}", 12)]
        (clip,) = voices.prepare(iter(found), tmp_path / part, 1, lambda name: None)
        assert clip.facts["package"] == "tuxpaint-stamps-default" and clip.facts["licence"] == "GPL-2"
        sound = clip.part("original")
        assert sound.shape == (1, clip.facts["n_samples"]) and 12 * 1.6 < sound.shape[1] / RATE < 12 * 2.1
        (again,) = voices.prepare(iter(found), tmp_path / part, 1, lambda name: None)
        assert again == clip


def test_what_is_not_full_band_is_left_out(package, tmp_path):
    narrow, quiet = tmp_path / "narrow.wav", tmp_path / "quiet.wav"
    write(narrow, spoken(rate=22050), 22050)
    write(quiet, 1e-4 * spoken(), RATE)
    (tmp_path / "broken.ogg").write_bytes(b"OggS and no more")
    paths = (narrow, quiet, tmp_path / "broken.ogg")
    assert len(voices.joined(paths, np.random.default_rng(0))) == 0
    write(narrow, spoken(), RATE)
    assert len(voices.joined(paths, np.random.default_rng(0))) > 1.5 * RATE


def test_a_telephone_keeps_its_place_and_its_band():
    sound = spoken()
    low = np.fft.rfft(sound[0])
    low[round(3400 * sound.shape[1] / RATE) :] = 0
    wanted = np.fft.irfft(low, sound.shape[1])
    sent = telephone(wanted[None].astype(np.float32), RATE)
    assert sent.shape == sound.shape and sent.dtype == np.float32
    noise_db = 20 * np.log10(np.std(sent[0] - wanted) / np.std(wanted))
    assert -45 < noise_db < -30  # of 8 bits of the μ-law, 38 dB
    above = np.abs(np.fft.rfft(sent[0])[round(4300 * sound.shape[1] / RATE) :]) ** 2
    assert above.sum() < 1e-4 * np.sum(np.abs(np.fft.rfft(sent[0])) ** 2)


def test_pairs_are_narrow_and_aligned(tmp_path):
    sound = spoken(6.0)
    facts = {"group": "voice", "sample_rate": RATE, "n_samples": sound.shape[1], "wall_hz": None}
    draw = SpokenSegments([keep_clip(tmp_path / "clip", {"original": to_int16(sound)}, facts)], RATE)
    edges = []
    for seed in range(24):
        pair = draw.pair(np.random.default_rng(seed), RATE)
        assert pair.degraded.shape == pair.original.shape == (1, RATE)
        both = np.abs(np.fft.rfft([pair.degraded[0], pair.original[0]])) ** 2
        share = np.cumsum(both[0]) / both[0].sum()
        edges.append(int(np.searchsorted(share, 0.999)))
        assert np.argmax([np.vdot(np.roll(pair.degraded[0], k), pair.original[0]) for k in range(-3, 4)]) == 3
    assert sum(edge < 4100 for edge in edges) >= 3 and sum(6000 < edge < 8100 for edge in edges) >= 5
