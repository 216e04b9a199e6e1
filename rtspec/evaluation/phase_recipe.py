"""The clips that phase methods are judged on: speech, piano, ensemble and full music, at the 44.1 kHz of a stream.

Chosen by kind and by position, never by result: the first utterance of each of two speech packages; the openings of
two piano pieces; the opening of one piece for strings and for brass; the first track of three games, half a minute in.
To make them, unpack the Debian packages of :data:`PACKAGES` side by side (``apt-get download``, ``dpkg-deb -x``) in
one folder each, and run::

    python -m rtspec.evaluation.phase_recipe UNPACKED CLIPS
    rtspec benchmark phase --audio CLIPS
"""

import sys
from pathlib import Path

import numpy as np

from ..audio import files
from ..errors import AudioFileError, RtspecError

PACKAGES = (
    "festvox-ru",
    "pocketsphinx-testdata",
    "fluid-soundfont-gm",
    "hyperrogue-music",
    "planetblupi-music-ogg",
    "singularity-music",
)
SAMPLE_RATE, SECONDS = 44100, 6.0

EXCERPTS = {
    "speech, woman": ("usr/share/festival/voices/russian/msu_ru_nsh_clunits/wav/ru_0001.wav", 0.0),
    "speech, man": ("usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0870.wav", 0.0),
    "game music, strings": ("usr/share/hyperrogue/music/hr-domina-hunting.ogg", 30.0),
    "game music, band": ("usr/share/planetblupi/music/music000.ogg", 30.0),
    "game music, electronic": ("usr/share/games/singularity/music/A New Journey.ogg", 30.0),
}
"""Clip: its file in a package, and where it begins, s."""

SOUND_FONT = "usr/share/sounds/sf2/FluidR3_GM.sf2"
Note = tuple[float, float, int, int, int]
"""Start and end (s), program, key, velocity."""


def prelude() -> list[Note]:
    """Bach, Prelude in C, BWV 846, two bars on the piano: broken chords, each note held to the end of its half bar."""
    chords = [(60, 64, 67, 72, 76), (60, 64, 67, 72, 76), (60, 62, 69, 74, 77), (60, 62, 69, 74, 77)]
    order, step = (0, 1, 2, 3, 4, 2, 3, 4), 0.2
    return [
        (8 * step * half + step * i, 8 * step * (half + 1), 0, chord[k], 64 + 4 * (i % 4 == 0))
        for half, chord in enumerate(chords)
        for i, k in enumerate(order)
    ]


def gymnopedie() -> list[Note]:
    """Satie, Gymnopédie 1, three bars on the piano: bass, chord, and the slow melody."""
    beat, notes = 60 / 76, []
    for bar, (bass, chord) in enumerate([(43, (59, 62, 66)), (38, (57, 61, 66)), (43, (59, 62, 66))]):
        start = 3 * bar * beat
        notes += [(start, start + 3 * beat, 0, bass, 60)]
        notes += [(start + beat, start + 3 * beat, 0, key, 48) for key in chord]
    melody = (None, 78, 81, 79, 78, 73, 71, 73, 74)
    return notes + [(i * beat, (i + 1) * beat, 0, key, 72) for i, key in enumerate(melody) if key]


def canon(programs: tuple[int, int, int, int], note_seconds: float) -> list[Note]:
    """Pachelbel's canon: its eight chords for four parts, highest first."""
    parts = (
        (78, 76, 74, 73, 71, 69, 71, 73),
        (74, 73, 71, 69, 67, 66, 67, 69),
        (69, 64, 66, 61, 62, 57, 62, 64),
        (50, 45, 47, 42, 43, 38, 43, 45),
    )
    return [
        (i * note_seconds, (i + 1) * note_seconds, program, key, 90)
        for program, part in zip(programs, parts, strict=True)
        for i, key in enumerate(part)
    ]


SCORES = {
    "piano, arpeggios": prelude,
    "piano, slow": gymnopedie,
    "ensemble, strings": lambda: canon((40, 40, 41, 42), 1.0),
    "ensemble, brass": lambda: canon((56, 60, 57, 58), 0.75),
}


def render(notes: list[Note], sound_font: Path, seconds: float = SECONDS) -> np.ndarray:
    """Notes as sound: float32 (1, samples) at 44.1 kHz, dry, peaking at 0.5."""
    try:
        import tinysoundfont
    except ImportError:
        raise RtspecError(
            "notes need the package tinysoundfont to be heard; pip install --no-deps tinysoundfont"
        ) from None
    synth = tinysoundfont.Synth(samplerate=SAMPLE_RATE)
    loaded, programs = synth.sfload(str(sound_font)), sorted({note[2] for note in notes})
    for channel, program in enumerate(programs):
        synth.program_select(channel, loaded, 0, program)
    events = [(end, 0, programs.index(program), key, 0) for _, end, program, key, _ in notes]
    events += [(start, 1, programs.index(program), key, velocity) for start, _, program, key, velocity in notes]
    pieces, now = [], 0
    for time, is_on, channel, key, velocity in sorted(event for event in events if event[0] < seconds):
        now = _advance(synth, pieces, now, round(time * SAMPLE_RATE))
        synth.noteon(channel, key, velocity) if is_on else synth.noteoff(channel, key)
    _advance(synth, pieces, now, round(seconds * SAMPLE_RATE))
    sound = np.concatenate(pieces)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)[None]


def _advance(synth, pieces: list[np.ndarray], now: int, until: int) -> int:
    """Let the synthesizer play up to sample `until`."""
    if until > now:
        stereo = np.frombuffer(synth.generate(until - now), np.float32).reshape(-1, 2)
        pieces.append(stereo.mean(axis=1))
    return max(now, until)


def _found(packages: Path, name: str) -> Path:
    places = [path for path in (packages / name, *packages.glob(f"*/{name}")) if path.is_file()]
    if not places:
        raise AudioFileError(f"{packages} does not hold {name}; unpack {', '.join(PACKAGES)} there")
    return places[0]


def excerpt(path: Path, start_seconds: float, seconds: float = SECONDS) -> np.ndarray:
    """Part of a file as float32 (1, samples) at 44.1 kHz."""
    audio, _ = files.read(path, SAMPLE_RATE)
    begin = round(start_seconds * SAMPLE_RATE)
    return audio[:, begin : begin + round(seconds * SAMPLE_RATE)].mean(axis=0, keepdims=True)


def make(packages: Path, folder: Path) -> list[Path]:
    """Write all clips as WAV; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    sounds = {name: excerpt(_found(packages, file), start) for name, (file, start) in EXCERPTS.items()}
    sounds |= {name: render(score(), _found(packages, SOUND_FONT)) for name, score in SCORES.items()}
    for name, sound in sounds.items():
        files.write(folder / f"{name}.wav", sound, SAMPLE_RATE)
    return [folder / f"{name}.wav" for name in sounds]


if __name__ == "__main__":
    print(*make(Path(sys.argv[1]), Path(sys.argv[2])), sep="\n")
