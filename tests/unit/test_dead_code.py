"""No code is dead: all that is defined is used somewhere, or named in pyproject.toml with the reason."""

from pathlib import Path

from vulture.config import make_config
from vulture.core import Vulture

ROOT = Path(__file__).parents[2]


def _unused(*paths: str | Path) -> list[str]:
    said = make_config(["--config", str(ROOT / "pyproject.toml")])
    found = Vulture(ignore_names=said["ignore_names"], ignore_decorators=said["ignore_decorators"])
    found.scavenge([str(ROOT / path) for path in paths or said["paths"]])
    items = found.get_unused_code(min_confidence=60)
    return [f"{Path(item.filename).name}:{item.first_lineno}: {item.message}" for item in items]


def test_all_that_is_defined_is_used():
    assert _unused() == []


def test_what_nobody_uses_is_found(tmp_path):
    (tmp_path / "a.py").write_text("def used():\n    return 1\n\n\ndef forgotten():\n    return used()\n")
    assert _unused(tmp_path / "a.py") == ["a.py:5: unused function 'forgotten'"]
