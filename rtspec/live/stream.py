"""Live audio: a device, an engine and a chain."""

import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.channels import checked_channels
from ..audio.devices import find_device
from ..audio.feeding import open_source
from ..audio.layout import check_block, check_sample_rate, planar_sound
from ..audio.names import Now, default_input_name, default_output_name, input_names, output_names
from ..audio.recording import checked_path
from ..chain.board import Pedalboard, as_board
from ..chain.latency import Latency
from ..control.parameters import Parameter
from ..errors import InvalidValue
from .arguments import checked_count, checked_samples, first, interleaved, natural_channels, spread, usual_worker
from .controllers import Controllers
from .opening import Devices, own_rate
from .performance import Performance
from .session import Rig, Settings
from .statistics import Statistics


class AudioStream:
    """Live input → processors → output, with a known latency. A context manager.

    Parameters
    ----------
    input_device_name, output_device_name : str, int or None
        Name, part of a name or index; the default device where None. With a `source`, or where the input is False, no
        input is opened.
    plugins : Pedalboard, processor, native pedalboard plugin or list of these
        The chain; a :class:`rtspec.Pedalboard` may be edited while it plays.
    sample_rate : float, optional
        Hz; the output device's own where None, 48000 on the virtual one.
    buffer_size : int, optional
        Frames that the engine takes at a time, and that a device callback has where the driver leaves the choice. Where
        None, the device's own, else 128. A JACK or PipeWire server decides its period itself; the delay follows it.
    num_input_channels, num_output_channels : int, optional
        How many of the device's channels, the first ones, where `input_channels` and `output_channels` choose none.
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
        Put a limiter and a howl detector behind the chain (:mod:`rtspec.live.guard`).
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
    ignore_dropped_input : bool
        Whether :meth:`read` keeps quiet about input that it took too late.

    Examples
    --------
    >>> import numpy as np
    >>> with AudioStream(plugins=[], source=np.zeros((1, 480), np.float32), virtual=True) as stream:
    ...     stream.wait(timeout=5)
    True
    """

    ignore_dropped_input = False
    input_device_names, output_device_names = Now(input_names), Now(output_names)
    default_input_device_name, default_output_device_name = Now(default_input_name), Now(default_output_name)

    def __init__(
        self,
        input_device_name: str | int | None = None,
        output_device_name: str | int | None = None,
        plugins=None,
        sample_rate: float | None = None,
        buffer_size: int | None = None,
        allow_feedback: bool = False,
        num_input_channels: int | None = None,
        num_output_channels: int | None = None,
        *,
        channels: int | None = None,
        input_channels: str | int | Sequence[int] | None = None,
        output_channels: str | int | Sequence[int] | None = None,
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
        self._board, silent = as_board(plugins), source is not None or input_device_name is False
        devices: Devices = None, None
        if not virtual:
            reader = None if silent else find_device(input_device_name, "input", allow_feedback)
            devices = reader, find_device(output_device_name, "output")
        rate = check_sample_rate(own_rate(devices) if sample_rate is None else sample_rate)
        ins = checked_channels("input_channels", input_channels) or first("num_input_channels", num_input_channels)
        outs = checked_channels("output_channels", output_channels) or first("num_output_channels", num_output_channels)
        sound = open_source(source, rate) if isinstance(source, str | Path) else planar_sound("source", source)
        inject = planar_sound("inject", inject)
        self.channels = checked_count("channels", channels) or (
            len(ins) if ins and source is None else natural_channels(sound, devices)
        )
        settings = Settings(
            sample_rate=rate,
            buffer_size=None if buffer_size is None else check_block(buffer_size),
            channels=self.channels,
            worker_samples=checked_samples("worker_samples", usual_worker(self._board, worker_samples)),
            reserve_samples=checked_samples("reserve_samples", reserve_samples),
            guard=guard,
            source=interleaved("source", sound, self.channels),
            inject=interleaved("inject", inject, self.channels),
            loop=loop,
            input_channels=ins,
            output_channels=outs,
            tape_frames=round(record_seconds * rate),
        )
        self._entered = 0
        self._performance = Performance(
            settings,
            devices,
            self._board,
            record=None if record is None else checked_path(record),
            overwrite=overwrite,
            reopen=reopen,
            report=report,
            midi=midi,
            midi_map=midi_map,
            timed=midi_timed,
            osc_port=osc_port,
            osc_host=osc_host,
            presets=presets,
            pad=pad,
        )
        weakref.finalize(self, self._performance.give_up).atexit = False

    @property
    def controllers(self) -> Controllers:
        """The open MIDI input, its map and the OSC server."""
        return self._performance.controllers

    @property
    def _rig(self) -> Rig:
        return self._performance.rig

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
        return self._performance.running

    def __repr__(self) -> str:
        state = "running" if self.running else "not running"
        return (
            f"<rtspec.AudioStream {self._rig.device_names} {self.sample_rate:g} Hz, {self.buffer_size} frames, {state},"
            f" plugins={list(self._board)}>"
        )

    def start(self) -> "AudioStream":
        """Open recording and controllers, start engine and device; all or nothing.

        Where it runs already nothing happens; after :meth:`stop` it plays from the start.
        """
        self._performance.start()
        return self

    def stop(self) -> None:
        """Stop device and engine; safe to call twice, and after the device has vanished."""
        self._performance.stop()

    close = stop

    def run(self) -> None:
        """Start, and play until the source has ended, or until Ctrl-C."""
        with self, suppress(KeyboardInterrupt):
            self.wait()

    def __enter__(self) -> "AudioStream":
        self.start()
        self._entered += 1
        return self

    def __exit__(self, kind, *exception) -> None:
        """The outermost `with` stops; what was written is heard before that."""
        self._entered -= 1
        if self._entered:
            return
        try:
            if kind is None and self._performance.handing.has_written:
                self.wait()
        finally:
            self.stop()

    @property
    def recording_paths(self) -> tuple[Path, ...]:
        """The files of input and output that `record` asked for; none before the start."""
        recording = self._performance.recording
        return () if recording is None else recording.paths

    @property
    def active(self) -> bool:
        """Whether the device calls: False while it has vanished."""
        return self._performance.active

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the source, or what was written, has been played out; True if it was, False at the timeout
        (seconds).

        Raises
        ------
        DeviceError
            The device vanished, and `reopen` is False.
        """
        handing = self._performance.handing
        if handing.has_written:
            return self._performance.pause(lambda: handing.is_heard(self._rig.exchange, self.latency), timeout)
        return self._performance.pause(lambda: self._rig.exchange.finished, timeout)

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
        return self._performance.send(message, time_s, processor)

    def set(self, parameter: Parameter, value: float, time_s: float | None = None) -> bool:
        """Move a parameter at a moment, as :meth:`send` does messages; False where too many events are on their
        way."""
        return self._performance.set(parameter, value, time_s)

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until all edits of the chain so far are heard; False at the timeout."""
        return self._performance.settle(timeout_s)

    # Piece by piece -----------------------------------------------------------------------------------------------

    def write(self, audio: np.ndarray, sample_rate: float | None = None) -> None:
        """Play a sound through the chain, in place of the input and right behind what was written before.

        Returns when the last of it is on its way, half a second before it is heard at most; :meth:`wait`, or the end
        of `with`, waits until it is. A stream that does not run is started.

        Parameters
        ----------
        audio : ndarray, float32 or float64
            By the rules of all sounds; one channel goes to all of the chain's.
        sample_rate : float, optional
            Hz; must be the stream's.
        """
        rate, planar = self.sample_rate, planar_sound("audio", audio)
        if sample_rate is not None and check_sample_rate(sample_rate) != rate:
            raise InvalidValue(
                f"sample_rate={sample_rate:g} Hz is not this stream's; resample the sound to {rate:g} Hz, or open a"
                " stream at its rate"
            )
        frames = interleaved("audio", spread(planar, self.channels), self.channels)
        self.start()
        self._performance.write(frames)

    def read(self, num_samples: int = 0) -> np.ndarray:
        """Take input as it comes in, float32 of shape (channels, samples); it is kept from the first call on.

        Parameters
        ----------
        num_samples : int
            To wait for; where 0, what has come in since the last call.

        Raises
        ------
        DroppedInput
            Input was lost since the last call, because it came too late, unless :attr:`ignore_dropped_input`.
        """
        return self._performance.read(num_samples, self.ignore_dropped_input)

    @property
    def buffered_input_sample_count(self) -> int:
        """Frames that :meth:`read` has not taken yet."""
        return self._performance.handing.n_waiting

    @property
    def dropped_input_frame_count(self) -> int:
        """Frames that were lost since the last :meth:`read`."""
        return self._performance.handing.n_dropped(self._rig.exchange)

    @staticmethod
    def play(
        audio: np.ndarray, sample_rate: float, output_device_name: str | int | None = None, *, virtual: bool = False
    ) -> None:
        """Play a sound on an output device; returns when it has been heard."""
        with AudioStream(
            None, output_device_name, sample_rate=sample_rate, source=audio, virtual=virtual, plugins=[]
        ) as stream:
            stream.wait()

    # Looking ------------------------------------------------------------------------------------------------------

    @property
    def latency(self) -> Latency:
        """The itemised delay from input to output."""
        return self._rig.latency

    @property
    def statistics(self) -> Statistics:
        """What happened so far."""
        return self._performance.statistics

    @property
    def reports(self) -> list[str]:
        """What came and went, and what went otherwise than asked for, a line each: ports, presets, an edit that failed
        or made the latency longer."""
        return list(self._performance.said)

    @property
    def num_input_channels(self) -> int:
        """Channels that are open of the input device; 0 without one."""
        return int(self._rig.exchange.record["device_inputs"][0])

    @property
    def num_output_channels(self) -> int:
        """Channels that are open of the output device; 0 on the virtual one."""
        return int(self._rig.exchange.record["device_outputs"][0])

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
