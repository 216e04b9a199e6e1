"""A stream's sensor: channels of its input device, a sound, a file, or another device, and what opens that."""

import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.channels import checked_channels
from ..audio.devices import Device, find_device, portaudio
from ..audio.exchange import Exchange
from ..audio.feeding import Feeder, FileSource, open_source
from ..audio.layout import planar_sound
from ..audio.refusals import refused
from ..audio.sensing import sensing_callback, sensing_record
from ..buffers.memory import address
from ..buffers.ring import Ring
from ..errors import InvalidValue

FILL_S, HOLD_S = 0.1, 1.0
"""Sound of another device that is to lie ready, and how much fits."""


@dataclass(frozen=True)
class Sensor:
    """What listening plugins hear, one of these.

    Attributes
    ----------
    channels : tuple of int or None
        Of the stream's input device, from 1.
    sound : ndarray, float32, shape (frames, channels), or FileSource, or None
        Played in place of a sensor.
    device : Device or None
        Another one; its first channel is heard.
    """

    channels: tuple[int, ...] | None = None
    sound: np.ndarray | FileSource | None = None
    device: Device | None = None

    @property
    def n_channels(self) -> int:
        """Channels that are heard."""
        if isinstance(self.sound, FileSource):
            return self.sound.channels
        if self.sound is not None:
            return self.sound.shape[1]
        return len(self.channels) if self.channels else 1

    def at_rate(self, resampled: Callable[[Any], Any]) -> "Sensor":
        """The same where the stream's rate is another."""
        return replace(self, sound=resampled(self.sound))


def sensor_of(wanted: Any, rate: float) -> Sensor | None:
    """What `sensor=` of a stream means: channels (3, "3,4", (3, 4)), an array, a file, or an input device's name."""
    if wanted is None or isinstance(wanted, Sensor):
        return wanted
    if isinstance(wanted, np.ndarray):
        planar = planar_sound("sensor", wanted)
        return Sensor(sound=None if planar is None else np.ascontiguousarray(planar.T))
    if isinstance(wanted, str | os.PathLike) and Path(wanted).is_file():
        return Sensor(sound=open_source(wanted, rate))
    if isinstance(wanted, str) and not set(wanted) <= set("0123456789,: "):
        return Sensor(device=find_device(wanted, "input"))
    if not isinstance(wanted, str | int | np.integer | Sequence):
        raise InvalidValue(f"sensor={wanted!r} must be a channel (3), channels ((3, 4)), a sound, a file or a device")
    return Sensor(channels=checked_channels("sensor", int(wanted) if isinstance(wanted, np.integer) else wanted))


class OpenSensor:
    """A sensor as it is heard in one session: its file or device, opened.

    Parameters
    ----------
    sensor : Sensor
    exchange : Exchange
        Whose callback takes it.
    inputs : int
        Channels of the stream's input device.
    loop : bool
        Begin the sound again at its end, as the source does.
    say : callable
    """

    def __init__(self, sensor: Sensor, exchange: Exchange, inputs: int, loop: bool, say: Callable[[str], None]):
        self.sensor, self._exchange, self._say = sensor, exchange, say
        self._feeder: Feeder | None = None
        self._stream: Any = None
        self._unheard = 0
        sound = sensor.sound if isinstance(sensor.sound, np.ndarray) else None
        exchange.hear(sensor.n_channels, _places(sensor, inputs), sound)
        if isinstance(sensor.sound, FileSource):
            self._feeder = Feeder(sensor.sound, loop, say)
            exchange.follow(self._feeder.ring, sensor.sound.n_frames, 0.0, 0)
        elif sensor.device is not None:
            self._open(sensor.device)

    def _open(self, device: Device) -> None:
        rate, sd = device.sample_rate, portaudio()
        ring = Ring(round(HOLD_S * rate), 1)
        self._kept = (sensing_record(ring), sensing_callback(), ring)
        ffi = sd._ffi
        try:
            self._stream = sd._StreamBase(
                kind="input",
                device=device.index,
                channels=1,
                samplerate=rate,
                blocksize=0,
                dtype="float32",
                latency="low",
                callback=ffi.cast("PaStreamCallback*", int(self._kept[1].address or 0)),
                userdata=ffi.cast("void*", address(self._kept[0])),
                wrap_callback=None,
            )
        except (sd.PortAudioError, ValueError) as error:
            raise refused("sensor", device.name, rate, error) from None
        self._exchange.follow(ring, 0, rate, round(FILL_S * rate))

    def go_to(self, frame: int) -> None:
        """Begin at this frame of the stream."""
        if self._feeder is not None:
            self._feeder.go_to(frame)
        if self._stream is not None:
            self._stream.start()

    def close(self) -> None:
        """Close file and device; safe to call twice."""
        if self._feeder is not None:
            self._feeder.close()
        if self._stream is not None:
            with suppress(Exception):  # never started, or gone
                self._stream.abort()
                self._stream.close()
            self._stream = None

    def news(self) -> str | None:
        """A line where frames of it were missing since the last call."""
        missing = int(self._exchange.record["unheard_frames"][0])
        before, self._unheard = self._unheard, missing
        if self.sensor.device is None or missing == before or before:
            return None
        return f"the sensor {self.sensor.device.name!r} gives too few samples: silence stands for them, counted"


def _places(sensor: Sensor, inputs: int) -> np.ndarray | None:
    if sensor.channels is None:
        return None
    if inputs == 0:
        raise InvalidValue(f"sensor={sensor.channels}: no input device is open here; give a file, sensor='room.wav'")
    if max(sensor.channels) > inputs:
        raise InvalidValue(f"sensor={sensor.channels}: the input device has {inputs} channels; see rtspec devices")
    return np.array(sensor.channels, np.int64) - 1
