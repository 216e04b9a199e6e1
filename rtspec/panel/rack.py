"""The chain as cards: every plugin has a name that stays while the chain is edited, and every parameter an address."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import wraps
from itertools import count
from typing import Any

from .. import checks
from ..chain.board import Pedalboard
from ..chain.mix import Mix
from ..control.controlled import instruments, table_of
from ..control.directory import processor_name
from ..control.parameters import Parameter
from ..errors import InvalidValue

_BYPASS = "bypass"


@dataclass
class Card:
    """One place of the chain.

    Attributes
    ----------
    name : str
        "c3": of this card as long as its plugin is in the chain, wherever it is moved.
    plugin : object
    is_out : bool
        A plugin that a wire stands for, a native one or a mix say: bypassed.
    inner : list of (str, object)
        The plugins in it by their places: "c3/0", which a plugin keeps when a board inside is edited.
    bypass : list of Parameter
        The switches that bypass what is in it; none where a plugin in it, a native one, has no switch, or where it has
        a mix: chains side by side that all let the sound pass would add it up.
    """

    name: str
    plugin: Any
    is_out: bool = False
    inner: list[tuple[str, Any]] = field(default_factory=list)
    bypass: list[Parameter] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._places = count()
        self.look()

    def look(self) -> None:
        """See what is in it now."""
        plugins = _dissolved(self.plugin)
        if [id(plugin) for _, plugin in self.inner] == [id(plugin) for plugin in plugins]:
            return
        known = {id(plugin): place for place, plugin in self.inner}
        self.inner = [(known.get(id(p)) or f"{self.name}/{next(self._places)}", p) for p in plugins]
        found = [p for address, p in self.parameters.items() if address.endswith(f"/{_BYPASS}")]
        self.bypass = found if len(found) == len(self.inner) and not _has_mix(self.plugin) else []

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by address: "c3/0/mix"."""
        tables = [(place, table_of(plugin)) for place, plugin in self.inner]
        return {f"{place}/{name}": table[name] for place, table in tables if table is not None for name in table}

    @property
    def is_bypassed(self) -> bool:
        """Whether the sound passes it unchanged."""
        switches = self.bypass
        return self.is_out or (bool(switches) and all(switch.value >= 0.5 for switch in switches))

    @property
    def is_instrument(self) -> bool:
        """Whether keys play it."""
        return bool(instruments([plugin for _, plugin in self.inner]))

    @property
    def title(self) -> str:
        """What it is called: "chorus + gain" after each other, "dry | chorus" side by side."""
        return _titled(self.plugin)


def _dissolved(plugin: Any) -> list:
    if isinstance(plugin, Pedalboard):
        return [inner for p in plugin[:] if p is not None for inner in _dissolved(p)]
    return [plugin]


def _has_mix(plugin: Any) -> bool:
    return isinstance(plugin, Mix) or (isinstance(plugin, Pedalboard) and any(map(_has_mix, plugin[:])))


def _titled(plugin: Any) -> str:
    if isinstance(plugin, Mix):
        return " | ".join(_in_a_row(chain) or "dry" for _, chain in plugin.branches()) or "empty mix"
    if isinstance(plugin, Pedalboard):
        return _in_a_row(plugin[:]) or "empty board"
    return processor_name(plugin)


def _in_a_row(plugins: list) -> str:
    found = [plugin for plugin in plugins if plugin is not None]
    titles = [_titled(plugin) for plugin in found]
    if len(found) > 1:
        titles = [f"({t})" if isinstance(p, Mix) else t for p, t in zip(found, titles, strict=True)]
    return " + ".join(titles)


def _alone(method: Callable) -> Any:
    """A method that no other thread's may come between."""

    @wraps(method)
    def held(rack, *arguments):
        with rack.lock:
            return method(rack, *arguments)

    return held


class Rack:
    """The cards of a board, always those of the board as it is now. Edits go through the board and are cross-faded.

    Parameters
    ----------
    board : Pedalboard

    Attributes
    ----------
    lock : threading.RLock
        Held while the chain is looked at or edited.
    """

    def __init__(self, board: Pedalboard):
        self._board, self._made = board, 0
        self._cards: list[Card] = []
        self.lock = threading.RLock()

    @_alone
    def cards(self) -> list[Card]:
        """In the order of the sound's way."""
        known = {id(card.plugin): card for card in self._cards}
        out = iter([card for card in self._cards if card.is_out])
        found = []
        for plugin in self._board:
            card = next(out, None) if plugin is None else known.get(id(plugin))
            if plugin is not None:
                card = card or self._card(plugin)
                card.look()
                card.is_out = False
            if card is not None:
                found.append(card)
        self._cards = found
        return list(found)

    def _card(self, plugin: Any) -> Card:
        self._made += 1
        return Card(f"c{self._made}", plugin)

    def card(self, name: str) -> Card:
        """The card of this name, or :class:`InvalidValue`."""
        for card in self.cards():
            if card.name == name:
                return card
        raise InvalidValue(f"{name!r} is no card of the chain any more; look at the chain as it is now")

    def parameters(self) -> dict[str, Parameter]:
        """Every parameter by address."""
        return {address: parameter for card in self.cards() for address, parameter in card.parameters.items()}

    def plugins(self) -> Iterator[tuple[str, Any]]:
        """Every plugin by its place: "c3/0"."""
        for card in self.cards():
            yield from card.inner

    @_alone
    def add(self, plugin: Any, at: int | None = None) -> Card:
        """Put a plugin before the card of this number, at the end where None."""
        cards = self.cards()
        place = len(self._board) if at is None or at >= len(cards) else self._place(cards[at])
        self._board.insert(place, plugin)
        return next(card for card in self.cards() if card.plugin is plugin)

    @_alone
    def remove(self, name: str) -> None:
        """Take a card out of the chain."""
        card = self.card(name)
        place = self._place(card)
        self._cards = [other for other in self._cards if other is not card]
        del self._board[place]

    @_alone
    def move(self, name: str, to: int) -> None:
        """Let a card be the one of this number, from 0."""
        cards = self.cards()
        card = self.card(name)
        checks.within("to", to, 0, len(cards) - 1, "the chain has no other places")
        cards.remove(card)
        cards.insert(to, card)
        self._cards = cards
        self._board[:] = [None if other.is_out else other.plugin for other in cards]

    @_alone
    def shift(self, name: str, by: int) -> None:
        """Move a card by so many places, as far as there are any."""
        cards = self.cards()
        to = min(max(cards.index(self.card(name)) + by, 0), len(cards) - 1)
        if cards[to].name != name:
            self.move(name, to)

    @_alone
    def bypass(self, name: str, on: bool | None) -> None:
        """Let the sound pass a card unchanged, or not; None: the other of what it is by then, so that clicks add up."""
        card = self.card(name)
        on = not card.is_bypassed if on is None else on
        switches = card.bypass
        for switch in switches:
            switch.value = float(on)
        if not switches and card.is_out != on:
            place = self._place(card)
            card.is_out = on
            self._board[place] = None if on else card.plugin

    def _place(self, card: Card) -> int:
        """Where in the board a card stands; wires that nobody bypassed have none."""
        if not card.is_out:
            return next(i for i, plugin in enumerate(self._board) if plugin is card.plugin)
        wires = [i for i, plugin in enumerate(self._board) if plugin is None]
        return wires[[other for other in self._cards if other.is_out].index(card)]
