"""What a start does not load: libraries that only some chains need cost each command and each worker their time."""

import subprocess
import sys

import pytest

LOADED = "import sys; print(*sorted({'onnx', 'onnxruntime', 'google.protobuf', 'mutagen'} & set(sys.modules)))"


@pytest.mark.parametrize(
    "start",
    [
        "import rtspec, rtspec.cli",
        "import rtspec.batch.rendering, rtspec.models.session",
        "from rtspec.processors import create; create('inversion')",
    ],
)
def test_a_chain_without_a_network_loads_no_library_of_networks(start):
    told = subprocess.run([sys.executable, "-c", f"{start}; {LOADED}"], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []


def test_help_of_a_training_needs_no_torch():
    code = (
        "import sys\nfrom rtspec.cli import main\nfrom rtspec.cli.train import TASKS\n"
        "for name in TASKS:\n"
        "    try:\n        main(['train', name, '--help'])\n"
        "    except SystemExit as end:\n        assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.count("usage: rtspec train") == 6 and told.stderr == ""
