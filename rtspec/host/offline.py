"""A chain driven from Python: whole sounds, or a sound in pieces that may be edited between two of them.

Every plugin gets the sound of the one before it with that one's delay taken away, so the pieces that come out, joined,
are the sound from its first to its last sample. Spectral processors still frame the sound where they frame it live:
before it they get as much silence as the plugins before them delay it there.
"""

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from ..errors import InvalidValue, SharedPlugin
from .native import Feed, check_unowned
from .native_copy import family, recipe
from .native_probe import feeding
from .program import Program


class Node(Protocol):
    """One plugin of a chain; `lead` is how many samples the plugins before it delay the sound in a stream."""

    lead: int

    @property
    def latency(self) -> int: ...

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray: ...

    def reset(self) -> None: ...


class ProgramNode:
    """One of our processors: a program of its own.

    In a stream a program hears the one before it from the first moment on, what that one gives before the sound's own
    start (`early`) included, and what it gives after the sound's end: so it does here.
    """

    def __init__(self, program: Program):
        self.program, self.lead = program, 0
        self.before: ProgramNode | None = None
        self.early = self._silence(0)
        self._begun, self._to_skip = False, 0

    @property
    def latency(self) -> int:
        return self.program.latency_samples

    def reset(self) -> None:
        self._begun = False

    def _begin(self) -> None:
        self.program.reset()
        heard = self._silence(self.lead) if self.before is None else self.before.early
        self.early = self.program.run(np.ascontiguousarray(heard)) if heard.size else heard
        self._begun, self._to_skip = True, self.latency

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        if not audio.size:
            return audio
        if not self._begun:
            self._begin()
        out = self.program.run(np.ascontiguousarray(audio), block)
        skipped = min(self._to_skip, audio.shape[1])
        if skipped:
            self.early = np.concatenate([self.early, out[:, :skipped]], axis=1)
        self._to_skip -= skipped
        return out[:, skipped:]

    def _silence(self, n: int) -> np.ndarray:
        return np.zeros((self.program.channels, n), np.float32)


class NativeNode:
    """A native plugin: whole sounds as pedalboard plays them, pieces through :class:`rtspec.host.native.Feed`."""

    def __init__(self, plugin, sample_rate: float, channels: int):
        self._plugin, self._rate, self._channels, self.lead = plugin, sample_rate, channels, 0
        self._feed: Feed | None = None
        self._begun, self._to_skip, self._latency = False, 0, -1

    @property
    def latency(self) -> int:
        """0 for a plugin that no stream can play."""
        if self._latency < 0:
            try:
                self._latency = feeding(self._plugin, self._rate, self._channels).delay
            except InvalidValue:
                self._latency = 0
        return self._latency

    def reset(self) -> None:
        self._begun = False

    def whole(self, audio: np.ndarray, block: int) -> np.ndarray:
        self._check()
        if audio.shape[1] == 0:
            return audio
        flat = audio[0] if len(audio) == 1 or audio.shape[1] <= len(audio) else audio
        if flat.ndim == 1 and len(audio) > 1:  # so short that pedalboard would take samples for channels
            return self._short(audio, block)
        out = self._plugin.process(flat, self._rate, buffer_size=block, reset=True).reshape(audio.shape)
        # What stands any block plays on from here, as in pedalboard; a queue begins anew.
        self._begun = self._feed is not None and self._feed.how.block == 0
        return out

    def _short(self, audio: np.ndarray, block: int) -> np.ndarray:
        padded = np.pad(audio, ((0, 0), (0, len(audio) + 1)))
        self._begun = False
        return self._plugin.process(padded, self._rate, buffer_size=block, reset=True)[:, : audio.shape[1]]

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        self._check()
        if self._feed is None:
            how = feeding(self._plugin, self._rate, self._channels)
            self._latency = how.delay
            self._feed = Feed(self._plugin, self._rate, self._channels, how)
        elif not self._begun:
            self._feed.restart()
        if not self._begun:
            self._begun, self._to_skip = True, self._feed.how.delay
        if audio.shape[1] == 0:
            return audio
        skipped = min(self._to_skip, audio.shape[1])
        self._to_skip -= skipped
        return self._feed.run(np.ascontiguousarray(audio), block)[:, skipped:]

    def flush(self) -> np.ndarray:
        silence = np.zeros((self._channels, self.latency if self._begun else 0), np.float32)
        if self._feed is None or not silence.size:
            return silence[:, :0]
        rest = self._feed.run(silence)[:, self._to_skip :]
        self._begun = False
        return rest

    def _check(self) -> None:
        if recipe(self._plugin) is None:
            check_unowned(self._plugin)


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
        self._nodes: list[tuple[object, int, Node]] = []
        self._rest = np.zeros((channels, 0), np.float32)

    def follow(self, plugins: list, going_on: bool) -> None:
        """Play `plugins` from now on. Where the sound goes on, what is on its way through a plugin that goes comes out
        first, and what stays keeps its state."""
        check_distinct(plugins)
        first, last = _alike(self._nodes, plugins)
        behind = len(plugins) - (len(self._nodes) - last)
        if first == last and first == behind:
            return
        if going_on:
            self._rest = np.concatenate([self._rest, self._drained(first, last)], axis=1)
        fresh = [(p, _version(p), self._node(p)) for p in plugins[first:behind]]
        self._nodes[first:last] = fresh
        self._lay_out()
        if going_on:  # what comes in between two pieces heard nothing of what was before
            for _, _, node in fresh:
                if isinstance(node, ProgramNode):
                    node.before = None

    def _lay_out(self) -> None:
        """Tell each node its lead, as far as one needs it: a native plugin's delay has to be found out."""
        ours = [i for i, (_, _, node) in enumerate(self._nodes) if not isinstance(node, NativeNode)]
        lead, before = 0, None
        for _, _, node in self._nodes[: max(ours, default=-1) + 1]:
            node.lead = lead
            lead += 0 if node is self._nodes[max(ours)][2] else node.latency
            if isinstance(node, ProgramNode):
                node.before = before
            before = node if isinstance(node, ProgramNode) else None

    def _drained(self, first: int, last: int) -> np.ndarray:
        """What the nodes from `first` to `last` still hold, as it leaves the chain."""
        sound = np.zeros((self.channels, 0), np.float32)
        for run in _runs([node for _, _, node in self._nodes[first:last]]):
            sound = self._to_the_end(run, sound, MAX_PIECE)
        for _, _, node in self._nodes[last:]:
            sound = node.piece(sound, MAX_PIECE)
        return sound

    def _to_the_end(self, run: list[Node], sound: np.ndarray, block: int) -> np.ndarray:
        """The last of a sound through neighbouring nodes of one kind, and what they still hold of it."""
        if isinstance(run[0], NativeNode):
            return np.concatenate([run[0].piece(sound, block), run[0].flush()], axis=1)
        ends = [sound, np.zeros((self.channels, sum(node.latency for node in run)), np.float32)]
        sound = np.concatenate(ends, axis=1)
        for node in run:
            sound = node.piece(sound, block)
        return sound

    def _node(self, plugin) -> Node:
        if hasattr(plugin, "offline_node"):
            return plugin.offline_node(self.sample_rate, self.channels)
        if hasattr(plugin, "prepare"):
            return ProgramNode(plugin.prepare(self.sample_rate, self.channels))
        return NativeNode(plugin, self.sample_rate, self.channels)

    @property
    def latency(self) -> int:
        """Delay from input to output in samples, as in a stream."""
        return sum(node.latency for _, _, node in self._nodes)

    @property
    def programs(self) -> list[Program]:
        """Those of our processors, in order."""
        return [node.program for _, _, node in self._nodes if isinstance(node, ProgramNode)]

    def whole(self, audio: np.ndarray, block: int) -> np.ndarray:
        """A sound from its first to its last sample, float32 (channels, n), as long as it went in."""
        self._rest = self._rest[:, :0]
        for run in _runs([node for _, _, node in self._nodes]):
            if isinstance(run[0], NativeNode):
                audio = run[0].whole(audio, block)
                continue
            for node in run:
                node.reset()
            audio = np.ascontiguousarray(self._to_the_end(run, audio, block))
        return audio

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        """The next piece of a sound: fewer samples come out while the delay fills, then as many."""
        for _, _, node in self._nodes:
            audio = node.piece(audio, block)
        out, self._rest = np.concatenate([self._rest, audio], axis=1), self._rest[:, :0]
        return out

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces; the next piece begins a new one."""
        out = np.concatenate([self._rest, self._drained(0, len(self._nodes))], axis=1)
        self.reset()
        return out

    def reset(self) -> None:
        """Forget all sound."""
        self._rest = self._rest[:, :0]
        for _, _, node in self._nodes:
            node.reset()


MAX_PIECE = 8192


def _runs(nodes: list[Node]) -> list[list[Node]]:
    """Neighbouring programs together, native plugins one by one."""
    runs: list[list[Node]] = []
    for node in nodes:
        if runs and not isinstance(node, NativeNode) and not isinstance(runs[-1][0], NativeNode):
            runs[-1].append(node)
        else:
            runs.append([node])
    return runs


def check_distinct(plugins: Iterable) -> None:
    """Raise :class:`SharedPlugin` where a native plugin is at two places."""
    seen: set[int] = set()
    for plugin in (one for p in plugins for one in (p.natives() if hasattr(p, "natives") else _family(p))):
        if id(plugin) in seen:
            raise SharedPlugin(
                f"{plugin!r} is in this chain twice, but one plugin has one state; make a second one, by"
                f" pedalboard.{type(plugin).__name__}(…) say"
            )
        seen.add(id(plugin))


def _family(plugin) -> list:
    return [] if hasattr(plugin, "prepare") else family(plugin)


def _alike(nodes: list[tuple[object, int, Node]], plugins: list) -> tuple[int, int]:
    """The nodes, from one number to another, that are not what the chain wants."""
    first, most = 0, min(len(nodes), len(plugins))
    while first < most and _plays(nodes[first], plugins[first]):
        first += 1
    kept = 0
    while kept < most - first and _plays(nodes[-1 - kept], plugins[-1 - kept]):
        kept += 1
    return first, len(nodes) - kept


def _plays(node: tuple[object, int, Node], plugin) -> bool:
    return node[0] is plugin and node[1] == _version(plugin)


def _version(plugin: object) -> int:
    return getattr(plugin, "_version", 0)
