"""A model's file that was dropped: what it is, and how it becomes a package. Foreign files are read in a process of
their own."""

from pathlib import Path
from typing import Any

from ..control.bank import user_folder
from ..errors import ModelError
from ..models.sandbox import sandboxed
from ..storage import numbered

_HERE = __name__


def looked_at(path: Path) -> dict[str, Any]:
    """What a file is: a package, with the processor that plays it; or a bare network, with guesses for its manifest.

    Raises
    ------
    ModelError
        It is broken, hostile, or no model: in one line.
    """
    return _refused_in_a_line(sandboxed(f"{_HERE}:look", path=str(path)), path)


def adopted(path: Path, like: str | None, fields: dict[str, Any], streaming: bool) -> dict[str, Any]:
    """A package made of a bare network, kept beside the presets; what :func:`rtspec.models.adopt.adopt` tells of it."""
    folder = user_folder().parent / "models"
    folder.mkdir(parents=True, exist_ok=True)
    target = next(place for place in numbered(folder / path.name) if not place.exists())
    asked = {"path": str(path), "target": str(target), "like": like, "fields": fields, "streaming": streaming}
    return _refused_in_a_line(sandboxed(f"{_HERE}:make", **asked), path)


def _refused_in_a_line(answer: dict[str, Any], path: Path) -> dict[str, Any]:
    if "refused" in answer:
        raise ModelError(answer["refused"].replace(f"{path.parent}/", ""))
    return answer


# In the child ---------------------------------------------------------------------------------------------------------


def look(path: str) -> dict[str, Any]:
    """:func:`looked_at`, in the child."""
    from ..errors import RtspecError
    from ..models.manifest import METADATA_KEY
    from ..models.packages import load
    from ..models.proto import check_graph_alone, metadata, read_proto

    try:
        proto = read_proto(Path(path))
        check_graph_alone(proto)
        if metadata(proto, METADATA_KEY) is None:
            return _guessed(proto, Path(path))
        model = load(path)
        player = "timbre-synth" if metadata(proto, "rtspec_timbre") is not None else "onnx"
        if player == "timbre-synth" and any(p.name.startswith("target_") for p in model.manifest.controls):
            player = "timbre-morph"
        return {"kind": "package", "name": model.manifest.name, "player": player}
    except RtspecError as error:
        return {"refused": str(error)}


def _guessed(proto: Any, path: Path) -> dict[str, Any]:
    """What the dialogue begins with."""
    from ..models.adopt.facts import look as facts_of
    from ..models.adopt.propose import propose
    from ..models.adopt.recipes import recipes, recognised

    facts = facts_of(proto)
    chosen = recognised(facts)
    found = {"kind": "bare", "name": path.stem, "recipes": list(recipes()), "like": chosen.name if chosen else None}
    offline = bool(facts.recurrent) and not facts.states
    made = propose(facts, chosen, {"sample_rate": 48000, "window": "hann"} if chosen is None else {}, {})
    plain = ("sample_rate", "n_fft", "hop", "window")
    ports = {f"{s}.representation": made.fields.get(s, {}).get("representation") for s in ("input", "output")}
    fields = {**{name: made.fields.get(name) for name in plain}, **ports}
    missing = [] if chosen else ["sample_rate", "window"]
    findings = {"found": made.found, "doubts": made.doubts, "missing": missing}
    return {**found, "fields": fields, "streaming": offline, **findings}


def make(path: str, target: str, like: str | None, fields: dict[str, Any], streaming: bool) -> dict[str, Any]:
    """:func:`adopted`, in the child: an offline network is made frame by frame first."""
    import onnx

    from ..errors import RtspecError
    from ..models import make_streaming
    from ..models.adopt import adopt

    source = Path(path)
    try:
        if streaming:
            source = Path(path).with_name(f"streaming-{source.name}")
            onnx.save(make_streaming(path), str(source))
        answers = {"name": Path(path).stem, **{k: v for k, v in fields.items() if v is not None}}
        made = adopt(source, target, like=like, answers=answers, as_it_is=streaming)
        return made.to_dict()
    except RtspecError as error:
        return {"refused": str(error)}
