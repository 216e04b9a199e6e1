"""Named places in a timbre model's latent space: kept inside the model's file, offered as presets."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InvalidValue, ModelError
from ...models.packages import PackagedModel
from ...models.proto import metadata, read_proto
from ...storage import AtomicFile
from .course_kernels import course_arrays
from .courses import Courses, nobody

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
    f1 : dict of str to float
        How many partials of unseen instruments are found again, where it was measured.
    courses : dict
        How the anchors' notes go on, as :meth:`~rtspec.processors.timbre.courses.Courses.to_dict` tells it; may be
        empty: then all notes stay as they begin.
    """

    anchors: dict[str, list[float]]
    instruments: dict[str, list[float]]
    explained: list[float]
    f1: dict[str, float] = field(default_factory=dict)
    courses: dict[str, Any] = field(default_factory=dict)

    def at(self, name: str) -> list[float]:
        """Latents of an anchor or a training instrument."""
        known = {**self.instruments, **self.anchors}
        if name not in known:
            raise InvalidValue(f"{name!r} is no anchor; choose one of {', '.join(self.anchors)}")
        return known[name]

    def course_arrays(self, n_latents: int) -> dict[str, np.ndarray]:
        """Courses and where they lie, as the voices follow them. Arrays by field name, float32, the shapes in
        :func:`rtspec.processors.timbre.course_kernels.course_arrays`."""
        courses = Courses.from_dict(self.courses) if self.courses else nobody(n_latents)
        places = np.array([self.anchors[name] for name in courses.names]).reshape(-1, n_latents)
        return course_arrays(courses, places)

    def to_json(self) -> str:
        """As the model's file carries it."""
        return json.dumps(asdict(self), allow_nan=False)


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
    try:
        return LatentMap(**json.loads(found))
    except (TypeError, ValueError):
        raise ModelError(f"the latent map of {model.manifest.name} is damaged; export the model again") from None


def anchor_presets(names: list[str], places: LatentMap) -> dict[str, dict[str, float]]:
    """The anchors as factory presets of one processor: each sets the parameters `names` to an anchor's latents."""
    return {a.capitalize(): dict(zip(names, place, strict=False)) for a, place in places.anchors.items()}


def write_map(path: str | Path, places: LatentMap) -> None:
    """Put a map inside a packaged model's file."""
    import onnx

    proto = read_proto(Path(path))
    onnx.helper.set_model_props(proto, {**{p.key: p.value for p in proto.metadata_props}, KEY: places.to_json()})
    with AtomicFile(path) as file:
        file.write(proto.SerializeToString())
