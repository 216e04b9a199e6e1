"""``rtspec train TASK``: the papers' recipes, from data to a package that plays."""

import argparse

from .tasks import add_tasks, run_task

EXAMPLE = "rtspec train enhancement --data data/music --out runs/live --model live"
TASKS = {
    "enhancement": ("rtspec.training.enhancement.task", "bandwidth extension and repair of coded music"),
    "inversion": ("rtspec.training.inversion.task", "magnitudes from band levels"),
    "style": ("rtspec.training.style.task", "one network that tells any sound in the texture of others, live"),
    "wyse": ("rtspec.training.wyse.task", "a classifier of sounds, whose convolutions style transfer uses offline"),
    "scene": ("rtspec.training.scene.task", "a tagger of what is heard around a player"),
    "timbre": ("rtspec.training.timbre.task", "an autoencoder of instrument notes, for synthesis and morphing"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a task, with the task's own arguments."""
    add_tasks(parser, TASKS)


def run(args: argparse.Namespace) -> int | None:
    """Train, or go on where a killed training stopped."""
    return run_task(args, TASKS)
