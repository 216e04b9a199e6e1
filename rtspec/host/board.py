"""Chains of rtspec processors and native pedalboard plugins, nested as deep as wanted, offline and live."""

import threading
import weakref
from collections.abc import Iterable, MutableSequence

import numpy as np

from ..audio.layout import Layout, check_block, check_sample_rate
from ..errors import InvalidValue
from .engine import Engine
from .player import Player
from .program import Playback, Program


class Pedalboard(MutableSequence):
    """A list of plugins that sound passes in order.

    Takes rtspec processors, native pedalboard plugins, other boards and native containers. It may be edited from any
    thread, also while an :class:`rtspec.AudioStream` plays it: an edit returns at once; the new chain is prepared aside
    and cross-faded in (:mod:`rtspec.host.player`).

    Parameters
    ----------
    plugins : iterable, optional

    Examples
    --------
    >>> import numpy as np, pedalboard
    >>> board = Pedalboard([pedalboard.Gain(6.0)])
    >>> board(np.zeros(100, np.float32), 44100).shape
    (100,)
    """

    def __init__(self, plugins: Iterable = ()):
        self._editing = threading.RLock()
        self._parents: weakref.WeakSet[Pedalboard] = weakref.WeakSet()
        self._players: list[Player] = []
        self._layout = Layout()
        self._playback: tuple[tuple, Playback] | None = None
        self._plugins = [self._adopted(plugin) for plugin in plugins]

    # A list -------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._plugins)

    def __getitem__(self, index):
        return self._plugins[index]

    def __setitem__(self, index, value) -> None:
        with self._editing:
            if isinstance(index, slice):
                self._plugins[index] = [self._adopted(plugin) for plugin in value]
            else:
                self._plugins[index] = self._adopted(value)
            self.changed()

    def __delitem__(self, index) -> None:
        with self._editing:
            del self._plugins[index]
            self.changed()

    def insert(self, index: int, value) -> None:
        """Insert a plugin before `index`."""
        with self._editing:
            self._plugins.insert(index, self._adopted(value))
            self.changed()

    def __repr__(self) -> str:
        return f"<rtspec.Pedalboard with {len(self)} plugins: {self._plugins}>"

    def _adopted(self, plugin):
        """A plugin that this board can play; one that is a board itself tells this one of its edits from now on."""
        plugin = _checked(plugin)
        if isinstance(plugin, Pedalboard):
            if self in plugin.boards():
                raise InvalidValue("a board cannot hold itself, not even inside another board; use a copy of it")
            plugin._parents.add(self)
            return plugin
        for player in self._all_players():
            player.check(plugin)
        if hasattr(plugin, "join"):
            plugin.join(self)
        return plugin

    def changed(self) -> None:
        """The chain, or the structure of something in it, is another now: whatever plays it follows."""
        self._playback = None
        for player in self._all_players():
            player.update()

    def _all_players(self) -> list[Player]:
        """What plays this board or one that holds it."""
        return [*self._players, *(player for parent in list(self._parents) for player in parent._all_players())]

    def boards(self) -> list["Pedalboard"]:
        """This board and all boards inside it."""
        inner = [p for p in self._plugins if isinstance(p, Pedalboard)]
        return [self, *(board for plugin in inner for board in plugin.boards())]

    def flat(self) -> list:
        """All plugins in the order of the sound's way; nested boards dissolved, native containers kept whole."""
        with self._editing:
            return [q for p in self._plugins for q in (p.flat() if isinstance(p, Pedalboard) else [p])]

    # Offline ------------------------------------------------------------------------------------------------------

    def process(self, input_array, sample_rate: float, buffer_size: int = 8192, reset: bool = True) -> np.ndarray:
        """Process audio by pedalboard's rules: see :meth:`rtspec.processors.base.Processor.process`."""
        plugins = self.flat()
        if not any(map(_is_ours, plugins)):
            return _native_chain(plugins).process(input_array, sample_rate, buffer_size=buffer_size, reset=reset)
        rate, block = check_sample_rate(sample_rate), check_block(buffer_size)
        planar, form = self._layout.to_planar(input_array)
        if planar.size == 0:
            return form.restore(planar)
        playback = self._playback_for(rate, len(planar), reset)
        return form.restore(playback.whole(planar, block) if reset else playback.piece(planar, block))

    __call__ = process

    def reset(self) -> None:
        """Forget all sound."""
        self._playback = None
        for plugin in self.flat():
            plugin.reset()

    @property
    def program(self) -> Program | None:
        """What :meth:`process` plays since the last reset; None before its first block and for native plugins alone."""
        return None if self._playback is None else self._playback[1].program

    def _playback_for(self, rate: float, channels: int, reset: bool) -> Playback:
        """The chain as one program, just as it plays live: a later processor's frames begin where they begin live."""
        if reset or self._playback is None or self._playback[0] != (rate, channels):
            self._playback = ((rate, channels), Playback(Player(self.flat, rate, channels).program))
        return self._playback[1]

    # Live ---------------------------------------------------------------------------------------------------------

    def play_on(self, engine: Engine, player: Player) -> None:
        """From now on every edit reaches this engine."""
        with self._editing:
            player.engine = engine
            self._players.append(player)
            player.update()

    def leave(self, player: Player) -> None:
        """Edits no longer reach this player's engine."""
        with self._editing:
            self._players = [p for p in self._players if p is not player]


def _is_ours(plugin) -> bool:
    return hasattr(plugin, "prepare")


def _checked(plugin):
    """A plugin that a board can play; a plain list becomes a board."""
    if isinstance(plugin, list | tuple):
        return Pedalboard(plugin)
    if _is_ours(plugin) or isinstance(plugin, (Pedalboard, _native_base())):
        return plugin
    raise InvalidValue(
        f"{plugin!r} is no plugin: a board takes rtspec processors, pedalboard plugins, other boards and lists of these"
    )


def _native_base() -> type:
    import pedalboard

    return pedalboard.Plugin


def _native_chain(plugins: list):
    """Native plugins alone as pedalboard itself would play them."""
    import pedalboard

    return pedalboard.Pedalboard(plugins)
