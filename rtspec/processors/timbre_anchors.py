"""Named places in a timbre model's latent space: kept inside the model's file, offered as presets."""

import json
from dataclasses import dataclass

from ..errors import InvalidValue, ModelError
from ..models.packages import PackagedModel, metadata

KEY = "rtspec_timbre"


@dataclass(frozen=True)
class LatentMap:
    """What a timbre model says of its latent space.

    Attributes
    ----------
    anchors : dict of str to list of float
        Latents of named instruments.
    instruments : dict of str to list of float
        Latents of all training instruments.
    explained : list of float
        Share of the training notes' variance that each principal axis explains.
    """

    anchors: dict[str, list[float]]
    instruments: dict[str, list[float]]
    explained: list[float]

    def at(self, name: str) -> list[float]:
        """Latents of an anchor or a training instrument."""
        known = {**self.instruments, **self.anchors}
        if name not in known:
            raise InvalidValue(f"{name!r} is no anchor; choose one of {', '.join(self.anchors)}")
        return known[name]

    def to_json(self) -> str:
        """As the model's file carries it."""
        parts = {"anchors": self.anchors, "instruments": self.instruments, "explained": self.explained}
        return json.dumps(parts, allow_nan=False)


def read_map(model: PackagedModel) -> LatentMap:
    """The map inside a model's file.

    Raises
    ------
    ModelError
        It has none: it is no timbre model.
    """
    import onnx

    found = metadata(onnx.load_from_string(model.proto_bytes), KEY)
    if found is None:
        raise ModelError(f"{model.manifest.name} is no timbre model: it has no latent map; use timbre-synth")
    parts = json.loads(found) if isinstance(found, str | bytes) else found
    return LatentMap(parts["anchors"], parts["instruments"], parts["explained"])
