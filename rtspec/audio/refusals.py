"""Why a device did not open, and what helps against that."""

from typing import Any

from ..errors import DeviceError

REMEDIES = {
    -9999: "another program may be using it: close that, or choose another of 'rtspec devices'",
    -9998: "choose channels that it has, as 'rtspec devices' shows",
    -9997: "try the sample rate that 'rtspec devices' shows",
    -9996: "it may have been unplugged: look at 'rtspec devices'",
    -9994: "it takes no 32-bit floats: choose another of 'rtspec devices'",
    -9993: "input and output must belong to one sound system: choose both from the same one in 'rtspec devices'",
    -9992: "its server has no room, or has ended: close other programs, or start it again",
    -9991: "try a smaller block",
    -9990: "try a larger block",
    -9987: "its server does not answer: start it again",
    -9986: "start its server again, or choose another of 'rtspec devices'",
    -9985: "another program may be using it: close that, or choose another of 'rtspec devices'",
}
"""By PortAudio's number of an error."""


def refusal(error: Exception) -> str:
    """What PortAudio says, and the remedy that fits its number."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    number: Any = error.args[1] if len(error.args) > 1 else None
    return f"{said}; {REMEDIES.get(number, REMEDIES[-9996])}"


def refused(what: str, name: str, sample_rate: float, error: Exception) -> DeviceError:
    """What is raised where PortAudio did not open the device of this name, which is to be the "device", say, or the
    "sensor"."""
    return DeviceError(f"{what} {name!r} refuses {sample_rate:g} Hz: {refusal(error)}")
