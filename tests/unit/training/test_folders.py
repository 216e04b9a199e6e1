"""Folders of sound as tracks, packages without a network, and clips that are whole or not there."""

import errno
import os
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rtspec.audio.files import write
from rtspec.training.data import packages
from rtspec.training.data.folders import Clip, chances, clips, held_out, keep_clip, read_excerpts, tracks
from rtspec.training.data.music import to_int16
from rtspec.training.data.packages import DataError, fetch, licences

RATE = 8000
SOUND = 0.1 * np.ones((1, 800), np.float32)


def test_a_folder_laid_out_as_gtzan_gives_tracks_in_groups(tmp_path):
    for genre in ("blues", "rock"):
        (tmp_path / "genres" / genre).mkdir(parents=True)
        for i in range(2):
            write(tmp_path / "genres" / genre / f"{genre}.0000{i}.wav", SOUND, RATE)
    found = tracks(tmp_path)
    assert [(t.name, t.group) for t in found][:2] == [
        ("genres-blues-blues.00000", "genres-blues"),
        ("genres-blues-blues.00001", "genres-blues"),
    ]
    assert len({t.group for t in found}) == 2 and found[0].read(RATE).shape == (1, 800)


def test_stems_of_a_song_are_summed(tmp_path):
    (tmp_path / "song").mkdir()
    for stem in ("guitar", "drums"):
        write(tmp_path / "song" / f"{stem}.wav", SOUND, RATE)
    (track,) = tracks(tmp_path, "songs", stems=True)
    np.testing.assert_allclose(track.read(RATE), 0.2, atol=1e-4)


@pytest.mark.parametrize("content", [{}, {"notes.txt": b"no sound"}])
def test_a_folder_without_sound_gives_one_line(tmp_path, content):
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError, match="holds no sound file"):
        tracks(tmp_path)


def test_a_missing_folder_gives_one_line(tmp_path):
    with pytest.raises(DataError, match="is no folder"):
        tracks(tmp_path / "none")


def test_files_that_are_no_sound_are_left_out(tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF but not really")
    write(tmp_path / "good.wav", SOUND, RATE)
    assert [track.name for track, _ in read_excerpts(tracks(tmp_path), RATE, 1.0)] == ["good"]


def test_of_a_two_hour_file_only_the_middle_is_read(tmp_path):
    n_bytes = 2 * 3600 * 44100 * 2 * 2
    header = b"RIFF" + (36 + n_bytes).to_bytes(4, "little") + b"WAVEfmt " + (16).to_bytes(4, "little")
    header += b"\x01\x00\x02\x00" + (44100).to_bytes(4, "little") + (176400).to_bytes(4, "little") + b"\x04\x00\x10\x00"
    with (tmp_path / "long.wav").open("wb") as file:
        file.write(header + b"data" + n_bytes.to_bytes(4, "little"))
        file.truncate(44 + n_bytes)  # sparse: the disk holds next to nothing of it
        file.seek(44 + n_bytes // 2)
        file.write(b"\xff\x3f" * 44100)
    ((_, audio),) = read_excerpts(tracks(tmp_path), 44100, 1.0)
    assert audio.shape == (2, 44100) and audio.max() > 0.4 > abs(audio[:, :10000]).max()


def test_held_out_groups_are_a_share_and_always_the_same():
    names = [f"group {i}" for i in range(1000)]
    assert 60 < sum(held_out(name, 0.1) for name in names) < 140
    assert all(held_out(name, 0.5) for name in names if held_out(name, 0.1))


def test_a_clip_comes_back_as_it_was_kept(tmp_path):
    kept = keep_clip(tmp_path / "clip", {"original": SOUND}, {"group": "g"})
    (found,) = clips(tmp_path)
    assert found == kept and found.facts == {"group": "g"} and found.versions() == ["original"]
    np.testing.assert_array_equal(found.array("original"), SOUND)


def test_a_damaged_or_missing_clip_gives_one_line(tmp_path):
    keep_clip(tmp_path / "clip", {"original": SOUND}, {})
    (tmp_path / "clip" / "original.npy").write_bytes(b"?")
    with pytest.raises(DataError, match="missing or damaged"):
        Clip(tmp_path / "clip").array("original")
    with pytest.raises(DataError, match="holds no prepared clips; rtspec data prepares them"):
        clips(tmp_path / "clip")


def test_a_full_disk_leaves_no_clip(tmp_path, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="No space left on device; what was prepared before is whole"):
        keep_clip(tmp_path / "clip", {"original": SOUND}, {})
    assert not list((tmp_path / "clip").iterdir())


def test_groups_are_drawn_by_the_root_of_their_length_and_codec_free_music_has_its_share(tmp_path):
    for name, group, minutes, source in (
        ("a", "short", 1, "coded"),
        ("b", "long", 16, "coded"),
        ("c", "r", 9, "codec-free"),
    ):
        facts = {"group": group, "n_samples": minutes * 60 * RATE, "sample_rate": RATE, "source": source}
        keep_clip(tmp_path / name, {"original": SOUND}, facts)
    np.testing.assert_allclose(chances(clips(tmp_path)), [1 / 8, 4 / 8, 3 / 8])
    np.testing.assert_allclose(chances(clips(tmp_path), 0.35), [0.65 / 5, 0.65 * 4 / 5, 0.35])


def test_16_bit_clips_come_back_within_their_rounding(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.9, 0.9, (2, 1000)).astype(np.float32)
    clip = keep_clip(tmp_path / "clip", {"original": to_int16(noise)}, {})
    assert clip.array("original").dtype == np.int16
    np.testing.assert_allclose(clip.part("original", 100, 50), noise[:, 100:150], atol=0.51 / 32768)
    assert clip.part("original", 990, 50).shape == (2, 10)


def test_a_package_that_was_fetched_is_not_fetched_again(tmp_path, monkeypatch):
    folder = tmp_path / "packages" / "some-1.16-music" / "usr" / "share" / "doc" / "some"
    folder.mkdir(parents=True)
    (folder / "copyright").write_text("Files: *\nLicense: CC-BY-SA-3.0\n\nFiles: a\nLicense: GPL-2+\n")
    monkeypatch.setattr(packages, "_run", lambda *_: pytest.fail("nothing must be run"))
    (found,) = fetch(["some-[0-9.]+-music"], tmp_path)
    assert found.name == "some-1.16-music" and found.licence == "CC-BY-SA-3.0, GPL-2+"


def test_shards_that_begin_together_fetch_a_package_once(tmp_path, monkeypatch):
    fetched = []

    def bring(name, folder, report):
        fetched.append(name)
        time.sleep(0.05)
        (folder / "packages" / name).mkdir(parents=True)
        return packages.Unpacked(name, folder / "packages" / name, "")

    monkeypatch.setattr(packages, "_brought", bring)
    monkeypatch.setattr(packages, "_resolved", lambda pattern: pattern)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: fetch(["some-music"], tmp_path), range(3)))
    assert fetched == ["some-music"] and {each.name for (each,) in found} == {"some-music"}


def test_without_apt_fetching_gives_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(DataError, match="apt-get is not installed"):
        fetch(["some-music"], tmp_path)


def test_archives_open_beside_themselves_and_never_outside(tmp_path):
    path = tmp_path / "music.pk3"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("music/a.ogg", b"sound")
        archive.writestr("../outside.ogg", b"no")
        archive.writestr("code.exe", b"no")
    packages._open_archive(path)
    found = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert found == ["music.pk3", "music.pk3.d/music/a.ogg"] and licences(tmp_path) == "see its copyright file"
