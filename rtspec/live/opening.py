"""A session on the devices that are there now, whatever PortAudio found when it first looked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ..audio.devices import Device, can_look_again, find_again, look_again
from ..chain.board import Pedalboard
from ..errors import DeviceError, RtspecError
from .session import LiveSession, Settings

VIRTUAL_RATE = 48000.0

DevicePair = tuple[Device | None, Device | None]
"""Input and output; the virtual device where there is no output."""


def own_rate(devices: DevicePair) -> float:
    """The sample rate that the output device has by itself, Hz."""
    return devices[1].sample_rate if devices[1] else VIRTUAL_RATE


def opened(
    settings: Settings,
    devices: DevicePair,
    plugins: Pedalboard,
    say: Callable[[str], None],
) -> LiveSession:
    """A session; where its device refuses, the devices are looked at anew and it is asked once more."""
    try:
        return LiveSession(settings, devices, plugins, say)
    except DeviceError:
        if devices[1] is None or not can_look_again():
            raise
    look_again()
    reader, writer = (device and find_again(device) for device in devices)
    return LiveSession(settings, (reader, writer), plugins, say)


def reopened(before: LiveSession, plugins: Pedalboard, say: Callable[[str], None]) -> LiveSession:
    """A session in place of one whose device had vanished, on the device as it is now; where that refuses and has
    another sample rate than before, at its own."""
    reader, writer = (device and find_again(device) for device in before.devices)
    try:
        return LiveSession(before.settings, (reader, writer), plugins, say)
    except DeviceError:
        if writer is None or writer.sample_rate == before.settings.sample_rate:
            raise
        return LiveSession(before.settings.at_rate(writer.sample_rate), (reader, writer), plugins, say)


@contextmanager
def unfit_reported(say: Callable[[str], None], reported: set[str]) -> Iterator[None]:
    """An attempt to play on: that the device is not there is no news, but that the chain cannot play on it, at its new
    rate say, is told, once, or it would be silent for ever."""
    try:
        yield
    except DeviceError:
        return
    except Exception as error:
        if str(error) not in reported:
            reported.add(str(error))
            say(f"the audio device is there again, but this chain cannot play on it: {error}")


def moved(
    before: LiveSession, settings: Settings, devices: DevicePair, plugins: Pedalboard, say: Callable[[str], None]
) -> tuple[LiveSession, RtspecError | None]:
    """A session in place of one that stopped, on other devices or in other blocks; one as before, and why, where they
    refuse."""
    try:
        return opened(settings, devices, plugins, say), None
    except RtspecError as error:
        return opened(before.settings, before.devices, plugins, say), error
