"""Odd sound files, made on the fly: what ffmpeg reads of each, and what rtspec does.

    python bench/odd_files.py [--json] [--keep FOLDER]

One Markdown table; the exit status is 1 where a length differs from ffmpeg's by more than an MP3 frame (1152 samples)
without a refusal that says why. Needs ffmpeg, lame, flac and sox.
"""

import argparse
import json
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rtspec.audio.files import Reader
from rtspec.errors import AudioFileError

FRAME = 1152
RATE, SECONDS = 44100, 2
PROGRAMS = ("ffmpeg", "ffprobe", "lame", "flac", "sox")
Maker = Callable[[Path], bytes | None]
MAKERS: dict[str, Maker] = {}


def run(*words, data: bytes | None = None) -> bytes:
    """What a program writes to its standard output."""
    made = subprocess.run([str(word) for word in words], input=data, capture_output=True, check=True, timeout=60)
    return made.stdout


def tone(rate: int = RATE, channels: int = 2, *how, kind: str = "wav", seconds: float = SECONDS) -> bytes:
    """Noise as sox writes it."""
    out = ("-r", rate, "-c", channels, "-b", "16", *how, "-t", kind, "-")
    return run("sox", "-R", "-n", *out, "synth", seconds, "pinknoise", "vol", "0.3")


def ffmpeg(data: bytes, kind: str, *how, piped: bool = True, folder: Path | None = None) -> bytes:
    """Sound as ffmpeg writes it, to a pipe or to a file that it can wind back."""
    start = ("ffmpeg", "-v", "error", "-y", "-i", "pipe:0", *how, "-f", kind)
    if piped:
        return run(*start, "pipe:1", data=data)
    assert folder is not None
    run(*start, folder / "made", data=data)
    return (folder / "made").read_bytes()


def lame(*how, rate: int = RATE, channels: int = 2, seconds: float = SECONDS) -> bytes:
    """An MP3."""
    return run("lame", "--quiet", *how, "-", "-", data=tone(rate, channels, seconds=seconds))


def lame_file(folder: Path, *how, **kind) -> bytes:
    """An MP3 whose header lame could bring up to date."""
    (folder / "made.wav").write_bytes(tone(**kind))
    run("lame", "--quiet", *how, folder / "made.wav", folder / "made.mp3")
    return (folder / "made.mp3").read_bytes()


def flac_file(folder: Path, *how, **kind) -> bytes:
    """A FLAC."""
    (folder / "made.wav").write_bytes(tone(**kind))
    run("flac", "-s", "-f", *how, folder / "made.wav", "-o", folder / "made.flac")
    return (folder / "made.flac").read_bytes()


def wav(
    data: bytes,
    tag: int = 1,
    channels: int = 1,
    align: int = 2,
    bits: int = 16,
    before: bytes = b"",
) -> bytes:
    """A WAV with a header as given."""
    fmt = struct.pack("<HHIIHH", tag, channels, RATE, RATE * align & 0xFFFFFFFF, align, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + before + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def with_size(data: bytes, size: int) -> bytes:
    """A WAV with another size in its data chunk."""
    at = data.index(b"data") + 4
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


def id3(n: int = 500) -> bytes:
    """An ID3v2.3 tag with nothing but padding."""
    return b"ID3\x03\0\0" + bytes([n >> 21 & 127, n >> 14 & 127, n >> 7 & 127, n & 127]) + bytes(n)


def rf64(data: bytes, size: int) -> bytes:
    """A WAV as an RF64 that states `size` bytes of sound."""
    ds64 = b"ds64" + struct.pack("<IQQQI", 28, len(data) + 28, size, size // 4, 0)
    return b"RF64\xff\xff\xff\xff" + b"WAVE" + ds64 + with_size(data, 0xFFFFFFFF)[12:]


def with_xing_count(data: bytes, frames: int) -> bytes:
    """An MP3 whose Info or Xing header states another number of frames."""
    at = max(data.find(b"Info"), data.find(b"Xing")) + 8
    return data[:at] + struct.pack(">I", frames) + data[at + 4 :]


def with_flac_count(data: bytes, n: int) -> bytes:
    """A FLAC that states another number of samples."""
    field = int.from_bytes(data[18:26], "big") >> 36 << 36 | n
    return data[:18] + field.to_bytes(8, "big") + data[26:]


def simple(name: str, make: Maker) -> None:
    """Enter a maker under the name of the file that it makes."""
    MAKERS[name] = make


PCM = bytes(range(256)) * 690
simple("pcm16.wav", lambda f: tone())
simple("pcm8.wav", lambda f: wav(PCM, align=1, bits=8))
simple("pcm24.wav", lambda f: ffmpeg(tone(), "wav", "-c:a", "pcm_s24le", piped=False, folder=f))
simple("pcm20in24.wav", lambda f: wav(PCM, align=3, bits=20))
simple("float32.wav", lambda f: ffmpeg(tone(), "wav", "-c:a", "pcm_f32le", piped=False, folder=f))
simple("float64.wav", lambda f: ffmpeg(tone(), "wav", "-c:a", "pcm_f64le", piped=False, folder=f))
simple("a-law.wav", lambda f: tone(8000, 1, "-e", "a-law", "-b", "8"))
simple("mu-law.wav", lambda f: tone(8000, 1, "-e", "mu-law", "-b", "8"))
simple("ms-adpcm.wav", lambda f: ffmpeg(tone(), "wav", "-c:a", "adpcm_ms", piped=False, folder=f))
simple("ima-adpcm.wav", lambda f: ffmpeg(tone(), "wav", "-c:a", "adpcm_ima_wav", piped=False, folder=f))
simple("gsm.wav", lambda f: tone(8000, 1, "-e", "gsm-full-rate"))
simple("six-channels.wav", lambda f: tone(48000, 6))
simple("rifx.wav", lambda f: tone(RATE, 2, "-B"))
simple("piped-by-ffmpeg.wav", lambda f: ffmpeg(tone(), "wav"))
simple("piped-by-sox.wav", lambda f: tone())
simple("size-0.wav", lambda f: with_size(tone(), 0))
simple("size-7ffff000.wav", lambda f: with_size(tone(), 0x7FFFF000))
simple("size-too-large.wav", lambda f: with_size(tone(), 10_000_000))
simple("id3-before.wav", lambda f: id3() + tone())
simple("odd-chunk-unpadded.wav", lambda f: wav(PCM, 7, 1, 1, 8, b"LIST" + struct.pack("<I", 5) + b"INFOx"))
simple("float64-odd-chunk.wav", lambda f: wav(bytes(8 * 9000), 3, 1, 8, 64, b"LIST" + struct.pack("<I", 5) + b"INFOx"))
simple("mu-law-16-bits.wav", lambda f: wav(PCM, 7, 1, 2, 16))
simple("align-0.wav", lambda f: wav(PCM, 7, 1, 0, 8))
simple("ima-align-0.wav", lambda f: wav(PCM, 17, 1, 0, 4))
simple("4353-channels.wav", lambda f: wav(bytes(8706 * 2), 1, 4353, 8706, 16))
simple("0-channels.wav", lambda f: wav(PCM, 1, 0, 2, 16))
simple("cut-off.wav", lambda f: tone()[:100_001])
simple("half-a-frame-more.wav", lambda f: wav(PCM[:-1]))
simple("mp3-inside.wav", lambda f: ffmpeg(tone(), "wav", "-c:a", "mp3", piped=False, folder=f))
simple("rf64.wav", lambda f: rf64(tone(), len(tone()) - 44))
simple("rf64-size-unknown.wav", lambda f: rf64(tone(), (1 << 64) - 1))
simple("rf64-size-too-large.wav", lambda f: rf64(tone(), 1 << 40))
simple("rf64-by-ffmpeg.wav", lambda f: ffmpeg(tone(), "wav", "-rf64", "always", piped=False, folder=f))
simple("no-data.wav", lambda f: tone()[:36])
simple("flac.flac", lambda f: flac_file(f))
simple("piped.flac", lambda f: ffmpeg(tone(), "flac"))
simple("by-stdin.flac", lambda f: run("flac", "-s", "-c", "-", data=tone()))
simple("count-0.flac", lambda f: with_flac_count(flac_file(f), 0))
simple("count-too-small.flac", lambda f: with_flac_count(flac_file(f), 5000))
simple("count-too-large.flac", lambda f: with_flac_count(flac_file(f), 1 << 35))
simple("cut-off.flac", lambda f: flac_file(f)[:100_000])
simple("id3-before.flac", lambda f: id3() + flac_file(f))
simple("id3v1-behind.flac", lambda f: flac_file(f) + b"TAG" + bytes(125))
simple("mono-24-bits.flac", lambda f: ffmpeg(tone(96000, 1), "flac", "-sample_fmt", "s32", piped=False, folder=f))
simple("no-seek-table.flac", lambda f: flac_file(f, "--no-seektable", "--no-padding", "-b", "1024"))
simple(
    "block-size-0.flac",
    lambda f: b"fLaC\x80\0\0\x22" + bytes(10) + ((RATE << 44) + 1000).to_bytes(8, "big") + bytes(66),
)
simple("cbr.mp3", lambda f: lame_file(f, "-b", "128"))
simple("vbr.mp3", lambda f: lame_file(f, "-V", "2"))
simple("abr.mp3", lambda f: lame_file(f, "--abr", "140"))
simple("vbr-no-xing.mp3", lambda f: lame("-V", "2", "-t"))
simple("cbr-no-xing.mp3", lambda f: lame("-b", "128", "-t"))
simple("piped.mp3", lambda f: lame("-V", "4"))
simple("joined.mp3", lambda f: lame_file(f, "-b", "128") * 2)
simple("joined-rates.mp3", lambda f: lame("-b", "128", "-t") + lame("-b", "192", "-t"))
simple("joined-vbr-tags.mp3", lambda f: (id3(3000) + lame_file(f, "-V", "3")) * 3)
simple("joined-44-and-48-khz.mp3", lambda f: lame_file(f) + lame_file(f, rate=48000))
simple("xing-too-few.mp3", lambda f: with_xing_count(lame_file(f), 10))
simple("xing-too-many.mp3", lambda f: with_xing_count(lame_file(f), 100_000))
simple("cut-off.mp3", lambda f: lame_file(f, "-b", "128")[:20_000])
simple("cut-off-no-xing.mp3", lambda f: lame("-b", "128", "-t")[:20_000])
simple("junk-before.mp3", lambda f: b"\xff\xfb" + b"junk" * 700 + lame("-t"))
simple("junk-between.mp3", lambda f: lame("-t") + b"junk" * 700 + lame("-t"))
simple("id3v2-and-v1.mp3", lambda f: id3(70_000) + lame_file(f) + b"TAG" + bytes(125))
simple("mono-22-khz.mp3", lambda f: lame_file(f, "-b", "64", rate=22050, channels=1))
simple("8-khz.mp3", lambda f: lame_file(f, rate=8000, channels=1))
simple("layer-2.mp2", lambda f: ffmpeg(tone(), "mp2"))
simple("vorbis.ogg", lambda f: ffmpeg(tone(), "ogg", "-c:a", "libvorbis"))
simple("vorbis-six.ogg", lambda f: ffmpeg(tone(48000, 6), "ogg", "-c:a", "libvorbis"))
simple("vorbis-cut-off.ogg", lambda f: ffmpeg(tone(), "ogg", "-c:a", "libvorbis")[:15_000])
simple("vorbis-chain.ogg", lambda f: ffmpeg(tone(), "ogg", "-c:a", "libvorbis") * 2)
simple("opus.opus", lambda f: ffmpeg(tone(), "opus", "-c:a", "libopus"))
simple("flac-in-ogg.oga", lambda f: ffmpeg(tone(), "ogg", "-c:a", "flac"))
simple("aiff.aiff", lambda f: tone(kind="aiff"))
simple("aiff-cut-off.aiff", lambda f: tone(kind="aiff")[:100_000])
simple("aifc-float.aifc", lambda f: ffmpeg(tone(), "aiff", "-c:a", "pcm_f32be", piped=False, folder=f))
simple("au.au", lambda f: tone(kind="au"))
simple("caf.caf", lambda f: ffmpeg(tone(), "caf", piped=False, folder=f))
simple("w64.w64", lambda f: ffmpeg(tone(), "w64", piped=False, folder=f))
simple("piped.caf", lambda f: ffmpeg(tone(), "caf"))
simple("piped.au", lambda f: ffmpeg(tone(), "au"))
simple("aac.m4a", lambda f: ffmpeg(tone(), "ipod", "-c:a", "aac", piped=False, folder=f))
simple("aac-cut-off.m4a", lambda f: ffmpeg(tone(), "ipod", "-c:a", "aac", piped=False, folder=f)[:20_000])
simple("adts.aac", lambda f: ffmpeg(tone(), "adts", "-c:a", "aac"))
simple("wavpack.wv", lambda f: ffmpeg(tone(), "wv", piped=False, folder=f))
simple("wma.wma", lambda f: ffmpeg(tone(), "asf", "-c:a", "wmav2", piped=False, folder=f))
simple("flac-named.wav", lambda f: flac_file(f))
simple("mp3-named.wav", lambda f: lame_file(f))
simple("wav-named.mp3", lambda f: tone())
simple("text.wav", lambda f: b"no sound at all " * 1000)
simple("empty.wav", lambda f: b"")
simple(
    "picture.mp3",
    lambda f: run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc", "-frames:v", 1, "-f", "mjpeg", "-"),
)


def by_ffmpeg(path: Path) -> int | None:
    """Samples a channel that ffmpeg decodes; None where it finds no sound."""
    show = ("-select_streams", "a:0", "-show_entries", "stream=channels", "-of", "csv=p=0")
    try:
        channels = int(run("ffprobe", "-v", "quiet", *show, path).split()[0].strip(b","))
        decoded = subprocess.run(
            ["ffmpeg", "-v", "quiet", "-i", path, "-map", "0:a:0", "-f", "f32le", "-c:a", "pcm_f32le", "-"],
            stdout=subprocess.PIPE,
            check=False,
            timeout=60,
        ).stdout
    except (subprocess.CalledProcessError, IndexError, ValueError):
        return None
    return len(decoded) // (4 * channels) if channels else None


def by_rtspec(path: Path, salvage: bool) -> tuple[int | None, list[str]]:
    """Samples that rtspec reads to the end, and what it says; None where it refuses."""
    try:
        with Reader(path, salvage=salvage) as reader:
            n = sum(chunk.shape[1] for chunk in reader.chunks())
            return n, reader.notes
    except AudioFileError as error:
        return None, [str(error)]


def _verdict(n: int, wanted: int | None) -> str:
    if not wanted:
        return "ffmpeg finds none"
    return "equal" if n == wanted else "within a frame" if abs(n - wanted) <= FRAME else "WRONG"


def row(path: Path) -> dict:
    """One file's line of the table."""
    wanted = by_ffmpeg(path)
    n, said = by_rtspec(path, salvage=False)
    salvaged, salvage_said = by_rtspec(path, salvage=True) if n is None else (None, [])
    verdict = "refused" if n is None else _verdict(n, wanted)
    notes = [line.replace(f"{path}: ", "").replace(str(path), "it") for line in said]
    return {
        "file": path.name,
        "ffmpeg": wanted,
        "rtspec": n,
        "salvaged": salvaged,
        "verdict": verdict,
        "says": "; ".join(notes),
        "salvage says": "; ".join(salvage_said) if salvaged is not None else "",
    }


def table(folder: Path) -> list[dict]:
    """Make all files and look at each."""
    rows = []
    for name, make in MAKERS.items():
        (folder / name).write_bytes(make(folder) or b"")
        rows.append(row(folder / name))
    return rows


def main() -> int:
    """Print the table; 1 where a length is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", metavar="FOLDER", type=Path, help="leave the files there")
    args = parser.parse_args()
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        sys.exit(f"{', '.join(missing)} must be installed")
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = table(folder)
    wrong = [r for r in rows if r["verdict"] == "WRONG"]
    if args.json:
        print(json.dumps(rows, indent=1))
    else:
        columns = ("file", "ffmpeg", "rtspec", "salvaged", "verdict", "says")
        print(f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
        for r in rows:
            print(f"| {' | '.join('' if r[c] is None else str(r[c]) for c in columns)} |")
        print(f"\n{len(rows)} files, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
