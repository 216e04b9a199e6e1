"""Curves of scenes: what an equalizer adds where a scene is heard."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InvalidValue

THIRDS_HZ = 1000.0 * 10 ** (np.arange(-17, 14) / 10)
MOST_DB = 24.0


def curves_for(curves: Any, labels: tuple[str, ...]) -> np.ndarray:
    """Curves by scene as an array.

    Parameters
    ----------
    curves : dict of str to dict of float to float, path, or None
        dB by frequency in Hz for each scene; between two frequencies straight in the logarithm, beyond the ends 0. A
        path is a JSON file of that.
    labels : tuple of str
        The scenes that there are.

    Returns
    -------
    ndarray, float64, shape (len(labels), 31)
        dB in third-octave bands from 20 Hz.
    """
    if isinstance(curves, str | os.PathLike):
        curves = _read(Path(curves))
    if not isinstance(curves, Mapping | None):
        raise InvalidValue(
            f"curves={curves!r} must be a dict of scenes, {{'street': {{63: 3}}}}, or a JSON file of that"
        )
    for scene in curves or {}:
        if scene not in labels:
            known = ", ".join(labels) or "none, since no tagger listens: mode='scene'"
            raise InvalidValue(f"curves: unknown scene {scene!r}; the tagger knows {known}")
    return np.array([_curve(label, (curves or {}).get(label, {})) for label in labels]).reshape(len(labels), 31)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidValue(f"curves: {path} cannot be read ({error}); write JSON: {{'street': {{'63': 3}}}}") from None


def _curve(scene: str, points_db: Any) -> np.ndarray:
    """A curve of 31 bands; a single frequency raises its own band and half of its neighbours."""
    try:
        points = sorted((float(hz), float(db)) for hz, db in points_db.items())
    except (AttributeError, TypeError, ValueError):
        raise InvalidValue(f"curves[{scene!r}]={points_db!r} must be a dict of Hz to dB; try {{63: 3}}") from None
    for hz, db in points:
        if not (10.0 <= hz <= 24000.0 and abs(db) <= MOST_DB):
            raise InvalidValue(
                f"curves[{scene!r}]: {hz:g} Hz: {db:g} dB must be 10 to 24000 Hz, at most {MOST_DB:g} dB"
            )
    if not points:
        return np.zeros(31)
    places, levels = np.log([hz for hz, _ in points]), [db for _, db in points]
    third = np.log(2) / 3
    places = np.concatenate([[places[0] - 2 * third], places, [places[-1] + 2 * third]])
    return np.interp(np.log(THIRDS_HZ), places, [0.0, *levels, 0.0])
