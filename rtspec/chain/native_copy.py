"""Independent equals of native pedalboard plugins, which pedalboard itself can neither copy nor pickle."""

from functools import cache
from typing import Any, NamedTuple

from ..errors import InvalidValue

Recipe = tuple[str, dict[str, Any], list | None]
"""Class name, values by name, and for a container the recipes of what is in it."""


@cache
def _classes() -> dict[str, type]:
    """The plugins that a name and values make, by name: all of pedalboard's own but those that load files."""
    import pedalboard

    files = (pedalboard.ExternalPlugin, pedalboard.Convolution)
    found = {n: t for n, t in vars(pedalboard).items() if isinstance(t, type) and issubclass(t, pedalboard.Plugin)}
    return {n: t for n, t in found.items() if not issubclass(t, files) and t.__name__ == n and _makes_one(t)}


def _makes_one(kind: type) -> bool:
    try:
        kind()
    except Exception:  # an abstract class, or one that wants arguments
        return False
    return True


@cache
def _names(kind: type) -> tuple[str, ...]:
    """The values of a class of plugins that can be set."""
    found = {n for c in kind.__mro__ for n, v in vars(c).items() if isinstance(v, property) and v.fset is not None}
    return tuple(sorted(n for n in found if not n.startswith("_")))


def _is_container(plugin) -> bool:
    import pedalboard

    return isinstance(plugin, pedalboard.PluginContainer)


def children(plugin) -> list:
    """What a native container holds, in order; nothing for any other plugin."""
    return [plugin[i] for i in range(len(plugin))] if _is_container(plugin) else []


def family(plugin) -> list:
    """A plugin and all plugins inside it."""
    return [plugin, *(inner for child in children(plugin) if child is not None for inner in family(child))]


def is_public(plugin) -> bool:
    """Whether it, and all that is in it, is of pedalboard's public kinds. Others, which its own tests have, may write
    beyond their memory where the length of a block is not that of the one before."""
    import pedalboard

    kinds = tuple(t for t in vars(pedalboard).values() if isinstance(t, type) and t is not pedalboard.Plugin)
    return all(one is None or isinstance(one, kinds) for one in family(plugin))


def values(plugin) -> dict[str, Any]:
    """Its values by name."""
    return {name: getattr(plugin, name) for name in _names(type(plugin))}


def recipe(plugin) -> Recipe | None:
    """What makes an equal of a plugin, in plain values; None where nothing does: a plugin from a file, a subclass."""
    import pedalboard

    kind = type(plugin)
    if kind is pedalboard.Convolution and plugin.impulse_response_filename:
        return "Convolution", {"path": plugin.impulse_response_filename, **values(plugin)}, None
    if _classes().get(kind.__name__) is not kind:
        return None
    if not _is_container(plugin):
        return kind.__name__, values(plugin), None
    inner = [None if child is None else recipe(child) or kind for child in children(plugin)]
    return None if kind in inner else (kind.__name__, values(plugin), inner)


def made(instructions: Recipe):
    """The plugin of a recipe."""
    import pedalboard

    name, state, inner = instructions
    if name == "Convolution":
        return pedalboard.Convolution(state["path"], state["mix"])
    kind = _classes()[name]
    plugin = kind() if inner is None else kind([None if child is None else made(child) for child in inner])
    for key, value in state.items():
        setattr(plugin, key, value)
    return plugin


def copied(plugin):
    """An independent equal, or :class:`InvalidValue` where there is no way to make one."""
    instructions = recipe(plugin)
    if instructions is None:
        raise InvalidValue(
            f"{plugin!r} cannot be copied: pedalboard tells too little of it; make a second one yourself"
        )
    return made(instructions)


def _same(some: list, others: list) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


class _Pair(NamedTuple):
    original: Any
    copy: Any
    names: tuple[str, ...]


class Follower:
    """Keeps a copy of a plugin equal to it: what is set on the original is set on the copy, without its state."""

    def __init__(self, plugin, copy):
        self._plugin, self._copy = plugin, copy
        self._learn()

    def _learn(self) -> None:
        originals = self._inside = family(self._plugin)
        pairs = zip(originals, family(self._copy), strict=True)
        self._pairs = [_Pair(o, c, names) for o, c in pairs if (names := _names(type(o)))]
        self._seen = [self._values(pair) for pair in self._pairs]
        self._is_container = _is_container(self._plugin)

    @staticmethod
    def _values(pair: _Pair) -> list:
        return [getattr(pair.original, name) for name in pair.names]

    def follow(self) -> bool:
        """Set what has changed since the last time; True if anything has."""
        if self._is_container and not _same(family(self._plugin), self._inside):
            self._refill()
            return True
        changed = False
        for i, pair in enumerate(self._pairs):
            now, before = self._values(pair), self._seen[i]
            if now != before:
                for name, value, old in zip(pair.names, now, before, strict=True):
                    if value != old:
                        setattr(pair.copy, name, value)
                self._seen[i], changed = now, True
        return changed

    def _refill(self) -> None:
        """A container was edited: its copy gets equals of what is in it now."""
        fresh = [None if child is None else copied(child) for child in children(self._plugin)]
        while len(self._copy):
            del self._copy[0]
        for child in fresh:
            self._copy.append(child)
        self._learn()
