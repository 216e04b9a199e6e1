"""``rtspec train enhancement``: from prepared music to a network that BandwidthExtension plays."""

import argparse
import re
import shlex
import shutil
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ... import checks
from ...console import emit
from ...errors import InvalidValue
from ..arguments import figures
from ..data.folders import CODEC_FREE, Clip, clips, distinct
from ..data.packages import Unpacked, licence_list, unpacked
from ..data.rendered import FONTS, KITS, SCORES
from ..fit import fit
from ..recipe import Recipe
from ..running import begin, computing, recipe_settings, tell_times
from ..weights import name_of_start, start_from
from .arguments import MODELS
from .batches import LIVE_PLAN, LiveBatches
from .live import LiveLoss, LiveNetwork
from .paper import PLAN, PaperBatches, PaperLoss, PaperNetwork, SoundLoss
from .segments import Segments, SpokenSegments
from .shipping import ship_live, ship_paper, ship_speech
from .wave_u_net import WaveLoss, WaveUNet

VALIDATION_BATCHES, VALIDATION_ITEMS = 4, 8
SNR_WEIGHTS = {"live": 0.1, "speech": 0.1, "paper-skip": 2.0}
"""Of a dB in all in the loss, by model."""
Batch = tuple[Tensor, ...]


@dataclass(frozen=True)
class Plan:
    """What is trained, on what, and how it is judged.

    Attributes
    ----------
    network : torch.nn.Module
    batches : type
        Called with clips: draws batches.
    loss : callable
        Of a network and a batch.
    terms : callable
        Of a network and a batch: figures by name; the first is the validation.
    schedule : str
        Of the learning rate.
    ship : callable or None
        Of the network, a folder and the card's text.
    """

    network: nn.Module
    batches: Callable[[list[Clip]], Any]
    loss: Callable[[nn.Module, Batch], Tensor]
    terms: Callable[[nn.Module, Batch], dict[str, float]]
    schedule: Any = "cosine"
    ship: Callable[[nn.Module, Path, dict[str, Any], str], Path] | None = None


def run(args: argparse.Namespace) -> None:
    """Train, or go on; then export if asked."""
    checks.within("--blocks", args.blocks, 1, 7, "the paper found 1 to do best")
    _check_compiler(args)
    begin(args)
    args.data = args.data or f"data/{_material(args)}"
    plan = PLANS[args.model](args)
    held = _held_batches(plan.batches(_clips(args, "validation")))
    if args.start:
        start_from(plan.network, args.start)
    recipe = Recipe(
        args.steps,
        args.batch,
        args.learning_rate,
        plan.schedule,
        patience=args.patience,
        average=0.998,
        **recipe_settings(args),
    )
    draw, validate = plan.batches(distinct(_clips(args, "train"))), _judge(plan, held)
    fitted = fit(plan.network, draw, plan.loss, recipe, args.out, validate=validate, **computing(args))
    data = {
        "model": args.model,
        "steps": fitted.step,
        "best": fitted.best,
        "kept": args.out,
        "curve": fitted.curve[-1:],
        "times": tell_times(args, fitted, args.batch, args.seconds, sum(_hours(args).values())),
    }
    text = f"{args.model}: {fitted.step} steps, best validation {fitted.best:.4g}; kept in {args.out}"
    if args.export and plan.ship is not None:
        data["package"] = str(
            plan.ship(fitted.network, Path(args.export), _facts(args, fitted.best), _card(args, recipe))
        )
        text += f"; packaged as {data['package']}"
    emit(args, data, text)


def _check_compiler(args: argparse.Namespace) -> None:
    if args.compile and args.model not in ("live", "speech"):
        raise InvalidValue(f"--compile does nothing for --model {args.model}; leave it out, or train live or speech")
    if args.compile and not (args.device.startswith("cuda") or any(map(shutil.which, ("g++", "clang++")))):
        raise InvalidValue("--compile needs a C++ compiler; install g++, or leave it out")
    warnings.filterwarnings("ignore", "Torchinductor does not support code generation for complex")


def _material(args: argparse.Namespace) -> str:
    """What `rtspec data` calls that which the model is for."""
    return "voices" if args.model == "speech" else "music"


def _clips(args: argparse.Namespace, part: str) -> list[Clip]:
    """The part's music, and what was rendered for it."""
    found = clips(Path(args.data) / "clips" / part)
    if not args.rendered:
        return found
    folder = Path(args.rendered) / "clips" / part
    if part == "train" or folder.exists():
        return found + clips(folder)
    line = "not rendered yet (it comes after the training part): validation hears real music alone"
    print(f"rtspec: {folder} is {line}", file=sys.stderr)
    return found


def _snr_weight(args: argparse.Namespace) -> float:
    return SNR_WEIGHTS[args.model] if args.snr_weight is None else args.snr_weight


def _live(args: argparse.Namespace) -> Plan:
    loss = LiveLoss(LIVE_PLAN, _snr_weight(args), compiled=args.compile)

    def terms(network: nn.Module, batch: Batch) -> dict[str, float]:
        parts = loss.parts(network, batch)
        return {name: float(value) for name, value in {"loss": loss.total(parts), **parts}.items()}

    speech = args.model == "speech"
    draws, ship = (SpokenSegments, ship_speech) if speech else (Segments, ship_live)
    return Plan(LiveNetwork(), lambda found: LiveBatches(found, args.seconds, draws), loss, terms, ship=ship)


def _paper(args: argparse.Namespace) -> Plan:
    """As written: its own loss and cyclical learning rate."""
    loss, heard = PaperLoss(), SoundLoss()

    def terms(network: nn.Module, batch: Batch) -> dict[str, float]:
        distance, gained_db = heard.parts(network, batch)
        return {"loss": float(loss(network, batch)), "distance": float(distance), "snr_db": float(gained_db)}

    return Plan(PaperNetwork(args.blocks), _paper_batches(args), loss, terms, "cyclical", ship_paper)


def _paper_skip(args: argparse.Namespace) -> Plan:
    """With an identity skip, judged by its sound."""
    loss = SoundLoss(_snr_weight(args))

    def terms(network: nn.Module, batch: Batch) -> dict[str, float]:
        distance, gained_db = loss.parts(network, batch)
        return {"loss": float(loss(network, batch)), "distance": float(distance), "snr_db": float(gained_db)}

    return Plan(PaperNetwork(args.blocks, identity_skip=True), _paper_batches(args), loss, terms, ship=ship_paper)


def _wave_u_net(args: argparse.Namespace) -> Plan:
    """The baseline on samples; it is evaluated, not played."""
    loss = WaveLoss()

    def terms(network: nn.Module, batch: Batch) -> dict[str, float]:
        return {"loss": float(loss(network, batch))}

    return Plan(WaveUNet(), _paper_batches(args), loss, terms)


PLANS = dict(zip(MODELS, (_live, _live, _paper, _paper_skip, _wave_u_net), strict=True))
"""By the names of --model."""


def _paper_batches(args: argparse.Namespace) -> Callable[[list[Clip]], PaperBatches]:
    return lambda found: PaperBatches(found, round(args.seconds * PLAN.sample_rate))


def _held_batches(draw: Any) -> list[Batch]:
    drawn = [draw(np.random.default_rng(k), VALIDATION_ITEMS) for k in range(VALIDATION_BATCHES)]
    return [tuple(torch.as_tensor(part) for part in batch) for batch in drawn]


def _judge(plan: Plan, held: list[Batch]) -> Callable[[nn.Module], float]:
    """Mean terms over the held batches, told on stderr."""

    def validate(network: nn.Module) -> float:
        torch.manual_seed(0)
        device = next(network.parameters()).device
        found = [plan.terms(network, tuple(part.to(device) for part in batch)) for batch in held]
        means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
        print(*(f"{name} {value:.3f}" for name, value in means.items()), file=sys.stderr, flush=True)
        return means["loss"]

    return validate


def _facts(args: argparse.Namespace, best: float) -> dict[str, Any]:
    names = ", ".join((*_groups(args), *(package.name for package in _rendered_of(args))))
    return {"training_data": f"Debian packages {names}", "metrics": {"validation_loss": round(best, 4)}}


def _groups(args: argparse.Namespace) -> list[str]:
    facts = [clip.facts for clip in clips(Path(args.data) / "clips" / "train")]
    return sorted({each.get("package", each["group"]) for each in facts})


def _rendered_of(args: argparse.Namespace) -> list[Unpacked]:
    names = (*SCORES, *KITS, *FONTS["train"]) if args.rendered else ()
    return [package for package in (unpacked(re.escape(name), args.rendered) for name in names) if package]


def _packages(args: argparse.Namespace) -> list[Unpacked]:
    """Those whose sound, scores or fonts the training heard."""
    heard = (unpacked(re.escape(group), args.data) for group in _groups(args))
    return [package for package in heard if package] + _rendered_of(args)


def _card(args: argparse.Namespace, recipe: Recipe) -> str:
    words = {"model": args.model, "blocks": args.blocks, "steps": args.steps, "batch": args.batch}
    words |= {"seconds": args.seconds, "learning-rate": args.learning_rate, "seed": args.seed}
    words |= {"snr-weight": _snr_weight(args)} if args.model in SNR_WEIGHTS else {}
    words |= {"precision": recipe.precision} if recipe.precision != "float" else {}
    words |= {"accumulate": recipe.accumulate} if recipe.accumulate != 1 else {}
    words |= {"rendered": "data/rendered"} if args.rendered else {}
    words |= {"start": name_of_start(args.start)} if args.start else {}
    command = " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in words.items())
    kind = _material(args)
    rendering = "rtspec data rendered --out data/rendered\n" if args.rendered else ""
    return (
        f"## Training\n\n```\nrtspec data {kind} --out data/{kind}\n{rendering}rtspec train enhancement "
        f"--data data/{kind} {command} --export FOLDER\n```\n\n{_heard(args, recipe)}\n\nThe weights are made from "
        f"{kind} of Debian packages, each under its own free licence, and no sound of them is in this file:\n\n"
        f"{licence_list(_packages(args)) or ', '.join(_groups(args))}\n\nLearning rate: {recipe.schedule}.\n\n"
        f"{figures(args, 'rtspec evaluate enhancement')}"
    )


def _hours(args: argparse.Namespace) -> dict[bool, float]:
    """Hours of distinct training sound, by whether no coder has seen it."""
    hours = {True: 0.0, False: 0.0}
    for each in (clip.facts for clip in _clips(args, "train")):
        hours[each.get("source") == CODEC_FREE] += each["n_samples"] / each["sample_rate"] / 3600
    return hours


def _heard(args: argparse.Namespace, recipe: Recipe) -> str:
    """How much music there was, and how much of it was drawn."""
    facts, hours = [clip.facts for clip in _clips(args, "train")], _hours(args)
    walled = sum(each.get("wall_hz") is not None for each in facts)
    drawn = recipe.steps * recipe.batch * args.seconds / 3600
    return (
        f"Distinct sound: {hours[False]:.1f} h that a coder has seen, {hours[True]:.1f} h that none has; drawn from it "
        f"in segments: {drawn:.1f} h. {walled} of {len(facts)} tracks end at a wall of their own coder's; the loss "
        "counts nothing above it."
    )
