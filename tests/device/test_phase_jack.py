"""Phase methods in a real stream around a JACK loop-back."""

import pytest

from rtspec.audio.jack import why_unavailable
from rtspec.benchmarks import latency as latency_benchmark

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@pytest.mark.timeout(120)
def test_a_burst_comes_back_after_the_itemised_latency_of_every_kind_of_phase_method():
    phases = ("spsi", "rtpghi", "live", "best")
    rows = latency_benchmark.run((128,), ((512, 128),), phases=phases)
    assert [row["phase"] for row in rows] == list(phases)
    assert [row["items"].get("phase", 0) for row in rows] == [0, 128, 0, 512]
    assert all(row["equal"] for row in rows), rows
