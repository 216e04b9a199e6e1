"""Any period of a JACK server: what plays equals render at the stated delay, which is the measured one."""

import pytest

from rtspec.audio.jack import why_unavailable
from rtspec.benchmarks import periods as period_benchmark

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


@pytest.mark.timeout(180)
@pytest.mark.parametrize("period", [32, 441, 2048])
def test_whatever_the_server_asks_for_is_played_as_rendered_also_when_it_changes(period):
    rows = period_benchmark.run(
        [period], blocks=(0, 128), channels=(2,), chains=(("native", "onnx:tilt-gate"),), seconds=1.0
    )
    assert [row["what"] for row in rows] == ["plays", "plays", "loop", "changes"]
    assert all(row["equal"] for row in rows), rows
    assert rows[-1]["stretches"] >= 3
    assert any("the device now asks for" in line for line in rows[-1]["reports"]) or period == 2048
    told = [line for line in rows[1]["reports"] if "the device decides" in line]
    assert told == [f"the device decides: it asks for {period} samples at once, not 128"]
