"""Chains of rtspec processors and native pedalboard plugins, nested as deep as wanted, offline and live."""

import copy
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from collections.abc import MutableSequence as _List
from contextlib import contextmanager
from functools import wraps
from typing import Any, NamedTuple

import numpy as np

from ..audio.layout import Form, Layout, check_block, check_reset, check_sample_rate
from ..control.controlled import instruments
from ..control.modulation import Matrix
from ..errors import InvalidType, InvalidValue
from .driver import Driver
from .native_copy import children, made, recipe
from .offline import OfflineChain, check_distinct, inside
from .player import Player
from .plugin import Plugin, is_plugin
from .program import Program
from .sensed import SensedPlayback, begun_anew, check_heard, listens, say_news

DEFAULT_RATE = 44100.0
"""Hz; what latencies are told for before anything was played."""


def _undivided(method: Callable) -> Any:
    """A list's method of several steps as one edit."""

    @wraps(method)
    def edit(board, *arguments):
        with board._edit():
            return method(board, *arguments)

    return edit


class Pedalboard(_List):
    """A list of plugins that sound passes in order.

    Takes rtspec processors, native pedalboard plugins, other boards and native containers. It may be edited from any
    thread, also while an :class:`rtspec.AudioStream` plays it: an edit returns at once; the new chain is prepared aside
    and cross-faded in (:mod:`rtspec.chain.player`).

    Parameters
    ----------
    plugins : iterable, optional
        None in place of a plugin is a wire.

    Examples
    --------
    >>> import numpy as np, pedalboard
    >>> board = Pedalboard([pedalboard.Gain(6.0)])
    >>> board(np.zeros(100, np.float32), 44100).shape
    (100,)
    """

    is_chain = True
    """Whether sound passes its plugins one after the other."""

    def __init__(self, plugins: Iterable | None = ()):
        self._editing, self._depth = threading.RLock(), 0
        self._parents: weakref.WeakSet[Pedalboard] = weakref.WeakSet()
        self._players: list[Player] = []
        self._calling = threading.RLock()
        self._layout = Layout()
        self._form: Form | None = None
        self._chain: OfflineChain | None = None
        self._sensed, self.modulation = SensedPlayback(self), Matrix(self)
        self._plugins = [self._adopted(plugin) for plugin in _listed(plugins)]

    # A list -------------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._plugins)

    def __getitem__(self, index):
        return self._plugins[index]

    def __iter__(self) -> Iterator:
        return iter(list(self._plugins))

    def __setitem__(self, index, value) -> None:
        with self._edit():
            if isinstance(index, slice):
                self._plugins[index] = [self._adopted(plugin) for plugin in value]
            else:
                self._plugins[index] = self._adopted(value)

    def __delitem__(self, index) -> None:
        with self._edit():
            del self._plugins[index]

    def insert(self, index: int, value) -> None:
        """Insert a plugin before `index`."""
        with self._edit():
            self._plugins.insert(index, self._adopted(value))

    append, extend, __iadd__ = map(_undivided, (_List.append, _List.extend, _List.__iadd__))
    pop, remove, clear, reverse = map(_undivided, (_List.pop, _List.remove, _List.clear, _List.reverse))

    @contextmanager
    def _edit(self) -> Iterator[None]:
        """While no other thread edits; whatever plays the board follows at the end, when others may edit again."""
        with self._editing:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                outermost = self._depth == 0
        if outermost:
            self.changed()

    def __repr__(self) -> str:
        return f"<rtspec.{type(self).__name__} with {len(self)} plugin{'s' * (len(self) != 1)}: {self._plugins}>"

    # Copies -------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict:
        return {"plugins": [_kept(plugin) for plugin in list(self._plugins)], "routes": self.modulation.acting()}

    def __setstate__(self, state: dict) -> None:
        self.__init__([made(p.recipe) if isinstance(p, _Native) else p for p in state["plugins"]])
        self.modulation.put(state["routes"])

    def __copy__(self) -> "Pedalboard":
        return copy.deepcopy(self)

    def _adopted(self, plugin):
        """A plugin that this board can play; one that is a board itself tells this one of its edits from now on."""
        plugin = _checked(plugin)
        if plugin is None:
            return None
        if isinstance(plugin, Pedalboard) and self in plugin.boards():
            raise InvalidValue("a board cannot hold itself, not even inside another board; use a copy of it")
        for player in self._all_players():
            for one in inside(plugin):
                player.check(one)
        if isinstance(plugin, Pedalboard):
            plugin._parents.add(self)
        elif isinstance(plugin, Plugin):
            plugin.join(self)
        return plugin

    def changed(self) -> None:
        """The chain, or the structure of something in it, is another now: whatever plays it follows."""
        for player in self._all_players():
            player.update()

    def _all_players(self) -> list[Player]:
        """What plays this board or one that holds it."""
        return [*self._players, *(player for parent in list(self._parents) for player in parent._all_players())]

    def boards(self) -> list["Pedalboard"]:
        """This board and all boards inside it."""
        inner = [p for p in self._plugins if isinstance(p, Pedalboard)]
        return [self, *(board for plugin in inner for board in plugin.boards())]

    def members(self) -> list:
        """All plugins in it, what is in nested boards and mixes too."""
        return self.flat()

    def flat(self) -> list:
        """All plugins in the order of the sound's way; nested boards dissolved, native containers kept whole."""
        with self._editing:
            plugins = [plugin for plugin in self._plugins if plugin is not None]
            return [q for p in plugins for q in (p.flat() if isinstance(p, Pedalboard) else [p])]

    @property
    def is_instrument(self) -> bool:
        """Whether anything in it is played by MIDI messages."""
        return bool(instruments(self.members()))

    @property
    def is_effect(self) -> bool:
        """Whether it makes sound of sound alone."""
        return not self.is_instrument

    # Offline ------------------------------------------------------------------------------------------------------

    def process(
        self, input_array, sample_rate: float, buffer_size: int = 8192, reset: bool = True, *, sensor=None
    ) -> np.ndarray:
        """Process audio by pedalboard's rules: see :meth:`rtspec.processors.base.Processor.process`.

        `sensor` is what a microphone hears meanwhile, at the same sample rate, laid out as any sound. Callers in
        several threads wait for each other. The end of a sound that came in pieces (`reset=False`) is what
        :meth:`flush` gives. The sound is float32 or float64 of shape (n_samples,) or (channels, n_samples), or the
        other way round; float32 comes back in the same layout.
        """
        rate, block, alone = check_sample_rate(sample_rate), check_block(buffer_size), check_reset(reset)
        with self._calling:
            planar, form = self._layout.to_planar(input_array)
            if planar.size == 0:
                return form.restore(planar)
            self._form = form
            if sensor is not None or self.is_closed or (self._sensed.is_playing and not alone):
                if self._chain is not None and self._chain.is_playing and not alone:
                    raise begun_anew("a sensor, a route or a plugin that listens came")
                check_heard(self.flat(), sensor)
                check_distinct(self.flat())
                play = self._sensed.process if alone else self._sensed.piece
                return form.restore(play(planar, rate, block, sensor))
            chain = self._chain_for(rate, len(planar), going_on=not alone)
            if not alone:
                return form.restore(chain.piece(planar, block))
            out = chain.process(planar, block)
            say_news(self.flat())
            return form.restore(out)

    __call__ = process

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces, float32, laid out as those; the next piece begins a new sound.

        All pieces and this one, joined, are as long as what went in. Its shape is (channels, n_samples) or what the
        pieces had.
        """
        with self._calling:
            if self._sensed.is_playing and self._form is not None:
                return self._form.restore(self._sensed.flush())
            if self._chain is None or self._form is None:
                return np.zeros((2, 0), np.float32)
            return self._form.restore(self._chain.flush())

    @property
    def latency_samples(self) -> int:
        """Delay from input to output in samples, at the sample rate last used (44100 Hz before the first use)."""
        with self._calling:
            known = (DEFAULT_RATE, 2) if self._chain is None else (self._chain.sample_rate, self._chain.channels)
            return self.latency_at(*known)

    def latency_at(self, sample_rate: float, channels: int) -> int:
        """Delay from input to output in samples, at a sample rate in Hz."""
        with self._calling:
            return self._chain_for(sample_rate, channels, going_on=True).latency

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While no other thread plays it offline: a sound in pieces stays whole, and other callers wait."""
        with self._calling:
            yield

    def reset(self) -> None:
        """Forget all sound."""
        with self._calling:
            self._sensed.reset()
            if self._chain is not None:
                self._chain.reset()

    @property
    def programs(self) -> list[Program]:
        """What :meth:`process` plays our processors with; nothing before its first call."""
        if self.is_closed or self._chain is None:
            return [] if self._sensed.program is None else [self._sensed.program]
        return self._chain.programs

    @property
    def is_closed(self) -> bool:
        """Whether something in it listens or moves parameters by itself, so that it is played as a stream is."""
        return len(self.modulation) > 0 or listens(self.flat())

    def _chain_for(self, rate: float, channels: int, going_on: bool) -> OfflineChain:
        """The chain as it is now, in the state that it has."""
        if self._chain is None or (self._chain.sample_rate, self._chain.channels) != (rate, channels):
            self._chain, going_on = OfflineChain(rate, channels), False
        plugins = self.flat()
        check_distinct(plugins)
        self._chain.follow(plugins, going_on)
        return self._chain

    # Live ---------------------------------------------------------------------------------------------------------

    def play_on(self, engine: Driver, player: Player) -> None:
        """From now on every edit reaches this engine."""
        with self._editing:
            player.engine = engine
            self._players.append(player)
        player.update()

    def leave(self, player: Player) -> None:
        """Edits no longer reach this player's engine."""
        with self._editing:
            self._players = [p for p in self._players if p is not player]


class _Native(NamedTuple):
    """A native plugin in a pickle."""

    recipe: tuple


def _kept(plugin):
    if plugin is None or isinstance(plugin, Pedalboard) or is_plugin(plugin):
        return plugin
    instructions = recipe(plugin)
    if instructions is None:
        raise InvalidValue(
            f"{plugin!r} can be neither copied nor pickled: pedalboard tells too little of it; make the board anew"
        )
    return _Native(instructions)


def as_board(plugins) -> Pedalboard:
    """A board as it is; of a plugin, a list of plugins or None a new one. A native board's plugins are taken out."""
    if isinstance(plugins, Pedalboard):
        return plugins if plugins.is_chain else Pedalboard([plugins])
    if isinstance(plugins, _native_base()) and type(plugins).__name__ in ("Pedalboard", "Chain"):
        return Pedalboard(children(plugins))
    return Pedalboard([plugins] if is_plugin(plugins) or isinstance(plugins, _native_base()) else plugins)


def _listed(plugins) -> Iterable:
    if plugins is None:
        return []
    if is_plugin(plugins) or not isinstance(plugins, Iterable):
        raise InvalidType(f"{plugins!r} is no list of plugins; put it in brackets: Pedalboard([…])")
    return plugins


def _checked(plugin):
    """A plugin that a board can play; a plain list becomes a board."""
    if isinstance(plugin, list | tuple):
        return Pedalboard(plugin)
    if plugin is None or is_plugin(plugin) or isinstance(plugin, (Pedalboard, _native_base())):
        return plugin
    raise InvalidType(
        f"{plugin!r} is no plugin: a board takes rtspec processors, pedalboard plugins, other boards and lists of these"
    )


def _native_base() -> type:
    import pedalboard

    return pedalboard.Plugin
