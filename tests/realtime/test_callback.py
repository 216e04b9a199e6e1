"""The callback's promises, on the paced virtual device: it conceals what is late, counts it, and never lets the
delay grow."""

import numpy as np
import pytest

from rtspec.audio.callback import exchange
from rtspec.audio.concealment import REJOIN
from rtspec.audio.exchange import Exchange
from rtspec.audio.freeze import Freeze, note_output
from rtspec.buffers.memory import address, aligned

BLOCK = 64


def make(prefill=2 * BLOCK, **options):
    return Exchange(
        channels=1,
        device_inputs=1,
        device_outputs=1,
        block=BLOCK,
        prefill=prefill,
        sample_rate=48000,
        tape_frames=64 * BLOCK,
        **options,
    )


def call(made, samples=None):
    """One callback; what the device hears."""
    device_in, device_out = aligned(BLOCK), aligned(BLOCK)
    if samples is not None:
        device_in[:] = samples
    exchange(made.address, address(device_in), address(device_out), BLOCK)
    return device_out


def deliver(made):
    """What an engine that is a wire does."""
    made.from_engine.write(made.to_engine.read(len(made.to_engine)))


def ramp(k):
    return np.arange(k * BLOCK, (k + 1) * BLOCK, dtype=np.float32) + 1


def test_sound_passes_after_exactly_the_prefill():
    made, heard = make(), []
    for k in range(8):
        heard.append(call(made, ramp(k)))
        deliver(made)
    out = np.concatenate(heard)
    assert not out[: 2 * BLOCK].any()
    np.testing.assert_array_equal(out[2 * BLOCK :], np.concatenate([ramp(k) for k in range(6)]))
    assert made.counters()["underruns"] == 0


def test_late_sound_is_concealed_counted_and_the_delay_does_not_grow():
    made, heard = make(), []
    for k in range(12):
        heard.append(call(made, ramp(k)))
        if not 3 <= k < 6:
            deliver(made)
    counters = made.counters()
    assert counters["underruns"] > 0
    assert counters["concealed_frames"] == counters["underruns"] * BLOCK
    np.testing.assert_array_equal(heard[11], ramp(9))


def test_concealment_is_no_silence_no_louder_than_the_past_and_fades():
    made = make()
    for _ in range(40):
        call(made, np.ones(BLOCK, np.float32))
        deliver(made)
    for _ in range(2):
        call(made)
    concealed = np.concatenate([call(made) for _ in range(40)])
    assert 0.9 < concealed[0] <= 1.0
    assert np.all(np.diff(concealed) <= 1e-6)
    assert concealed[-1] == 0.0


def test_an_engine_that_stops_overruns_loses_input_and_later_plays_on_at_the_same_delay():
    made = make()
    for k in range(300):
        call(made, ramp(k))
    assert made.counters()["overruns"] > 0
    for k in range(300, 600):
        deliver(made)
        heard = call(made, ramp(k))
    np.testing.assert_array_equal(heard, ramp(597))


def played_with_gap(sound, first, last):
    """What is heard of the sound through an engine that is a wire and that sleeps from one callback to another."""
    made, freeze, heard = make(), Freeze(1), []
    made.conceal_with(freeze)
    for k, block in enumerate(sound.reshape(-1, BLOCK)):
        heard.append(call(made, block))
        while not first <= k < last and len(made.to_engine):
            made.from_engine.write(made.to_engine.read(BLOCK))
            played = (k + 1) * BLOCK - len(made.to_engine)
            note_output(freeze.address, address(block), BLOCK, played + 2 * BLOCK)
    return np.concatenate(heard), made.counters()


def tone(hz):
    return (0.5 * np.sin(2 * np.pi * hz / 48000 * np.arange(600 * BLOCK))).astype(np.float32)


@pytest.mark.parametrize("n_late", [1, 20, 200])
@pytest.mark.parametrize("hz", [97.0, 311.0, 443.7, 3000.0])
def test_a_tone_is_held_through_a_gap_without_a_click_and_goes_on_in_its_place(hz, n_late):
    sound = tone(hz)
    heard, counters = played_with_gap(sound, 150, 150 + n_late)
    assert counters["underruns"] >= n_late - 1
    assert np.abs(np.diff(heard)).max() <= 1.5 * np.abs(np.diff(sound)).max()
    since = (150 + n_late + 150) * BLOCK
    np.testing.assert_array_equal(heard[since:], sound[since - 2 * BLOCK : -2 * BLOCK])


def test_what_is_held_keeps_its_level_for_a_while_and_then_fades_to_silence():
    heard, _ = played_with_gap(tone(443.7), 150, 350)
    levels = np.sqrt(np.mean(heard[: 344 * BLOCK].reshape(-1, 8 * BLOCK) ** 2, axis=1))
    assert levels[20] > 0.8 * levels[10]
    assert 0.3 < levels[26] / levels[10] < 0.7
    assert not heard[(150 + 100) * BLOCK : 350 * BLOCK].any()


def test_a_sound_comes_back_within_one_rejoin():
    sound = np.zeros(600 * BLOCK, np.float32)
    sound[200 * BLOCK :] = 0.5
    heard, _ = played_with_gap(sound, 150, 250)
    back = np.flatnonzero(heard)[0]
    assert np.all(heard[back + REJOIN :] == 0.5)


@pytest.mark.parametrize("loop", [False, True])
def test_a_source_replaces_the_input_and_ends_or_repeats(loop):
    source = (np.arange(100, dtype=np.float32) + 1)[:, np.newaxis]
    made = make(source=source, loop=loop, drain=2 * BLOCK)
    for _ in range(5):
        call(made, np.full(BLOCK, -1.0, np.float32))
        deliver(made)
    kept = made.tape_in[: 5 * BLOCK, 0]
    expected = np.tile(source[:, 0], 4)[: 5 * BLOCK] if loop else np.pad(source[:, 0], (0, 5 * BLOCK - 100))
    np.testing.assert_array_equal(kept, expected)
    assert made.finished is not loop


def test_what_is_injected_is_added_to_the_output_and_taped():
    made = make(inject=np.array([[0.5], [0.25]], np.float32))
    out = call(made)
    np.testing.assert_array_equal(out[:3], [0.5, 0.25, 0.0])
    np.testing.assert_array_equal(made.tape_out[:3, 0], [0.5, 0.25, 0.0])
