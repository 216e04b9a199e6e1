"""``rtspec train timbre``: the playable instrument, or one of the paper's autoencoders."""

import argparse
from dataclasses import replace
from pathlib import Path
from textwrap import fill

import numpy as np
import onnx
import torch
from torch import nn

from ... import checks
from ...console import emit, progress
from ...errors import InvalidValue, of_kind
from ...models import load
from ...models.catalogue import find
from ...models.proto import read_proto
from ...processors.timbre.anchors import read_map, write_map
from ...processors.timbre.courses import Courses
from ..checkpoints import load_best
from ..data.fluid import FluidFont
from ..data.packages import DataError, licence_list, unpacked
from ..data.sound_fonts import FURTHER_FONTS, PROGRAMS, TRAINING_FONT, SoundFont
from ..fit import Fitted, fit
from ..recipe import Recipe
from ..running import begin, computing, recipe_settings, tell_times
from . import log_mel, notes_cache
from .arguments import MOMENT_STEPS, PAPER_STEPS
from .courses import measured_courses, with_levels
from .networks import Autoencoder, Instrument, Performer
from .paper import FAR_WEIGHT, NEAR_DB, TABLES, StackedAutoencoder, Variant, reconstruction_loss, reconstruction_scores
from .playable import (
    MomentBatches,
    PathBatches,
    Paths,
    moment_loss,
    moment_validation,
    onto_principal_axes,
    path_loss,
)
from .programs import ANCHORS
from .shipping import latent_map, ship_encoder, ship_instrument, ship_morph, ship_paper

PATH_STEPS = 3000
FURTHER_STEPS, FURTHER_RATE = 2500, 6e-4
"""Of moments, where an earlier timbre-morph is the start."""
PAPER_BATCH, PAPER_RATE = 8, 3e-3
"""Chosen on the validation notes: after as many notes, the paper's 64 (or 16) at its 0.001 is behind."""

_SCRATCH, _FURTHER, _STACKED = (PAPER_STEPS, PAPER_RATE), (8000, 1.5e-3), (369, 2e-5)
"""Steps and learning rate of a variant that begins anew, that goes on, and that is stacked on a trained one: once over
the notes, in steps too small to undo its axes."""

_VALIDATION_NOTES = 128
_VARIANTS = {v.name.lower().replace(" ", "-"): v for table in TABLES.values() for v in table}


def run(args: argparse.Namespace) -> None:
    """Train, or go on; then export if asked."""
    begin(args)
    if args.model != "playable":
        (_run_paper if args.model == "paper" else _run_courses)(args)
        return
    best = train_playable(args)
    emit(args, best, f"partials' F1 on kept-out programs {1 - best['moments']:.4f}; kept in {args.out}")


def chosen(name: str) -> Variant:
    """A row of the paper's tables by its name in small letters."""
    return _VARIANTS[checks.choice("variant", name, _VARIANTS)]


# ------------------------------------------------------------------------------------------ the playable model


def train_playable(args: argparse.Namespace) -> dict[str, float]:
    """Moments, then the way of notes through them; packages where asked."""
    levels, out = notes_cache.read_all(args.data), Path(args.out)
    moments = fit_moments(levels, args, out / "moments")
    autoencoder = of_kind(moments.network, Autoencoder)
    share, paths = onto_principal_axes(autoencoder, levels)
    performers = fit_paths(autoencoder, paths, levels, args, out / "paths")
    if args.export:
        _export(autoencoder, performers.network, levels, paths, share, args)
    return {"moments": moments.best, "paths": performers.best}


def fit_moments(levels: notes_cache.NoteLevels, args: argparse.Namespace, folder: Path) -> Fitted:
    """The autoencoder of moments; programs kept out of training choose the best weights."""
    torch.manual_seed(args.seed)
    usual, rate = (FURTHER_STEPS, FURTHER_RATE) if args.start else (MOMENT_STEPS, 2e-3)
    recipe = Recipe(args.steps or usual, 320, rate, validate_every=500, average=0.999, **recipe_settings(args))
    network = Autoencoder()
    if args.start:
        network.start_from(weights_of(args.start))
    held = levels.is_validation
    validate = moment_validation(levels, held) if held.any() else None
    batches = MomentBatches(levels, ~held)
    return _fitted(args, network, batches.draw, moment_loss, recipe, folder, validate)


def _fitted(args: argparse.Namespace, network: nn.Module, draw, loss, recipe: Recipe, folder: Path, validate) -> Fitted:
    """Trained on what the command computes on, the times told."""
    fitted = fit(network, draw, loss, recipe, folder, validate=validate, **computing(args))
    tell_times(args, fitted, recipe.batch)
    return fitted


def weights_of(package: str) -> dict[str, np.ndarray]:
    """Tensors of a packaged model by their names. Of the model's shapes and dtypes."""
    proto = read_proto(find(package))
    return {each.name: onnx.numpy_helper.to_array(each) for each in proto.graph.initializer}


def fit_paths(
    autoencoder: Autoencoder, paths: Paths, levels: notes_cache.NoteLevels, args: argparse.Namespace, folder: Path
) -> Fitted:
    """The performer, judged by how its notes sound through the decoder."""
    torch.manual_seed(args.seed + 1)
    loss, held = path_loss(autoencoder.decoder), levels.is_validation
    steps = PATH_STEPS if args.steps is None else args.steps
    recipe = Recipe(steps, 768, 2e-3, validate_every=500, average=0.999, **recipe_settings(args))
    drawn = PathBatches(paths, held if held.any() else ~held).draw(np.random.default_rng(5), 4096)
    batch = tuple(map(torch.as_tensor, drawn))

    def validate(network: nn.Module) -> float:
        torch.manual_seed(0)
        return float(loss(network, batch))

    batches = PathBatches(paths, ~held)
    return _fitted(args, Performer(), batches.draw, loss, recipe, folder, validate)


def _export(
    autoencoder: Autoencoder, performer: nn.Module, levels, paths: Paths, share: np.ndarray, args: argparse.Namespace
) -> None:
    font = _font(args.data)
    places = latent_map(paths, share, {program: font.name(program) for program in PROGRAMS})
    instrument = Instrument.inside(autoencoder, of_kind(performer, Performer), paths.latents)
    card, folder = _card(args), Path(args.export)
    with progress(args.json) as bar:
        task = bar.add_task("courses of the anchors", total=len(ANCHORS))
        networks, fluid = (autoencoder, instrument), FluidFont(font.path)
        courses = measured_courses(fluid, ANCHORS, places.anchors, networks, lambda: bar.advance(task))
    ship_encoder(autoencoder, levels, folder / "timbre-encoder", card)
    ship_morph(autoencoder, levels, places, folder / "timbre-morph", card)
    ship_instrument(instrument, paths, replace(places, courses=courses.to_dict()), folder / "timbre-synth", card)


def _run_courses(args: argparse.Namespace) -> None:
    """Levels and releases of an instrument that is there, measured anew; its network and timbre stay."""
    if not args.export:
        raise InvalidValue("courses belong to a package; add --export exports, the folder that holds timbre-synth")
    path = Path(args.export) / "timbre-synth" / "model.onnx"
    places = read_map(load(path))
    courses = with_levels(Courses.from_dict(places.courses), FluidFont(_font(args.data).path), ANCHORS)
    write_map(path, replace(places, courses=courses.to_dict()))
    result = {"package": str(path), "anchors": len(courses.names), "programs": len(courses.programs.levels_db)}
    emit(args, result, f"courses of {result['anchors']} anchors and {result['programs']} programs are kept in {path}")


def _font(data: str) -> SoundFont:
    package = unpacked(TRAINING_FONT, data)
    fonts = sorted(package.folder.rglob("*.sf2")) if package else []
    if not fonts:
        raise DataError(f"{data} does not hold {TRAINING_FONT}, whose names the export needs; run rtspec data notes")
    return SoundFont(fonts[0], notes_cache.SAMPLE_RATE)


def _licences(args: argparse.Namespace) -> str:
    found = [unpacked(name, args.data) for name in (TRAINING_FONT, *FURTHER_FONTS)]
    return licence_list([package for package in found if package]) or f"- {TRAINING_FONT}"


def _card(args: argparse.Namespace) -> str:
    more = f"--start {Path(args.start).name} " if args.start else ""
    return f"""The weights are CC0-1.0. Trained on notes rendered from

{_licences(args)}

with `rtspec data notes --further --out NOTES` and
`rtspec train timbre {more}--data NOTES --out RUN --export exports`;
twenty of the 112 programs were kept out of all fonts and chose the best weights. How the anchors' notes go on, level
and timbre by key, and the levels and releases of General MIDI's 128 programs, are measured on fluid-soundfont-gm as
fluidsynth plays it (`rtspec train timbre --model courses` does that anew). `rtspec evaluate timbre` measures the
network on a sound font that it never heard, `rtspec evaluate instrument` the anchors beside fluidsynth. For one note
at a time (timbre-morph), MIDI 36 to 96; partials are multiples of the pitch, so bells and drums become tuned, and a
stop an octave below is lost.{_began(args)}"""


def _began(args: argparse.Namespace) -> str:
    return f" It began with the weights of {Path(args.start).name}, an earlier timbre-morph." if args.start else ""


# ------------------------------------------------------------------------------------------ the paper's autoencoders


def _run_paper(args: argparse.Namespace) -> None:
    variant = replace(chosen(args.variant), peaks=args.peaks)
    if args.export and variant.latent:
        raise InvalidValue(f"variant={args.variant} spans a whole note and cannot stream; export no-dense")
    pictures = log_mel.read(Path(args.data) / "train")
    network = train_paper(variant, args, pictures).network
    scores = reconstruction_scores(network, pictures.pictures[pictures.parts()[2]])
    figures = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
    if args.export:
        autoencoder = of_kind(network, StackedAutoencoder)
        ship_paper(autoencoder, pictures.pictures, Path(args.export) / "timbre-paper", _paper_card(args, figures))
    emit(args, {"variant": args.variant, **scores}, f"{args.variant}, on the notes kept for the test: {figures}")


def _paper_card(args: argparse.Namespace, scores: str) -> str:
    first, more, loss = "", "", "the mean square error"
    if args.start:
        first, more = "rtspec train timbre --model paper --data NOTES --out FIRST && ", " --start FIRST"
    if args.peaks:
        more += " --peaks"
        loss += f""", in which what lies more than {NEAR_DB:g} dB below the strongest band of its frame weighs
{FAR_WEIGHT:g}, and how well it tells which of two neighbouring bands is louder: that is ours, the paper has the mean
square error alone"""
    command = (
        f"rtspec train timbre --model paper --variant {args.variant}{more} --data NOTES --out RUN --export exports"
    )
    made = f"""with `rtspec data notes --out NOTES && {first}{command}`. The loss is {loss}. On the tenth of these notes
kept for the test: {scores}. `rtspec evaluate timbre --paper` measures it on a sound font that it has not heard."""
    return f"""The weights are CC0-1.0; the paper's autoencoder without a dense layer: three convolutions of kernel 4
and stride 2 with tanh, each followed by max pooling, a mirrored decoder, and a linear output clipped to 0 to 1. Trained
on 80 % of some 3 700 notes of MIDI 60 rendered from

{_licences(args)}

{fill(made, 120, break_on_hyphens=False)}"""


def in_channels_last(network: nn.Module) -> None:
    """Bring a network's kernels into the order of memory that convolutions like best."""
    for kernel in network.parameters():
        if kernel.dim() == 4:
            kernel.data = kernel.data.contiguous(memory_format=torch.channels_last)


def _begin_from(network: StackedAutoencoder, start: str, pictures: torch.Tensor) -> None:
    below = StackedAutoencoder(replace(network.variant, latent=0))
    load_best(below, start)
    if network.variant.latent:
        network.stack_on(below, pictures)
    else:
        network.load_state_dict(below.state_dict())


def train_paper(variant: Variant, args: argparse.Namespace, pictures: log_mel.Pictures | None = None) -> Fitted:
    """One autoencoder with early stopping of patience 10, on 80 % of the pictures."""
    found = pictures or log_mel.read(Path(args.data) / "train")
    training, held, _ = found.parts()
    torch.manual_seed(args.seed)
    usual, rate = _SCRATCH if not args.start else _STACKED if variant.latent else _FURTHER
    steps, epoch = args.steps or usual, max(1, len(training) // PAPER_BATCH)
    recipe = Recipe(steps, PAPER_BATCH, rate, validate_every=epoch, patience=10, **recipe_settings(args))
    some = torch.from_numpy(found.pictures[held[:_VALIDATION_NOTES]].astype(np.float32))

    def draw(generator: np.random.Generator, n: int) -> tuple:
        return (found.pictures[training[generator.integers(len(training), size=n)]].astype(np.float32),)

    def validate(network: nn.Module) -> float:
        return float(reconstruction_loss(network, (some.to(next(network.parameters()).device),)))

    network, folder = StackedAutoencoder(variant), Path(args.out)
    in_channels_last(network)
    if args.start:
        _begin_from(network, args.start, torch.from_numpy(found.pictures[training].astype(np.float32)))
    return _fitted(args, network, draw, reconstruction_loss, recipe, folder, validate)
