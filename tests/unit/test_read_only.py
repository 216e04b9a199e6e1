"""rtspec plays where people run it: nobody's account, no home, an installation that cannot be written."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import rtspec
from rtspec.audio import files
from rtspec.cache import COMPILING, IN_MEMORY

ROOT = Path(rtspec.__file__).parents[1]
COMMANDS = {
    "live": ["live", "--virtual", "--seconds", "2", "--processor", "onnx:identity"],
    "render": ["render", "in.wav", "out.wav", "--processor", "onnx:identity"],
    "demo": ["demo", "--virtual", "--seconds", "1", "--out", "demo"],
}
NOBODY = 65534
ENDED = "the command has ended"
WITHOUT_PRIVILEGE = "-dac_override,-dac_read_search"
"""What lets root write where modes forbid it."""


def whoever() -> list[str]:
    """Before a command: what makes it run as nobody; without root's privileges where nobody may not even read Python;
    as it is for a user who has none."""
    if os.geteuid() != 0:
        return []
    nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    tried = subprocess.run([*nobody, sys.executable, "-c", "import numba, onnx"], capture_output=True)
    caps = [f"--bounding-set={WITHOUT_PRIVILEGE}", f"--inh-caps={WITHOUT_PRIVILEGE}"]
    return nobody if tried.returncode == 0 else ["setpriv", *caps]


@pytest.fixture(scope="module")
def place():
    """A folder that anybody may enter: in it a copy of the installation that nobody may write, without kernels that
    were compiled before."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        left_out = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
        for part in ("rtspec", "exports", "examples"):
            shutil.copytree(ROOT / part, folder / "installed" / part, ignore=left_out)
        folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in folders:
            path.chmod(0o555)
        yield folder
        for path in folders:
            path.chmod(stat.S_IRWXU)


@pytest.fixture
def work():
    """A folder for the sound, which whoever runs the command may write."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        files.write(Path(name, "in.wav"), 0.1 * np.ones((2, 24000), np.float32), 48000)
        os.chmod(Path(name, "in.wav"), 0o644)
        yield Path(name)


def run(place: Path, work: Path, *names: str, **more: str) -> list[str]:
    """Commands of the copy, in one process of their own, with no home; what each says on stderr."""
    left_out = ("XDG_", "RTSPEC_", "NUMBA_", "MPL", "PYTHON")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
    environment |= {"HOME": str(place / "none"), **more}
    program = f"import sys; sys.path.insert(0, {str(place / 'installed')!r}); import rtspec.cli"
    program += "; print(rtspec.__file__, flush=True)"
    for name in names:
        program += f"; sys.argv[1:] = {COMMANDS[name]}; assert not rtspec.cli.main()"
        program += f"; print({ENDED!r}, file=sys.stderr, flush=True)"
    command = [*whoever(), sys.executable, "-c", program]
    done = subprocess.run(command, cwd=work, env=environment, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == str(place / "installed" / "rtspec" / "__init__.py")
    *said, rest = done.stderr.split(f"{ENDED}\n")
    assert (len(said), rest) == (len(names), "")
    return said


def everything(place: Path) -> dict[str, int]:
    """All files and folders, with when they were changed last."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(place.rglob("*"))}


@pytest.mark.timeout(400)
def test_commands_work_where_nothing_can_be_written_and_say_how_to_keep_what_they_compile(place, work):
    before = everything(place)
    said = run(place, work, *COMMANDS)
    assert "RTSPEC_CACHE=FOLDER" in IN_MEMORY
    assert [text.count(f"rtspec: {IN_MEMORY}") for text in said] == [1] * len(COMMANDS), said
    assert everything(place) == before
    assert files.read(work / "out.wav")[0].shape == (2, 24000)


@pytest.mark.timeout(400)
def test_what_is_compiled_is_kept_in_the_folder_of_ones_choice(place, work):
    before = everything(place)
    (first,) = run(place, work, "render", RTSPEC_CACHE=str(work / "cache"))
    assert first.count(f"rtspec: {COMPILING}") == 1 and IN_MEMORY not in first
    kept = everything(work / "cache")
    assert len([name for name in kept if name.endswith(".nbc")]) > 5
    (second,) = run(place, work, "render", RTSPEC_CACHE=str(work / "cache"))
    assert COMPILING not in second and everything(work / "cache") == kept
    assert everything(place) == before
