"""What a stream builds on a device, and builds anew where that comes back: rings, engine, chain, device stream."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from typing import Any

import numpy as np

from ..audio.channels import input_map, output_map, repeated, unheard, unheard_line
from ..audio.devices import Device
from ..audio.exchange import Exchange
from ..audio.feeding import Feeder, FileSource
from ..audio.jack_look import device_there, jack_period
from ..audio.period import JACK_SPLIT, ready_frames
from ..audio.streams import PortAudioStream, Stream, VirtualStream
from ..buffers.events import AT_ONCE, send_event
from ..chain.board import Pedalboard
from ..chain.latency import Latency, budget
from ..chain.player import Player
from ..chain.plugin import Plugin
from ..chain.program import MAX_BLOCK
from ..control.parameters import Parameter
from .engine import Engine
from .guard import Guard
from .precompile import compiled_aside
from .sensors import OpenSensor, Sensor
from .statistics import Statistics

USUAL_BLOCK = 128
"""Frames a callback where nobody asks for another number and the driver leaves the choice."""


LOOK_S = 1.0
EDIT_S = 2.0
"""How long a session that stops waits for an edit that is under way."""

LARGEST_OWN = 256
"""Most frames that the engine takes at a time where the device's own period decides."""


@dataclass(frozen=True)
class Settings:
    """How to play, on whatever device.

    Attributes
    ----------
    sample_rate : float
        Hz.
    buffer_size : int or None
        Frames a device callback; the device's own where None.
    channels : int
        Of the chain.
    input_channels, output_channels : tuple of int or None
        The device's, from 1, in the chain's order; its first ones where None.
    worker_samples, reserve_samples : int
        Time that the engine has beyond a block; latency that the chain has at least.
    guard : bool
        Whether limiter and howl detector are behind the chain.
    source, inject : ndarray, float32, shape (samples, channels); a FileSource; or None
        Sound in place of the input, and sound added to the output.
    loop : bool
        Whether the source begins again at its end.
    tape_frames : int
        Length of the tape.
    sensor : Sensor or None
        What listening plugins hear.
    """

    sample_rate: float
    buffer_size: int | None
    channels: int
    worker_samples: int
    reserve_samples: int = 0
    guard: bool = False
    source: np.ndarray | FileSource | None = None
    inject: np.ndarray | None = None
    loop: bool = False
    tape_frames: int = 0
    input_channels: tuple[int, ...] | None = None
    output_channels: tuple[int, ...] | None = None
    sensor: Sensor | None = None

    def at_rate(self, sample_rate: float) -> "Settings":
        """The same at another sample rate, Hz: sounds and lengths go with it.

        Spare time and spare latency become no shorter, neither in seconds nor in samples: a thread needs as long to
        wake up at any rate, and a frame of a plugin may be so many samples at any.
        """
        ratio = sample_rate / self.sample_rate
        source, inject = (resampled(sound, self.sample_rate, sample_rate) for sound in (self.source, self.inject))
        sensor = self.sensor and self.sensor.at_rate(lambda sound: resampled(sound, self.sample_rate, sample_rate))
        return replace(
            self,
            sample_rate=sample_rate,
            worker_samples=ceil(self.worker_samples * max(1.0, ratio)),
            reserve_samples=ceil(self.reserve_samples * max(1.0, ratio)),
            source=source,
            inject=inject,
            tape_frames=round(self.tape_frames * ratio),
            sensor=sensor,
        )


class LiveSession:
    """A chain that is ready to play on a device.

    Parameters
    ----------
    settings : Settings
    devices : pair of Device or None
        Input and output; the paced virtual device where there is no output.
    plugins : Pedalboard
        The chain; its edits are heard from now on.
    say : callable
        Gets lines of text.
    """

    def __init__(
        self,
        settings: Settings,
        devices: tuple[Device | None, Device | None],
        plugins: Pedalboard,
        say: Callable[[str], None],
    ):
        self.settings, self.devices, self._plugins, self._say = settings, devices, plugins, say
        with compiled_aside(virtual=devices[1] is None):
            self.guard = Guard(settings.sample_rate, settings.channels) if settings.guard else None
            chain = (plugins.flat, settings.sample_rate, settings.channels)
            sensors = settings.sensor.n_channels if settings.sensor else 0
            self.player = Player(*chain, settings.reserve_samples, say, self.guard, sensors, plugins.modulation)
        self.on_jack = any("JACK" in device.host_api for device in devices if device)
        self._period = (jack_period() if self.on_jack else None) or settings.buffer_size or USUAL_BLOCK
        self.buffer_size = settings.buffer_size or self._period
        self._block = _engine_block(self.buffer_size) if settings.buffer_size else _own_block(self._period)
        self.exchange = self._new_exchange()
        self._sensor = self._heard()
        self.engine = Engine(self.exchange, settings.channels, self._block, self.player.program)
        self.device_stream = self._opened_or_closed()
        self._feeder = self._fed()
        plugins.play_on(self.engine, self.player)
        if self.device_stream.doubted:
            say(self.device_stream.doubted)
        self._looked = time.monotonic()
        self._reported = (self._period, 0, self._period)
        if self._period != self.buffer_size:
            say(f"the device decides: it asks for {self._period} samples at once, not {self.buffer_size}")

    def _new_exchange(self) -> Exchange:
        settings, (reader, writer) = self.settings, self.devices
        n = settings.channels
        inputs = input_map(settings.input_channels, n, reader.inputs, reader.name) if reader else None
        outputs = output_map(settings.output_channels, n, writer.outputs, writer.name) if writer else None
        self._unheard = [] if outputs is None else unheard(outputs, n)
        for line in (unheard_line(self._unheard, n), inputs is not None and repeated(inputs, n)):
            if line:
                self._say(line)
        prefill = int(ready_frames(self._period, self._block)) + settings.worker_samples
        return Exchange(
            channels=settings.channels,
            inputs=inputs,
            outputs=outputs,
            device_inputs=0 if inputs is None else max(1 + int(max(inputs)), *_sensor_channels(settings)),
            device_outputs=0 if outputs is None else len(outputs),
            block=self._period,
            engine_block=self._block,
            split=0 if writer is None else JACK_SPLIT if self.on_jack else 1,
            prefill=prefill,
            sample_rate=settings.sample_rate,
            source=None if isinstance(settings.source, FileSource) else settings.source,
            inject=settings.inject,
            loop=settings.loop,
            drain=prefill + self.player.program.latency_samples,
            tape_frames=settings.tape_frames,
        )

    def _heard(self) -> OpenSensor | None:
        sensor, reader = self.settings.sensor, self.devices[0]
        if sensor is None:
            return None
        return OpenSensor(sensor, self.exchange, reader.inputs if reader else 0, self.settings.loop, self._say)

    def _fed(self) -> Feeder | None:
        """What feeds the callback from a file, where the source is one."""
        source = self.settings.source
        if not isinstance(source, FileSource):
            return None
        feeder = Feeder(source, self.settings.loop, self._say)
        self.exchange.play_ring(feeder.ring, source.n_frames)
        return feeder

    def go_on_at(self, frame: int) -> None:
        """Play the source from this frame on, before the device starts."""
        self.exchange.record["source_at"] = frame
        if self._feeder is not None:
            self._feeder.go_to(frame)
        if self._sensor is not None:
            self._sensor.go_to(frame)

    def go_on_from(self, before: "LiveSession") -> None:
        """Play the source on where another session broke off, whatever its sample rate was."""
        source_at, ratio = before.source_at, self.settings.sample_rate / before.settings.sample_rate
        rounds, at = divmod(source_at, before.source_frames) if self.settings.loop else (0, source_at)
        self.go_on_at(rounds * self.source_frames + round(at * ratio))

    @property
    def source_frames(self) -> int:
        """Frames of the source; 0 where there is none."""
        return int(self.exchange.record["source_frames"][0])

    @property
    def source_at(self) -> int:
        """Frames of the source that were played; a looped one goes on counting."""
        return int(self.exchange.record["source_at"][0])

    def _opened_or_closed(self) -> Stream:
        """The device; where it refuses, what was opened before it is closed, since it is asked again and again."""
        try:
            return self._opened()
        except BaseException:
            self.player.close()
            if self._sensor is not None:
                self._sensor.close()
            raise

    def _opened(self) -> Stream:
        settings, (reader, writer) = self.settings, self.devices
        if writer is None:
            return VirtualStream(self.exchange, settings.channels, settings.sample_rate, self._period)
        return PortAudioStream(self.exchange, reader, writer, settings.sample_rate, self._period)

    def is_there(self) -> bool:
        """Whether the devices are still on their JACK server, which goes on without them; looked at once a second."""
        if not self.on_jack or time.monotonic() - self._looked < LOOK_S:
            return True
        self._looked = time.monotonic()
        return all(device_there(device.name) for device in self.devices if device)

    def period_news(self) -> str | None:
        """A line where the device's period is not what was asked for, or has changed, since this was last called."""
        made, asked = self.exchange, self.exchange.asked or self.exchange.period
        known, self._reported = self._reported, (made.period, made.widened, asked)
        if made.widened != known[1]:
            grown, total = made.widened - known[1], self.latency
            now = asked if asked < JACK_SPLIT else made.period
            return (
                f"the device now asks for {now} samples at once: the delay grew by {grown} samples to"
                f" {total.total_samples} ({total.total_ms:.1f} ms)"
            )
        if self.on_jack and asked != known[2] and asked < min(made.period, JACK_SPLIT):
            return (
                f"the device now asks for {asked} samples at once; the delay stays as {made.period} needed it:"
                " start again for a shorter one"
            )
        return None

    def news(self) -> list[str]:
        """What the engine, the device, the sensor and listening plugins have to tell, a line each."""
        said = [*self.engine.look(), self.period_news(), self._sensor and self._sensor.news()]
        heard = [line for plugin in self._plugins.members() if isinstance(plugin, Plugin) for line in plugin.ear_news()]
        return [line for line in (*said, *heard) if line]

    @property
    def device_names(self) -> str:
        """Input and output, as "a → b"."""
        reader, writer = self.devices
        return f"{reader.name if reader else 'no input'} → {writer.name if writer else 'the virtual device'}"

    def stop(self) -> None:
        """Leave the chain, stop device and engine; safe to call twice, and after the device has vanished."""
        self._plugins.leave(self.player)  # first: no further edit is begun
        self.device_stream.stop()
        if self._feeder is not None:
            self._feeder.close()
        if self._sensor is not None:
            self._sensor.close()
        self.engine.stop()
        self.player.settle(EDIT_S)
        self.player.close()  # last: the engine, and an edit that was under way, play what is given back here

    def send(self, message: Any, time_s: float | None, processor: Any) -> bool:
        """Play a MIDI channel message; whether anyone gets it."""
        at, inboxes = self._event_time(time_s), self.player.inboxes(processor)
        sent = [self.engine.events.put(send_event(at, inbox, message)) for inbox in inboxes]
        return bool(sent) and all(sent)

    def control(self, message: Any, time_s: float | None) -> None:
        """Let a MIDI message move the modulation's sources."""
        for event in self.player.control_events(self._event_time(time_s), message):
            self.engine.events.put(event)

    def set(self, parameter: Parameter, value: float, time_s: float | None) -> bool:
        """Move a parameter at a moment; False where too many events are on their way."""
        return self.engine.events.put(parameter.event(self._event_time(time_s), value))

    def _event_time(self, time_s: float | None) -> int:
        return AT_ONCE if time_s is None else self.exchange.sample_at(time_s)

    def statistics(self, past: Counter[str], reopened: int) -> Statistics:
        """What happened so far; `past` is what its predecessors have counted, `reopened` how many they were."""
        engine, guard = self.engine, self.guard
        return Statistics(
            **{name: n + past[name] for name, n in self.exchange.counters().items()},
            reopened=reopened,
            unheard_channels=len(self._unheard),
            bad_samples=engine.bad_samples,
            bad_frames=self.player.bad_frames,
            late_events=engine.events.late,
            dropped_events=engine.events.dropped,
            load=round(engine.governor.load, 3),
            governor_level=engine.governor.level,
            governor_steps=engine.governor.steps_down,
            stuck_s=round(engine.stuck_s, 1),
            howls=guard.howls if guard else 0,
            limited_samples=guard.limited_samples if guard else 0,
            callback_us=self.exchange.histogram.summary_us(),
            frame_us=engine.histogram.summary_us(),
            real_time=engine.real_time,
            native_plugins=self.player.native_costs(),
        )

    @property
    def latency(self) -> Latency:
        """The itemised delay from input to output."""
        return budget(
            self.settings.sample_rate,
            device=self.device_stream.latency_samples,
            block=self.exchange.ready,
            worker=self.settings.worker_samples,
            **self.player.program.latency,
        )


def _sensor_channels(settings: Settings) -> tuple[int, ...]:
    """Channels of the input device that the sensor is on, and one at least."""
    return (1, *((settings.sensor.channels if settings.sensor else None) or ()))


def resampled(frames, old_rate: float, new_rate: float) -> Any:
    """Interleaved frames, a file or nothing at another sample rate."""
    if frames is None or isinstance(frames, FileSource):
        return frames and frames.at_rate(new_rate)
    from scipy.signal import resample_poly

    ratio = Fraction(round(new_rate), round(old_rate))
    return resample_poly(frames, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)


def _engine_block(buffer_size: int) -> int:
    """The largest share of a device block that a program takes at once."""
    return next(n for n in range(min(buffer_size, MAX_BLOCK), 0, -1) if buffer_size % n == 0)


def _own_block(period: int) -> int:
    """A block for a device's own period: a share of it that also suits the periods that it may change to."""
    shares = [n for n in range(min(period, LARGEST_OWN), 0, -1) if period % n == 0]
    return shares[0] if period <= LARGEST_OWN or shares[0] >= LARGEST_OWN // 4 else USUAL_BLOCK
