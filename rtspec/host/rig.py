"""What a stream builds on a device, and builds anew where that comes back: rings, engine, chain, device stream."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from ..audio.callback import Exchange
from ..audio.devices import Device
from ..audio.streams import PortAudioStream, Stream, VirtualStream
from .board import Pedalboard
from .engine import Engine
from .guard import Guard
from .latency import Latency, budget
from .player import Player
from .program import MAX_BLOCK
from .warm import compiled_aside


@dataclass(frozen=True)
class Settings:
    """How to play, on whatever device.

    Attributes
    ----------
    sample_rate : float
        Hz.
    buffer_size : int
        Frames a device callback.
    channels : int
        Of the chain.
    worker_samples, reserve_samples : int
        Time that the engine has beyond a block; latency that the chain has at least.
    guard : bool
        Whether limiter and howl detector are behind the chain.
    source, inject : ndarray or None, float32, shape (samples, channels)
        Sound in place of the input, and sound added to the output.
    loop : bool
        Whether the source begins again at its end.
    tape_frames : int
        Length of the tape.
    """

    sample_rate: float
    buffer_size: int
    channels: int
    worker_samples: int
    reserve_samples: int = 0
    guard: bool = False
    source: np.ndarray | None = None
    inject: np.ndarray | None = None
    loop: bool = False
    tape_frames: int = 0

    def at_rate(self, sample_rate: float) -> "Settings":
        """The same at another sample rate, Hz: sounds and lengths go with it."""
        source, inject = (
            None if frames is None else _resampled(frames, self.sample_rate, sample_rate)
            for frames in (self.source, self.inject)
        )
        tape_frames = round(self.tape_frames * sample_rate / self.sample_rate)
        return replace(self, sample_rate=sample_rate, source=source, inject=inject, tape_frames=tape_frames)


class Rig:
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
        self.settings, self.devices, self._plugins = settings, devices, plugins
        with compiled_aside(virtual=devices[1] is None):
            self.guard = Guard(settings.sample_rate, settings.channels) if settings.guard else None
            chain = (plugins.flat, settings.sample_rate, settings.channels)
            self.player = Player(*chain, settings.reserve_samples, say, self.guard)
        self.exchange = self._new_exchange()
        block = _engine_block(settings.buffer_size)
        self.engine = Engine(self.exchange, settings.channels, block, self.player.program)
        self.device_stream = self._opened()
        plugins.play_on(self.engine, self.player)

    def _new_exchange(self) -> Exchange:
        settings, (reader, writer) = self.settings, self.devices
        prefill = settings.buffer_size + settings.worker_samples
        return Exchange(
            channels=settings.channels,
            device_inputs=min(settings.channels, reader.inputs) if reader else 0,
            device_outputs=min(max(settings.channels, 2), writer.outputs) if writer else 0,
            block=settings.buffer_size,
            prefill=prefill,
            sample_rate=settings.sample_rate,
            source=settings.source,
            inject=settings.inject,
            loop=settings.loop,
            drain=prefill + self.player.program.latency_samples,
            tape_frames=settings.tape_frames,
        )

    def _opened(self) -> Stream:
        settings, (reader, writer) = self.settings, self.devices
        if writer is None:
            return VirtualStream(self.exchange, settings.channels, settings.sample_rate, settings.buffer_size)
        return PortAudioStream(self.exchange, reader, writer, settings.sample_rate, settings.buffer_size)

    def stop(self) -> None:
        """Leave the chain, stop device and engine; safe to call twice, and after the device has vanished."""
        self._plugins.leave(self.player)
        self.device_stream.stop()
        self.engine.stop()

    @property
    def latency(self) -> Latency:
        """The itemised delay from input to output."""
        return budget(
            self.settings.sample_rate,
            device=self.device_stream.latency_samples,
            block=self.settings.buffer_size,
            worker=self.settings.worker_samples,
            **self.player.program.latency,
        )


def _resampled(frames: np.ndarray, old_rate: float, new_rate: float) -> np.ndarray:
    """Interleaved frames at another sample rate."""
    from scipy.signal import resample_poly

    ratio = Fraction(round(new_rate), round(old_rate))
    return resample_poly(frames, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)


def _engine_block(buffer_size: int) -> int:
    """The largest share of a device block that a program takes at once."""
    return next(n for n in range(min(buffer_size, MAX_BLOCK), 0, -1) if buffer_size % n == 0)
