"""The contract between chains and what plays in them: all that boards, players and drivers ask of a plugin of ours."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar, runtime_checkable

from ..control.controlled import Controlled

if TYPE_CHECKING:
    from .program import Program


class Plugin(Controlled):
    """What is compiled into a chain's program. Everything else in a chain is a native plugin of pedalboard.

    Attributes
    ----------
    version : hashable
        Another one whenever the plugin's structure has changed, so that its programs have to be prepared anew.
    listens : bool
        Whether its program hears a sensor, or what the chain gives in the end.
    """

    version: Any = 0
    listens: bool = False

    @abstractmethod
    def prepare(self, sample_rate: float, channels: int) -> "Program":
        """A program with state of its own for one driver, at `sample_rate` Hz; it follows the plugin's parameters.

        Raises
        ------
        RtspecError
            The plugin cannot play so: value, rule, remedy.
        """

    def latency(self, sample_rate: float) -> dict[str, int]:
        """Delay from input to output in samples, by item; raises as :meth:`prepare` does. Boards ask before an edit."""
        return dict(self.prepare(sample_rate, 1).latency)

    def ear_news(self) -> list[str]:
        """What there is to tell since the last call, a line each: a sensor that is dead, say."""
        return []

    def join(self, board: Any) -> None:
        """From now on `board.changed()` is to be called when :attr:`version` changes."""


@runtime_checkable
class Holder(Protocol):
    """What holds plugins: boards, mixes."""

    def members(self) -> list:
        """The plugins in it, in order."""
        ...


@runtime_checkable
class Composite(Protocol):
    """A plugin of ours that holds chains, which may hold native plugins: it must know where in a chain it stands."""

    def prepare(self, sample_rate: float, channels: int, lead: int = 0) -> "Program":
        """As a plugin's; the sound comes `lead` samples late."""
        ...

    def offline_node(self, sample_rate: float, channels: int) -> Any:
        """What plays it in a chain that is driven from Python (:class:`rtspec.chain.nodes.Node`)."""
        ...


Kind = TypeVar("Kind")
_kinds: dict[tuple[type, type], bool] = {}


def fits(thing: object, protocol: type[Kind]) -> TypeGuard[Kind]:
    """Whether something has what a runtime protocol asks for: asked once of each class, since Python looks at every
    member each time (5 to 22 µs), and a board asks at each call."""
    key = type(thing), protocol
    if key not in _kinds:
        _kinds[key] = isinstance(thing, protocol)
    return _kinds[key]


def is_plugin(thing: Any) -> bool:
    """Whether something is a plugin of ours, and not a native one."""
    return isinstance(thing, Plugin)


def version_of(thing: Any) -> Any:
    """A plugin's version; native plugins have but one."""
    return thing.version if isinstance(thing, Plugin) else 0
