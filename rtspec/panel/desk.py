"""What the verbs act on: the stream, its cards, and what one panel alone knows of them."""

import threading
import time
from collections import defaultdict
from typing import Any

from ..control.learning import Learning
from ..control.parameters import Parameter
from ..control.presets import set_values
from ..errors import InvalidValue
from .dropping import Drops
from .loops import Loops
from .rack import Rack

GESTURE_S = 0.8
"""Moves of one control with shorter pauses are one step of undo."""


class Desk:
    """The panel's hands on a stream.

    Parameters
    ----------
    stream : rtspec.live.performance.Performance
        What plays.
    """

    def __init__(self, stream: Any):
        self.stream = stream
        self.rack, self.loops = Rack(stream.board), Loops()
        self.drops = Drops()
        self.learning: tuple[str, Learning] | None = None
        self.devices: dict[str, list] = {"outputs": [], "inputs": [], "midi": []}
        self._held: defaultdict[int, set[tuple[int, ...]]] = defaultdict(set)
        self._gesture, self._gesture_at = "", 0.0
        self._lock = threading.RLock()
        self._known: dict[str, Parameter] = {}

    @property
    def controllers(self) -> Any:
        """What else moves the stream: map, presets, history, pad."""
        return self.stream.controllers

    @property
    def session(self) -> Any:
        """What plays now."""
        return self.stream.session

    def refresh(self) -> None:
        """The chain is another: look its parameters up anew."""
        with self._lock:
            pad = {f"pad/{name}": self.controllers.pad[name] for name in self.controllers.pad}
            self._known = {**self.rack.parameters(), **pad}

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All that can be moved, by address."""
        return self._known

    def parameter(self, address: str) -> Parameter:
        """One of them, or :class:`InvalidValue`."""
        if address not in self._known:
            self.refresh()
        found = self._known.get(address)  # asked once: other threads look the chain up anew
        if found is None:
            raise InvalidValue(f"{address!r} is no parameter of the chain any more; look at the chain as it is now")
        return found

    def set(self, address: str, value: float) -> None:
        """Move a parameter; what was before can be undone."""
        parameter = self.parameter(address)
        parameter.spec.check(value)
        self.remember(address)
        parameter.value = value

    def place(self, values: dict[str, float]) -> None:
        """Move several at once: all of them or none."""
        known = {address: self.parameter(address) for address in values}
        for address, parameter in known.items():
            parameter.spec.check(values[address])
        self.remember(next(iter(values), ""))
        directory = self.controllers.directory.still()
        inside = {id(p): address for address, p in directory.items()}
        set_values(directory, {inside[id(p)]: values[a] for a, p in known.items() if id(p) in inside})
        for address, parameter in known.items():  # those of a card that stands beside the chain
            if id(parameter) not in inside:
                parameter.value = values[address]

    def remember(self, gesture: str) -> None:
        """Before a move: keep what is, once a gesture."""
        now = time.monotonic()
        if gesture != self._gesture or now - self._gesture_at > GESTURE_S:
            self.controllers.history.remember()
        self._gesture, self._gesture_at = gesture, now

    def turn(self) -> None:
        """Let loops play on; called as often as there are pictures."""
        for address, value in self.loops.now(time.monotonic()):
            known = self._known.get(address)
            if known is not None:
                known.value = min(max(value, known.spec.minimum), known.spec.maximum)

    def play(self, client: int, message: Any, release: Any) -> bool:
        """Play a client's MIDI message; `release` is the one that lets it go again. Whether anyone hears it."""
        held, key = self._held[client], tuple(release.bytes())
        if message == release:
            held.discard(key)
        else:
            held.add(key)
        return self.stream.send(message)

    def let_go(self, client: int) -> None:
        """A client is gone: what it holds down is let go, what it was sending forgotten."""
        from mido import Message

        for release in self._held.pop(client, ()):
            self.stream.send(Message.from_bytes(release))
        self.drops.leave(client)

    def close(self) -> None:
        """Let everything go."""
        for client in list(self._held):
            self.let_go(client)
        self.drops.close()
