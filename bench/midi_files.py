"""Real MIDI files through TimbreSynth beside fluidsynth: peak, loudness, silence where notes are, onset lag, ends.

    python bench/midi_files.py FOLDER FONT.sf2 [--most N] [--seconds S]

Drums (channel 10) are left out on both sides, and fluidsynth's reverb and chorus are off. Prints a Markdown table.
"""

import argparse
import subprocess
import tempfile
from pathlib import Path

import mido
import numpy as np
import soundfile

from rtspec import TimbreSynth
from rtspec.batch.recipe import Recipe
from rtspec.batch.rendering import Renderer
from rtspec.control.midi.files import read_midi_file

RATE = 48000
FRAME = RATE // 100


def shortened(path: Path, seconds: float, target: Path) -> float:
    """The file's first seconds without drums, written anew; how long it lasts."""
    score = read_midi_file(path)
    track, now = mido.MidiTrack(), 0
    for at, message in score.messages:
        if at < seconds and message.channel != 9:
            ticks = round(at * 1000)
            track.append(message.copy(time=ticks - now))
            now = ticks
    end = round(min(seconds, score.seconds) * 1000)
    for channel in range(16):
        for number in (64, 66, 123):
            track.append(
                mido.Message("control_change", channel=channel, control=number, value=0, time=max(0, end - now))
            )
            now = max(now, end)
    song = mido.MidiFile(ticks_per_beat=500)
    song.tracks.append(track)
    song.save(target)
    return end / 1000


def levels(audio: np.ndarray) -> np.ndarray:
    """Power of each 10 ms, both channels."""
    whole = len(audio) // FRAME * FRAME
    return (audio[:whole] ** 2).mean(axis=1).reshape(-1, FRAME).mean(axis=1)


def onset_lag_ms(ours: np.ndarray, theirs: np.ndarray) -> float:
    """By which our attacks come later, from the correlation of how fast both sounds grow."""
    step = RATE // 1000

    def growth(audio):
        n = len(audio) // step * step
        db = 10 * np.log10((audio[:n] ** 2).mean(axis=1).reshape(-1, step).mean(axis=1) + 1e-8)
        smooth = np.convolve(db, np.ones(5) / 5, "same")
        return np.maximum(0, np.diff(smooth))

    a, b = growth(ours), growth(theirs)
    n = min(len(a), len(b))
    lags = range(-40, 41)
    found = [float(np.dot(a[40 + d : n - 40 + d], b[40 : n - 40])) for d in lags]
    return float(lags[int(np.argmax(found))])


def measured(path: Path, font: Path, seconds: float, folder: Path, renderer: Renderer) -> list:
    """One row of the table."""
    song, ours_at, theirs_at = folder / "a.mid", folder / "ours.wav", folder / "theirs.wav"
    lasts = shortened(path, seconds, song)
    record = renderer.render(song, ours_at)
    options = ["-niq", "-R0", "-C0", "-g", "0.5", "-r", str(RATE), "-O", "float", "-F", str(theirs_at)]
    subprocess.run(["fluidsynth", *options, font, song], check=True, capture_output=True)
    ours, theirs = soundfile.read(ours_at, always_2d=True)[0], soundfile.read(theirs_at, always_2d=True)[0]
    a, b = levels(ours), levels(theirs)
    n = min(len(a), len(b), round(100 * lasts))
    loud = b[:n] > 1e-4 * max(b.max(), 1e-12)
    silent = float(np.mean(a[:n][loud] < 1e-9)) if loud.any() else 0.0
    ratio = 10 * np.log10((a[:n].mean() + 1e-12) / (b[:n].mean() + 1e-12))
    return [path.name[:28], record.peak, ratio, 100 * silent, onset_lag_ms(ours, theirs), record.seconds - lasts]


def main() -> None:
    """Measure the folder's files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("font", type=Path)
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--seconds", type=float, default=30.0)
    args = parser.parse_args()
    paths = sorted(p for p in args.folder.rglob("*") if p.suffix.lower() in (".mid", ".midi"))[: args.most]
    renderer = Renderer(Recipe([("timbre-synth", {})], bit_depth="32f"), [TimbreSynth()])
    print("| file | peak | level against fluidsynth dB | silent % | onset lag ms | rings after the end s |")
    print("|---|--:|--:|--:|--:|--:|")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            rows.append(measured(path, args.font, args.seconds, Path(folder), renderer))
            print("| " + " | ".join([rows[-1][0], *(f"{value:.2f}" for value in rows[-1][1:])]) + " |", flush=True)
    columns = np.array([row[1:] for row in rows])
    spread = np.abs(columns[:, 1] - np.median(columns[:, 1]))
    print(
        f"\n{len(rows)} files: peak at most {columns[:, 0].max():.3f}; level median {np.median(columns[:, 1]):.2f} dB,"
    )
    print(f"{np.mean(spread <= 3):.0%} within 3 dB of it; silent {columns[:, 2].max():.2f} % at most; onset lag median")
    print(f"{np.median(columns[:, 3]):.1f} ms; rings after the end {columns[:, 4].max():.2f} s at most")


if __name__ == "__main__":
    main()
