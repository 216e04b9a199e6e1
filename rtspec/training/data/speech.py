"""``rtspec data speech``: read sentences with their texts, to measure how much of them stays intelligible.

Never trained on: what ships shall not have learned to speak. A folder of speech holds name.wav (or .flac, .ogg) beside
name.txt with the words.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...audio.files import is_audio, make_folder, read, write
from ...console import emit
from ...errors import AudioFileError
from .packages import fetch, licence_list

PACKAGE = "pocketsphinx-testdata"
SETS = {"librivox": "librivox/transcription", "cards": "cards/cards.transcription"}
"""Recordings in the package, and the file with the words of each set."""

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Utterance:
    """A recording and its words, in lower case."""

    path: Path
    words: tuple[str, ...]


def utterances(folder: str | Path) -> list[Utterance]:
    """All recordings of a folder that have a text beside them, sorted.

    Raises
    ------
    AudioFileError
        If there is none.
    """
    files = sorted(p for p in Path(folder).glob("*") if is_audio(p) and p.with_suffix(".txt").is_file())
    if not files:
        raise AudioFileError(
            f"{folder} holds no name.wav beside a name.txt with its words; rtspec data speech makes one"
        )
    return [Utterance(path, tuple(words_of(path.with_suffix(".txt").read_text()))) for path in files]


def words_of(text: str) -> list[str]:
    """The words of a text: letters and apostrophes, in lower case."""
    return re.findall(r"[a-zà-ž']+", text.lower())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to."""
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="gets name.wav and name.txt, and packages/")


def run(args: argparse.Namespace) -> None:
    """Fetch the package and write ten utterances with their words."""
    fetched = fetch([PACKAGE], args.folder, lambda text: print(text, flush=True))
    count = extract(fetched[0].folder, args.folder)
    emit(args, {"utterances": count}, f"{count} utterances in {args.folder}\n{licence_list(fetched)}")


def extract(package: Path, folder: Path) -> int:
    """Write the package's English utterances as a folder of speech; returns how many."""
    make_folder(folder)
    data, count = package / "usr/share/pocketsphinx/test/data", 0
    for name, listing in SETS.items():
        for words, file in re.findall(r"<s>\s*(.*?)\s*</s>\s*\((.*)\)", (data / listing).read_text()):
            audio = read(data / name / f"{file}.wav", SAMPLE_RATE)[0].mean(axis=0)
            write(folder / f"{name}-{file[-4:]}.wav", np.ascontiguousarray(audio), SAMPLE_RATE, bit_depth=16)
            (folder / f"{name}-{file[-4:]}.txt").write_text(words + "\n")
            count += 1
    return count
