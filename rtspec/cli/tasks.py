"""Commands that have one sub-command a task, each task's module imported only when it is asked for."""

import argparse
import re
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

from ..errors import RtspecError
from .parser import Parser

Tasks = Mapping[str, tuple[str, str]]
"""Name → (module with `add_arguments(parser)` and `run(args) -> int | None`, one line of help).

A module `arguments` has the first alone, and `task` beside it the second: its help needs nothing of what the task does.
"""
EXTRAS = {
    **dict.fromkeys(("torch", "onnxscript"), "train"),
    **dict.fromkeys(("pesq", "pystoi", "visqol", "skimage", "pocketsphinx", "librosa"), "evaluate"),
}
"""Packages that not every installation has, and the extra that brings them."""


class _TaskParser(Parser):
    """A parser that gets its task's arguments when its turn comes, so that other tasks' modules are never loaded."""

    module = ""

    def parse_known_args(self, args=None, namespace=None):
        module, self.module = self.module, ""
        if module:
            load(module).add_arguments(self)
        return super().parse_known_args(args, namespace)


def add_tasks(parser: argparse.ArgumentParser, tasks: Tasks) -> None:
    """Sub-commands, one a task."""
    choices = parser.add_subparsers(dest="task", metavar="TASK", required=True, parser_class=_TaskParser)
    for name, (module, text) in tasks.items():
        each = choices.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        each.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print one JSON object")
        each.module = module


def run_task(args: argparse.Namespace, tasks: Tasks) -> int | None:
    """Run the task that was asked for; a missing package gives one line that names the extra."""
    try:
        return load(re.sub(r"\.arguments$", ".task", tasks[args.task][0])).run(args)
    except ModuleNotFoundError as error:
        raise missing(error) from None


def load(module: str) -> ModuleType:
    """A task's module, or one line that says what to install."""
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise missing(error) from None


def missing(error: ModuleNotFoundError) -> RtspecError:
    """The error for the user: which package is absent, and which extra brings it."""
    package = (error.name or "").split(".")[0]
    if package not in EXTRAS:
        return RtspecError(f"{error.name} is not installed; reinstall rtspec")
    return RtspecError(f"{package} is not installed; pip install 'rtspec[{EXTRAS[package]}]' brings it")
