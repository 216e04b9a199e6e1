"""Live audio: a device, an engine and a chain."""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.channels import checked_channels
from ..audio.devices import Device, find_again, find_device, look_again
from ..audio.feeding import FileSource, open_source
from ..audio.layout import check_block, check_sample_rate, planar_sound
from ..audio.recording import Recording, checked_path
from ..buffers.events import AT_ONCE, send_event
from ..control.parameters import Parameter
from ..errors import DeviceError, InvalidValue
from .board import Pedalboard, as_board
from .controllers import Controllers
from .latency import Latency
from .names import Now, default_input_name, default_output_name, input_names, output_names
from .opening import opened, own_rate
from .rig import Rig, Settings
from .statistics import Statistics

Devices = tuple[Device | None, Device | None]
"""Input and output; the virtual device where there is no output."""

WORKER_SAMPLES = 256
"""Time beyond one block that the engine has by default: what a wake-up on a busy machine takes at worst. A chain with
an instrument in it has none: there, what lies between a key and its sound is felt."""

POLL_S = 0.02
WATCH_S = 0.1
"""How often a stream looks whether its device is still there."""

STALL_S, BUFFERED_STALL_S, STALL_PERIODS = 2.0, 5.0, 2
"""A device that has not called for so long, and so many of its periods more, is gone, whatever its driver says; one
with buffers of its own, as PulseAudio, may be silent for longer."""

RETRY_S = (0.25, 5.0)
"""Pauses between attempts to reopen a lost device: the first one, each the double of the one before, the longest."""

CLOSE_S = 10.0
"""How long a stream that stops waits for what it does about a lost device."""

VANISHED = "the audio device vanished while playing"


class AudioStream:
    """Live input → processors → output, with a known latency. A context manager.

    Parameters
    ----------
    input_device_name, output_device_name : str, int or None
        Name, part of a name or index; the default device where None. With a `source` no input is opened.
    plugins : Pedalboard, processor, native pedalboard plugin or list of these
        The chain; a :class:`rtspec.Pedalboard` may be edited while it plays.
    sample_rate : float, optional
        Hz; the output device's own where None.
    buffer_size : int, optional
        Frames that the engine takes at a time, and that a device callback has where the driver leaves the choice. Where
        None, the device's own, else 128. A JACK or PipeWire server decides its period itself; the delay follows it.
    channels : int, optional
        Channels of the chain; by default the source's, else as many as `input_channels`, else the device's, at most 2.
    input_channels, output_channels : int, str or sequence of int, optional
        Channels of the device in the chain's order, from 1: ``2``, ``"1,2"``, ``"3:5"``, ``[2, 1]``; the first ones
        where None.
    allow_feedback : bool
        Let the default input be the monitor of the own output, which howls.
    source : ndarray, float32, shape (channels, samples), or path, optional
        Sound to play in place of the input; a file is read from the disk while it plays, resampled where it has to be.
    loop : bool
        Play the source again and again.
    inject : ndarray, float32, shape (channels, samples), optional
        Sound added to the output from the first callback on (for measurements).
    record_seconds : float
        Length of the tape that keeps input and output, in memory.
    record : str or Path, optional
        Write the output to this .wav file while playing, and the input beside it: ``take.wav``, ``take-input.wav``.
        Earlier takes are kept: the next one is ``take-2.wav``.
    overwrite : bool
        Let a recording replace an earlier one of its name.
    worker_samples : int, optional
        Time that the engine has beyond one block, in samples; part of the latency. By default 256, with an instrument
        in the chain 0.
    reserve_samples : int
        Latency that the chain has at least: plugins that need no more can be put in while it plays without raising it.
    guard : bool
        Put a limiter and a howl detector behind the chain (:mod:`rtspec.host.guard`).
    virtual : bool
        Use the paced virtual device: no hardware, the same engine.
    midi : str or int, optional
        MIDI input port: name, part of it, index, or "auto". Its controllers move the chain's parameters. While it is
        open Python's threads take turns every half millisecond, so that timed events keep their time.
    midi_map : str, Path or MidiMap, optional
        What moves what; the usual controls where None (:class:`rtspec.control.MidiMap`).
    midi_timed : bool
        MIDI acts at the sample that belongs to its time, always a millisecond later; else at once, wherever in a block.
    osc_port : int, optional
        Let OSC messages to this UDP port move the chain's parameters.
    osc_host : str, optional
        Address to listen on for OSC; loop-back by default: there is no password in OSC.
    presets : str or Path, optional
        Folder of presets, for program changes and OSC; the user's own where None.
    pad : sequence of str
        Names of two or four presets between which the XY pad plays.
    reopen : bool
        Where the device vanishes, look for it until it is there again, and play on; at its own sample rate if it now
        has another. Else :meth:`wait` raises.
    report : callable, optional
        Gets lines of text: what comes and goes, and what could not be done. Called from several threads.

    Attributes
    ----------
    controllers : Controllers
        The open MIDI input, its map and the OSC server.

    Examples
    --------
    >>> import numpy as np
    >>> with AudioStream(plugins=[], source=np.zeros((1, 480), np.float32), virtual=True) as stream:
    ...     stream.wait(timeout=5)
    True
    """

    input_device_names, output_device_names = Now(input_names), Now(output_names)
    default_input_device_name, default_output_device_name = Now(default_input_name), Now(default_output_name)

    def __init__(
        self,
        input_device_name: str | int | None = None,
        output_device_name: str | int | None = None,
        plugins=None,
        sample_rate: float | None = 48000,
        buffer_size: int | None = None,
        *,
        channels: int | None = None,
        input_channels: str | int | Sequence[int] | None = None,
        output_channels: str | int | Sequence[int] | None = None,
        allow_feedback: bool = False,
        source: np.ndarray | str | Path | None = None,
        loop: bool = False,
        inject: np.ndarray | None = None,
        record_seconds: float = 0.0,
        record: str | Path | None = None,
        overwrite: bool = False,
        worker_samples: int | None = None,
        reserve_samples: int = 0,
        guard: bool = False,
        virtual: bool = False,
        midi: str | int | None = None,
        midi_map=None,
        midi_timed: bool = True,
        osc_port: int | None = None,
        osc_host: str | None = None,
        presets: str | Path | None = None,
        pad: Sequence[str] = (),
        reopen: bool = False,
        report: Callable[[str], None] | None = None,
    ):
        self._report, self._reopen, self._said = report, reopen, deque[str](maxlen=100)
        block = None if buffer_size is None else check_block(buffer_size)
        self._board = as_board(plugins)
        devices: Devices = None, None
        if not virtual:
            reader = None if source is not None else find_device(input_device_name, "input", allow_feedback)
            devices = reader, find_device(output_device_name, "output")
        rate = check_sample_rate(own_rate(devices) if sample_rate is None else sample_rate)
        ins, outs = (
            checked_channels("input_channels", input_channels),
            checked_channels("output_channels", output_channels),
        )
        sound = open_source(source, rate) if isinstance(source, str | Path) else planar_sound("source", source)
        inject = planar_sound("inject", inject)
        self.channels = channels or (len(ins) if ins and source is None else _natural_channels(sound, devices))
        settings = Settings(
            sample_rate=rate,
            buffer_size=block,
            channels=self.channels,
            worker_samples=_checked_samples("worker_samples", _usual_worker(self.plugins, worker_samples)),
            reserve_samples=_checked_samples("reserve_samples", reserve_samples),
            guard=guard,
            source=_frames("source", sound, self.channels),
            inject=_frames("inject", inject, self.channels),
            loop=loop,
            input_channels=ins,
            output_channels=outs,
            tape_frames=round(record_seconds * rate),
        )
        self._record, self._overwrite = None if record is None else checked_path(record), overwrite
        self._recording: Recording | None = None
        self._seen, self._seen_at = -1, 0.0
        self._lost, self._ending = False, threading.Event()
        self._watcher: threading.Thread | None = None
        self._reopened, self._past = 0, Counter[str]()
        self._running = self._stopped = False
        self.controllers = Controllers(
            self.plugins,
            self,
            midi=midi,
            midi_map=midi_map,
            timed=midi_timed,
            osc_port=osc_port,
            osc_host=osc_host,
            presets=presets,
            pad=pad,
            report=self._say,
        )
        self._rig = opened(settings, devices, self.plugins, self._say)

    @property
    def sample_rate(self) -> float:
        """Hz; another one where the device came back with another."""
        return self._rig.settings.sample_rate

    @property
    def buffer_size(self) -> int:
        """Frames a block: what was asked for, or the device's own."""
        return self._rig.buffer_size

    # Playing ------------------------------------------------------------------------------------------------------

    @property
    def plugins(self) -> Pedalboard:
        """The chain. To set it is to put other plugins into the same board, cross-faded where it plays."""
        return self._board

    @plugins.setter
    def plugins(self, plugins) -> None:
        self._board[:] = list(as_board(plugins))

    @property
    def running(self) -> bool:
        """Between start and stop."""
        return self._running

    def __repr__(self) -> str:
        state = "running" if self._running else "not running"
        return (
            f"<rtspec.AudioStream {self._rig.device_names} {self.sample_rate:g} Hz, {self.buffer_size} frames, {state},"
            f" plugins={list(self._board)}>"
        )

    def start(self) -> "AudioStream":
        """Open recording and controllers, start engine and device; all or nothing.

        Where it runs already nothing happens; after :meth:`stop` it plays from the start.
        """
        if self._running:
            return self
        if self._stopped:
            self._renew()
        self._running = True
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise
        return self

    def _renew(self) -> None:
        """After a stop: everything anew, on the same devices."""
        self._rig = opened(self._rig.settings, self._rig.devices, self.plugins, self._say)
        self._ending, self._lost, self._stopped = threading.Event(), False, False
        self._seen, self._seen_at, self._past = -1, 0.0, Counter()

    def _begin(self) -> None:
        self.controllers.open()
        self._rig.go_on_at(0)
        self._rig.engine.start()
        if self._record is not None:  # last: a start that fails must not cost an earlier recording of this name
            form = round(self.sample_rate), self.channels
            self._recording = Recording(self._record, *form, self._say, self._overwrite)
            self._rig.exchange.record_to(self._recording.rings)
        self._rig.device_stream.start()
        self._watcher = threading.Thread(target=self._watch, name="rtspec watch", daemon=True)
        self._watcher.start()

    def stop(self) -> None:
        """Stop device and engine; safe to call twice, and after the device has vanished."""
        self._ending.set()
        if self._watcher is not None:
            self._watcher.join(CLOSE_S)
        self.controllers.close()
        self._rig.stop()
        if self._recording is not None:
            self._recording.close()
        self._running, self._stopped = False, True

    close = stop

    def run(self) -> None:
        """Start, and play until the source has ended, or until Ctrl-C."""
        with self, suppress(KeyboardInterrupt):
            self.wait()

    def __enter__(self) -> "AudioStream":
        return self.start()

    def __exit__(self, *exception) -> None:
        self.stop()

    @property
    def recording_paths(self) -> tuple[Path, ...]:
        """The files of input and output that `record` asked for; none before the start."""
        return () if self._recording is None else self._recording.paths

    @property
    def active(self) -> bool:
        """Whether the device calls: False while it has vanished."""
        return not self._lost and self._rig.device_stream.active

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source has been played out; True if it was, False at the timeout (seconds).

        Raises
        ------
        DeviceError
            The device vanished, and `reopen` is False.
        """
        end = None if timeout is None else time.monotonic() + timeout
        pause = threading.Event()
        while not self._rig.exchange.finished:
            if self._lost and not self._reopen:
                raise DeviceError(f"{VANISHED}; plug it in or start its server, then start again")
            if end is not None and time.monotonic() >= end:
                return False
            pause.wait(POLL_S)
        return True

    # A device that vanishes -----------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Tell what the engine has to tell; notice that the device has vanished, and look for it until it is back."""
        can_vanish = self._rig.devices[1] is not None  # the virtual one cannot
        while not self._ending.wait(WATCH_S):
            for line in (*self._rig.engine.look(), self._rig.period_news()):
                if line:
                    self._say(line)
            if not can_vanish or self._still_there():
                continue
            self._lost = True
            if self._rig.device_stream.on_jack:
                self.controllers.device_lost()
            if not self._reopen:
                return
            self._say(f"{VANISHED}; playing on as soon as it is there again")
            self._seek()

    def _still_there(self) -> bool:
        return self._rig.device_stream.active and not self._stalled() and self._rig.is_there()

    def _stalled(self) -> bool:
        """Whether no callback came for long: some drivers never report that they are gone."""
        now, seen = time.monotonic(), self._rig.exchange.called_ns
        if seen != self._seen:
            self._seen, self._seen_at = seen, now
        limit_s = STALL_S if self._rig.on_jack else BUFFERED_STALL_S
        return now - self._seen_at > limit_s + STALL_PERIODS * self._rig.exchange.period / self.sample_rate

    def _seek(self) -> None:
        before, died, pause_s = self._rig, True, RETRY_S[0]
        before.stop()
        while not self._ending.wait(pause_s):
            pause_s = min(2 * pause_s, RETRY_S[1])
            with suppress(DeviceError):
                look_again(died)
                died = False
                self._rig = self._rebuilt(before)
                self._go_on_from(before)
                return
            if self._rig is not before:
                self._rig.stop()  # it could be built, but not be started

    def _rebuilt(self, before: Rig) -> Rig:
        """Everything anew, on the device as it is now."""
        reader, writer = (device and find_again(device) for device in before.devices)
        try:
            return Rig(before.settings, (reader, writer), self.plugins, self._say)
        except DeviceError:  # it may have come back with another sample rate
            if writer is None or writer.sample_rate == self.sample_rate:
                raise
            return Rig(before.settings.at_rate(writer.sample_rate), (reader, writer), self.plugins, self._say)

    def _go_on_from(self, before: Rig) -> None:
        """Play on where the sound broke off."""
        rate, source_at = before.settings.sample_rate, int(before.exchange.record["source_at"][0])
        self._rig.go_on_at(round(source_at * self.sample_rate / rate))
        self._keep_recording(rate)
        self._rig.engine.start()
        self._rig.device_stream.start()
        self._past.update(before.exchange.counters())
        self._seen, self._seen_at, self._lost = -1, time.monotonic(), False
        self._say(f"the audio device is there again, at {self.sample_rate:g} Hz; playing on")
        self._reopened += 1

    def _keep_recording(self, rate: float) -> None:
        """Record on; at another rate into files of their own."""
        if self._recording is None:
            return
        if rate != self.sample_rate:
            self._recording.close()
            path = checked_path(self._record or "")
            path = path.with_name(f"{path.stem}-{self._reopened + 2}{path.suffix}")
            self._recording = Recording(path, round(self.sample_rate), self.channels, self._say)
            self._say(f"recording to {path}, since the sample rate is another")
        self._rig.exchange.record_to(self._recording.rings)

    def send(self, message: Any, time_s: float | None = None, processor: Any = None) -> bool:
        """Play a MIDI channel message.

        Parameters
        ----------
        message : mido.Message, bytes or sequence of int
        time_s : float, optional
            When it happened, on the clock of :func:`time.monotonic`: it acts a millisecond later than the sound that
            came in then. Where None it acts at the start of the next block.
        processor : Processor, optional
            Who gets it; everyone in the chain who accepts MIDI where None.

        Returns
        -------
        bool
            Whether anyone gets it: False where nobody accepts MIDI, or too many events are on their way.
        """
        at, inboxes = self._event_time(time_s), self._rig.player.inboxes(processor)
        sent = [self._rig.engine.events.put(send_event(at, inbox, message)) for inbox in inboxes]
        return bool(sent) and all(sent)

    def set(self, parameter: Parameter, value: float, time_s: float | None = None) -> bool:
        """Move a parameter at a moment, as :meth:`send` does messages; False where too many events are on their
        way."""
        return self._rig.engine.events.put(parameter.event(self._event_time(time_s), value))

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until all edits of the chain so far are heard; False at the timeout."""
        return self._rig.player.settle(timeout_s)

    @property
    def reports(self) -> list[str]:
        """What came and went, and what went otherwise than asked for, a line each: ports, presets, an edit that failed
        or made the latency longer."""
        return list(self._said)

    def _event_time(self, time_s: float | None) -> int:
        return AT_ONCE if time_s is None else self._rig.exchange.sample_at(time_s)

    def _say(self, line: str) -> None:
        self._said.append(line)
        if self._report is not None:
            with suppress(Exception):  # whoever listens must not end what speaks
                self._report(line)

    # Looking ------------------------------------------------------------------------------------------------------

    @property
    def latency(self) -> Latency:
        """The itemised delay from input to output."""
        return self._rig.latency

    @property
    def statistics(self) -> Statistics:
        """What happened so far."""
        rig = self._rig
        engine, guard = rig.engine, rig.guard
        return Statistics(
            **{name: n + self._past[name] for name, n in rig.exchange.counters().items()},
            reopened=self._reopened,
            bad_samples=engine.bad_samples,
            bad_frames=rig.player.bad_frames,
            late_events=engine.events.late,
            dropped_events=engine.events.dropped,
            load=round(engine.governor.load, 3),
            governor_level=engine.governor.level,
            governor_steps=engine.governor.steps_down,
            stuck_s=round(engine.stuck_s, 1),
            howls=guard.howls if guard else 0,
            limited_samples=guard.limited_samples if guard else 0,
            callback_us=rig.exchange.histogram.summary_us(),
            frame_us=engine.histogram.summary_us(),
            real_time=engine.real_time,
            native_plugins=rig.player.native_costs(),
        )

    @property
    def levels(self) -> tuple[float, float]:
        """The largest magnitudes of input and output since this was last asked for."""
        return self._rig.exchange.peaks()

    @property
    def clock(self) -> tuple[int, float]:
        """How many frames had come in at which moment of :func:`time.monotonic`, lately."""
        return self._rig.exchange.clock()

    def rewind(self) -> None:
        """Begin the tape that :attr:`recorded` gives anew."""
        self._rig.exchange.rewind()

    @property
    def recorded(self) -> tuple[np.ndarray, np.ndarray]:
        """Input and output on the tape so far, float32 of shape (channels, samples)."""
        n = self._rig.exchange.taped_frames
        return self._rig.exchange.tape_in[:n].T.copy(), self._rig.exchange.tape_out[:n].T.copy()


def _natural_channels(source: np.ndarray | FileSource | None, devices: Devices) -> int:
    if isinstance(source, FileSource):
        return source.channels
    if source is not None:
        return len(source)
    reader, writer = devices
    return min(2, reader.inputs if reader else 2, writer.outputs if writer else 2)


def _usual_worker(plugins: Pedalboard, worker_samples: int | None) -> int:
    """What is asked for, or what suits the chain."""
    if worker_samples is not None:
        return worker_samples
    return 0 if any(getattr(plugin, "accepts_midi", False) for plugin in plugins.flat()) else WORKER_SAMPLES


def _frames(name: str, audio, channels: int) -> Any:
    """(channels, samples) as interleaved frames; a file and None as they are."""
    if isinstance(audio, FileSource) and audio.channels != channels:
        raise InvalidValue(f"{name}: {audio.path} has {audio.channels} channels, not {channels}; leave channels out")
    if audio is None or isinstance(audio, FileSource):
        return audio
    if len(audio) != channels or audio.shape[1] == 0:
        raise InvalidValue(f"{name} of shape {audio.shape} must be ({channels}, samples) with at least one sample")
    return np.ascontiguousarray(audio.T)


def _checked_samples(name: str, value: int) -> int:
    if isinstance(value, bool) or not 0 <= value <= 65536:
        raise InvalidValue(f"{name}={value!r} must be 0 to 65536; try {WORKER_SAMPLES}")
    return int(value)
