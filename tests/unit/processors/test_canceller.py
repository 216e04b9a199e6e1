"""The canceller: the room's levels beside the music, the same for any blocks, safe whatever the microphone sends."""

import numpy as np
import pytest

from rtspec.chain.program import STRIDE
from rtspec.errors import InvalidValue
from rtspec.evaluation.canceller import cancelled, music, noise, trial
from rtspec.evaluation.rooms import ROOMS, heard, paths
from rtspec.processors.equalizer.canceller import BLOCK, RESTARTS, SAMPLE_RATE, SKIPPED
from rtspec.processors.equalizer.cancelling import canceller_stage


def _scene(seconds=4.0, channels=1, seed=0):
    rng = np.random.default_rng(seed)
    played = music(seconds, channels, rng)
    echo = heard(played, paths(ROOMS["small"], SAMPLE_RATE, channels, rng))
    around = noise(played.shape[1], 0.5, rng) * np.std(echo) * 10**-0.5
    gain = 0.05 / np.std(echo + around)
    return ((echo + around) * gain).astype(np.float32), played.astype(np.float32)


def _through(stage, microphone, played, blocks):
    x, y = np.zeros((1 + len(played), STRIDE), np.float32), np.zeros((1, STRIDE), np.float32)
    made, at = [], 0
    while at < len(microphone):
        n = min(blocks[len(made) % len(blocks)], len(microphone) - at)
        x[0, :n], x[1:, :n] = microphone[at : at + n], played[:, at : at + n]
        assert stage.run(x, n, y) == n
        made.append(y[0, :n].copy())
        at += n
    return np.concatenate(made)


def test_noise_10_db_below_the_music_is_heard_and_again_5_s_after_a_move():
    cases = (("car", 1), ("small", 1), ("living", 2), ("phone", 1))
    found = [trial(ROOMS[room], 0.5, channels, 10.0, (0, k))["errors"] for k, (room, channels) in enumerate(cases)]
    for window in found[0]:
        errors = np.abs(np.concatenate([each[window] for each in found]))
        assert np.median(errors) <= 1.0, window
        assert np.mean(errors <= 3.0) >= 0.85, window


def test_the_residual_is_the_same_to_the_bit_for_any_blocks_and_after_a_reset():
    microphone, played = _scene(2.0, 2)
    stage = canceller_stage(2)
    whole = _through(stage, microphone, played, [BLOCK])
    stage.reset()
    assert np.array_equal(whole, _through(stage, microphone, played, [BLOCK]))
    for blocks in ([1], [64], [7, 441, 65]):
        assert np.array_equal(whole, _through(canceller_stage(2), microphone, played, blocks))


def test_without_music_the_residual_is_the_microphone_a_block_later():
    microphone, played = _scene(2.0)
    made = cancelled(microphone, np.zeros_like(played))["residual"]
    assert np.array_equal(made[BLOCK:], microphone[: len(made) - BLOCK])


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1.0])
def test_blocks_that_cannot_be_heard_teach_nothing_and_leave_no_trace(bad):
    microphone, played = _scene(4.0)
    clean = cancelled(microphone, played)
    microphone[SAMPLE_RATE : SAMPLE_RATE + 100] = bad
    found = cancelled(microphone, played)
    assert found["state"][-1, SKIPPED] >= 1
    assert np.isfinite(found["residual"]).all()
    later = 10 * np.log10(found["room"][-30:].mean(0) / clean["room"][-30:].mean(0))
    assert np.median(np.abs(later)) < 1.0


def test_a_reference_that_is_not_finite_is_silence():
    microphone, played = _scene(2.0)
    played[0, 8000:8100] = np.nan
    assert np.isfinite(cancelled(microphone, played)["residual"]).all()


def test_a_filter_that_makes_it_worse_begins_anew():
    microphone, played = _scene(4.0)
    loud = microphone.copy()
    loud[3 * SAMPLE_RATE :] *= 1e-3  # the loudspeaker is off, the filter still foretells it
    found = cancelled(loud, played)
    quiet = slice(round(3.9 * SAMPLE_RATE), None)
    assert np.std(found["residual"][quiet]) < 3 * np.std(loud[quiet])
    assert found["state"][-1, RESTARTS] <= 2


def test_references_are_one_or_two():
    with pytest.raises(InvalidValue, match="references=3 must be 1 or 2"):
        canceller_stage(3)
