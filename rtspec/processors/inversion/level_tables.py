"""Band levels as sensors store them: CSV, JSON lines and NumPy files, checked, mended and laid onto a regular grid.

A table has a row for each moment and a column for each third-octave band, in dB. A CSV header or a JSON record names
the bands by their centres in Hz ("31.5", "1k", "L_1000Hz"); without names the bands are those from 20 Hz upwards. A
column "time" (seconds) tells moments; without it rows follow each other every `period_s`.
"""

import csv
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ... import checks
from ...audio.formats import LEVEL_TABLES
from ...audio.formats import is_levels as is_levels
from ...errors import RtspecError
from ...frames.bands import BandFilters
from ...frames.levels import FAST_S, FULL_SCALE_DB, SILENCE_DB, a_weighting_db, power_of_level

LOWEST_HZ = 10**1.3
"""Centre of the first band where a table names none (20 Hz)."""

LONGEST_GAP_S = 2.0
"""Gaps up to here are bridged, longer ones are silent."""

TOLERANCE_OCTAVES = 1 / 6
"""How far a sensor's centre may be from that of the band it is taken for."""

MOST_BANDS, LARGEST_BYTES = 64, 1 << 30
SHORTEST_PERIOD_S, LONGEST_PERIOD_S = 0.001, 3600.0


class LevelError(RtspecError):
    """Band levels cannot be read or used."""


@dataclass(frozen=True)
class LevelFrames:
    """Levels on a regular grid.

    Attributes
    ----------
    levels_db : ndarray, float32, shape (n_frames, n_bands)
        At least SILENCE_DB, no NaN, no infinity.
    centres_hz : ndarray, float64, shape (n_bands,)
    period_s : float
        From frame to frame; frame j is the mean level of [j, j + 1)·period_s.
    repairs : dict of str to int
        What had to be mended: "nan", "infinite", "duplicates", "out_of_order", "gaps".
    """

    levels_db: np.ndarray
    centres_hz: np.ndarray
    period_s: float
    repairs: dict[str, int] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.levels_db) * self.period_s

    def powers(
        self, filters: BandFilters, full_scale_db: float = FULL_SCALE_DB, weighting: str | None = None
    ) -> np.ndarray:
        """Band powers for a filterbank, float32 of shape (n_frames, n_bands of the filters); see :func:`powers_for`."""
        return powers_for(self.levels_db, self.centres_hz, filters, full_scale_db, weighting)


def powers_for(
    levels_db: np.ndarray,
    centres_hz: np.ndarray,
    filters: BandFilters,
    full_scale_db: float = FULL_SCALE_DB,
    weighting: str | None = None,
) -> np.ndarray:
    """A sensor's levels as band powers of a filterbank: bands meet by their centres, loudness ends at full scale.

    Parameters
    ----------
    levels_db : ndarray, shape (n_frames, n_sensor_bands)
    centres_hz : ndarray, shape (n_sensor_bands,)
    filters : BandFilters
    full_scale_db : float
        Level of a sound whose mean square is one; what is louder is taken for that.
    weighting : str, optional
        "A" where the sensor's levels are A-weighted: that is undone.

    Returns
    -------
    ndarray, float32, shape (n_frames, n_bands)
        Nothing in bands that the sensor does not have.
    """
    levels = np.asarray(levels_db, np.float64)
    if weighting == "A":
        levels = levels - a_weighting_db(np.asarray(centres_hz))
    powers = power_of_level(np.minimum(levels, full_scale_db), filters.plan, full_scale_db)
    distance = np.abs(np.log2(filters.centres_hz[:, np.newaxis] / np.asarray(centres_hz)[np.newaxis]))
    nearest = distance.argmin(axis=1)
    there = distance.min(axis=1) <= TOLERANCE_OCTAVES
    if not there.any():
        raise LevelError(
            f"the sensor's bands {_listed(centres_hz)} Hz are none of {filters.name} at {filters.plan.sample_rate} Hz;"
            " name their centres in the header"
        )
    return np.ascontiguousarray(np.where(there, powers[:, nearest], 0), np.float32)


def read_levels(path: str | Path, period_s: float | None = None) -> LevelFrames:
    """Levels of a file.

    Parameters
    ----------
    path : path
        .csv, .jsonl (or .ndjson), .npy of shape (n_frames, n_bands), or .npz with `levels_db` and, if known,
        `centres_hz`, `time_s` or `period_s`.
    period_s : float, optional
        Seconds from row to row where the file tells no times; 0.125 by default.

    Raises
    ------
    LevelError
        Missing, unreadable, no numbers, rows of unequal length, too many bands: one line that names file and row.
    """
    path = Path(path)
    if period_s is not None:
        checks.within("period_s", period_s, SHORTEST_PERIOD_S, LONGEST_PERIOD_S, f"try {FAST_S}")
    readers = {".csv": _read_csv, ".jsonl": _read_json, ".ndjson": _read_json, ".npy": _read_numpy, ".npz": _read_numpy}
    if path.suffix.lower() not in readers:
        raise LevelError(f"{path}: the name must end in one of {', '.join(LEVEL_TABLES)}")
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise LevelError(f"{path} is larger than {LARGEST_BYTES >> 30} GiB; cut it into pieces")
        table = readers[path.suffix.lower()](path)
    except OSError as error:
        raise LevelError(f"cannot read {path}: {error.strerror or error}") from None
    try:
        return gridded(table, period_s)
    except LevelError as error:
        raise LevelError(f"{path}: {error}") from None


@dataclass
class Table:
    """Rows as they came: times (NaN where unknown), levels, and the bands' centres where they were named."""

    time_s: np.ndarray
    levels_db: np.ndarray
    centres_hz: np.ndarray | None = None
    period_s: float | None = None


def gridded(table: Table, period_s: float | None = None) -> LevelFrames:
    """Rows in order of time on a regular grid: doubles dropped, short gaps bridged, bad numbers mended.

    Parameters
    ----------
    table : Table
    period_s : float, optional
        Where the table knows no times.
    """
    levels, repairs = cleaned(table.levels_db)
    centres = default_centres(levels.shape[1]) if table.centres_hz is None else table.centres_hz
    if not len(levels):
        raise LevelError("holds no row of levels")
    if not np.isfinite(table.time_s).all():
        return LevelFrames(levels, centres, period_s or table.period_s or FAST_S, repairs)
    time, levels, doubles, disordered = _in_order(table.time_s, levels)
    period = _period(time, period_s or table.period_s)
    grid, gaps = _on_grid(time, levels, period)
    return LevelFrames(
        grid, centres, period, repairs | {"duplicates": doubles, "out_of_order": disordered, "gaps": gaps}
    )


def cleaned(levels_db: np.ndarray, before: np.ndarray | None = None) -> tuple[np.ndarray, dict[str, int]]:
    """Levels without NaN (the band's last level holds) and infinities (silence, or full loudness), and how many.

    Parameters
    ----------
    levels_db : ndarray, float64, shape (n_frames, n_bands), dB
    before : ndarray, float64, shape (n_bands,), optional
        What came before the first row.
    """
    levels = np.array(levels_db, np.float64)
    missing, infinite = np.isnan(levels), np.isinf(levels)
    levels[infinite] = np.where(levels[infinite] < 0, SILENCE_DB, 1e3)
    last = np.full(levels.shape[1], SILENCE_DB) if before is None else before
    rows = np.vstack([last, levels])
    known = np.maximum.accumulate(np.where(np.isnan(rows), 0, np.arange(len(rows))[:, np.newaxis]), axis=0)
    filled = np.take_along_axis(rows, known, axis=0)[1:]
    counts = {"nan": int(missing.sum()), "infinite": int(infinite.sum())}
    return np.clip(filled, SILENCE_DB, 1e3).astype(np.float32), counts


def default_centres(n_bands: int) -> np.ndarray:
    """Third-octave centres from 20 Hz upwards, Hz. Float64 of shape (n_bands,)."""
    if not 1 <= n_bands <= MOST_BANDS:
        raise LevelError(f"{n_bands} bands: a table of levels has 1 to {MOST_BANDS} columns")
    return LOWEST_HZ * 10 ** (np.arange(n_bands) / 10)


def _in_order(time: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray, int, int]:
    disordered = int(np.sum(np.diff(time) < 0))
    order = np.argsort(time, kind="stable")
    time, levels = time[order], levels[order]
    fresh = np.append(np.diff(time) > 0, True)  # of equal times the last one counts
    return time[fresh], levels[fresh], int(np.sum(~fresh)), disordered


def _period(time: np.ndarray, stated: float | None) -> float:
    period = stated or (float(np.median(np.diff(time))) if len(time) > 1 else FAST_S)
    if not SHORTEST_PERIOD_S <= period <= LONGEST_PERIOD_S:
        raise LevelError(f"rows are {period:g} s apart, they must be {SHORTEST_PERIOD_S} to {LONGEST_PERIOD_S:g} s")
    return period


def _on_grid(time: np.ndarray, levels: np.ndarray, period: float) -> tuple[np.ndarray, int]:
    """Every moment of the grid between its neighbours; silence in gaps that are too long."""
    n = round((time[-1] - time[0]) / period) + 1
    if n > 50 * len(time) + 1000:
        raise LevelError(f"spans {n * period:g} s with {len(time)} rows of {period:g} s; mend its times")
    moments = time[0] + period * np.arange(n)
    grid = np.stack([np.interp(moments, time, band) for band in levels.T], axis=1)
    after = np.clip(np.searchsorted(time, moments - 1e-6), 1, max(1, len(time) - 1))
    width = (time[np.minimum(after, len(time) - 1)] - time[after - 1]) if len(time) > 1 else np.zeros(n)
    off = np.min(np.abs(moments[:, None] - np.stack([time[after - 1], time[np.minimum(after, len(time) - 1)]], 1)), 1)
    grid[(width > LONGEST_GAP_S + period) & (off > 0.51 * period)] = SILENCE_DB
    return grid.astype(np.float32), int(np.sum(np.diff(time) > 1.5 * period))


# Formats --------------------------------------------------------------------------------------------------------------


def centre_of(name: str) -> float | None:
    """The frequency that a column's name tells: "31.5", "1k", "L_1000Hz", "lzeq_12.5kHz"; None if none."""
    found = re.search(r"(\d+(?:[.,]\d+)?)\s*(k?)(?:hz)?\s*$", name.strip().lower())
    if found is None:
        return None
    return float(found[1].replace(",", ".")) * (1000 if found[2] else 1)


def _read_csv(path: Path) -> Table:
    with path.open(newline="", errors="replace") as file:
        rows = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    if not rows:
        raise LevelError(f"{path} holds no row of levels")
    header = rows[0] if any(_number(cell) is None for cell in rows[0]) else None
    body = rows[1:] if header else rows
    timed = bool(header) and header[0].strip().lower().startswith(("time", "t_s", "date", "second"))
    numbers = np.array([_row(path, i + (2 if header else 1), row, len(rows[0])) for i, row in enumerate(body)])
    numbers = numbers.reshape(len(body), len(rows[0]))
    time, levels = (numbers[:, 0], numbers[:, 1:]) if timed else (np.full(len(body), np.nan), numbers)
    centres = [centre_of(name) for name in header[int(timed) :]] if header else []
    known = bool(centres) and all(centre is not None for centre in centres)
    if header and not known:
        raise LevelError(f"{path}: the header must name bands by their centres in Hz, not {header[int(timed) :][:3]}…")
    return Table(time, levels, np.array(centres, float) if known else None)


def _row(path: Path, number: int, row: list[str], n_columns: int) -> list[float]:
    if len(row) != n_columns:
        raise LevelError(f"{path}:{number} has {len(row)} columns, the first row has {n_columns}; mend or remove it")
    values = [_number(cell) for cell in row]
    if None in values:
        raise LevelError(f"{path}:{number}: {row[values.index(None)]!r} is no number; write levels in dB")
    return [value for value in values if value is not None]


def _number(cell: str) -> float | None:
    """A number; nan for an empty cell; None for anything else."""
    text = cell.strip().replace(",", ".")
    if not text:
        return float("nan")
    try:
        return float(text)
    except ValueError:
        return None


def record(text: str | bytes) -> tuple[float, list[float], list[float] | None]:
    """Time (NaN where there is none), levels, and centres (if any) of one JSON record, as files and UDP hold them.

    ``{"time": 12.5, "levels": [51.2, …], "centres_hz": [20, …]}``, or merely the list of levels.
    """
    try:
        parsed: Any = json.loads(text)
        value: Any = {"levels": parsed} if isinstance(parsed, list) else parsed
        levels = [float("nan") if level is None else float(level) for level in value["levels"]]
        centres = value.get("centres_hz")
        time = float(value.get("time", value.get("time_s", "nan")))
        return time, levels, None if centres is None else [float(c) for c in centres]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise LevelError('is no record of levels; write {"time": 0.125, "levels": [51.2, …]}') from None


def _read_json(path: Path) -> Table:
    times, rows, centres = [], [], None
    with path.open(errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                time, levels, named = record(line)
            except LevelError as error:
                raise LevelError(f"{path}:{number} {error}") from None
            if rows and len(levels) != len(rows[0]):
                raise LevelError(
                    f"{path}:{number} has {len(levels)} levels, the first has {len(rows[0])}; mend or remove it"
                )
            times.append(time)
            rows.append(levels)
            centres = centres or named
    if not rows:
        raise LevelError(f"{path} holds no row of levels")
    return Table(np.array(times), np.array(rows).reshape(len(rows), -1), _checked_centres(path, centres, rows))


def _read_numpy(path: Path) -> Table:
    try:
        loaded = np.load(path, allow_pickle=False)
        arrays = {"levels_db": loaded} if isinstance(loaded, np.ndarray) else dict(loaded)
        with np.errstate(invalid="ignore"):  # signalling NaN
            levels = np.asarray(_reals(arrays["levels_db"]), float)
        time = _reals(arrays.get("time_s", np.full(len(levels), np.nan))).reshape(len(levels))
        period = float(_reals(arrays["period_s"])) if "period_s" in arrays else None
    except Exception as error:  # numpy's parser of headers, zipfile and zlib raise what they stumble over
        why = " ".join(str(error).split())[:80] or type(error).__name__
        raise LevelError(f"{path} holds no array levels_db ({why}); save one of (n_frames, n_bands)") from None
    if levels.ndim != 2 or not levels.shape[1]:
        raise LevelError(f"{path}: levels of shape {levels.shape} must be (n_frames, n_bands)")
    return Table(time.astype(float), levels, _checked_centres(path, arrays.get("centres_hz"), levels), period)


def _reals(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise ValueError(f"it holds {values.dtype}, not numbers")
    return values


def _checked_centres(path: Path, centres, rows) -> np.ndarray | None:
    if centres is None:
        return None
    centres = np.asarray(centres, float).reshape(-1)
    if (len(rows) and len(centres) != len(rows[0])) or not (centres > 0).all():
        raise LevelError(f"{path}: centres_hz {_listed(centres)} must name each of the bands with a positive number")
    return centres


def _listed(values) -> str:
    texts = [f"{value:g}" for value in values]
    return ", ".join(texts if len(texts) <= 4 else [*texts[:2], "…", texts[-1]])
