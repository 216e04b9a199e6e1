"""Several learned processors of each kind side by side on a real device."""

import pytest
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import why_unavailable
from rtspec.benchmarks import many

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@tried_twice(60)
@pytest.mark.parametrize("kind", many.KINDS)
def test_two_of_a_kind_play_without_a_loss(kind):
    (row,) = many.run(seconds=2.0, kinds=(kind,), number=2)
    assert (row["kind"], row["number"]) == (kind, 2) and row["callbacks"] > 500
    check_in_time(row, "underruns", "late_callbacks", "concealed_frames", "late_events", "dropped_events")
    assert row["holds"]
