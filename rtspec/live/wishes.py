"""What a stream is asked for, word by word, and how it becomes one that can play."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.channels import checked_channels
from ..audio.devices import find_device
from ..audio.feeding import open_source
from ..audio.layout import check_block, check_sample_rate, planar_sound
from ..audio.recording import checked_path
from ..chain.board import Pedalboard
from .arguments import (
    checked_count,
    checked_samples,
    first,
    interleaved,
    natural_channels,
    panel_settings,
    usual_worker,
)
from .opening import VIRTUAL_RATE, Devices, own_rate
from .performance import Performance
from .sensors import sensor_of
from .session import Settings


@dataclass(frozen=True)
class Wishes:
    """The words of :class:`rtspec.AudioStream`, which says what they mean."""

    input_device_name: str | int | None
    output_device_name: str | int | None
    plugins: Any
    sample_rate: float | None
    buffer_size: int | None
    allow_feedback: bool
    num_input_channels: int | None
    num_output_channels: int | None
    channels: int | None
    input_channels: str | int | Sequence[int] | None
    output_channels: str | int | Sequence[int] | None
    source: np.ndarray | str | Path | None
    loop: bool
    inject: np.ndarray | None
    record_seconds: float
    record: str | Path | None
    overwrite: bool
    worker_samples: int | None
    reserve_samples: int
    guard: bool
    virtual: bool
    midi: str | int | None
    midi_map: Any
    midi_timed: bool
    osc_port: int | None
    osc_host: str | None
    presets: str | Path | None
    pad: Sequence[str]
    reopen: bool
    panel: Any
    sensor: Any
    report: Callable[[str], None] | None

    def performance(self, board: Pedalboard) -> Performance:
        """A stream of this chain, ready to start; the words are checked."""
        devices = self._devices()
        return Performance(
            self._settings(devices, board),
            devices,
            board,
            record=None if self.record is None else checked_path(self.record),
            overwrite=self.overwrite,
            reopen=self.reopen,
            report=self.report,
            panel=panel_settings(self.panel),
            midi=self.midi,
            midi_map=self.midi_map,
            timed=self.midi_timed,
            osc_port=self.osc_port,
            osc_host=self.osc_host,
            presets=self.presets,
            pad=self.pad,
        )

    def _devices(self) -> Devices:
        if self.virtual:
            return None, None
        silent = (self.source is not None and not self._senses_input()) or self.input_device_name is False
        reader = None if silent else find_device(self.input_device_name, "input", self.allow_feedback)
        return reader, find_device(self.output_device_name, "output")

    def _senses_input(self) -> bool:
        """Whether the sensor is on channels of the input device, which is needed then even beside a source."""
        found = sensor_of(self.sensor, self.sample_rate or VIRTUAL_RATE)
        return found is not None and found.channels is not None

    def _settings(self, devices: Devices, board: Pedalboard) -> Settings:
        rate = check_sample_rate(own_rate(devices) if self.sample_rate is None else self.sample_rate)
        ins = checked_channels("input_channels", self.input_channels)
        ins = ins or first("num_input_channels", self.num_input_channels)
        outs = checked_channels("output_channels", self.output_channels)
        outs = outs or first("num_output_channels", self.num_output_channels)
        source = self.source
        sound = open_source(source, rate) if isinstance(source, str | Path) else planar_sound("source", source)
        inject = planar_sound("inject", self.inject)
        channels = checked_count("channels", self.channels) or (
            len(ins) if ins and source is None else natural_channels(sound, devices)
        )
        return Settings(
            sample_rate=rate,
            buffer_size=None if self.buffer_size is None else check_block(self.buffer_size),
            channels=channels,
            worker_samples=checked_samples("worker_samples", usual_worker(board, self.worker_samples)),
            reserve_samples=checked_samples("reserve_samples", self.reserve_samples),
            guard=self.guard,
            source=interleaved("source", sound, channels),
            inject=interleaved("inject", inject, channels),
            loop=self.loop,
            input_channels=ins,
            output_channels=outs,
            tape_frames=round(self.record_seconds * rate),
            sensor=sensor_of(self.sensor, rate),
        )
