"""The README's walks lead somewhere: each station names a file, a line, and what is defined there."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("stations", ROOT / "bench" / "stations.py")
assert _SPEC is not None and _SPEC.loader is not None
stations = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(stations)

README = (ROOT / "README.md").read_text(encoding="utf-8")
WALKS = README.partition("\n*A sample:* ")[2].partition("\n## ")[0]
FOUND = list(stations.STATION.finditer(WALKS))
NEAR = 25
"""Lines by which a station may have moved: it is on the screen that the link opens. `bench/stations.py` renews them."""


def test_each_walk_has_its_stations():
    assert len(FOUND) >= 23 and WALKS.count("#L") == len(FOUND)
    assert "*A MIDI message:* " in WALKS
    assert "*A file:* " in WALKS


@pytest.mark.parametrize("found", FOUND, ids=lambda found: f"{found['file']} {found['name']}")
def test_a_station_is_where_the_readme_says(found):
    line = stations.defined_at(ROOT / found["link"], found["name"])
    assert found["link"] == f"rtspec/{found['file']}" and found["mark"] == found["line"]
    assert line, f"{found['link']} defines no {found['name']}"
    assert abs(line - int(found["line"])) <= NEAR, f"{found['name']} is at line {line}: run python bench/stations.py"


def test_what_moved_is_renewed():
    moved = README.replace("cli/render.py:", "cli/render.py:9").replace("cli/render.py#L", "cli/render.py#L9")
    assert moved != README and stations.renewed(moved) == stations.renewed(README)
