"""What was found in a sound file, whatever its header says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from .views import View


class Refused(Exception):
    """A file that is not read; the text says why, without the file's name."""


@dataclass
class Content:
    """A sound as a decoder can be given it, with what is known about its length.

    Attributes
    ----------
    view : View or BinaryIO
        The bytes for the decoder.
    n_samples : int or None
        Samples a channel that are there; the decoder's own word where None.
    skip : int
        Samples that the decoder gives before the sound begins.
    raw : dict
        What libsndfile has to be told about bytes without a header.
    order : list of int or None
        Which of the decoder's channels goes to each place: left, right, centre, low-frequency …; None: as they are.
    missing : str or None
        What says that there is less than was promised, or more than can be read, in words.
    fault : str
        The same in a word.
    external : str or None
        The kind in ffmpeg's words, where only ffmpeg reads it.
    talks : bool
        Whether the decoder writes to the process's standard error what it thinks of damaged frames.
    run_up : int
        Samples before a place from which it has to be sought for the place to be right.
    notes : list of str
        What was in doubt and how it was settled.
    mended : callable or None
        Gives the same sound with silence in place of what is damaged; it may take long.
    silent, silent_places : int
        Samples a channel of that silence, and in how many places.
    """

    view: View | BinaryIO
    n_samples: int | None = None
    skip: int = 0
    raw: dict[str, Any] = field(default_factory=dict)
    order: list[int] | None = None
    missing: str | None = None
    fault: str = "truncated"
    external: str | None = None
    talks: bool = False
    run_up: int = 0
    notes: list[str] = field(default_factory=list)
    mended: "Callable[[], Content] | None" = None
    silent: int = 0
    silent_places: int = 0
