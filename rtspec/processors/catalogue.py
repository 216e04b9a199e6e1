"""The processors that there are: one row each, and those that other packages bring.

Command line, presets, addresses and ``rtspec.NAME`` all read these rows. Another package brings a processor by an entry
point of the group "rtspec.processors": its name is the processor's, what it points at a class of
:class:`rtspec.processors.base.Processor`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import InvalidValue, ModelError

if TYPE_CHECKING:
    from ..chain.plugin import Plugin

GROUP = "rtspec.processors"


@dataclass(frozen=True)
class Entry:
    """A row of the catalogue.

    Attributes
    ----------
    name : str
        On the command line.
    home, class_name : str
        The module, and the class in it.
    text : str
        What it does, in half a line.
    argument : str
        What a word after a colon is, "MODEL" or "ANCHOR"; "" where there is none.
    needs_argument : bool
        Whether it cannot be made without.
    is_instrument : bool
        Whether MIDI plays it.
    models : tuple of pairs of str
        Shipped models that it plays, each with the words for ``--processor``.
    """

    name: str
    home: str
    class_name: str
    text: str
    argument: str = ""
    needs_argument: bool = False
    is_instrument: bool = False
    models: tuple[tuple[str, str], ...] = ()

    def load(self) -> "type[Plugin]":
        """The class; :class:`~rtspec.errors.ModelError` where its module cannot be loaded."""
        try:
            return getattr(import_module(self.home), self.class_name)
        except (ImportError, AttributeError) as error:
            raise ModelError(
                f"processor {self.name!r} cannot be loaded from {self.home}:{self.class_name} ({error});"
                " reinstall the package that brings it"
            ) from error


_HERE = __name__.rpartition(".")[0]
OWN = (
    Entry(
        "bandwidth", f"{_HERE}.bandwidth.processor", "BandwidthExtension", "gives coded or narrow sound its top back",
        "MODEL", models=(("bandwidth-live", "bandwidth:live"), ("bandwidth-paper", "bandwidth:paper")),
    ),
    Entry("equalizer", f"{_HERE}.equalizer.processor", "Equalizer", "graphic or parametric, without latency"),
    Entry(
        "inversion", f"{_HERE}.inversion.processor", "SpectralInversion", "band levels to sound; of sound or a sensor",
        models=tuple((f"inversion-{n}", f"inversion --set model={n}") for n in ("live", "paper")),
    ),
    Entry(
        "onnx", f"{_HERE}.onnx", "OnnxProcessor", "any packaged model", "MODEL", True,
        models=(("identity", "onnx:identity"), ("tilt-gate", "onnx:tilt-gate")),
    ),
    Entry(
        "scene-eq", f"{_HERE}.equalizer.scene", "SceneEqualizer", "an equalizer that hears the room; without latency"
    ),
    Entry(
        "style", f"{_HERE}.style.processor", "StyleTransfer", "live sound in the texture of rain, bells, a crowd",
        "STYLE", models=(("style-live", "style"),),
    ),
    Entry(
        "timbre-morph", f"{_HERE}.timbre.morph", "TimbreMorph", "live sound with another timbre", "ANCHOR",
        models=(("timbre-morph", "timbre-morph"),),
    ),
    Entry(
        "timbre-synth", f"{_HERE}.timbre.synth", "TimbreSynth", "an instrument; its timbre is a place in a space",
        "ANCHOR", is_instrument=True, models=(("timbre-synth", "timbre-synth"),),
    ),
)  # fmt: skip
"""What comes with rtspec."""

CLASSES = {entry.class_name: entry for entry in OWN}
"""The same by the name in Python."""


@cache
def catalogue() -> Mapping[str, Entry]:
    """All processors by name: our own, then those of other packages in alphabetical order, none of which can take the
    place of one of ours."""
    from importlib.metadata import entry_points

    others = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    found = {point.name: Entry(point.name, point.module, point.attr, f"from {_package(point)}") for point in others}
    return {**_OWN_BY_NAME, **{name: entry for name, entry in found.items() if name not in _OWN_BY_NAME}}


_OWN_BY_NAME = {entry.name: entry for entry in OWN}


def _package(point: Any) -> str:
    return point.dist.name if point.dist is not None else point.module


def entry_of(name: str) -> Entry:
    """The row of a processor, or :class:`~rtspec.errors.InvalidValue` listing what there is."""
    if name in _OWN_BY_NAME:  # nobody can take its place; asking for other packages' takes 25 ms
        return _OWN_BY_NAME[name]
    known = catalogue()
    if name not in known:
        raise InvalidValue(f"unknown processor {name!r}; choose one of {', '.join(known)} (with a model: onnx:MODEL)")
    return known[name]


def player_of(model: str) -> str | None:
    """How a shipped model is played, as ``--processor`` takes it; None where no processor plays it."""
    return dict(pair for entry in OWN for pair in entry.models).get(model)


def create(spec: str, **settings) -> "Plugin":
    """A processor by its name on the command line.

    Parameters
    ----------
    spec : str
        "NAME" or "NAME:WORD": "inversion", "bandwidth", "bandwidth:paper", "onnx:tilt-gate", "onnx:folder/model.onnx",
        "timbre-synth:flute".
    **settings
        Keyword arguments of the processor.
    """
    name, _, word = spec.partition(":")
    entry = entry_of(name)
    if entry.needs_argument and not word:
        raise InvalidValue("processor 'onnx' needs a model: onnx:tilt-gate, or onnx:PATH of a packaged file")
    if word and not entry.argument:
        raise InvalidValue(f"processor {name!r} takes no model; leave out {':' + word!r}")
    made = entry.load()
    try:
        return made(*([word] if word else []), **settings)
    except TypeError as error:
        raise InvalidValue(f"processor {name!r} cannot be made with {settings}: {error}") from None
