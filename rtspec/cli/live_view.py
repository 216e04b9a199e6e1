"""What a terminal shows of a stream while it plays: levels, load, xruns, parameters, and what it has to say.

All is read from counters that the stream keeps anyway; nothing here is on the way of the sound.
"""

import sys
import time
from contextlib import AbstractContextManager
from math import log10
from typing import Protocol

TURN_S = 0.125
LINE_S = 1.0
FLOOR_DB = -60.0
_BAR = 30
_MOST_PARAMETERS, _MOST_READINGS, _MOST_REPORTS = 16, 8, 5


class View(AbstractContextManager, Protocol):
    """Shows a stream from time to time."""

    def say(self, line: str) -> None:
        """Show a line of text."""

    def update(self, stream) -> None:
        """Show the stream as it is now."""


def make_view(kind: str, title: str) -> View:
    """The view of a kind: "full" (redrawn in place), "lines" (one a second), "reports" or "none"."""
    if kind == "full":
        return FullView(title)
    return LineView(LINE_S if kind == "lines" else None, kind != "none")


def level_db(peak: float) -> float:
    """A peak in dB of full scale, at least :data:`FLOOR_DB`."""
    return max(FLOOR_DB, 20.0 * log10(peak)) if peak > 0 else FLOOR_DB


def bar(share: float, width: int = _BAR) -> str:
    """0 to 1 as a bar."""
    filled = round(width * min(max(share, 0.0), 1.0))
    return "█" * filled + "·" * (width - filled)


class LineView(View):
    """Plain lines: one every `every_s` seconds, none where None; reports on stderr."""

    def __init__(self, every_s: float | None, reports: bool):
        self._every_s, self._reports = every_s, reports
        self._start = self._next = 0.0

    def say(self, line: str) -> None:
        if self._reports:
            print(f"rtspec: {line}", file=sys.stderr, flush=True)

    def update(self, stream) -> None:
        now = time.monotonic()
        if self._every_s is not None and now >= self._next:
            self._next = now + self._every_s
            print(f"{now - self._start:7.1f} s  {summary(stream)}", flush=True)

    def __enter__(self) -> "LineView":
        self._start = time.monotonic()
        self._next = self._start + (self._every_s or 0.0)
        return self

    def __exit__(self, *_) -> None:
        return None


def summary(stream) -> str:
    """Levels, load and xruns in one line."""
    heard, played = (level_db(peak) for peak in stream.levels)
    s = stream.statistics
    state = "" if stream.active else "  the device is away"
    xruns = f"late {s.late_callbacks}  underruns {s.underruns}  overruns {s.overruns}"
    return f"in {heard:5.1f} dB  out {played:5.1f} dB  load {100 * s.load:3.0f} %  {xruns}{state}"


class FullView(View):
    """A picture of the stream, redrawn in place."""

    def __init__(self, title: str):
        from rich.console import Console
        from rich.live import Live

        self._title, self._reports = title, []
        self._live = Live(console=Console(), auto_refresh=False, transient=True)

    def say(self, line: str) -> None:
        self._reports = [*self._reports, line][-_MOST_REPORTS:]

    def update(self, stream) -> None:
        self._live.update(self._drawn(stream), refresh=True)

    def __enter__(self) -> "FullView":
        self._live.start()
        return self

    def __exit__(self, *_) -> None:
        self._live.stop()
        for line in self._reports:
            print(f"rtspec: {line}", file=sys.stderr)

    def _drawn(self, stream):
        from rich.console import Group
        from rich.panel import Panel
        from rich.text import Text

        found, reports = _found(stream), Text("\n".join(self._reports))
        parts = [_levels(stream.levels), Text(_state(stream)), _parameters(stream), Text(found), reports]
        latency = f"{stream.latency.total_ms:.1f} ms from input to output; Ctrl-C ends it"
        return Panel(Group(*parts), title=self._title, subtitle=latency, title_align="left", width=100)


def _levels(levels: tuple[float, float]):
    from rich.text import Text

    drawn = Text()
    for name, decibels in zip(("in ", "out"), map(level_db, levels), strict=True):
        colour = "red" if decibels > -1 else "yellow" if decibels > -9 else "green"
        drawn.append(f"{name} ")
        drawn.append(bar(1 - decibels / FLOOR_DB), colour)
        drawn.append(f" {decibels:6.1f} dB\n")
    return drawn


def _state(stream) -> str:
    """Load, xruns, faults and controllers in two lines."""
    s = stream.statistics
    load = f"load {bar(s.load, 10)} {100 * s.load:3.0f} %   engine p99 {s.frame_us['p99']:.0f} µs"
    faults = [(n, getattr(s, n)) for n in ("late_callbacks", "underruns", "overruns", "bad_frames", "reopened")]
    counts = "   ".join(f"{name.replace('_', ' ')} {count}" for name, count in faults)
    state = "" if stream.active else "the audio device is away   "
    return f"{state}{load}   {_controllers(stream.controllers)}\n{counts}\n"


def _controllers(controllers) -> str:
    midi, osc = controllers.midi, controllers.osc
    said = [f"MIDI {midi.statistics.messages}" if midi else "", f"OSC {osc.statistics.datagrams}" if osc else ""]
    return "   ".join(filter(None, said))


def _found(stream) -> str:
    """What processors find while they play: the first of their readings."""
    from ..control.directory import Directory

    readings = list(Directory(stream.plugins).readings().items())
    said = [f"{address.rpartition('/')[2]} {value:.2f}" for address, value in readings[:_MOST_READINGS]]
    if len(readings) > _MOST_READINGS:
        said.append(f"and {len(readings) - _MOST_READINGS} more")
    return "   ".join(said)


def _parameters(stream):
    from rich.table import Table

    from ..control.directory import Directory

    found = list(Directory(stream.plugins).items())
    table = Table.grid(padding=(0, 2))
    for address, parameter in found[:_MOST_PARAMETERS]:
        table.add_row(address, bar(parameter.raw_value, 20), parameter.string_value)
    if len(found) > _MOST_PARAMETERS:
        table.add_row(f"and {len(found) - _MOST_PARAMETERS} more", "", "")
    return table
