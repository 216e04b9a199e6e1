"""Music for training: walls of coders, whole tracks, drawn segments, scores and what is rendered of them."""

import shutil
import struct
import tarfile
import zipfile
from pathlib import Path

import mido
import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from rtspec.audio.files import write
from rtspec.training.data import one_shots, packages, scores
from rtspec.training.data import rendered as rendering
from rtspec.training.data.folders import clips, keep_clip, tracks
from rtspec.training.data.music import prepare, to_int16
from rtspec.training.data.packages import Unpacked
from rtspec.training.data.rendered import Studio, rendered
from rtspec.training.data.walls import wall_hz
from rtspec.training.enhancement.degradation import codecs, coded, low_pass
from rtspec.training.enhancement.segments import Segments

RATE = 44100


def noise(seconds: float, channels: int = 2) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((channels, round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("cutoff_hz", [11000.0, 16000.0, 19600.0])
def test_a_wall_is_found_where_it_stands(cutoff_hz):
    assert wall_hz(low_pass(noise(5), RATE, cutoff_hz), RATE) == pytest.approx(cutoff_hz, abs=250)


def test_what_fades_by_nature_has_no_wall():
    assert wall_hz(noise(5), RATE) is None
    for order, hz in ((1, 2000.0), (1, 8000.0), (2, 9000.0)):
        assert wall_hz(np.asarray(sosfilt(butter(order, hz, fs=RATE, output="sos"), noise(5))), RATE) is None
    assert wall_hz(np.zeros((1, RATE)), RATE) is None and wall_hz(np.zeros((1, 100)), RATE) is None


def test_whole_tracks_are_kept_and_what_is_left_out_is_noted_with_its_reason(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    write(source / "walled.wav", low_pass(noise(12), RATE, 17000.0), RATE)
    write(source / "short.wav", noise(3), RATE)
    write(source / "dull.wav", low_pass(noise(12), RATE, 9000.0), RATE)
    (source / "broken.wav").write_bytes(b"RIFF but not really")
    found = [(track, {"licence": "CC0"}) for track in tracks(source, "game")]
    (clip,) = prepare(found, tmp_path, "train")
    assert clip.facts["wall_hz"] == pytest.approx(17000, abs=250) and clip.facts["licence"] == "CC0"
    assert clip.array("original").shape == (2, 12 * RATE) and clip.array("original").dtype == np.int16
    noted = dict(line.split("\t") for line in (tmp_path / "clips/train/done.txt").read_text().splitlines())
    assert noted["game-walled"] == "kept" and noted["game-short"] == "3 s, 2 channels"
    assert noted["game-dull"].startswith("ends at 9") and "broken.wav" in noted["game-broken"]
    assert [each.folder for each in prepare(found, tmp_path, "train")] == [clip.folder]


@pytest.mark.parametrize("codec", ["mp3", *codecs()])
def test_what_is_coded_comes_back_aligned_and_as_long(codec):
    original = low_pass(noise(2), RATE, 4000.0)
    made = coded(original, RATE, codec, 64)
    assert made.shape == original.shape
    shifts = [np.vdot(np.roll(made[0], shift), original[0]) for shift in range(-5, 6)]
    assert int(np.argmax(shifts)) == 5


def test_segments_depend_on_their_generator_alone_and_tell_the_wall(tmp_path):
    facts = {"group": "g", "sample_rate": RATE, "n_samples": 6 * RATE, "wall_hz": 15000.0}
    keep_clip(tmp_path / "clip", {"original": to_int16(low_pass(noise(6), RATE, 15000.0))}, facts)
    draw = Segments(clips(tmp_path), RATE)
    for seed in range(6):
        first, second = (draw.pair(np.random.default_rng(seed), RATE) for _ in range(2))
        np.testing.assert_array_equal(first.degraded, second.degraded)
        assert first.degraded.shape == first.original.shape and first.wall_hz == 15000.0
        assert np.abs(first.original).max() <= 0.95 + 1e-6


def midi(path: Path, n: int = 60) -> None:
    track = mido.MidiTrack([mido.Message("program_change", program=40)])
    for i in range(n):
        channel = 9 if i % 3 == 0 else 0
        note = 36 + i % 12 if channel == 9 else 60 + i % 12
        track.append(mido.Message("note_on", channel=channel, note=note, velocity=100, time=0))
        track.append(mido.Message("note_off", channel=channel, note=note, time=240))
    mido.MidiFile(tracks=[track]).save(str(path))


def test_scores_come_from_midi_files_and_from_the_lumps_of_a_wad(tmp_path):
    midi(tmp_path / "piece.mid")
    midi(tmp_path / "jingle.mid", 5)
    data = (tmp_path / "piece.mid").read_bytes()
    directory = struct.pack("<ii8s", 12, len(data), b"D_E1M1") + struct.pack("<ii8s", 0, 12, b"HEADER")
    (tmp_path / "game.wad").write_bytes(struct.pack("<4sii", b"IWAD", 2, 12 + len(data)) + data + directory)
    (tmp_path / "broken.mid").write_bytes(b"MThd and no more")
    found = scores.scores([Unpacked("game", tmp_path, "GPL")])
    assert [score.name for score in found] == ["game-D_E1M1", "piece"]
    played = scores.notes(scores.transposed(scores.messages(found[1], 2.0), 3))
    assert len(played) == 60 and played[1].key == 61 + 3 and played[0].key == 36
    assert played[1].seconds == pytest.approx(0.125) and played[1].start_s == pytest.approx(0.125)


def test_a_voice_holds_its_pitch_and_nothing_aliases():
    note = scores.PlayedNote(0.0, 1.0, 0, 93, 100)
    spectrum = np.abs(np.fft.rfft(one_shots.Voice(np.random.default_rng(5)).play([note], RATE)[0] * np.hanning(RATE)))
    hz = 440 * 2 ** (24 / 12)
    harmonic = np.abs(np.arange(len(spectrum)) / hz - np.round(np.arange(len(spectrum)) / hz)) < 0.03
    assert np.sum(spectrum[~harmonic] ** 2) < 1e-3 * np.sum(spectrum**2)


def test_kits_are_folders_with_kick_and_snare(tmp_path):
    for folder, names in (("rock", ("Kick 1", "snare", "hihat closed")), ("noises", ("bang", "boom"))):
        (tmp_path / folder).mkdir()
        for name in names:
            write(tmp_path / folder / f"{name}.wav", noise(0.2), RATE)
    (kit,) = one_shots.kits([Unpacked("kits", tmp_path, "CC0")])
    assert set(kit) == {"kick", "snare", "closed"}
    made = one_shots.drums([scores.PlayedNote(0.5, 0.1, 9, 36, 127)], kit, RATE, np.random.default_rng(0))
    assert not made[:, : RATE // 2].any() and np.abs(made[:, RATE // 2 :]).max() > 0.1


@pytest.mark.skipif(shutil.which("fluidsynth") is None, reason="fluidsynth is not installed")
def test_a_piece_depends_on_its_generator_alone(tmp_path):
    font = next(Path("/usr/share/sounds/sf2").glob("*.sf2"), None) if Path("/usr/share/sounds/sf2").is_dir() else None
    if font is None:
        pytest.skip("no sound font is installed")
    midi(tmp_path / "piece.mid")
    score = scores.scores([Unpacked("game", tmp_path, "GPL")])[0]
    first, second = (rendered(Studio([score], [font], [], ""), score, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert np.abs(first).max() > 0.01


def test_shards_render_other_pieces_and_no_second_run_renders_any(tmp_path, monkeypatch):
    drawn = []

    def play(studio, score, rng):
        """Noise, or for every fourth piece nothing that is worth keeping."""
        drawn.append(rng.random())
        return noise(11) * (len(drawn) % 4 > 0)

    monkeypatch.setattr(rendering, "rendered", play)
    studio = Studio([scores.Score("piece", "game", b"")], [], [], "")

    def render(shard):
        made = rendering.render_part(studio, tmp_path, 110 / 3600, 0, 1, lambda text: None, shard)
        return [int(clip.folder.name.partition("-")[2]) for clip in made]

    first, second = render((1, 2)), render((2, 2))
    assert len(first) == len(second) == 5, "each has half of 110 s, in pieces of 11 s"
    assert {number % 2 for number in first} == {0} and {number % 2 for number in second} == {1}
    n_drawn = len(drawn)
    assert n_drawn == 10 + 3 and len(set(drawn)) == n_drawn, "three came to nothing, and no two are alike"
    assert [render((1, 2)), render((2, 2))] == [first, second] and len(drawn) == n_drawn
    assert len(clips(tmp_path)) == 10
    assert len(render((1, 1))) == 10 and len(drawn) <= n_drawn + 1, "of the shards' pieces, but for one between them"


def test_a_note_that_is_cut_off_sounds_no_longer_than_the_piece(tmp_path, monkeypatch):
    """Fluidsynth writes on for as long as anything sounds: it filled the disk with a sustained one."""
    heard = []

    def fluidsynth(command, **_):
        heard.append(mido.MidiFile(command[-1]))
        np.zeros(2 * RATE, np.float32).tofile(command[command.index("-F") + 1])

    monkeypatch.setattr("subprocess.run", fluidsynth)
    midi(tmp_path / "held.mid")
    piece = mido.MidiFile(tmp_path / "held.mid")
    piece.tracks[0].insert(0, mido.Message("note_on", note=30, velocity=90))
    piece.tracks[0].append(mido.Message("note_off", note=30, time=480 * 600))
    piece.save(tmp_path / "held.mid")
    score = scores.scores([Unpacked("game", tmp_path, "GPL")])[0]
    generators = (np.random.default_rng(seed) for seed in range(9))
    sounds = [rendered(Studio([score], [tmp_path / "font.sf2"], [], ""), score, each) for each in generators]
    for sound, played in zip(sounds, heard, strict=True):
        silenced = {message.channel for message in played if message.is_cc(120)}
        assert silenced == set(range(16)) and played.length == pytest.approx(sound.shape[1] / RATE, abs=0.01)


def test_of_a_package_only_what_readers_use_is_unpacked_and_never_outside(tmp_path):
    inner = tmp_path / "music.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("tune.xm", b"module")
        archive.writestr("readme.exe", b"no")
    content = {
        "usr/share/game/track": b"OggS sound",
        "usr/share/game/picture.png": b"no",
        "usr/share/game/Sound.ocg": b"sounds in a group file, which scenes open",
        "usr/share/doc/g/copyright": b"Files: *",
    }
    with tarfile.open(tmp_path / "data.tar", "w") as tar:
        tar.add(inner, "usr/share/game/music.zip")
        for name, data in content.items():
            (tmp_path / "member").write_bytes(data)
            tar.add(tmp_path / "member", name)
    target = tmp_path / "out"
    target.mkdir()
    with tarfile.open(tmp_path / "data.tar") as tar:
        for member in tar:
            packages._take(tar, member, target)
    packages._open_archive(target / "usr/share/game/music.zip")
    found = {str(path.relative_to(target)) for path in target.rglob("*") if path.is_file()}
    assert found == {
        "usr/share/game/track.ogg",
        "usr/share/game/Sound.ocg",
        "usr/share/doc/g/copyright",
        "usr/share/game/music.zip",
        "usr/share/game/music.zip.d/tune.xm",
    }


def test_a_licence_is_that_of_the_file_where_the_copyright_file_names_it(tmp_path):
    folder = tmp_path / "usr/share/doc/game"
    folder.mkdir(parents=True)
    (folder / "copyright").write_text(
        "Files: *\nLicense: GPL-2+\n\nFiles: music/a.ogg\n music/b*.ogg\nLicense: CC0-1.0\n"
    )
    package = Unpacked("game", tmp_path, "GPL-2+, CC0-1.0")
    names = ("a.ogg", "b7.ogg", "c.ogg")
    assert [package.licence_of(Path(name)) for name in names] == ["CC0-1.0", "CC0-1.0", "GPL-2+, CC0-1.0"]


def test_shards_prepare_disjoint_tracks_and_all_of_them_together(tmp_path):
    (tmp_path / "source").mkdir()
    for name in "abc":
        write(tmp_path / "source" / f"{name}.wav", noise(1), RATE)
    found = [(track, {}) for track in tracks(tmp_path / "source", "game")]
    for k in (1, 2):
        assert not list(prepare(found, tmp_path, "train", shard=(k, 2))), "a second is no music"
    notes = {path.name: path.read_text().split() for path in (tmp_path / "clips/train").glob("done*.txt")}
    assert sorted(notes) == ["done-1-of-2.txt", "done-2-of-2.txt"]
    named = {name: [word for word in words if word.startswith("game-")] for name, words in notes.items()}
    assert named == {"done-1-of-2.txt": ["game-a", "game-c"], "done-2-of-2.txt": ["game-b"]}
