"""rtspec plays where people run it: nothing of the installation can be written, and there is no home."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rtspec
from rtspec.audio import files

ROOT = Path(rtspec.__file__).parents[1]
COMMANDS = {
    "demo": ["demo", "--virtual", "--out", "demo"],
    "render": ["render", "in.wav", "out.wav", "--processor", "onnx:identity"],
    "live": ["live", "--virtual", "--seconds", "2", "--processor", "onnx:identity"],
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A copy of the installation whose folders nobody may write, kernels that were compiled before left out."""
    place = tmp_path_factory.mktemp("installation")
    left_out = shutil.ignore_patterns("__pycache__", "*.nbi", "*.nbc")
    for name in ("rtspec", "exports", "examples"):
        shutil.copytree(ROOT / name, place / name, ignore=left_out)
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    yield place
    for folder in folders:
        folder.chmod(stat.S_IRWXU)


def without_privilege(command: list[str]) -> list[str]:
    """For root too, modes count: it gives up what overrides them."""
    if os.geteuid() != 0:
        return command
    given_up = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={given_up}", f"--inh-caps={given_up}", *command]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", COMMANDS)
def test_commands_work_where_nothing_can_be_written_and_there_is_no_home(installed, tmp_path, name):
    files.write(tmp_path / "in.wav", 0.1 * np.ones((2, 24000), np.float32), 48000)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "RTSPEC_", "NUMBA_"))}
    environment |= {"HOME": str(installed / "none"), "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    program = "import sys, rtspec; from rtspec.cli import main; print(rtspec.__file__); sys.exit(main(sys.argv[1:]))"
    command = without_privilege([sys.executable, "-c", program, *COMMANDS[name]])
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == str(installed / "rtspec" / "__init__.py")
    assert "RTSPEC_CACHE" in done.stderr, "how to keep what was compiled is not told"
    if name == "render":
        np.testing.assert_array_equal(files.read(tmp_path / "out.wav")[0].shape, (2, 24000))
