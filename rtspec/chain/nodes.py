"""What plays one plugin of a chain that is driven from Python."""

import weakref
from typing import Any, Protocol

import numpy as np

from ..errors import InvalidValue, SharedPlugin
from .cutting import PIECE, cut, put
from .native import Feed, check_unowned
from .native_copy import Follower, copied, recipe
from .native_probe import LONGEST_BLOCK, feeding
from .program import Program

MANY_SAMPLES = 1 << 24
"""Of all channels: from here on memory counts more than the time to find out how a native plugin can be fed."""


class Node(Protocol):
    """One plugin of a chain.

    Attributes
    ----------
    latency : int
        Samples from input to output in a stream.
    owed : int
        How many samples fewer than it gets it gives of a whole sound: the delay that is not a native plugin's.
    beyond : int
        Samples after the sound's end that its last ones may hang on: a native plugin that looks ahead hears what ours
        before it still give then.
    early : ndarray, float32, shape (channels, n)
        What it gives in a stream before the sound's own start.
    """

    @property
    def latency(self) -> int: ...

    @property
    def owed(self) -> int: ...

    @property
    def beyond(self) -> int: ...

    @property
    def early(self) -> np.ndarray:
        """What comes out before the sound's start: float32, (channels, n_samples)."""
        ...

    def goes_in_pieces(self, n_samples: int, block: int) -> bool:
        """Whether a whole sound may come in pieces (:mod:`rtspec.chain.cutting`) and be the same to the bit."""
        ...

    def lie(self, lead: int, before: "Node | None") -> None:
        """In a stream the sound gets here `lead` samples late, from the node `before`; None where that was silent."""

    def process(self, audio: np.ndarray, block: int) -> np.ndarray:
        """A sound that comes in one call: float32, (channels, n_samples), in and out."""
        ...

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        """The next piece of a sound: float32, (channels, n_samples), in; as many or fewer samples out."""
        ...

    def reset(self) -> None: ...


class ProgramNode:
    """One of our processors: a program of its own.

    In a stream a program hears the one before it from the first moment on, what that one gives before the sound's own
    start included, and what it gives after the sound's end: so it does here.
    """

    def __init__(self, program: Program):
        self.program, self._lead = program, 0
        self._before: Node | None = None
        self.early = self._silence(0)
        self._begun, self._to_skip = False, 0

    @property
    def latency(self) -> int:
        return self.program.latency_samples

    owed, beyond = latency, 0

    def goes_in_pieces(self, n_samples: int, block: int) -> bool:
        """It may: blocks change no sample."""
        return True

    def lie(self, lead: int, before: Node | None) -> None:
        self._lead, self._before = lead, before

    def reset(self) -> None:
        self._begun = False

    def _begin(self) -> None:
        self.program.reset()
        heard = self._silence(self._lead) if self._before is None else self._before.early
        self.early = self.program.run(np.ascontiguousarray(heard)) if heard.size else heard
        self._begun, self._to_skip = True, self.latency

    def process(self, audio: np.ndarray, block: int) -> np.ndarray:
        """A sound that comes in one call: float32, (channels, n_samples), in and out."""
        return in_pieces([self], audio, block)

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        """The next piece of a sound: float32, (channels, n_samples), in; as many or fewer samples out."""
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


_last: weakref.WeakValueDictionary[int, "NativeNode"] = weakref.WeakValueDictionary()
"""Who played a plugin last of which no equal can be made, by the plugin's id."""


class NativeNode:
    """A native plugin: whole sounds as pedalboard plays them, pieces through :class:`rtspec.chain.native.Feed`.

    As in a stream, an equal plays that follows the plugin's values, so that a sound in pieces stays whole while another
    board plays the same plugin. A plugin of which no equal can be made plays itself.
    """

    owed = 0

    def __init__(self, plugin, sample_rate: float, channels: int):
        self._plugin, self._rate, self._channels, self._lead = plugin, sample_rate, channels, 0
        self._subject: Any = None
        self._follower: Follower | None = None
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

    beyond = latency

    @property
    def early(self) -> np.ndarray:
        """Silence: it begins with the sound. Float32 of shape (channels, n_samples)."""
        return np.zeros((self._channels, self._lead + self.latency), np.float32)

    def goes_in_pieces(self, n_samples: int, block: int) -> bool:
        """A sound of many megabytes may, where the plugin stands blocks of any length and is cut between two."""
        if n_samples * self._channels < MANY_SAMPLES or PIECE % block or block > LONGEST_BLOCK:
            return False
        try:
            return recipe(self._plugin) is not None and feeding(self._plugin, self._rate, self._channels).block == 0
        except InvalidValue:
            return False

    def lie(self, lead: int, before: Node | None) -> None:
        self._lead = lead

    def reset(self) -> None:
        self._begun = False

    def process(self, audio: np.ndarray, block: int) -> np.ndarray:
        """A sound that comes in one call: float32, (channels, n_samples), in and out."""
        plugin = self._player(goes_on=False)
        if audio.shape[1] == 0:
            return audio
        audio = np.ascontiguousarray(audio)
        flat = audio[0] if len(audio) == 1 or audio.shape[1] <= len(audio) else audio
        if flat.ndim == 1 and len(audio) > 1:  # so short that pedalboard would take samples for channels
            padded = np.pad(audio, ((0, 0), (0, len(audio) + 1)))
            self._begun = False
            return plugin.process(padded, self._rate, buffer_size=block, reset=True)[:, : audio.shape[1]]
        out = plugin.process(flat, self._rate, buffer_size=block, reset=True).reshape(audio.shape)
        # What stands any block plays on from here, as in pedalboard; a queue begins anew.
        self._begun = self._feed is None or self._feed.how.block == 0
        return out

    def piece(self, audio: np.ndarray, block: int) -> np.ndarray:
        """The next piece of a sound: float32, (channels, n_samples), in; as many or fewer samples out."""
        plugin = self._player(goes_on=self._begun)
        if self._feed is None:
            how = feeding(self._plugin, self._rate, self._channels)
            self._latency = how.delay
            self._begun = self._begun and how.block == 0 and self._follower is not None
            self._feed = Feed(plugin, self._rate, self._channels, how, goes_on=self._begun)
        elif not self._begun:
            self._feed.restart()
        if not self._begun:
            self._begun, self._to_skip = True, self._feed.how.delay
        if audio.shape[1] == 0:
            return audio
        skipped = min(self._to_skip, audio.shape[1])
        self._to_skip -= skipped
        return self._feed.run(np.ascontiguousarray(audio), block)[:, skipped:]

    def _player(self, goes_on: bool):
        """What plays, with the plugin's present values: an equal, or the plugin itself."""
        itself = recipe(self._plugin) is None
        if itself:
            check_unowned(self._plugin)
            if goes_on and _last.get(id(self._plugin)) is not self:
                raise SharedPlugin(
                    f"{self._plugin!r} has played in another board since the last piece of this sound, and it cannot be"
                    " copied: it has one state, which is gone; reset() this board and begin the sound anew, or make a"
                    " second plugin"
                )
            _last[id(self._plugin)] = self
        if self._subject is None or itself is not (self._follower is None):
            self._subject = self._plugin if itself else copied(self._plugin)
            self._follower = None if itself else Follower(self._plugin, self._subject)
            self._feed, self._begun = None, False
        elif self._follower is not None and self._follower.follow() and self._feed is not None:
            self._feed.changed()
        return self._subject


def in_pieces(nodes: list[Node], audio: np.ndarray, block: int, silence: int = 0) -> np.ndarray:
    """A whole sound, and silence behind it, through nodes in a row, of which none keeps all of it at a time. Float32 of
    shape (channels, n_samples), in and out."""
    for node in nodes:
        node.reset()
    n = audio.shape[1] + silence
    out, done = np.empty((len(audio), max(0, n - sum(node.owed for node in nodes))), np.float32), 0
    for _, piece in cut(audio, n):
        for node in nodes:
            piece = node.piece(piece, block)
        put(out, done, piece)
        done += piece.shape[1]
    return out


def longer(audio: np.ndarray, silence: int) -> np.ndarray:
    """A sound with so many samples of silence behind it. Float32 of shape (channels, n_samples)."""
    return np.pad(audio, ((0, 0), (0, silence))) if silence else audio
