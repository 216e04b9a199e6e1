"""Any period of a JACK server: what plays equals render at the stated delay, which is the measured one."""

import pytest

from rtspec.audio.jack import why_unavailable
from rtspec.benchmarks import periods as period_benchmark

pytestmark = pytest.mark.skipif(why_unavailable() is not None, reason=str(why_unavailable()))


DELAY, CHORUS = period_benchmark.CHAINS[1:]
KINDS = ("plays", "plays", "loop", "chosen", "changes")


@pytest.mark.timeout(180)
@pytest.mark.parametrize(("period", "channels", "chain"), [(32, 1, CHORUS), (441, 4, DELAY), (2048, 2, CHORUS)])
def test_whatever_the_server_asks_for_is_played_as_rendered_also_when_it_changes(period, channels, chain):
    rows = period_benchmark.run([period], blocks=(0, 128), channels=(channels,), chains=(chain,), seconds=1.0)
    assert tuple(row["what"] for row in rows) == KINDS
    assert all(row["equal"] for row in rows), rows
    assert rows[-1]["stretches"] >= 3
    assert any("the device now asks for" in line for line in rows[-1]["reports"]) or period == 2048
    told = [line for line in rows[1]["reports"] if "the device decides" in line]
    assert told == [f"the device decides: it asks for {period} samples at once, not 128"]


def test_what_is_compared_is_found_unequal_where_it_is():
    """The matrix's own judgement, on sounds that differ by more than natives may, are shorter, or are not there."""
    sound = period_benchmark.test_sound(0.01, 48000)
    compared = period_benchmark.compared
    assert compared(("onnx:tilt-gate",), [(sound, sound)]) == {"equal": True, "difference": 0.0}
    assert not compared(("onnx:tilt-gate",), [(sound, sound), (sound, sound + 1e-6)])["equal"]
    assert compared(("native:Delay",), [(sound, sound + 1e-6)])["equal"]
    assert not compared(("native:Delay",), [(sound, 1.01 * sound)])["equal"]
    assert not compared((), [(sound, sound[:, 1:])])["equal"] and not compared((), [])["equal"]
