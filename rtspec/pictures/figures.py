"""matplotlib as rtspec uses it: without pyplot and its global state, its files in rtspec's own cache folder."""

import atexit
import os
import shutil
import sys
import tempfile
from typing import Any

from ..cache import data_folder


def new_figure(**options) -> Any:
    """A matplotlib figure with these options; it draws by Agg, so no display is needed."""
    _keep_to_own_folder()
    from matplotlib.figure import Figure

    return Figure(**options)


def _keep_to_own_folder() -> None:
    """matplotlib keeps a list of fonts in the user's cache; where it finds no folder it makes one, and complains."""
    if "MPLCONFIGDIR" in os.environ or "matplotlib" in sys.modules:
        return
    folder = data_folder("matplotlib")
    os.environ["MPLCONFIGDIR"] = str(folder) if folder else _passing_folder()


def _passing_folder() -> str:
    folder = tempfile.mkdtemp(prefix="rtspec-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
