"""What is rendered: sound files; MIDI files, as long as their messages and a tail, silent where nothing plays them."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..audio.formats import is_levels, is_score
from ..control.midi.files import Score, read_midi_file
from ..errors import InvalidValue, existing

SAMPLE_RATE, CHANNELS = 48000, 2
TAIL_S = 12.0
"""The most that is played after a score's end; what is silent of it is cut off again."""

REST_S = 1.5
"""What is played after the last message of a score that ends with it."""

TOUR_STEPS = 400


class Silence:
    """What :class:`rtspec.audio.files.Reader` is to a sound file: the silence over which something plays by itself,
    `end` samples and a tail."""

    def __init__(self, seconds: float, channels: int = CHANNELS, tail_s: float = 0.0):
        self.end = max(1, round(seconds * SAMPLE_RATE))
        self.notes: list[str] = []
        self.sample_rate, self.channels, self.n_samples = SAMPLE_RATE, channels, self.end + round(tail_s * SAMPLE_RATE)

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, *exception) -> None:
        pass

    def chunks(self, size: int | None = None) -> Iterator[Any]:
        """The silence, piece by piece, float32 of shape (channels, n)."""
        import numpy as np

        from ..audio.files import CHUNK

        size = size or CHUNK
        for start in range(0, self.n_samples, size):
            yield np.zeros((self.channels, min(size, self.n_samples - start)), np.float32)


def _score_seconds(score: Score) -> float:
    """A score's length as its file says, to its end of track; where that is its last event, time for notes to die."""
    last = score.messages[-1][0] if score.messages else 0.0
    return score.seconds if score.seconds > last + 1e-3 else last + REST_S


def opened(path: Path, salvage: bool = False):
    """A reader of a sound file; silence as long as a MIDI file and its tail, or as a sensor's levels."""
    from ..audio.files import Reader
    from ..processors.inversion.level_tables import read_levels

    if is_score(path):
        return Silence(_score_seconds(read_midi_file(path)), tail_s=TAIL_S)
    if is_levels(path):
        return Silence(read_levels(path).seconds, channels=1)
    return Reader(path, salvage=salvage)


def hear_levels(chain: Iterable, spec: str | None, report: Callable[[str], None] | None = None) -> float | None:
    """Let the first inversion of a chain play levels in place of its input; its input again where None.

    Returns
    -------
    float or None
        Their duration in seconds; None for a stream.

    Raises
    ------
    InvalidValue
        The chain has no inversion.
    """
    from ..processors import SpectralInversion

    for processor in chain:
        if isinstance(processor, SpectralInversion):
            if spec is None:
                processor.levels = None
                return None
            processor.hear(spec, report)
            return existing(processor.levels).seconds
    raise InvalidValue(f"levels {spec!r} need an inversion in the chain; add --processor inversion")


def tour(board, name: str, seconds: float) -> list:
    """Changes that take a parameter from its least value to its greatest and back again, evenly over `seconds`."""
    from ..control.automation import Change
    from ..control.curves import to_value
    from ..control.directory import Directory

    parameter = Directory(board).parameter(name)
    spec = parameter.spec
    places = [1.0 - abs(2.0 * i / TOUR_STEPS - 1.0) for i in range(TOUR_STEPS + 1)]
    values = [to_value(spec.curve, place, spec.minimum, spec.maximum) for place in places]
    return [Change(seconds * i / TOUR_STEPS, parameter, value) for i, value in enumerate(values)]
