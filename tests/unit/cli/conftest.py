"""Running commands in this process, as a user would from a shell."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from rtspec.audio import files
from rtspec.cli import main

RATE = 16000


class Ran(NamedTuple):
    """What a command left: its exit status and what it printed."""

    status: int
    out: str
    err: str

    def failed_in_one_line(self) -> str:
        """The one line that a failure prints; nothing else, and no trace."""
        lines = self.err.splitlines()
        assert self.status == 1 and len(lines) == 1 and lines[0].startswith("rtspec: ") and len(lines[0]) < 400, self
        assert "Traceback" not in self.out
        return lines[0]


@pytest.fixture
def rtspec(capsys):
    """``rtspec("render", "a.wav", "b.wav")`` runs the command and gives what it left."""

    def run(*words) -> Ran:
        capsys.readouterr()
        status = main([str(word) for word in words])
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def sound(tmp_path) -> Path:
    """Half a second of a stereo glide."""
    t = np.arange(RATE // 2) / RATE
    glide = 0.4 * np.sin(2 * np.pi * (300 * t + 900 * t**2))
    files.write(tmp_path / "sound.wav", np.stack([glide, 0.5 * glide]), RATE)
    return tmp_path / "sound.wav"
