"""What commands print: text or one JSON object, Markdown tables, progress on a terminal."""

import argparse
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO


def emit(args: argparse.Namespace, data, text: str, file: TextIO | None = None) -> None:
    """Print `data` as one JSON object with --json, `text` otherwise; on stdout unless `file` is given."""
    print(json.dumps(data, default=_plain) if args.json else text, flush=True, file=file)


def _plain(value):
    """What json does not know: numpy scalars and arrays as numbers and lists, the rest as text."""
    return value.tolist() if hasattr(value, "tolist") else str(value)


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """Rows of equal keys as a Markdown table; numbers are aligned to the right."""
    if not rows:
        return "(none)"
    heads = list(rows[0])
    cells = [[_cell(row[head]) for head in heads] for row in rows]
    widths = [max(len(head), *(len(line[i]) for line in cells)) for i, head in enumerate(heads)]
    right = [isinstance(rows[0][head], int | float) and not isinstance(rows[0][head], bool) for head in heads]
    rule = ["-" * (w - 1) + ":" if r else "-" * w for w, r in zip(widths, right, strict=True)]
    return "\n".join(_line(line, widths, right) for line in [heads, rule, *cells])


def _line(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(cells, widths, right, strict=True)]
    return f"| {' | '.join(padded)} |"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def is_watched(quiet: bool) -> bool:
    """Whether somebody sees a progress bar: not with --json, and not where stderr is no terminal."""
    return not quiet and sys.stderr.isatty()


def progress(quiet: bool):
    """A rich progress bar on stderr, silent where nobody sees it."""
    if not is_watched(quiet):
        return _Silence()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)


class _Silence:
    """What takes the place of a progress bar that nobody would see; the bar's library takes longer to load than a short
    file to render."""

    def __enter__(self) -> "_Silence":
        return self

    def __exit__(self, *_) -> None:
        pass

    def add_task(self, *_, **__) -> Any:
        return 0

    def update(self, *_, **__) -> None:
        pass

    def track(self, sequence: Iterable, *_, **__) -> Iterable:
        return sequence

    start = stop = reset = advance = remove_task = update
