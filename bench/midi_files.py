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
from rtspec.evaluation.timbre.songs import compared

RATE = 48000


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


def measured(path: Path, font: Path, seconds: float, folder: Path, renderer: Renderer) -> dict[str, float]:
    """What :func:`~rtspec.evaluation.timbre.songs.compared` says, both at fluidsynth's gain of 0.5."""
    song, ours_at, theirs_at = folder / "a.mid", folder / "ours.wav", folder / "theirs.wav"
    lasts = shortened(path, seconds, song)
    renderer.render(song, ours_at)
    options = ["-niq", "-R0", "-C0", "-g", "0.5", "-r", str(RATE), "-O", "float", "-F", str(theirs_at)]
    subprocess.run(["fluidsynth", *options, font, song], check=True, capture_output=True)
    ours, theirs = (soundfile.read(at, always_2d=True)[0].T for at in (ours_at, theirs_at))
    found = compared(ours, theirs)
    return {**found, "silent %": 100 * found["silent s"] / max(lasts, 1e-3)}


COLUMNS = ("peak", "louder dB", "silent %", "lag ms", "after s")


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
    print(f"| file | {' | '.join(COLUMNS)} |\n|---|{'--:|' * len(COLUMNS)}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            found = measured(path, args.font, args.seconds, Path(folder), renderer)
            rows.append([found[name] for name in COLUMNS])
            print(f"| {path.name[:28]} | {' | '.join(f'{value:.2f}' for value in rows[-1])} |", flush=True)
    print(summary(np.array(rows)))


def summary(columns: np.ndarray) -> str:
    """What all files together say."""
    peak, louder, silent, lag, after = columns.T
    heard, middle = lag[np.isfinite(lag)], np.median(louder)
    return (
        f"\n{len(columns)} files: peak {peak.max():.3f} at most; {np.mean(np.abs(louder) <= 3):.0%} within 3 dB of"
        f" fluidsynth, {np.mean(np.abs(louder - middle) <= 3):.0%} of their median {middle:.2f} dB;"
        f"\nsilent {silent.max():.2f} % at most; onset lag within 5 ms in {np.sum(np.abs(heard) <= 5)} of {len(heard)},"
        f" median {np.median(heard):.1f} ms; rings on {after.max():.2f} s at most"
    )


if __name__ == "__main__":
    main()
