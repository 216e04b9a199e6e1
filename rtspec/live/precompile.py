"""The first start on a machine: compile engine and callback in a second process while this one compiles the chain.

numba compiles one function at a time in a process, so two processes halve the wait; they meet in numba's cache on disk.
Later starts find everything there and need no second process; nor does one whose cache has no place on the disk.
"""

import os
import subprocess
import sys
from contextlib import contextmanager

from ..audio.callback import portaudio_callback
from ..audio.exchange import Exchange
from ..audio.streams import VirtualStream
from ..cache import kernel_folder
from ..chain.fading import cross_fade, delay_block
from ..chain.player import Player
from .engine import Engine, is_compiled

TIMEOUT_S = 60.0
"""How long to wait for the second process at most; then this one compiles what is missing itself."""


def compile_engine(virtual: bool) -> None:
    """Compile what every stream needs besides its chain, into numba's cache."""
    compile_driver(virtual)
    _ = cross_fade.address, delay_block.address  # to ask for the address is to compile
    Engine(_exchange(), 1, 64, Player(list, 48000, 1).program)


def compile_driver(virtual: bool) -> None:
    """Compile what drives an exchange: the loop of the virtual device, or PortAudio's callback."""
    if virtual:
        VirtualStream(_exchange(), 1, 48000, 64)
    else:
        portaudio_callback()


def _exchange() -> Exchange:
    return Exchange(channels=1, device_inputs=0, device_outputs=0, block=64, prefill=64, sample_rate=48000)


@contextmanager
def compiled_aside(virtual: bool):
    """While the body runs, a second process compiles the engine, where that was never done on this machine."""
    if is_compiled() or kernel_folder() is None:
        yield
        return
    code = f"from rtspec.live.precompile import compile_engine; compile_engine({virtual})"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    nowhere = subprocess.DEVNULL
    try:
        second = subprocess.Popen(
            [sys.executable, "-c", code], env=environment, stdin=nowhere, stdout=nowhere, stderr=nowhere
        )
    except OSError:
        yield
        return
    try:
        yield
        second.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pass
    finally:
        second.kill()
        second.wait()
