"""``rtspec data SET``: fetch and prepare the open data, licences listed."""

import argparse

from .tasks import add_tasks, run_task

EXAMPLE = "rtspec data music --out data/music"
TASKS = {
    "music": ("rtspec.training.data.music", "full-band game music, for enhancement"),
    "voices": ("rtspec.training.data.voices", "full-band speech, for enhancement"),
    "styles": ("rtspec.training.data.textures", "textures of rain, bells, a crowd and others, for style"),
    "rendered": ("rtspec.training.data.rendered", "music that no coder has seen, rendered from free scores"),
    "scene": ("rtspec.training.data.surroundings", "what is heard around a player, in five classes, for its tagger"),
    "scenes": ("rtspec.training.data.scenes", "ambience and effect sounds, mixed into scenes, for inversion"),
    "notes": ("rtspec.training.data.notes", "instrument notes rendered from sound fonts, for timbre"),
    "clips": ("rtspec.benchmarks.phase_recipe", "clips of speech and music, for rtspec benchmark phase --audio"),
    "speech": ("rtspec.training.data.speech", "read sentences, for intelligibility and privacy"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a set, with the set's own arguments."""
    add_tasks(parser, TASKS)


def run(args: argparse.Namespace) -> int | None:
    """Fetch what is missing and prepare it."""
    return run_task(args, TASKS)
