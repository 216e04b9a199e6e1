"""Device channels are chosen, ordered and counted from 1; what nobody hears is said."""

import numpy as np
import pytest

from rtspec.audio.callback import exchange
from rtspec.audio.channels import checked_channels, input_map, output_map, repeated, unheard, unheard_line
from rtspec.audio.exchange import Exchange
from rtspec.audio.refusals import refusal
from rtspec.buffers.memory import address, aligned
from rtspec.errors import InvalidValue


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [(2, (2,)), ("2", (2,)), ("1,2", (1, 2)), ("3:5", (3, 4, 5)), ([2, 1], (2, 1)), ("7,1:2", (7, 1, 2)), (None, None)],
)
def test_channels_are_named_in_the_chains_order(wanted, numbers):
    assert checked_channels("input_channels", wanted) == numbers


@pytest.mark.parametrize("wanted", [0, -1, "0", "", "5:3", "a", 1.5, True, [], [1, None], "1,,2"])
def test_what_is_no_channel_is_refused(wanted):
    with pytest.raises(InvalidValue, match="must be channels of the device, from 1"):
        checked_channels("input_channels", wanted)


def test_an_output_plays_one_sound():
    assert checked_channels("input_channels", "2,2") == (2, 2)
    with pytest.raises(InvalidValue, match="names a channel twice"):
        checked_channels("output_channels", "2,2")


def test_a_channel_that_the_device_lacks_is_refused_by_name():
    with pytest.raises(InvalidValue, match="input channel 3 is not there: device 'box' has 2; name 1 to 2"):
        input_map((3,), 1, 2, "box")


def heard(inputs, outputs, channels, samples, device_outputs):
    """What the device plays of `samples`, (frames, device inputs), through a wire."""
    ins, outs = input_map(inputs, channels, samples.shape[1], ""), output_map(outputs, channels, device_outputs, "")
    used = 1 + int(ins.max())
    made = Exchange(
        channels=channels,
        device_inputs=used,
        device_outputs=len(outs),
        inputs=ins,
        outputs=outs,
        block=8,
        prefill=8,
        sample_rate=48000,
    )
    device_in, device_out = aligned((8, used)), aligned((8, len(outs)))
    for _ in range(2):
        device_in[:] = samples[:, :used]
        exchange(made.address, address(device_in), address(device_out), 8)
        made.from_engine.write(made.to_engine.read(8))
    return device_out


def test_chosen_inputs_reach_the_chain_and_chosen_outputs_play_it():
    samples = np.tile(np.array([1, 2, 3, 4], np.float32), (8, 1))
    np.testing.assert_array_equal(heard((2,), None, 1, samples, 4)[0], [2, 2])
    np.testing.assert_array_equal(heard((4, 1), (3, 2), 2, samples, 4)[0], [0, 1, 4])
    np.testing.assert_array_equal(heard(None, (4,), 1, samples, 4)[0], [0, 0, 0, 1])
    np.testing.assert_array_equal(heard(None, None, 4, samples, 4)[0], [1, 2, 3, 4])


def test_a_chain_wider_than_the_device_says_what_is_unheard():
    lost = unheard(output_map(None, 4, 2, ""), 4)
    assert lost == [2, 3]
    assert unheard_line(lost, 4) == "unheard: channel 3, 4 of the chain's 4; 2 reach the device's outputs"
    assert unheard_line(unheard(output_map(None, 2, 2, ""), 2), 2) is None
    assert repeated(input_map(None, 4, 2, ""), 4) == "channel 3 to 4 of the chain hear the same input as channel 2"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(-9993, "must belong to one sound system"), (-9992, "has no room, or has ended"), (-9997, "try the sample rate")],
)
def test_a_refusal_names_the_remedy_of_its_cause(number, remedy):
    assert remedy in refusal(RuntimeError("Error opening the stream", number))
