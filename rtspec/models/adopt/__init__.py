"""A foreign file made a package: its facts (`facts`), a recipe (`recipes`), a proposal (`propose`), a try (`probe`)."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ... import checks
from ...errors import InvalidValue, ModelError
from ..compose.audio import names_audio, with_audio_first, words
from ..compose.ports import one_spectrum
from ..manifest import COMPLEX, METADATA_KEY
from ..packages import package
from ..proto import mended, metadata, stream_metadata
from ..sandbox import sandboxed
from .assembling import assembled
from .facts import Facts, look
from .precision import frames_in_float32
from .propose import Proposal, propose
from .recipes import Recipe, recipe, recipes, recognised
from .samples import one_block_a_call, takes_samples
from .sizes import write_sizes

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Adopted", "Facts", "Proposal", "Recipe", "adopt", "recipes"]

GAIN_BELOW, SPECTRUM_ABOVE = 0.25, 0.6
"""Growth of an answer with its input below which it is taken as a gain, and above which as a spectrum."""
Ask = Callable[[str], str]


@dataclass
class Adopted:
    """What :func:`adopt` made of a file.

    Attributes
    ----------
    path : Path
        The package.
    recipe : str or None
        Of which recipe the values are.
    fields : dict
        The manifest as it was proposed.
    found, doubts : list of str
        What the file says, and what was assumed.
    figures : dict
        What the trial measured.
    """

    path: Path
    recipe: str | None
    fields: dict[str, Any]
    found: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return {**asdict(self), "path": str(self.path)}


def adopt(
    file: str | Path,
    path: str | Path,
    *,
    like: str | None = None,
    answers: Mapping[str, Any] | None = None,
    constants: Mapping[str, float] | None = None,
    ask: Ask | None = None,
    as_it_is: bool = False,
) -> Adopted:
    """Look at a frame-by-frame network of somebody else, propose its manifest, try it and write it as a package.

    Parameters
    ----------
    file : str or Path
        The ONNX file; or a folder or tar file with the several files of a model that a recipe knows.
    path : str or Path
        The package to write.
    like : str, optional
        Name of a recipe; one whose names the file has is taken by itself.
    answers : mapping, optional
        Fields of the manifest that are known, those of the ports by dotted names: ``{"input.log": "ln"}``.
    constants : mapping of str to float, optional
        Values of inputs that are the same in every call.
    ask : callable, optional
        Asked for what nobody said: takes a field's name, gives text. Without it what is missing is refused.
    as_it_is : bool
        Take a file although it seems to remember what no state says.

    Raises
    ------
    ModelError
        If the file needs something that cannot be told, or is no frame-by-frame network.
    """
    proto, together, known = assembled(Path(file), like)
    mended(proto)
    write_sizes(proto)
    proto, answers = one_spectrum(proto, {**known, **(answers or {})})
    if metadata(proto, METADATA_KEY) is not None:
        raise ModelError(f'"{file}" is a package already; play it: rtspec live --processor onnx:{file}')
    proto, answers = _audio_first(proto, answers)
    stream = stream_metadata(proto)
    facts = _without_stream(look(proto, answers.get("input.name"), answers.get("output.name")), stream)
    frames_in_float32(proto, facts)
    chosen = together or (recipe(like) if like else recognised(facts))
    _refuse_unconverted(facts, str(file), as_it_is or stream is not None)
    made = _complete(facts, chosen, answers, constants or {}, ask)
    made.fields.setdefault("name", Path(file).stem)
    if takes_samples(made.fields):
        proto = one_block_a_call(proto, made.fields)
    figures = _tried(proto, made.fields)
    known_form = chosen is not None and "output.representation" not in answers
    _judge(made, figures, str(file), as_it_is, "known" if known_form else answers.get("output.representation"))
    written = package(proto, path, **made.fields)
    if chosen:
        made.found.insert(0, f"like {chosen.title}; {chosen.source}")
        made.found += chosen.notes
    return Adopted(written, chosen.name if chosen else None, made.fields, made.found, made.doubts, figures)


def _audio_first(proto: "ModelProto", answers: dict[str, Any]) -> tuple["ModelProto", dict[str, Any]]:
    """The file with the channels that it hears together as its batch, where a layout names "audio"."""
    if not any(names_audio(answers.get(f"{side}.layout")) for side in ("input", "output")):
        return proto, answers
    facts = look(proto, answers.get("input.name"), answers.get("output.name"))
    ports = {
        side: {"name": answers.get(f"{side}.name", name), "layout": words(answers.get(f"{side}.layout", ()))}
        for side, name in (("input", facts.frames_in), ("output", facts.frames_out))
    }
    made, fields = with_audio_first(proto, ports)
    return made, {**answers, **fields}


def _without_stream(facts: Facts, stream: Mapping[str, Any] | None) -> Facts:
    """What is left to find where the rewriter made the file: its states and its validity are known."""
    if stream is None:
        return facts
    known = {stream["valid_input"], *(state["input"] for state in stream["states"])}
    made = {state["output"] for state in stream["states"]}
    return replace(
        facts,
        states=(),
        others=tuple(name for name in facts.others if name not in known),
        unread=tuple(name for name in facts.unread if name not in made),
    )


def _tried(proto, fields: Mapping[str, Any]) -> dict[str, Any]:
    """What a package of these fields does with noise, in a process of its own."""
    with TemporaryDirectory() as folder:
        trial = package(proto, Path(folder) / "trial.onnx", **fields)
        return sandboxed(f"{__name__}.probe:probed", path=str(trial))


def _complete(
    facts: Facts, chosen: Recipe | None, answers: dict[str, Any], constants: Mapping[str, float], ask: Ask | None
) -> Proposal:
    """A proposal in which nothing is missing."""
    made = propose(facts, chosen, answers, constants)
    if made.missing and ask is not None:
        for name in made.missing:
            answers[name] = answer(name, ask(name))
        made = propose(facts, chosen, answers, constants)
    if made.missing:
        flags = " ".join(f"--{name.replace('_', '-')} {EXAMPLES[name]}" for name in made.missing)
        raise InvalidValue(
            f"no graph says its {' or '.join(made.missing)}; say it, as in {flags}, or name a recipe: --like "
            f"{'|'.join(recipes())}{_alike(facts)}"
        )
    return made


def _alike(facts: Facts) -> str:
    """Recipes of networks with as many bins, for whoever does not know them by name."""
    sizes = facts.inputs.tensors[facts.frames_in][1]
    names = [each.name for each in recipes().values() if any(n in sizes for n in each.bins)]
    return f" (with as many bins: {', '.join(names)})" if names else ""


EXAMPLES = {"sample_rate": "16000", "window": "sqrt-hann", "n_fft": "512"}


def answer(name: str, text: str) -> Any:
    """What a person typed, as the manifest takes it."""
    text = text.strip()
    if name == "window":
        return text
    return checks.integer(name, int(text) if text.isdecimal() else text, remedy=f"try {EXAMPLES.get(name, '512')}")


def _refuse_unconverted(facts: Facts, file: str, sure: bool) -> None:
    if facts.recurrent and not facts.states and not sure:
        raise ModelError(
            f"{len(facts.recurrent)} recurrent nodes ({facts.recurrent[0]}) and no states: every call starts anew; "
            f"run stream-model first: rtspec stream-model {file} streaming.onnx, then adopt that (or --as-it-is, if "
            "they run over bins alone)"
        )


def _judge(made: Proposal, figures: Mapping[str, Any], file: str, as_it_is: bool, stated: str | None) -> None:
    """What the trial says of the proposal."""
    if figures["remembers"] and not as_it_is:
        raise ModelError(
            "frames in one call give other numbers than frames one by one, and no state carries the difference; run "
            f"stream-model first: rtspec stream-model {file} streaming.onnx, then adopt that"
        )
    if not figures["finite"]:
        made.doubts.append("noise gives NaN or infinite numbers")
    if stated != "known":  # a recipe was tried on the authors' own file; gains of noise grow, too
        _judge_output(made, figures["growth"], stated is not None)


def _judge_output(made: Proposal, growth: float | None, stated: bool) -> None:
    """A gain stays as it is where the input grows, a spectrum grows with it."""
    port = made.fields["output"]
    gain, spectrum = ("complex-gain", "complex") if port["representation"] in COMPLEX else ("gain", "magnitude")
    if "samples" in (port["representation"], made.fields["input"]["representation"]):
        return
    if port["representation"] not in (gain, spectrum):
        return
    if growth is None:
        made.doubts.append("noise gives silence: whether the output is a gain or a spectrum cannot be told")
        return
    seems = gain if growth < GAIN_BELOW else spectrum if growth > SPECTRUM_ABOVE else None
    grows = f"the output grows with the input to the power {growth:.2f} (a gain: 0, a spectrum: 1)"
    if stated:
        if seems and seems != port["representation"]:
            made.doubts.append(f"output.representation={port['representation']} was told, but {grows}")
        return
    (made.found if seems else made.doubts).append(f"output.representation={seems or port['representation']}: {grows}")
    port["representation"] = seems or port["representation"]
