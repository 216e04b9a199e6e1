"""The callback's promises, on the paced virtual device: it conceals what is late, counts it, and never lets the
delay grow."""

import numpy as np
import pytest

from rtspec.audio.callback import Exchange, exchange
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


def test_an_engine_that_stops_overruns_and_loses_input_without_harm():
    made = make()
    for k in range(64):
        call(made, ramp(k))
    assert made.counters()["overruns"] > 0


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
