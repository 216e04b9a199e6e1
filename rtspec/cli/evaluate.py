"""``rtspec evaluate TASK``: tables beside baselines."""

import argparse

from .tasks import add_tasks, run_task

EXAMPLE = "rtspec evaluate enhancement --audio my-music/ --out report/"
TASKS = {
    "enhancement": ("rtspec.evaluation.enhancement", "repaired and extended music against the original"),
    "gallery": ("rtspec.evaluation.timbre.gallery", "all anchors and morphs of TimbreSynth in two minutes, one FLAC"),
    "instrument": ("rtspec.evaluation.timbre.instrument", "every anchor of TimbreSynth beside fluidsynth"),
    "inversion": ("rtspec.evaluation.inversion", "sound rebuilt from band levels against the original"),
    "privacy": ("rtspec.evaluation.privacy", "how much speech stays intelligible after inversion"),
    "style-live": ("rtspec.evaluation.style_live", "StyleTransfer on unseen contents, by unseen networks"),
    "timbre": ("rtspec.evaluation.timbre.report", "notes of the autoencoder against the recordings"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a task, with the task's own arguments."""
    add_tasks(parser, TASKS)


def run(args: argparse.Namespace) -> int | None:
    """Measure and print."""
    return run_task(args, TASKS)
