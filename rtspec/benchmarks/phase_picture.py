"""The picture of a phase report: quality against latency and against cost, one dot a method."""

from collections.abc import Sequence
from typing import Any

from ..pictures.figures import new_figure

AXES = (("latency_ms", "look-ahead (ms)"), ("median_us", "time a frame of 1024 (µs)"))
KINDS = {"named choices": "tab:red", "streaming": "tab:blue", "whole clips": "tab:green", "other libraries": "0.4"}
LINE, LETTER, GAP = 11.0, 4.6, 8.0
"""Height of a label, width of its letters, and its distance from the dot, pixels."""


def draw(rows: Sequence[Any]):
    """A matplotlib figure of rows as :class:`rtspec.benchmarks.phase.Row`: overlaps one below the other."""
    overlaps = sorted({row.overlap_percent for row in rows})
    figure = new_figure(figsize=(12, 5.2 * len(overlaps)), dpi=100, layout="constrained")
    axes = figure.subplots(len(overlaps), 2, sharey="row", sharex="col", squeeze=False)
    drawn = []
    for line, percent in zip(axes, overlaps, strict=True):
        for ax, (name, label) in zip(line, AXES, strict=True):
            drawn.append((ax, _dots(ax, [row for row in rows if row.overlap_percent == percent], name)))
            ax.set_xlabel(label)
        line[1].set_xscale("log")
        line[0].set_ylabel(f"spectral convergence at {percent:g} % overlap (dB)")
    axes[0, 0].legend(loc="upper right")
    figure.draw_without_rendering()  # settles where the dots lie
    for ax, points in drawn:
        _label(ax, points)
    return figure


def _kind(row) -> str:
    if row.method.startswith(("librosa", "pghipy")):
        return "other libraries"
    if row.look_ahead_frames is None:
        return "whole clips"
    return "named choices" if row.method.startswith('"') else "streaming"


def _dots(ax, rows: Sequence[Any], name: str) -> list[tuple[float, float, str]]:
    """Draw the rows that have this figure; returns x, y and text of each."""
    rows = [row for row in rows if getattr(row, name) is not None]
    for kind, colour in KINDS.items():
        shown = [row for row in rows if _kind(row) == kind]
        ax.plot([getattr(r, name) for r in shown], [r.sc_db for r in shown], "o", color=colour, label=kind)
    ax.margins(x=0.25)
    ax.grid(alpha=0.3)
    return [(getattr(row, name), row.sc_db, row.method) for row in rows]


def _label(ax, points: list[tuple[float, float, str]]) -> None:
    """Write each dot's name beside it, from the lowest up, higher where another name stands already."""
    taken: list[tuple[float, float, float]] = []
    for x, y, text in sorted(points, key=lambda point: point[1]):
        left, middle = ax.transData.transform((x, y))
        right, height = left + LETTER * len(text) + GAP, middle
        while any(abs(height - h) < LINE and left < r and l < right for l, r, h in taken):
            height += 2
        taken.append((left, right, height))
        place = (GAP, (height - middle) * 72 / ax.figure.dpi)
        ax.annotate(text, (x, y), place, textcoords="offset points", fontsize=7, va="center")
