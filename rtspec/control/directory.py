"""Where to find a parameter: every parameter of a board under a readable address, ``1-spectral-inversion/mix``.

MIDI maps, OSC and presets all name parameters this way.
"""

import re
from collections.abc import ItemsView, Iterator, Mapping, MutableSequence, ValuesView
from typing import Any

from .. import checks
from ..errors import InvalidValue
from .controlled import Controlled, table_of
from .parameters import Parameter, ParameterTable

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def processor_name(processor: object) -> str:
    """A processor's name in addresses: ``SpectralInversion`` → ``spectral-inversion``, ``OnnxProcessor`` → ``onnx``."""
    name = _WORD.sub("-", type(processor).__name__).lower()
    return name.removesuffix("-processor") or name


class Directory(Mapping[str, Parameter]):
    """All parameters of a chain by address, always those of the chain as it is now.

    Parameters
    ----------
    target : Pedalboard, processor or sequence of processors
        Plugins without parameters (from files, native containers) take a place in the count and have no address.
    extras : dict of str to ParameterTable
        Parameters that belong to no processor, by the name of their place; presets leave them out.

    Notes
    -----
    A full address is ``<n>-<processor>/<parameter>``, n counted from 1 in the order of the sound's way. :meth:`find`
    also takes ``<processor>/<parameter>`` and ``<parameter>``, the first that fits, and follows a processor that an
    edit of the chain has moved, where it is the only one of its kind.
    """

    def __init__(self, target: Any, extras: dict[str, ParameterTable] | None = None):
        self.target, self._extras = target, dict(extras or {})
        self._known: tuple[list | None, dict[str, Parameter]] = (None, {})

    def processors(self) -> list:
        """The plugins of the chain in order."""
        if table_of(self.target) is not None:
            return [self.target]
        return _flat(self.target)

    def still(self) -> "Directory":
        """One of the chain as it is now, for what takes several steps: edits from other threads do not reach it."""
        return Directory(self.processors(), self._extras)

    def places(self) -> list[tuple[str, ParameterTable]]:
        """Name (``1-spectral-inversion``) and parameters of each processor that has any."""
        return _places(self.processors())

    def readings(self) -> dict[str, float]:
        """What the processors' compiled code has found lately: ``2-scene-equalizer/reading/scene_street``."""
        placed = enumerate(self.processors(), 1)
        return {
            f"{n}-{processor_name(p)}/reading/{name}": value
            for n, p in placed
            if isinstance(p, Controlled)
            for name, value in p.readings().items()
        }

    def _all(self) -> dict[str, Parameter]:
        plugins, (then, parameters) = self.processors(), self._known
        if then is None or list(map(id, plugins)) != list(map(id, then)):
            places = [*_places(plugins), *self._extras.items()]
            parameters = {f"{name}/{key}": table[key] for name, table in places for key in table}
            self._known = plugins, parameters  # both at once: other threads look too
        return parameters

    def __getitem__(self, address: str) -> Parameter:
        return self._all()[address]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def items(self) -> ItemsView[str, Parameter]:
        """Addresses and parameters at one moment."""
        return self._all().items()

    def values(self) -> ValuesView[Parameter]:
        """The parameters at one moment."""
        return self._all().values()

    def find(self, address: str) -> str | None:
        """The full address that `address`, full or short, means in the chain as it is now; None where nothing fits."""
        return _meant(address, self._all())

    def parameter(self, address: str) -> Parameter:
        """The parameter that `address` means, or :class:`InvalidValue` listing what there is."""
        return self._found(address)[1]

    def _found(self, address: str) -> tuple[str, Parameter]:
        known = self._all()
        found = _meant(address, known)
        if found is None:
            listed = checks.candidates(known, address)
            raise InvalidValue(f"{checks.shown(address)} is no parameter of this chain; choose one of {listed}")
        return found, known[found]

    def address_of(self, parameter: Parameter | str) -> str:
        """The full address of a parameter object, or of a full or short address."""
        if isinstance(parameter, str):
            return self._found(parameter)[0]
        for address, known in self.items():
            if known is parameter:
                return address
        listed = checks.candidates(self, parameter.name)
        raise InvalidValue(f"{parameter!r} belongs to no processor of this chain; choose one of {listed}")


def _places(plugins: list) -> list[tuple[str, ParameterTable]]:
    tables = [(f"{n}-{processor_name(p)}", table_of(p)) for n, p in enumerate(plugins, 1)]
    return [(name, table) for name, table in tables if table is not None]


def _meant(address: str, known: Mapping[str, Parameter]) -> str | None:
    if address in known:
        return address
    place, _, name = address.rpartition("/")
    number, _, kind = place.partition("-")
    moved = number.isdecimal()
    wanted = (kind if moved else place, name)
    fitting = [full for full in known if (_kind(full) if place else "", full.rpartition("/")[2]) == wanted]
    return fitting[0] if fitting and (not moved or len(fitting) == 1) else None


def _flat(chain: Any) -> list:
    """A chain without its nesting; by copies of lists, since a board's own `flat` waits while an edit is prepared."""
    return [q for p in chain[:] for q in (_flat(p) if isinstance(p, MutableSequence) else [p])]


def _kind(full: str) -> str:
    """The processor's name in a full address."""
    return full.partition("/")[0].partition("-")[2]


def as_directory(target: Any) -> Directory:
    """A directory as it is; that of a board, processor or sequence of processors."""
    return target if isinstance(target, Directory) else Directory(target)
