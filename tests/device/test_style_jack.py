"""StyleTransfer on a real JACK device: what is heard is what is rendered, in time."""

import pytest
from punctual import check_in_time, tried_twice

from rtspec.audio.jack import why_unavailable
from rtspec.benchmarks import engine as engine_benchmark
from rtspec.benchmarks import latency as latency_benchmark
from rtspec.benchmarks import pads

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@tried_twice(120)
def test_what_plays_live_equals_render():
    (row,) = engine_benchmark.run(4.0, (128,), chain=("style:rain",))
    check_in_time(row, "underruns")
    assert row["equal_to_render"], row


@tried_twice(120)
def test_an_impulse_comes_around_the_loop_after_the_stated_latency_of_at_most_35_ms():
    (row,) = latency_benchmark.run((128,), processor="style:rain")
    check_in_time(row, "underruns")
    assert row["equal"], row
    assert row["stated_ms"] <= 35


@tried_twice(120)
def test_each_pad_is_heard_within_the_latency():
    (row,) = pads.run((128,), n_pads=4)
    check_in_time(row, "underruns")
    assert row["heard"] == row["struck"] == 4, row
    assert 0 < row["pad_to_change_p99_ms"] <= row["allowed_ms"], row
