"""What offline style transfer aims at, pair by pair: reached or not."""

from typing import Any

import numpy as np

from ..style.networks import N_FILTERS
from ..style.transfer import Wishes

ON_THE_SPECTROGRAM = 1e-3
"""Share of the untouched content's distance that is left on the spectrogram, where nothing else is asked."""
OF_GRIFFIN_LIM = 0.25
"""Share of the time of 500 rounds at which the default phases are to be nearer to the style."""
SOUND = 0.6
"""Share of the spectrogram way's distance, by unseen networks, to which 80 iterations on the samples come."""
SEARCH_S, AT_SECONDS, AT_ITERATIONS = 240.0, 8.0, 300


def verdicts(rows: list[dict[str, Any]], seconds: float, wishes: Wishes) -> list[dict[str, Any]]:
    """A row for each aim: its figure, over how many pairs, and whether it is reached.

    Parameters
    ----------
    rows : list of dict
        Of :func:`rtspec.evaluation.style.measured`.
    seconds : float
        Of each content: the time of a search is scaled from there to 8 s.
    wishes : Wishes
        What was searched for; what it leaves out is not judged.
    """
    ways = (wishes.phase, "griffin-lim 500", "sound")
    plain, lim, sound = ([row for row in rows if row["way"] == way] for way in ways)
    n, each = len(plain), list(zip(plain, lim, strict=True))
    nearer = sum(b["unseen"] < g["unseen"] and b["seconds"] <= OF_GRIFFIN_LIM * g["seconds"] for b, g in each)
    time = float(np.mean([b["seconds"] / g["seconds"] for b, g in each]))
    moved = float(np.mean([s["unseen"] / b["unseen"] for s, b in zip(sound, plain, strict=True)]))
    search = float(np.mean([b["search_s"] for b in plain])) * AT_SECONDS / seconds * AT_ITERATIONS / wishes.iterations
    found = [
        _row("nearer than griffin-lim 500 in a quarter of its time, pairs", nearer, n, nearer == n),
        _row(f"{wishes.phase}'s time over griffin-lim 500's", time, OF_GRIFFIN_LIM, time <= OF_GRIFFIN_LIM),
        _row(f"sound's distance over {wishes.phase}'s, unseen networks", moved, SOUND, moved <= SOUND),
        _row(f"8 s, {N_FILTERS} filters, 300 iterations: seconds of a core", search, SEARCH_S, search <= SEARCH_S),
    ]
    if wishes.content_weight == 0:
        most = max(row["spectrogram"] for row in plain)
        found.append(_row("style on the spectrogram, worst pair", most, ON_THE_SPECTROGRAM, most <= ON_THE_SPECTROGRAM))
    return found


def _row(aim: str, figure: float, wanted: float, is_reached: bool) -> dict[str, Any]:
    return {"aim": aim, "figure": float(figure), "wanted": float(wanted), "reached": "yes" if is_reached else "no"}
