"""A process that renders files for another: what ends it, a decoder or a model, ends one file and not the batch.

Where the order names a module as its "work", that module's ``make_worker`` says what is done with a file instead.

Both sides write JSON objects, one a line. The first line to the worker is the recipe, each further one a job. It
answers a recipe by "ready" or "fatal", a job by any number of "advance" and then "record" or "error".
"""

import gc
import importlib
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import IO, Any

from .remote import place

PROGRESS = 16
"""Steps of progress that a file tells at most."""


def main() -> int:
    """Serve on standard input and output until the input ends."""
    talk = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print must not come between the lines
    _end_with_parent()
    gc.disable()  # all that is loaded now stays: to look for garbage in it takes a tenth of the start
    in_order = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        order = json.loads(sys.stdin.readline())
        renderer = _renderer(order)
    except Exception as error:
        _say(talk, fatal=_text(error), kind=type(error).__name__)
        return 1
    gc.freeze()
    gc.enable()
    _say(talk, ready=True)
    for line in sys.stdin:
        signal.signal(signal.SIGTERM, in_order)
        _serve(renderer, json.loads(line), talk, order["is_watched"])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # nothing half-written: no exception between the last lines
    return 0


def _renderer(order: dict[str, Any]):
    from ..cache import when_compiling

    if order["tells"]:
        when_compiling(_tell)
    if order["work"]:
        return importlib.import_module(order["work"]).make_worker(order["recipe"])
    from ..buffers.kernels import skip_extensions
    from ..chain.routes import modulated
    from ..frames.fft import fftw_library
    from ..processors import create
    from .recipe import Recipe
    from .rendering import Renderer

    if fftw_library() is not None:
        skip_extensions()
    recipe = Recipe(**order["recipe"])
    chain = [create(name, **settings) for name, settings in recipe.chain]
    return Renderer(recipe, modulated(chain, recipe.modulate))


def _tell(line: str) -> None:
    with suppress(OSError):  # a full standard error is no reason to end
        print("rtspec:", line, file=sys.stderr, flush=True)


def _serve(renderer, job: dict[str, str], talk: IO[str], is_watched: bool) -> None:
    reported = 0

    def advance(done: int, total: int) -> None:
        nonlocal reported
        if is_watched and done * PROGRESS // total > reported:
            reported = done * PROGRESS // total
            _say(talk, advance=[done, total])

    try:
        picture = place(job["picture"]) if "picture" in job else None
        record = renderer.render(place(job["source"]), place(job["target"]), advance, picture)
    except Exception as error:
        text = _text(error)
        _say(talk, error=text if job["source"] in text else f"cannot render {job['source']}: {text}")
    else:
        _say(talk, record=asdict(record))


def _text(error: Exception) -> str:
    from ..errors import RtspecError

    text = str(error) if isinstance(error, RtspecError) else f"{type(error).__name__}: {str(error)[:200]}"
    return " ".join(text.split())


def _say(talk: IO[str], **what) -> None:
    talk.write(json.dumps(what) + "\n")


def _end_with_parent() -> None:
    """Ctrl-C is the parent's; SIGTERM ends the worker even inside a call, and comes when the parent dies."""
    from ..ending import end_by_signals

    end_by_signals(lambda status, text: None, ignore=(signal.SIGINT,))
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


if __name__ == "__main__":
    sys.exit(main())
