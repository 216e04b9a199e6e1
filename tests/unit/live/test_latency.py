"""A latency's items add up, and none is lost."""

import pytest

from rtspec.chain.latency import budget
from rtspec.errors import InvalidValue


def test_items_add_up():
    found = budget(48000, block=128, window=1024)
    assert found.total_samples == 1152 and found.total_ms == pytest.approx(24.0)
    assert found.items["worker"] == 0


def test_an_item_of_another_name_is_refused():
    with pytest.raises(InvalidValue, match="windw: no item of a latency"):
        budget(48000, windw=1024)
