"""The names of the devices that are there now, as attributes of a class."""

from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import DeviceError
from .devices import find_device, list_devices

T = TypeVar("T")


class Now(Generic[T]):
    """An attribute of a class, and of its objects, that is found anew each time."""

    def __init__(self, find: Callable[[], T]):
        self._find = find

    def __get__(self, instance: object, owner: type | None = None) -> T:
        return self._find()


def input_names() -> list[str]:
    """Of all devices with inputs."""
    return [device.name for device in list_devices() if device.inputs]


def output_names() -> list[str]:
    """Of all devices with outputs."""
    return [device.name for device in list_devices() if device.outputs]


def default_input_name() -> str | None:
    """Of the input that is used where none is named; None where there is none, or only the own output's monitor."""
    return _default("input")


def default_output_name() -> str | None:
    """Of the output that is used where none is named; None where there is none."""
    return _default("output")


def _default(kind: str) -> str | None:
    try:
        return find_device(None, kind).name
    except DeviceError:
        return None
