"""Chains of rtspec processors and native pedalboard plugins, nested as deep as wanted, offline and live."""

import threading
import weakref
from collections.abc import Iterable, MutableSequence

import numpy as np
from numba import carray

from ..audio.layout import Layout, check_block, check_sample_rate
from ..buffers.inbox import Inbox
from ..buffers.memory import memmove, pointer
from ..buffers.step import Stage, step
from ..errors import InvalidValue
from .engine import Engine
from .native import NativeStep
from .program import STRIDE, Playback, Program, audio_buffer

WIRE = np.dtype([("channels", "i8")])

Unit = tuple[object, Program]
"""A plugin and the program that plays it in one stream."""


@step
def copy_block(state, x, n, y):
    """Copy a planar block from one program's output to the next one's input."""
    channels = carray(pointer(state), 1, WIRE)[0].channels
    for c in range(channels):
        offset = 4 * c * STRIDE
        memmove(y + offset, x + offset, 4 * n)
    return n


class Pedalboard(MutableSequence):
    """A list of plugins that sound passes in order.

    Takes rtspec processors, native pedalboard plugins, other boards and native containers. It may be edited from any
    thread, also while an :class:`rtspec.AudioStream` plays it: the new chain is prepared aside and released to the
    engine in one store.

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
            self._changed()

    def __delitem__(self, index) -> None:
        with self._editing:
            del self._plugins[index]
            self._changed()

    def insert(self, index: int, value) -> None:
        """Insert a plugin before `index`."""
        with self._editing:
            self._plugins.insert(index, self._adopted(value))
            self._changed()

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

    def _changed(self) -> None:
        self._playback = None
        for player in self._players:
            player.update()
        for parent in list(self._parents):
            parent._changed()

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

    def _playback_for(self, rate: float, channels: int, reset: bool) -> Playback:
        """The chain as one program, just as it plays live: a later processor's frames begin where they begin live."""
        if reset or self._playback is None or self._playback[0] != (rate, channels):
            self._playback = ((rate, channels), Playback(Player(self, rate, channels).program))
        return self._playback[1]

    # Live ---------------------------------------------------------------------------------------------------------

    def play_on(self, engine: Engine, player: "Player") -> None:
        """From now on every edit reaches this engine."""
        player.engine = engine
        self._players.append(player)

    def leave(self, player: "Player") -> None:
        """Edits no longer reach this player's engine."""
        with self._editing:
            self._players = [p for p in self._players if p is not player]


class Player:
    """A board in one stream: keeps the program, and so the sound, of every plugin that an edit leaves in the chain.

    Parameters
    ----------
    board : Pedalboard
    sample_rate : float
        Hz.
    channels : int
    """

    def __init__(self, board: Pedalboard, sample_rate: float, channels: int):
        self.board, self.sample_rate, self.channels = board, sample_rate, channels
        self.engine: Engine | None = None
        self._units: list[Unit] = []
        self._natives: dict[int, NativeStep] = {}
        self.program = self.build()

    def build(self) -> Program:
        """The board's present chain as one program."""
        spare = list(self._units)
        self._units = [self._unit(plugin, spare) for plugin in self.board.flat()]
        present = {id(plugin) for plugin, _ in self._units}
        self._natives = {key: native for key, native in self._natives.items() if key in present}
        self.program = _wired([program for _, program in self._units], audio_buffer(self.channels))
        return self.program

    def _unit(self, plugin, spare: list[Unit]) -> Unit:
        for i, (known, _) in enumerate(spare):
            if known is plugin:
                return spare.pop(i)
        if _is_ours(plugin):
            return plugin, plugin.prepare(self.sample_rate, self.channels)
        native = NativeStep(plugin, self.sample_rate, self.channels)
        self._natives[id(plugin)] = native
        return plugin, native.program()

    def native_costs(self) -> dict[str, dict[str, float]]:
        """What the native plugins in the chain cost the engine, since they need the GIL: by place and name."""
        playing = [(i, self._natives.get(id(plugin))) for i, (plugin, _) in enumerate(self._units)]
        return {f"{i} {type(step.plugin).__name__}": step.cost() for i, step in playing if step is not None}

    def inboxes(self, processor: object = None) -> list[Inbox]:
        """Where messages for `processor` go; those of all plugins that accept any where None."""
        return [inbox for plugin, program in self._units if processor in (None, plugin) for inbox in program.inboxes]

    def update(self) -> None:
        """Play the board as it is now."""
        program = self.build()
        if self.engine is not None:
            self.engine.play(program)


def _wired(programs: list[Program], x: np.ndarray) -> Program:
    """Programs in order, each with buffers of its own, joined by copies, so that a chain can be edited around them."""
    wire = Stage(copy_block, WIRE, channels=len(x))
    rows, latency, place = [], {}, x
    for program in programs:
        rows += [wire.row(place, program.x), *program.rows]
        place = program.y
        latency = {k: latency.get(k, 0) + program.latency.get(k, 0) for k in {**latency, **program.latency}}
    inboxes = [inbox for program in programs for inbox in program.inboxes]
    return Program(rows, [], x, place, latency, keep=(wire, *programs), inboxes=inboxes)


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
