"""A chain driven from Python: whole sounds, or a sound in pieces that may be edited between two of them.

Every plugin gets the sound of the one before it with that one's delay taken away, so the pieces that come out, joined,
are the sound from its first to its last sample. Spectral processors still frame the sound where they frame it live:
before it they get as much silence as the plugins before them delay it there.
"""

from collections import deque
from collections.abc import Iterable
from itertools import dropwhile, takewhile
from typing import Protocol, runtime_checkable

import numpy as np

from ..errors import SharedPlugin
from .native_copy import family
from .nodes import NativeNode, Node, ProgramNode, in_pieces, longer
from .plugin import Composite, Holder, Plugin, fits, version_of
from .program import Program


class OfflineChain:
    """Plugins in order at one sample rate and channel count.

    Parameters
    ----------
    sample_rate : float
        Hz.
    channels : int
    """

    def __init__(self, sample_rate: float, channels: int):
        self.sample_rate, self.channels = sample_rate, channels
        self._nodes: list[tuple[object, object, Node]] = []
        self._rest = np.zeros((channels, 0), np.float32)
        self._lead, self._before = 0, None
        self.is_playing = False
        """Whether a sound in pieces is on its way."""

    @property
    def nodes(self) -> list[Node]:
        """In the order of the sound's way."""
        return [node for _, _, node in self._nodes]

    def follow(self, plugins: list, going_on: bool) -> None:
        """Play `plugins` from now on. Where the sound goes on, what is on its way through a plugin that goes comes out
        first, and what stays keeps its state."""
        first, last = _alike(self._nodes, plugins)
        behind = len(plugins) - (len(self._nodes) - last)
        inside = [node.follow(going_on) for node in self.nodes if fits(node, Followed)]
        if first == last and first == behind:
            if any(inside):
                self._lay_out()
            return
        if going_on:
            self._rest = np.concatenate([self._rest, self._drained(first, last)], axis=1)
        fresh = [(p, _followed(p), self._node(p)) for p in plugins[first:behind]]
        self._nodes[first:last] = fresh
        self._lay_out()
        if going_on:  # what comes in between two pieces heard nothing of what was before
            for _, _, node in fresh:
                node.lie(0, None)

    def lie(self, lead: int, before: Node | None) -> None:
        """As for a node (:class:`Node`)."""
        self._lead, self._before = lead, before
        self._lay_out()

    def _lay_out(self) -> None:
        """Tell each node its lead, as far as one needs it: a native plugin's delay has to be found out."""
        nodes = self.nodes
        ours = [i for i, node in enumerate(nodes) if not isinstance(node, NativeNode)]
        lead, before, last = self._lead, self._before, max(ours, default=-1)
        for i, node in enumerate(nodes[: last + 1]):
            node.lie(lead, before)
            lead, before = lead + (node.latency if i < last else 0), node

    @property
    def early(self) -> np.ndarray:
        """What it gives in a stream before the sound's own start, where its first node heard what it was told of.
        Float32 of shape (channels, n_samples)."""
        if self._nodes:
            return self.nodes[-1].early
        return np.zeros((self.channels, self._lead), np.float32) if self._before is None else self._before.early

    def _drained(self, first: int, last: int) -> np.ndarray:
        """What the nodes from `first` to `last` still hold, as it leaves the chain."""
        sound = np.zeros((self.channels, sum(node.latency for node in self.nodes[first:last])), np.float32)
        for node in self.nodes[first:] if sound.size else []:
            sound = node.piece(sound, MAX_PIECE)
        return sound

    def drained(self) -> np.ndarray:
        """All that it still holds of a sound. Float32 of shape (channels, n_samples)."""
        out, self._rest = np.concatenate([self._rest, self._drained(0, len(self._nodes))], axis=1), self._rest[:, :0]
        return out

    def _node(self, plugin) -> Node:
        if fits(plugin, Composite):
            return plugin.offline_node(self.sample_rate, self.channels)
        if isinstance(plugin, Plugin):
            return ProgramNode(plugin.prepare(self.sample_rate, self.channels))
        return NativeNode(plugin, self.sample_rate, self.channels)

    @property
    def latency(self) -> int:
        """Delay from input to output in samples, as in a stream."""
        return sum(node.latency for node in self.nodes)

    @property
    def owed(self) -> int:
        """As for a node (:class:`Node`)."""
        return sum(node.owed for node in self.nodes)

    @property
    def beyond(self) -> int:
        """As for a node (:class:`Node`): natives before all processors of ours hear nothing after the sound's end."""
        behind = dropwhile(lambda node: isinstance(node, NativeNode), self.nodes)
        return sum(node.beyond for node in behind)

    @property
    def programs(self) -> list[Program]:
        """Those of our processors, in order."""
        inside = [node.programs if fits(node, Followed) else _program_of(node) for node in self.nodes]
        return [program for programs in inside for program in programs]

    def process(self, audio: np.ndarray, block: int) -> np.ndarray:
        """A sound from its first to its last sample, float32 (channels, n), as long as it went in.

        What a plugin gives after the sound's end reaches those behind it, as in a stream.
        """
        if not audio.size:
            return self.passed(audio, block)
        return self.passed(audio, block, self.owed + self.beyond)[:, : audio.shape[1]]

    def passed(self, audio: np.ndarray, block: int, silence: int = 0) -> np.ndarray:
        """A whole sound and as much silence as is owed, of which `silence` is still to be put behind it; without what
        is owed it comes out. Float32 of shape (channels, n_samples), in and out."""
        self._rest, self.is_playing = self._rest[:, :0], False
        self._lay_out()
        nodes, n = deque(self.nodes), audio.shape[1]
        while nodes:
            row = list(takewhile(lambda node: node.goes_in_pieces(n, block), nodes))
            for _ in row or [nodes[0]]:
                node = nodes.popleft()
            audio = in_pieces(row, audio, block, silence) if row else node.process(longer(audio, silence), block)
            silence = 0
        return np.ascontiguousarray(longer(audio, silence))

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        """The next piece of a sound: fewer samples come out while the delay fills, then as many. Float32 of shape
        (channels, n_samples)."""
        self.is_playing = True
        for node in self.nodes:
            audio = node.piece(audio, block)
        out, self._rest = np.concatenate([self._rest, audio], axis=1), self._rest[:, :0]
        return out

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces; the next piece begins a new one. Float32 of shape (channels,
        n_samples)."""
        out = self.drained()
        self.reset()
        return out

    def reset(self) -> None:
        """Forget all sound."""
        self._rest, self.is_playing = self._rest[:, :0], False
        for node in self.nodes:
            node.reset()
        self._lay_out()


@runtime_checkable
class Followed(Protocol):
    """A node that holds chains of its own, which may be edited; :meth:`follow` plays what is in it now and says whether
    that is another than before."""

    @property
    def programs(self) -> list[Program]: ...

    def follow(self, going_on: bool) -> bool: ...


MAX_PIECE = 8192


def check_distinct(plugins: Iterable) -> None:
    """Raise :class:`SharedPlugin` where a native plugin is at two places."""
    seen: dict[int, object] = {}  # kept, lest the next object get the number of one that is gone
    for plugin in (one for p in plugins for one in (q for i in inside(p) for q in _family(i))):
        if id(plugin) in seen:
            raise SharedPlugin(
                f"{plugin!r} is in this chain twice, but one plugin has one state; make a second one, by"
                f" pedalboard.{type(plugin).__name__}(…) say"
            )
        seen[id(plugin)] = plugin


def inside(plugin) -> list:
    """A plugin, or all that is in it where it is a :class:`rtspec.Mix`."""
    return [q for p in plugin.members() for q in inside(p)] if fits(plugin, Holder) else [plugin]


def _program_of(node: Node) -> list[Program]:
    return [node.program] if isinstance(node, ProgramNode) else []


def _family(plugin) -> list:
    return [] if isinstance(plugin, Plugin) else family(plugin)


def _alike(nodes: list[tuple[object, object, Node]], plugins: list) -> tuple[int, int]:
    """The nodes, from one number to another, that are not what the chain wants."""
    first, most = 0, min(len(nodes), len(plugins))
    while first < most and _plays(nodes[first], plugins[first]):
        first += 1
    kept = 0
    while kept < most - first and _plays(nodes[-1 - kept], plugins[-1 - kept]):
        kept += 1
    return first, len(nodes) - kept


def _plays(node: tuple[object, object, Node], plugin) -> bool:
    return node[0] is plugin and node[1] == _followed(plugin)


def _followed(plugin: object) -> object:
    """A mix is followed by its node itself."""
    return 0 if fits(plugin, Composite) else version_of(plugin)
