"""What the first hearing of a package makes one unsure of, and what it does not."""

import pytest

from rtspec.evaluation.audition import doubts_of

FIGURES = {
    "level_in_db": -26.0, "level_out_db": -27.0, "not_finite": 0, "correlation": 0.9, "stated_samples": 512,
    "correlation_samples": 512, "impulse_samples": 512,
}  # fmt: skip


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, []),
        ({"impulse_samples": 9000}, []),  # the sound itself comes as stated: the network answers the click elsewhere
        (
            {"impulse_samples": 9000, "correlation_samples": None, "correlation": 0.1},
            ["unlike the input", "by impulse"],
        ),
        (
            {"correlation_samples": 1536},
            ["by correlation it is 1536 samples late, 512 are stated; if it is, say it: --set delay_frames=4"],
        ),
        ({"correlation_samples": 1536, "impulse_samples": 1536}, ["by correlation", "by impulse"]),
        ({"level_out_db": -50.0}, ["the level changes by -24.0 dB"]),
        ({"level_out_db": None, "not_finite": 3}, ["3 samples are NaN", "the output is silent"]),
    ],
)
def test_figures_give_these_doubts(found, words):
    doubts = doubts_of(FIGURES | found, hop=256)
    assert len(doubts) == len(words)
    assert all(word in doubt for word, doubt in zip(words, doubts, strict=True))


def test_a_gate_may_close_on_what_is_no_voice_but_makes_nothing_louder():
    assert doubts_of(FIGURES | {"level_out_db": -50.0}, hop=256, gate=True) == []
    assert len(doubts_of(FIGURES | {"level_out_db": -2.0}, hop=256, gate=True)) == 1
