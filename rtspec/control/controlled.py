"""What maps, presets, automation and the directory ask of whatever has parameters."""

from typing import Any

from .native import native_table
from .parameters import ParameterTable


class Controlled:
    """Something that controllers move. A subclass has :attr:`parameters`; all else has a default that asks for nothing.

    Attributes
    ----------
    parameters : ParameterTable
        Parameters by name.
    factory_presets : dict of str to dict of str to float
        Presets that the object brings along, by name: each sets what it names and nothing else.
    accepts_midi : bool
        Whether its programs have an inbox, to which MIDI messages are sent.
    reads : frozenset of int
        Controllers that it reads itself, by MIDI's standard: no map gives them to anything else by default.
    """

    parameters: Any
    factory_presets: dict[str, dict[str, float]] = {}  # noqa: RUF012 (replaced, never changed)
    accepts_midi: bool = False
    reads: frozenset[int] = frozenset()
    latent_names: tuple[str, ...] = ()
    """Parameters that together are a place in a latent space."""
    latent_map: Any = None
    """Where that space has its anchors; None where it has none."""
    manifest: Any = None
    """What the model that it plays says of itself; None where it plays none, or always the same."""
    mixture: dict[str, str] = {}  # noqa: RUF012 (replaced, never changed)
    """Parameters that together are the shares of a mixture, each with the name of what it is a share of."""
    reading_names: tuple[str, ...] = ()
    """Those of :meth:`readings` that a modulation may follow: its program knows where they stand."""

    @property
    def is_instrument(self) -> bool:
        """Whether messages make it sound by themselves; an effect may take them and yet need a sound."""
        return self.accepts_midi

    @property
    def is_effect(self) -> bool:
        """Whether it makes its sound of another."""
        return not self.is_instrument

    @property
    def reads_zones(self) -> bool:
        """Whether it takes MPE as it comes; else each member channel's messages are made plain for it."""
        return bool(self.reads)

    @property
    def plays_drums(self) -> bool:
        """Whether it plays channel 10 as it comes."""
        return self.accepts_midi

    def readings(self) -> dict[str, float]:
        """What its compiled code has found lately, by name."""
        return {}

    def words(self) -> dict[str, str]:
        """What its compiled code has found lately, in words, by name."""
        return {}

    def place_chosen(self) -> None:
        """All of :attr:`latent_names` were set at once, by a preset say."""


def controlled(things: list) -> list[Controlled]:
    """Those that are played and asked as ours are; native plugins, which have parameters alone, are none."""
    return [thing for thing in things if isinstance(thing, Controlled)]


def listeners(things: list) -> list[Controlled]:
    """Those that MIDI messages are sent to: instruments, and effects that take notes."""
    return [thing for thing in controlled(things) if thing.accepts_midi]


def instruments(things: list) -> list[Controlled]:
    """Those that MIDI messages play."""
    return [thing for thing in listeners(things) if thing.is_instrument]


def table_of(thing: Any) -> ParameterTable | None:
    """The parameters of something that controllers move, native plugins too; None of anything else."""
    if isinstance(thing, Controlled):
        return thing.parameters if isinstance(thing.parameters, ParameterTable) else None
    return native_table(thing)
