"""Tags and covers, taken over from one sound file to another of whatever format, by mutagen.

What is said of the sound's loudness or of its encoder (ReplayGain, encoder settings, length) is left out: it would not
be true of the new sound.
"""

import base64
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

import mutagen
from mutagen import MutagenError, id3
from mutagen.aiff import AIFF
from mutagen.flac import FLAC, Picture
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4, MP4Cover
from mutagen.oggvorbis import OggVorbis
from mutagen.wave import WAVE

from .riff_chunks import INFO, NAMES, append_chunks, info_chunk, read_chunks, read_info

__all__ = ["MutagenError", "Tags", "read_tags", "write_tags"]

_ID3 = {
    "TIT2": "title",
    "TPE1": "artist",
    "TALB": "album",
    "TPE2": "albumartist",
    "TCON": "genre",
    "TDRC": "date",
    "TRCK": "tracknumber",
    "TPOS": "discnumber",
    "TCOM": "composer",
    "TCOP": "copyright",
    "TPUB": "organization",
    "TSRC": "isrc",
    "TBPM": "bpm",
    "TEXT": "lyricist",
    "TPE3": "conductor",
    "TIT1": "grouping",
    "TIT3": "version",
    "TLAN": "language",
    "TMOO": "mood",
}
_MP4 = {
    "\xa9nam": "title",
    "\xa9ART": "artist",
    "\xa9alb": "album",
    "aART": "albumartist",
    "\xa9gen": "genre",
    "\xa9day": "date",
    "\xa9wrt": "composer",
    "\xa9cmt": "comment",
    "\xa9grp": "grouping",
    "\xa9lyr": "lyrics",
    "cprt": "copyright",
    "tmpo": "bpm",
}
_STALE = ("replaygain", "encoder", "encoded", "r128_", "length", "itunnorm", "itunsmpb", "metadata_block_picture")
_FRONT_COVER = 3


@dataclass
class Tags:
    """What a file says of itself: Vorbis comments by their names in small letters, pictures, and a WAV's chunks."""

    comments: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[Picture] = field(default_factory=list)
    chunks: list[tuple[bytes, bytes]] = field(default_factory=list)

    def add(self, name: str, *values: object) -> None:
        """One more comment, unless it would be stale."""
        if name.lower().startswith(_STALE):
            return
        for text in (str(value).strip() for value in values):
            if text and text not in self.comments.setdefault(name.lower(), []):
                self.comments[name.lower()].append(text)


def read_tags(path: Path) -> Tags:
    """All that can be taken over; MutagenError, OSError or ValueError where tags are there but cannot be read."""
    tags = Tags(chunks=read_chunks(path))
    found = mutagen.File(path)  # pyright: ignore[reportPrivateImportUsage]
    held = None if found is None else found.tags
    if isinstance(held, id3.ID3):
        _from_id3(tags, held)
    elif isinstance(found, MP4) and held is not None:
        _from_mp4(tags, cast(Any, held))
    elif held is not None and hasattr(held, "as_dict"):
        _from_comments(tags, held.as_dict())
    tags.pictures += getattr(found, "pictures", [])
    for name, values in read_info(tags.chunks).items():
        if name not in tags.comments:
            tags.add(name, *values)
    return tags


def _from_id3(tags: Tags, held: id3.ID3) -> None:
    for frame in cast(Any, held).values():
        name = frame.FrameID
        if name in _ID3:
            tags.add(_ID3[name], *(frame.genres if name == "TCON" else frame.text))
        elif name == "TXXX":
            tags.add(frame.desc, *frame.text)
        elif name == "COMM" and not frame.desc.startswith("iTun"):
            tags.add("comment", *frame.text)
        elif name == "USLT":
            tags.add("lyrics", frame.text)
        elif name == "APIC":
            tags.pictures.append(_picture(frame.data, frame.mime, frame.type, frame.desc))


def _from_mp4(tags: Tags, held: dict[str, Any]) -> None:
    for key, values in held.items():
        if key in _MP4:
            tags.add(_MP4[key], *values)
        elif key in ("trkn", "disk") and values:
            number, total = values[0]
            tags.add("tracknumber" if key == "trkn" else "discnumber", f"{number}/{total}" if total else number)
        elif key == "covr":
            for cover in values:
                png = cover.imageformat == MP4Cover.FORMAT_PNG
                tags.pictures.append(_picture(bytes(cover), "image/png" if png else "image/jpeg", _FRONT_COVER))
        elif key.startswith("----:"):
            tags.add(key.rsplit(":", 1)[-1], *(bytes(value).decode(errors="replace") for value in values))


def _from_comments(tags: Tags, held: dict[str, list[str]]) -> None:
    for name, values in held.items():
        if name.lower() == "metadata_block_picture":
            tags.pictures += [Picture(base64.b64decode(value)) for value in values]
        tags.add(name, *values)


def _picture(data: bytes, mime: str, kind: int, description: str = "") -> Picture:
    picture = Picture()
    picture.data, picture.mime, picture.type, picture.desc = data, mime, int(kind), description
    return picture


def write_tags(file: BinaryIO, suffix: str, tags: Tags) -> list[str]:
    """Put them into a finished file, in the way of its format; gives what there was no place for, in words."""
    if suffix == ".wav":
        return _into_wav(file, tags)
    if suffix in _INTO and (tags.comments or tags.pictures):
        file.seek(0)
        _INTO[suffix](file, tags)
    return [NAMES[name] for name in dict(tags.chunks) if name in NAMES]


def _into_wav(file: BinaryIO, tags: Tags) -> list[str]:
    """Chunks as they were, and what INFO has no name for in an ID3 chunk."""
    kept = list(tags.chunks)
    if not any(body[:4] == b"INFO" for name, body in kept if name == b"LIST"):
        kept += info_chunk(tags.comments)
    if kept and not append_chunks(file, kept):
        return [NAMES.get(name, "tags") for name, _ in kept]
    if tags.pictures or set(tags.comments) - set(INFO.values()):
        file.seek(0)
        _into_id3(file, tags, WAVE)
    return []


def _into_id3(file: BinaryIO, tags: Tags, kind: Any) -> None:
    target = kind(file)
    if target.tags is None:
        target.add_tags()
    held: Any = target.tags
    frames = {name: frame for frame, name in _ID3.items()}
    for name, values in tags.comments.items():
        if name in frames:
            held.add(getattr(id3, frames[name])(encoding=3, text=values))
        elif name in ("comment", "description"):
            held.add(id3.COMM(encoding=3, lang="XXX", desc="" if name == "comment" else name, text=values))
        elif name == "lyrics":
            held.add(id3.USLT(encoding=3, lang="XXX", desc="", text="\n".join(values)))
        else:
            held.add(id3.TXXX(encoding=3, desc=name, text=values))
    for i, p in enumerate(tags.pictures):
        description = p.desc or (str(i) if i else "")
        held.add(id3.APIC(encoding=3, mime=p.mime, type=p.type, desc=description, data=p.data))
    file.seek(0)
    target.save(file)


def _into_mp3(file: BinaryIO, tags: Tags) -> None:
    _into_id3(file, tags, MP3)


def _into_aiff(file: BinaryIO, tags: Tags) -> None:
    _into_id3(file, tags, AIFF)


def _into_flac(file: BinaryIO, tags: Tags) -> None:
    target: Any = FLAC(file)
    _comment(target, tags)
    for picture in tags.pictures:
        target.add_picture(picture)
    file.seek(0)
    target.save(file)


def _into_ogg(file: BinaryIO, tags: Tags) -> None:
    target: Any = OggVorbis(file)
    _comment(target, tags)
    if tags.pictures:
        target["metadata_block_picture"] = [base64.b64encode(p.write()).decode("ascii") for p in tags.pictures]
    file.seek(0)
    target.save(file)


def _comment(target: Any, tags: Tags) -> None:
    for name, values in tags.comments.items():
        if name and all(" " <= c <= "}" and c != "=" for c in name):
            target[name] = values


_INTO = {".mp3": _into_mp3, ".flac": _into_flac, ".ogg": _into_ogg, ".aif": _into_aiff, ".aiff": _into_aiff}
