"""The README's walks lead somewhere: each station names a file, and what is defined in it."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WALKS = (ROOT / "README.md").read_text().partition("\nA sample: ")[2].partition("\n## ")[0]
STATIONS = re.findall(r"`(rtspec/[\w/]+\.py)`\s+`(\w+)`", WALKS)


def test_each_walk_has_its_stations():
    assert len(STATIONS) >= 20
    assert "A MIDI message: " in WALKS
    assert "A file: " in WALKS


@pytest.mark.parametrize(("file", "name"), sorted(set(STATIONS)))
def test_a_station_is_where_the_readme_says(file, name):
    text = (ROOT / file).read_text()
    assert re.search(rf"^\s*(def|class) {name}\b|^{name}\b.* = ", text, re.MULTILINE), f"{file} defines no {name}"
