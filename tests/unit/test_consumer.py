"""Another project gets rtspec's types: a strict checker finds no error and nothing unknown in a consumer."""

import json
import subprocess
import sys
from pathlib import Path

import rtspec

CONSUMER = Path(__file__).parents[1] / "support" / "consumer.py"
NAMES = ("AudioStream", "Pedalboard", "BandwidthExtension", "TimbreSynth", "render", "transfer")
STRICT = {"typeCheckingMode": "strict", "reportMissingTypeStubs": False, "pythonVersion": "3.11"}
"""Strict: a name, member, argument or variable whose type is unknown is an error."""


def checked(folder: Path, text: str) -> dict:
    """What the checker says of a consumer, as an outside project."""
    (folder / "consumer.py").write_text(text)
    (folder / "pyrightconfig.json").write_text(json.dumps(STRICT))
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", "-p", str(folder)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, cwd=folder, timeout=110).stdout)


def test_a_project_that_imports_rtspec_knows_every_type(tmp_path):
    assert (Path(rtspec.__file__).parent / "py.typed").is_file()
    text = CONSUMER.read_text()
    assert all(name in text for name in NAMES)
    told = checked(tmp_path, text)
    assert told["summary"]["filesAnalyzed"] == 1
    assert [f"{each['range']['start']['line'] + 1}: {each['message']}" for each in told["generalDiagnostics"]] == []


def test_what_has_no_type_is_noticed(tmp_path):
    told = checked(tmp_path, "import rtspec\n\nx = rtspec.nothing()\n")
    assert told["summary"]["errorCount"] >= 1
