"""What a stream is asked for, word by word, and how it becomes one that can play."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.channels import checked_channels
from ..audio.devices import find_device
from ..audio.feeding import open_source
from ..audio.layout import check_block, check_sample_rate, planar_sound
from ..chain.board import Pedalboard
from .arguments import checked_count, checked_samples, first, interleaved, natural_channels, sound_of, usual_worker
from .idle_words import check_words, unheard_sensor
from .opening import VIRTUAL_RATE, DevicePair, own_rate
from .options import Control, Devices, Loop, Measuring, Recording
from .performance import Performance
from .sensors import sensor_of
from .session import Settings


@dataclass(frozen=True)
class Wishes:
    """The words of :class:`rtspec.AudioStream`, which says what they mean."""

    input_device_name: str | int | None
    output_device_name: str | int | None
    sample_rate: float | None
    buffer_size: int | None
    allow_feedback: bool
    num_input_channels: int | None
    num_output_channels: int | None
    source: np.ndarray | str | Path | Loop | None
    sensor: Any
    devices: Devices
    control: Control
    recording: Recording
    measuring: Measuring
    report: Callable[[str], None] | None

    def performance(self, board: Pedalboard) -> Performance:
        """A stream of this chain, ready to start; the words are checked."""
        check_words(self, self._senses_input())
        pair = self._pair()
        performance = Performance(
            self._settings(pair, board),
            pair,
            board,
            control=self.control,
            recording=self.recording,
            reopen=self.devices.reopen,
            report=self.report,
        )
        if line := unheard_sensor(self, board):
            performance.say(line)
        return performance

    def _pair(self) -> DevicePair:
        if self.devices.virtual:
            return None, None
        silent = (self.source is not None and not self._senses_input()) or self.input_device_name is False
        reader = None if silent else find_device(self.input_device_name, "input", self.allow_feedback)
        return reader, find_device(self.output_device_name, "output")

    def _senses_input(self) -> bool:
        """Whether the sensor is on channels of the input device, which is needed then even beside a source."""
        found = sensor_of(self.sensor, self.sample_rate or VIRTUAL_RATE)
        return found is not None and found.channels is not None

    def _channels(self, side: str) -> tuple[int, ...] | None:
        """The device's channels on this side, from 1; None for the usual ones."""
        chosen = checked_channels(f"{side}_channels", getattr(self.devices, f"{side}_channels"))
        count = f"num_{side}_channels"
        return chosen or first(count, getattr(self, count))

    def _settings(self, pair: DevicePair, board: Pedalboard) -> Settings:
        rate = check_sample_rate(own_rate(pair) if self.sample_rate is None else self.sample_rate)
        ins, outs = self._channels("input"), self._channels("output")
        source = sound_of(self.source)
        sound = open_source(source, rate) if isinstance(source, str | Path) else planar_sound("source", source)
        inject = planar_sound("inject", self.measuring.inject)
        channels = checked_count("channels", self.devices.channels) or (
            len(ins) if ins and source is None else natural_channels(sound, pair)
        )
        return Settings(
            sample_rate=rate,
            buffer_size=None if self.buffer_size is None else check_block(self.buffer_size),
            channels=channels,
            worker_samples=checked_samples("worker_samples", usual_worker(board, self.devices.worker_samples)),
            reserve_samples=checked_samples("reserve_samples", self.devices.reserve_samples),
            guard=self.devices.guard,
            source=interleaved("source", sound, channels),
            inject=interleaved("inject", inject, channels),
            loop=isinstance(self.source, Loop),
            input_channels=ins,
            output_channels=outs,
            tape_frames=round(self.measuring.tape_seconds * rate),
            sensor=sensor_of(self.sensor, rate),
        )
