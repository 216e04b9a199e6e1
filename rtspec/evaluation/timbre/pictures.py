"""What a timbre model's latent space looks like: the map, a morph as strips, the partials found again."""

import os
from pathlib import Path

import numpy as np

from ...errors import AudioFileError
from ...frames import FramePlan, stft
from ...pictures.figures import new_figure
from ...processors.timbre.anchors import LatentMap
from ...processors.timbre.synth import TimbreSynth
from ...storage import AtomicFile

SAMPLE_RATE = 48000
STRIPS = 9
_KEY, _VELOCITY, _STRIP_S = 60, 100, 0.7
_PLAN = FramePlan(SAMPLE_RATE, 2048, 512)
_RANGE_DB = 80.0


def draw_map(path: str | os.PathLike[str], synth: TimbreSynth, ends: tuple[str, str] = ("flute", "brass")) -> None:
    """Draw into a PNG: the latent map, strips of a morph between two anchors, F1 by instrument where it is known."""
    places = synth.latent_map
    n_panels = 3 if places.f1 else 2
    figure = new_figure(figsize=(11, 5.0 * n_panels), layout="constrained")
    axes = figure.subplots(n_panels, 1)
    _map(axes[0], places)
    _strips(axes[1], synth, ends)
    if places.f1:
        _bars(axes[2], places.f1)
    try:
        with AtomicFile(path) as file:
            figure.savefig(file, format="png", dpi=110)
    except OSError as error:
        raise AudioFileError(f"cannot write {Path(path)}: {error.strerror or error}") from error


def _map(ax, places: LatentMap) -> None:
    for points, colour, size in ((places.instruments, "0.6", 7), (places.anchors, "tab:red", 9)):
        for name, place in points.items():
            ax.plot(place[0], place[1], ".", color=colour)
            ax.annotate(name, place[:2], fontsize=size, color=colour, xytext=(3, 2), textcoords="offset points")
    ax.set_xlabel(f"z1 ({places.explained[0]:.0%} of the variance)")
    ax.set_ylabel(f"z2 ({places.explained[1]:.0%})")
    ax.set_title("training instruments and anchors", loc="left", fontsize=10)


def morph_strips(synth: TimbreSynth, ends: tuple[str, str], n: int = STRIPS) -> list[np.ndarray]:
    """One note at each of `n` places on the line between two anchors, mono float32; the latents are put back. Shape
    (n_samples,) each."""
    before = [synth.parameters[name].value for name in synth.latent_names]
    start, end = (np.array(synth.latent_map.at(name)) for name in ends)
    notes = []
    for i in range(n):
        _go(synth, start + i / (n - 1) * (end - start))
        message = ((0x90, _KEY, _VELOCITY), 0.0)
        notes.append(synth([message], duration=_STRIP_S, sample_rate=SAMPLE_RATE, num_channels=1)[0])
    _go(synth, before)
    return notes


def _go(synth: TimbreSynth, place) -> None:
    for name, value in zip(synth.latent_names, place, strict=True):
        synth.parameters[name].value = float(value)


def _strips(ax, synth: TimbreSynth, ends: tuple[str, str]) -> None:
    strips = [20 * np.log10(np.abs(stft(note, _PLAN)) + 1e-6) for note in morph_strips(synth, ends)]
    levels = np.concatenate(strips, axis=1)
    top = SAMPLE_RATE / 2000
    extent = (0, len(strips), 0, top)
    levels -= levels.max()
    ax.imshow(levels, origin="lower", aspect="auto", extent=extent, cmap="magma", vmin=-_RANGE_DB, vmax=0)
    ax.set_ylim(0, 10)
    ax.set_ylabel("frequency (kHz)")
    ax.set_title(f"{ends[0]} → {ends[1]}, one note a strip", loc="left", fontsize=10)


def _bars(ax, f1: dict[str, float]) -> None:
    listed = sorted(f1.items(), key=lambda item: item[1])
    ax.bar(range(len(listed)), [value for _, value in listed], color="tab:blue")
    ax.set_xticks(range(len(listed)), [name for name, _ in listed], rotation=90, fontsize=5)
    ax.set_ylabel("F1")
    ax.set_title("partials found again, by instrument of an unseen sound font", loc="left", fontsize=10)
