"""Which files are what, told by their names alone; nothing heavy is loaded for it."""

import os
from pathlib import Path

DEMUXERS = {
    ".m4a": "mov",
    ".m4b": "mov",
    ".mp4": "mov",
    ".aac": "aac",
    ".ac3": "ac3",
    ".wma": "asf",
    ".wv": "wv",
    ".ape": "ape",
    ".mka": "matroska",
    ".webm": "matroska",
}
"""The endings of what ffmpeg reads, and the kinds in its own words."""

FORMATS = (".wav", ".flac", ".ogg", ".mp3")
"""Endings of the files that rtspec writes."""

READABLE = (
    *FORMATS,
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".bwf", ".caf", ".mp2", ".oga", ".opus", ".rf64", ".w64"),
    *DEMUXERS,
)
"""Endings of the files that rtspec reads."""

BIT_DEPTHS = {"16": 16, "24": 24, "32f": 32}
"""What ``--bit-depth`` may be; lossy formats ignore it, and 32f is for WAV alone."""

SCORES = (".mid", ".midi", ".kar", ".rmi", ".smf")
"""Endings of MIDI files."""

LEVEL_TABLES = (".csv", ".jsonl", ".ndjson", ".npy", ".npz")
"""Endings of tables of a sensor's levels."""


def is_audio(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends like a sound file that rtspec reads."""
    return Path(path).suffix.lower() in READABLE


def target_name(source: str | os.PathLike[str], format: str | None = None) -> str:
    """The name of what a file becomes: its own, with the ending of `format` ("flac", say) where one is given, and .wav
    where rtspec cannot write the file's own format."""
    name = Path(source)
    suffix = f".{format}" if format else name.suffix if name.suffix.lower() in FORMATS else ".wav"
    return name.with_suffix(suffix).name


def is_score(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends like a MIDI file."""
    return Path(path).suffix.lower() in SCORES


def is_levels(path: str | os.PathLike[str]) -> bool:
    """Whether the name ends like a table of levels that rtspec reads."""
    return Path(path).suffix.lower() in LEVEL_TABLES
