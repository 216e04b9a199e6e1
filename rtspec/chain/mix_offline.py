"""Chains side by side, driven from Python: the sound in pieces, and edits between two of them."""

from typing import Protocol

import numpy as np

from .nodes import Node
from .offline import OfflineChain
from .program import Program


class Branches(Protocol):
    """What stands side by side, each with its plugins in order."""

    def branches(self) -> list[tuple[object, list]]: ...


class _Side:
    """One chain of a mix that is driven from Python, and what it gave that waits for the others."""

    def __init__(self, plugin: object, chain: OfflineChain, silence: int):
        self.plugin, self.chain = plugin, chain
        self.waiting = np.zeros((chain.channels, silence), np.float32)

    def take(self, n: int) -> np.ndarray:
        out, self.waiting = self.waiting[:, :n], self.waiting[:, n:]
        return out

    def put(self, audio: np.ndarray) -> None:
        self.waiting = np.concatenate([self.waiting, audio], axis=1)


class MixNode:
    """A mix in a chain that is driven from Python (:class:`rtspec.chain.nodes.Node`)."""

    def __init__(self, mix: Branches, sample_rate: float, channels: int):
        self._mix, self._rate, self._channels = mix, sample_rate, channels
        self._lead, self._before = 0, None
        self._sides: list[_Side] = []
        self._going: list[_Side] = []
        self._inside = 0
        self.follow(False)

    def follow(self, going_on: bool) -> bool:
        """Play what is in the mix now. Where the sound goes on, a chain that goes is heard to its end."""
        wanted, old, latency = self._mix.branches(), list(self._sides), [side.chain.latency for side in self._sides]
        if not going_on:
            self.reset()
        self._sides = []
        for plugin, plugins in wanted:
            side = next((side for side in old if side.plugin is plugin), None)
            if side is None:
                side = _Side(plugin, OfflineChain(self._rate, self._channels), self._inside)
                side.chain.lie(0 if going_on else self._lead, None if going_on else self._before)
            else:
                old.remove(side)
            side.chain.follow(plugins, going_on)
            self._sides.append(side)
        for side in old if going_on else []:
            side.put(side.chain.drained())
            self._going.append(side)
        return latency != [side.chain.latency for side in self._sides]

    def goes_in_pieces(self, n_samples: int, block: int) -> bool:
        """It may where all that is in it may."""
        nodes = [node for side in self._sides for node in side.chain.nodes]
        return all(node.goes_in_pieces(n_samples, block) for node in nodes)

    def lie(self, lead: int, before: Node | None) -> None:
        self._lead, self._before = lead, before
        for side in self._sides:
            side.chain.lie(lead, before)

    @property
    def latency(self) -> int:
        return max((side.chain.latency for side in self._sides), default=0)

    @property
    def owed(self) -> int:
        return max((side.chain.owed for side in self._sides), default=0)

    @property
    def beyond(self) -> int:
        return max((sum(node.beyond for node in side.chain.nodes) for side in self._sides), default=0)

    @property
    def early(self) -> np.ndarray:
        """The sum of what all chains give before the sound's start, the shorter ones delayed. Float32 of shape
        (channels, n_samples)."""
        total = np.zeros((self._channels, self._lead + self.latency), np.float32)
        for early in (side.chain.early for side in self._sides):
            total[:, total.shape[1] - early.shape[1] :] += early
        return total

    @property
    def programs(self) -> list[Program]:
        return [program for side in self._sides for program in side.chain.programs]

    def process(self, audio: np.ndarray, block: int) -> np.ndarray:
        """A sound that comes in one call: float32, (channels, n_samples), in and out."""
        self.reset()
        n = audio.shape[1] - self.owed
        total = np.zeros((self._channels, n), np.float32)
        for i, side in enumerate(self._sides):  # one after the other, lest the sounds of all wait for the sum
            sound = side.chain.passed(audio, block)[:, :n]
            if i:
                total += sound
            else:
                total[:] = sound
            del sound
        return total

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        """The next piece of a sound: float32, (channels, n_samples), in and out."""
        self._inside += audio.shape[1]
        for side in self._sides:
            side.put(side.chain.piece(audio, block))
        n = min((side.waiting.shape[1] for side in self._sides), default=self._inside)
        self._inside -= n
        out = self._sum([side.take(n) for side in self._sides], n)
        for side in self._going:
            rest = side.take(n)
            out[:, : rest.shape[1]] += rest
        self._going = [side for side in self._going if side.waiting.shape[1]]
        return out

    def reset(self) -> None:
        self._going, self._inside = [], 0
        self.lie(self._lead, self._before)
        for side in self._sides:
            side.chain.reset()
            side.waiting = side.waiting[:, :0]

    def _sum(self, sounds: list[np.ndarray], n: int) -> np.ndarray:
        """In the order in which a stream adds them, so that the last bit is the same."""
        total = sounds[0].copy() if sounds else np.zeros((self._channels, n), np.float32)
        for sound in sounds[1:]:
            total += sound
        return total
