"""``rtspec evaluate TASK``: tables beside baselines."""

import argparse

from .tasks import add_tasks, run_task

EXAMPLE = "rtspec evaluate enhancement --audio my-music/ --out report/"
TASKS = {
    "canceller": ("rtspec.evaluation.canceller", "noise levels that are heard beside the music, in simulated rooms"),
    "enhancement": ("rtspec.evaluation.enhancement", "repaired and extended music against the original"),
    "gallery": ("rtspec.evaluation.timbre.gallery", "all anchors and morphs of TimbreSynth in two minutes, one FLAC"),
    "instrument": ("rtspec.evaluation.timbre.instrument", "every anchor of TimbreSynth beside fluidsynth"),
    "inversion": ("rtspec.evaluation.inversion", "sound rebuilt from band levels against the original"),
    "loudness": (
        "rtspec.evaluation.loudness",
        "loudness of music in noise, with the scene equalizer's curve",
    ),
    "privacy": ("rtspec.evaluation.privacy", "how much speech stays intelligible after inversion"),
    "representation": ("rtspec.evaluation.representation", "what a network of style transfer sees, and what it costs"),
    "style": ("rtspec.evaluation.style", "offline style transfer beside baselines, on the sound, by unseen networks"),
    "style-live": ("rtspec.evaluation.style_live", "StyleTransfer on unseen contents, by unseen networks"),
    "scene": ("rtspec.evaluation.scene", "taggers of what is heard: packages out and random splits, calibration"),
    "timbre": ("rtspec.evaluation.timbre.report", "notes of the autoencoder against the recordings"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """One sub-command a task, with the task's own arguments."""
    add_tasks(parser, TASKS)


def run(args: argparse.Namespace) -> int | None:
    """Measure and print."""
    return run_task(args, TASKS)
