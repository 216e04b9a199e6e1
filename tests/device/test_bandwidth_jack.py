"""BandwidthExtension on a real JACK device: what is heard is what is rendered, in time."""

import pytest
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import why_unavailable
from rtspec.benchmarks import engine as engine_benchmark

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@tried_twice(120)
def test_what_plays_live_equals_render():
    (row,) = engine_benchmark.run(4.0, (128,), chain=("bandwidth",), cutoff_hz=7000.0)
    check_in_time(row, "underruns")
    assert row["equal_to_render"], row
