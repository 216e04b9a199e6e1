"""How much of a core the timbre instruments take: processor time, which other work on the machine does not change."""

from rtspec.evaluation.timbre_live import speed_rows


def test_eight_voices_take_less_than_half_a_core_and_sixteen_and_the_morph_less_than_one():
    factors = {row["what"]: row["real-time factor"] for row in speed_rows(1.0)}
    assert 0 < factors["8 voices"] <= 0.5
    assert 0 < factors["16 voices"] < 1 and 0 < factors["morph"] < 1
