"""The command line: one module a command, imported only when it is asked for, so that ``rtspec --help`` is quick.

A command module has `EXAMPLE` (one line for its help), `add_arguments(parser)` and `run(args) -> int | None`, the exit
status.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from signal import Signals

from ..ending import Terminated, end_by_signals, signal_heard
from ..errors import RtspecError
from .failures import Failures, forget_stdout
from .parser import BAD_USAGE, Parser
from .surroundings import prepare

COMMANDS = {
    "demo": "real sound through a real model, with nothing attached: hear it, see it, read its latency",
    "live": "live input through processors to the output",
    "render": "sound files or folders through the same processors",
    "style": "one sound in the texture of another, offline (live: --processor style)",
    "tag": "what is heard in sound files, or at the input: the scene, second by second",
    "devices": "audio devices, and how to name them",
    "midi": "MIDI ports; what comes through one; which knob shall move a parameter",
    "processors": "the processors that there are, and the parameters of each",
    "models": "the models that ship with rtspec, and what plays them",
    "inspect": "one model's card: plan, tensors, parameters, licence",
    "validate": "check a streaming model, alone or against the offline one it was made from",
    "adopt": "make a package of a public streaming network: finds its states and axes, asks for the rest, listens",
    "stream-model": "turn an offline ONNX model into an exactly equal frame-by-frame one",
    "data": "fetch and prepare the open data that the shipped models are trained on",
    "train": "train a network from data to a package that plays",
    "evaluate": "tables of a trained processor beside baselines, on the open data or on your files",
    "benchmark": "measure the engine, the latency, a model or the phase methods on this machine",
    "doctor": "versions, code paths in use, back ends, real-time privileges, advice",
}
FAILED, INTERRUPTED, BROKEN_PIPE = 1, 130, 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default, which then is rtspec's own: its outputs and signals are arranged.

    Returns
    -------
    int
        0, or 1 after one line on stderr, 2 for wrong usage, 130 when interrupted, 128 + the number of another signal
        that ended it. With --json an object with the key "error" is printed too. With RTSPEC_TRACE=1 unexpected errors
        give a trace.
    """
    words = sys.argv[1:] if argv is None else list(argv)
    failures = Failures(as_json="--json" in words)
    if argv is None:
        prepare()
        end_by_signals(failures.last_words)
    try:
        return _printed(words)
    except BrokenPipeError:
        forget_stdout()
        return BROKEN_PIPE
    except KeyboardInterrupt:
        return failures.ended(INTERRUPTED, "interrupted")
    except Terminated as end:
        return failures.ended(end.code, "ended by a signal")
    except Exception as error:
        number = signal_heard()
        if number is not None:  # a signal in the midst of an import, which made another exception of it
            return failures.ended(128 + number, f"ended by a signal ({Signals(number).name})")
        if isinstance(error, RtspecError):
            return failures.tell(FAILED, type(error).__name__, str(error))
        if os.environ.get("RTSPEC_TRACE") == "1":
            raise
        text = f"{type(error).__name__}: {str(error)[:200]} (RTSPEC_TRACE=1 shows where)"
        return failures.tell(FAILED, type(error).__name__, text)


def _printed(words: list[str]) -> int:
    """Run the command, and have what it printed where it goes, so that a full disk is noticed and not left to the
    interpreter's end."""
    try:
        return _run(words)
    finally:  # --help and --version end by SystemExit
        if sys.exc_info()[0] in (None, SystemExit):
            sys.stdout.flush()


def _run(argv: list[str]) -> int:
    parser, parsers = _parsers()
    chosen = next((word for word in argv if word in parsers), None)
    if chosen is None:
        parser.parse_args(argv)
        parser.print_help()
        return BAD_USAGE
    command = import_module(f".{chosen.replace('-', '_')}", __name__)
    parsers[chosen].epilog = f"example: {command.EXAMPLE}"
    command.add_arguments(parsers[chosen])
    return command.run(parser.parse_args(argv)) or 0


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="rtspec",
        description="Spectral neural audio, live: ONNX models on spectrogram frames, from Python without the GIL.",
        epilog="rtspec COMMAND --help explains a command; rtspec demo is a good start.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    choices = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    parsers: dict[str, Parser] = {}
    for name, summary in COMMANDS.items():
        parsers[name] = choices.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        parsers[name].add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser, parsers


class _Version(argparse.Action):
    def __call__(self, parser, *_):
        from .. import __version__

        print("rtspec", __version__)
        parser.exit()
