"""Words of a stream that would do nothing beside the others: said, never passed over."""

from typing import TYPE_CHECKING

from ..chain.sensed import listens
from ..errors import InvalidValue

if TYPE_CHECKING:
    from ..chain.board import Pedalboard
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
        _refuse(_of("input", asked), "is not heard beside source, which plays in place of the input; leave one out")
    if asked.control.osc_host is not None and asked.control.osc_port is None:
        raise InvalidValue(f"osc_host={asked.control.osc_host!r} does nothing without osc_port; give a UDP port too")
    if asked.recording.overwrite and asked.recording.path is None:
        raise InvalidValue("overwrite=True does nothing without a path: rtspec.Recording('take.wav', overwrite=True)")


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
