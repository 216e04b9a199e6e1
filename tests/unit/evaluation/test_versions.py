"""The bench's table of all versions of a shipped model: which there are."""

import importlib.util
import subprocess
from pathlib import Path

BENCH = Path(__file__).parents[3] / "bench"
_SPEC = importlib.util.spec_from_file_location("versions", BENCH / "versions.py")
assert _SPEC is not None and _SPEC.loader is not None
bench = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(bench)


def test_every_version_in_the_history_is_found_and_the_newest_comes_first(tmp_path):
    root, out = tmp_path / "repository", tmp_path / "out"
    model = root / "exports" / "bandwidth-live" / "model.onnx"
    model.parent.mkdir(parents=True)
    out.mkdir()
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    for content in (b"first", b"second"):
        model.write_bytes(content)
        subprocess.run([*git, "add", "-A"], check=True)
        subprocess.run([*git, "commit", "-q", "--no-gpg-sign", "-m", "weights"], check=True)
    found = bench.versions(root, "bandwidth-live", out)
    assert [path.read_bytes() for path in found] == [b"second", b"first"]


def test_what_no_host_of_today_loads_is_told(tmp_path, capsys):
    (tmp_path / "2020-01-01-abc.onnx").write_bytes(b"no model")
    assert not bench._loads(tmp_path / "2020-01-01-abc.onnx")
    assert "2020-01-01-abc is left out: " in capsys.readouterr().err
