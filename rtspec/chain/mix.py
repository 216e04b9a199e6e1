"""Chains side by side: each gets the same sound, and what they give is added up, at one delay."""

from ..control.controlled import instruments, listeners
from .board import Pedalboard
from .mix_offline import MixNode
from .mix_program import MixProgram, Side, contents_of
from .nodes import Node
from .plugin import Plugin
from .program import audio_buffer


class Mix(Plugin, Pedalboard):
    """Plugins side by side, as pedalboard's Mix: every one gets the same sound, and the sum of all is heard.

    Takes whatever a :class:`rtspec.Pedalboard` takes; a list or a board in it is a chain of its own, and None is the
    dry sound. The shorter chains are delayed to meet the longest. Without plugins it is silent.

    Parameters
    ----------
    plugins : iterable, optional

    Notes
    -----
    Where there are two cores, the chains are shared out between two threads, if each has work for 65 µs a block of 128
    at least. That is measured while it is prepared; an instrument, whose work the notes make, counts as half of it.
    Each sample is what one thread would give.

    An edit inside it while it plays fades the edited chain alone; the other chains play on with their state.

    Examples
    --------
    >>> import numpy as np, pedalboard
    >>> wider = Pedalboard([Mix([None, [pedalboard.Delay(0.02), pedalboard.Gain(-6)]])])
    >>> wider(np.zeros(100, np.float32), 44100).shape
    (100,)
    """

    is_chain = False

    def flat(self) -> list:
        return [self]

    def branches(self) -> list[tuple[object, list]]:
        """What stands side by side, each with its plugins in order."""
        with self._editing:
            plugins = list(self._plugins)
        return [(plugin, _chain(plugin)) for plugin in plugins]

    def members(self) -> list:
        """All plugins in it; those of a mix inside it stand for that."""
        return [plugin for _, chain in self.branches() for plugin in chain]

    @property
    def accepts_midi(self) -> bool:
        """Whether anything in it takes MIDI messages."""
        return bool(listeners(self.members()))

    @property
    def is_instrument(self) -> bool:
        """Whether anything in it is played by them."""
        return bool(instruments(self.members()))

    @property
    def version(self) -> tuple:
        """Equal as long as the same plugins, of the same structure, are in the same places."""
        return tuple(contents_of(chain) for _, chain in self.branches())

    def prepare(self, sample_rate: float, channels: int, lead: int = 0) -> "MixProgram":
        """A program of its own state for one driver, in which the sound comes `lead` samples late."""
        x = audio_buffer(channels)
        return MixProgram([Side(chain, x, sample_rate, lead) for _, chain in self.branches()], x)

    def offline_node(self, sample_rate: float, channels: int) -> Node:
        """The mix in a chain that is driven from Python."""
        return MixNode(self, sample_rate, channels)


def _chain(plugin) -> list:
    if plugin is None:
        return []
    return plugin.flat() if isinstance(plugin, Pedalboard) else [plugin]
