"""How files are rendered, in a form that goes from one process to another."""

from dataclasses import dataclass, field
from typing import Any

from ..plain import AsDict


@dataclass
class Recipe(AsDict):
    """A chain and what goes with it, in words and numbers; ``Recipe(**recipe.as_dict())`` is the same again.

    Attributes
    ----------
    chain : list of (str, dict)
        Names of processors and their settings.
    automation, midi_map : str, optional
        Files.
    sweep : str, optional
        The parameter that goes through its range.
    bit_depth : str
        A key of :data:`rtspec.audio.files.BIT_DEPTHS`.
    salvage : bool
        Read what is there of truncated files.
    picture : bool
    sensor : str, optional
        A file of what a microphone heard meanwhile.
    modulate : list of str
        Routes: "lfo:0.5,z1,0.3".
    """

    chain: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    automation: str | None = None
    midi_map: str | None = None
    sweep: str | None = None
    bit_depth: str = "24"
    salvage: bool = False
    picture: bool = False
    sensor: str | None = None
    modulate: list[str] = field(default_factory=list)
