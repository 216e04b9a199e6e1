"""``rtspec train TASK``: the papers' recipes, from data to a package that plays."""

import argparse

from .tasks import add_tasks, run_task

EXAMPLE = "rtspec train enhancement --data data/music --out runs/live --model live"
TASKS = {
    name: (f"rtspec.training.{name}.arguments", text)
    for name, text in {
        "enhancement": "bandwidth extension and repair of coded music",
        "inversion": "magnitudes from band levels",
        "style": "one network that tells any sound in the texture of others, live",
        "wyse": "a classifier of sounds, whose convolutions style transfer uses offline",
        "scene": "a tagger of what is heard around a player",
        "timbre": "an autoencoder of instrument notes, for synthesis and morphing",
    }.items()
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a task, with the task's own arguments."""
    add_tasks(parser, TASKS)


def run(args: argparse.Namespace) -> int | None:
    """Train, or go on where a killed training stopped."""
    return run_task(args, TASKS)
