"""Live audio: a device, an engine and a chain."""

import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.names import Now, default_input_name, default_output_name, input_names, output_names
from ..chain.board import Pedalboard, as_board
from ..control.parameters import Parameter
from .arguments import checked_group
from .options import GROUPS, Control, Devices, Loop, Measuring, Recording
from .piecewise import Piecewise
from .wishes import Wishes


class AudioStream(Piecewise):
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
    allow_feedback : bool
        Let the default input be the monitor of the own output, which howls.
    num_input_channels, num_output_channels : int, optional
        How many of the device's channels, the first ones, where `devices` chooses none.
    source : ndarray, float32, shape (channels, samples), path, or Loop, optional
        Sound to play in place of the input; a file is read from the disk while it plays, resampled where it has to be.
        :class:`rtspec.Loop` plays it again and again.
    sensor : int, sequence of int, str, Path or ndarray, optional
        What listening plugins hear (:class:`rtspec.SceneEqualizer`): channels of the input device, from 1 (``3``,
        ``(3, 4)``), another input device by its name, or a file or array in place of one. No recording contains it.
    devices : Devices, optional
        Channels, the virtual device, what happens where a device vanishes, the engine's time.
    control : Control, optional
        MIDI, OSC, presets, the XY pad, the panel.
    recording : Recording, optional
        A take that begins with the stream.
    measuring : Measuring, optional
        Sound added to the output, and a tape of input and output in memory.
    report : callable, optional
        Gets lines of text: what comes and goes, and what could not be done. Called from several threads.

    Attributes
    ----------
    ignore_dropped_input : bool
        Whether :meth:`read` keeps quiet about input that it took too late.

    Examples
    --------
    >>> import numpy as np
    >>> import rtspec
    >>> silence, virtual = np.zeros((1, 480), np.float32), rtspec.Devices(virtual=True)
    >>> with rtspec.AudioStream(plugins=[], source=silence, devices=virtual) as stream:
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
        sample_rate: float | None = None,
        buffer_size: int | None = None,
        allow_feedback: bool = False,
        num_input_channels: int | None = None,
        num_output_channels: int | None = None,
        *,
        source: np.ndarray | str | Path | Loop | None = None,
        sensor: Any = None,
        devices: Devices | None = None,
        control: Control | None = None,
        recording: Recording | None = None,
        measuring: Measuring | None = None,
        report: Callable[[str], None] | None = None,
    ):
        words = {word: value for word, value in locals().items() if word not in ("self", "plugins")}
        groups = {name: checked_group(name, words[name], kind) for name, kind in GROUPS.items()}
        self._board, self._entered = as_board(plugins), 0
        self._performance = Wishes(**words | groups).performance(self._board)
        self.channels = self._performance.session.settings.channels
        weakref.finalize(self, self._performance.give_up).atexit = False

    @property
    def plugins(self) -> Pedalboard:
        """The chain. To set it is to put other plugins into the same board, cross-faded where it plays."""
        return self._board

    @plugins.setter
    def plugins(self, plugins) -> None:
        self._board[:] = list(as_board(plugins))

    def __repr__(self) -> str:
        state = "running" if self.running else "not running"
        return (
            f"<rtspec.AudioStream {self._session.device_names} {self.sample_rate:g} Hz, {self.buffer_size} frames,"
            f" {state}, plugins={list(self._board)}>"
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
            return self._performance.pause(lambda: handing.is_heard(self.latency), timeout)
        return self._performance.pause(lambda: self._session.exchange.finished, timeout)

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

    def record(self, path: str | Path) -> tuple[Path, Path]:
        """Begin to record what is heard while it plays, and the input beside it.

        Parameters
        ----------
        path : str or Path
            A .wav file; earlier takes are kept: where the name is taken, ``take-2.wav`` is next.

        Returns
        -------
        tuple of Path
            The files of input and output.
        """
        return self._performance.record(path)

    def stop_recording(self) -> tuple[Path, Path] | None:
        """End the take; its files, which are whole now, or None where nothing was being recorded."""
        return self._performance.takes.stop(self._session.exchange)

    def settle(self, timeout_s: float | None = None) -> bool:
        """Wait until all edits of the chain so far are heard; False at the timeout."""
        return self._performance.session.player.settle(timeout_s)

    @staticmethod
    def play(
        audio: np.ndarray, sample_rate: float, output_device_name: str | int | None = None, *, virtual: bool = False
    ) -> None:
        """Play a sound on an output device; returns when it has been heard. It is float32 or float64 of shape
        (n_samples,), (channels, n_samples) or (n_samples, channels)."""
        with AudioStream(
            None, output_device_name, [], sample_rate, source=audio, devices=Devices(virtual=virtual)
        ) as stream:
            stream.wait()
