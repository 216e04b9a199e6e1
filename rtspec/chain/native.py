"""Native pedalboard plugins as stages of a live chain. They need the GIL at their step; what is around them does
not.

A stream plays an equal of the plugin that follows its values, so that nothing that happens to the plugin elsewhere is
heard. A plugin of which no equal can be made (from a file, or a subclass) belongs to the stream as long as that plays.
"""

import ctypes
import gc
import time
import weakref

import numpy as np

from ..buffers.record import Record
from ..buffers.step import Stage
from ..errors import SharedPlugin
from .native_copy import Follower, copied, family, recipe
from .native_probe import LONGEST_BLOCK, Feeding, begin, feeding
from .program import Program, audio_buffer

_STEP = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * 4)
_EMPTY = Record("Empty")


class Feed:
    """A native plugin in a stream: as many samples come out as go in, `delay` later.

    Parameters
    ----------
    plugin : pedalboard.Plugin
    sample_rate : float
        Hz.
    channels : int
    how : Feeding
    goes_on : bool
        Whether it is to play on from the state that the plugin has.

    Attributes
    ----------
    short_samples : int
        Samples that the plugin did not give, or not in time; silence stands for them. Some plugins begin anew where a
        value of theirs is set, and lose what they hold: BrickwallLimiter its 5 ms.
    """

    def __init__(self, plugin, sample_rate: float, channels: int, how: Feeding, goes_on: bool = False):
        self.plugin, self.sample_rate, self.channels, self.how = plugin, sample_rate, channels, how
        self.short_samples = 0
        if goes_on:
            self._empty()
        else:
            self.restart()

    def restart(self) -> None:
        """Begin anew, in silence."""
        begin(self.plugin, self.sample_rate, self.channels)
        self._empty()

    def _empty(self) -> None:
        self._waiting = np.zeros((self.channels, 0), np.float32)
        self._ready = np.zeros((self.channels, self.how.delay), np.float32)
        self._held = self._most_held = 0
        self._held_then: int | None = None

    def changed(self) -> None:
        """A value of the plugin was set: if it now begins anew, it loses what it holds."""
        self._held_then = self._held if self._held_then is None else self._held_then

    def run(self, block: np.ndarray, buffer_size: int = LONGEST_BLOCK) -> np.ndarray:
        """float32 (channels, n) → the same shape, delayed."""
        if self.how.block == 0:
            size = min(buffer_size, LONGEST_BLOCK)
            return self.plugin.process(block, self.sample_rate, buffer_size=size, reset=False)
        self._take(block)
        return self._give(block.shape[1])

    def _take(self, block: np.ndarray) -> None:
        waiting, size, outs = np.concatenate([self._waiting, block], axis=1), self.how.block, [self._ready]
        whole = waiting.shape[1] - waiting.shape[1] % size
        for at in range(0, whole, size):
            part = np.ascontiguousarray(waiting[:, at : at + size])
            out = self.plugin.process(part, self.sample_rate, buffer_size=size, reset=False)
            got = out.shape[1] if out.size else 0
            if lost := self._lost(size, got):
                outs.append(np.zeros((self.channels, lost), np.float32))
            if got:
                outs.append(out)
        self._waiting, self._ready = waiting[:, whole:], np.concatenate(outs, axis=1)

    def _lost(self, took: int, gave: int) -> int:
        """Samples that a plugin lost which began anew: it holds more than ever before, and gave nothing since its value
        was set. Silence stands for them."""
        self._held += took - gave
        lost = 0
        if self._held_then is None:
            self._most_held = max(self._most_held, self._held)
        elif self._held > self._most_held:
            lost, self._held_then = self._held_then, None
        elif gave:
            self._held_then = None  # it plays on as before
        self._held -= lost
        self.short_samples += lost
        return lost

    def _give(self, n: int) -> np.ndarray:
        out, self._ready = self._ready[:, :n], self._ready[:, n:]
        missing = n - out.shape[1]
        self.short_samples += missing
        return np.pad(out, ((0, 0), (0, missing))) if missing else out


_owners: weakref.WeakValueDictionary[int, "NativeStep"] = weakref.WeakValueDictionary()
"""Who plays a plugin that cannot be copied, by the plugin's id."""


def check_unowned(plugin) -> None:
    """Raise :class:`SharedPlugin` where a plugin that cannot be copied is playing live."""
    if any(id(one) in _owners for one in family(plugin)):
        gc.collect()  # a stream that nobody holds any more may not have been cleared away yet
    if any(id(one) in _owners for one in family(plugin)):
        raise SharedPlugin(
            f"{plugin!r} is playing in a live stream and cannot be copied; it has one state: stop that stream first, or"
            " make a second plugin"
        )


class _NativeStage(Stage):
    """A stage whose state is the plugin's own."""

    def __init__(self, step: "NativeStep", entry: int):
        super().__init__(entry, _EMPTY, keep=(step,), delay=step.feed.how.delay)
        self._step = step

    def reset(self) -> None:
        super().reset()
        self._step.restart()


class NativeStep:
    """Calls one plugin from the engine's thread, counting what that costs.

    Parameters
    ----------
    plugin : pedalboard.Plugin
    sample_rate : float
        Hz.
    channels : int
    lead : int
        Samples of silence that come before the sound, which the plugin does not get: it begins with the sound, as it
        does offline.

    Attributes
    ----------
    lead : int
        As above, from the next restart on.
    calls, seconds : int, float
        How often it ran and how long it took, waiting for the GIL included.
    errors : int
        Blocks that the plugin refused; they pass unprocessed.
    """

    def __init__(self, plugin, sample_rate: float, channels: int, lead: int = 0):
        self.plugin, self.lead, self._left = plugin, lead, lead
        self.calls, self.seconds, self.errors = 0, 0.0, 0
        self._x, self._y = audio_buffer(channels), audio_buffer(channels)
        check_unowned(plugin)
        how, self._follower = feeding(plugin, sample_rate, channels), None
        self._family = family(plugin)  # kept: what is inside a container has another id each time it is looked for
        subject = plugin
        if recipe(plugin) is None:
            _owners.update({id(one): self for one in self._family})
        else:
            subject = copied(plugin)
            self._follower = Follower(plugin, subject)
        self.feed = Feed(subject, sample_rate, channels, how)
        self._entry = _STEP(self._run)

    def program(self) -> Program:
        """The plugin as a program of its own, primed for streaming."""
        stage = _NativeStage(self, ctypes.cast(self._entry, ctypes.c_void_p).value or 0)
        latency = {"plugins": self.feed.how.delay}
        return Program([stage.row(self._x, self._y)], [stage], self._x, self._y, latency, natives=[self])

    @property
    def owns(self) -> bool:
        """Whether it plays the very plugin, of which no equal can be made."""
        return self._follower is None

    def restart(self) -> None:
        """Begin anew, in silence."""
        self._left = self.lead
        self.feed.restart()

    def release(self) -> None:
        """The plugin may play elsewhere."""
        for one in self._family:
            if _owners.get(id(one)) is self:
                del _owners[id(one)]

    def cost(self) -> dict[str, float]:
        """Calls, mean time of a call in µs, errors so far, and samples that did not come in time."""
        mean = 1e6 * self.seconds / self.calls if self.calls else 0.0
        counts = {"errors": self.errors, "short_samples": self.feed.short_samples}
        return {"calls": self.calls, "mean_us": round(mean, 1), **counts}

    def _run(self, state: int, x: int, n: int, y: int) -> int:
        start = time.perf_counter()
        before = min(self._left, n)
        self._left -= before
        self._y[:, :before] = 0.0
        if before < n:
            block = np.ascontiguousarray(self._x[:, before:n])
            try:
                if self._follower is not None and self._follower.follow():
                    self.feed.changed()
                out = self.feed.run(block)
            except Exception:
                # An exception cannot leave a C callback: the block passes dry, and the count tells.
                out, self.errors = block, self.errors + 1
            self._y[:, before:n] = out
        self.calls, self.seconds = self.calls + 1, self.seconds + time.perf_counter() - start
        return n
