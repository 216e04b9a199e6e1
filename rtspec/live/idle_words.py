"""Words of a stream that would do nothing beside the others: said, never passed over."""

from typing import TYPE_CHECKING

from ..chain.sensed import listens
from ..errors import InvalidValue

if TYPE_CHECKING:
    from ..chain.board import Pedalboard
    from .options import Control
    from .wishes import Wishes

UNHEARD = (
    "the sensor is not heard: nothing in this chain listens to one; put rtspec.SceneEqualizer() into it, or leave"
    " sensor out"
)


def check_words(asked: "Wishes", hears_input: bool) -> None:
    """Raise :class:`InvalidValue` where a word would do nothing.

    Parameters
    ----------
    asked : Wishes
    hears_input : bool
        Whether the input device is heard beside a source, by a sensor.
    """
    if asked.devices.virtual:
        why = "does nothing on the virtual device, which has no names and as many channels as the chain; leave one out"
        _refuse({**_of("input", asked), **_of("output", asked)}, why)
    elif asked.source is not None and not hears_input:
        heard = {**_of("input", asked), "num_input_channels": asked.num_input_channels}
        _refuse(heard, "is not heard beside source, which plays in place of the input; leave one out")
    elif asked.input_device_name is False:
        heard = {"input_channels": asked.devices.input_channels, "num_input_channels": asked.num_input_channels}
        _refuse(heard, "is not heard beside input_device_name=False, which opens no input; leave one out")
    for side in ("input", "output"):
        if getattr(asked.devices, f"{side}_channels") is not None:
            counted = {f"num_{side}_channels": getattr(asked, f"num_{side}_channels")}
            _refuse(counted, f"does nothing beside {side}_channels, which are chosen one by one; leave one out")
    _check_control(asked.control)
    if asked.recording.overwrite and asked.recording.path is None:
        raise InvalidValue("overwrite=True does nothing without a path: rtspec.Recording('take.wav', overwrite=True)")


def _check_control(control: "Control") -> None:
    """What has to do with ports or a panel that are not opened."""
    if control.osc_host is not None and control.osc_port is None:
        raise InvalidValue(f"osc_host={control.osc_host!r} does nothing without osc_port; give a UDP port too")
    if control.midi is None and not control.panel:
        untimed = None if control.midi_timed else False
        why = "does nothing without a MIDI port or the panel; give midi='auto', or panel=True, too"
        _refuse({"midi_map": control.midi_map, "midi_timed": untimed}, why)
        if control.osc_port is None:
            why = "does nothing without what chooses presets; give midi, osc_port or panel too"
            _refuse({"presets": control.presets}, why)


def _of(side: str, asked: "Wishes") -> dict[str, object]:
    """What is asked for of one side's device; None where that is nothing."""
    name, channels = f"{side}_device_name", f"{side}_channels"
    device = getattr(asked, name)
    return {name: None if device is False else device, channels: getattr(asked.devices, channels)}


def _refuse(words: dict[str, object], why: str) -> None:
    for word, value in words.items():
        if value is not None:
            raise InvalidValue(f"{word}={value!r} {why}")


def unheard_sensor(asked: "Wishes", board: "Pedalboard") -> str | None:
    """A line where nothing hears the sensor, as yet."""
    return UNHEARD if asked.sensor is not None and not listens(board.flat()) else None
