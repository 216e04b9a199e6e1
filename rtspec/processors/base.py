"""What all processors share: pedalboard's calling rules, parameters as attributes, and programs made on demand."""

import copy
import os
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..audio.layout import Form, Layout, check_block, check_reset, check_sample_rate
from ..buffers.events import send_event
from ..buffers.inbox import Inbox
from ..buffers.step import Stage
from ..chain.board import Pedalboard
from ..chain.lanes import Lane, lanes_stage
from ..chain.limiter import CEILING_DB, limited
from ..chain.mixing import MIX_PARAMETERS, mix_stage
from ..chain.plugin import Plugin
from ..chain.program import Playback, Program, audio_buffer
from ..chain.resampling import Resampling
from ..control.midi.files import endings, held_notes, read_midi_file, read_mido
from ..control.parameters import ParameterSpec, ParameterTable
from ..errors import InvalidValue
from ..frames.plan import FramePlan
from ..models.manifest import Parameter

TAIL_S = 2.0
"""What is played after the last message where nobody says how long."""

_RUNNING = ("_calling", "version", "_boards", "_playback", "_form", "_sample_rate", "_layout")
"""What a copy has of its own."""


class Processor(Plugin, ABC):
    """A spectral effect with pedalboard's `process`, `__call__`, `reset` and `.parameters`.

    A subclass says its plan and the frame stages of one channel; everything else is here.

    Parameters
    ----------
    specs : list of ParameterSpec
        Its own parameters; `mix` and `output_db` come with every processor.
    values : dict
        Starting values by name.
    """

    default_sample_rate = 44100

    def __init__(self, specs: list[ParameterSpec], values: dict[str, float]):
        self._parameters = ParameterTable([*specs, *MIX_PARAMETERS])
        for name, value in values.items():
            self._parameters[name].value = value
        self._begin()
        self._forget()

    def _begin(self) -> None:
        self._calling = threading.RLock()
        self.version, self._boards = 0, weakref.WeakSet[Pedalboard]()

    @abstractmethod
    def plan(self, sample_rate: float) -> FramePlan:
        """The frames at this sample rate."""

    @abstractmethod
    def make_lane(self, plan: FramePlan, inbox: np.ndarray, outbox: np.ndarray) -> Lane:
        """Rows and stages of one channel: from a hop at `inbox` to a hop at `outbox`, both float32 of shape (hop,)."""

    def frame_delays(self, plan: FramePlan) -> dict[str, int]:
        """Delays beyond the window in frames, by item ("model", "phase"); none unless a subclass says so."""
        return {}

    # Parameters ---------------------------------------------------------------------------------------------------

    @property
    def parameters(self) -> ParameterTable:
        """Parameters by name, with units, range, raw_value and string_value."""
        return self._parameters

    def __getattr__(self, name: str):
        parameters = self.__dict__.get("_parameters")
        if parameters is not None and name in parameters:
            return parameters[name].value
        raise AttributeError(f"{type(self).__name__} has no attribute or parameter {name!r}")

    def __setattr__(self, name: str, value) -> None:
        parameters = self.__dict__.get("_parameters")
        if parameters is not None and name in parameters:
            parameters[name].value = value
            return
        if parameters is not None and not name.startswith("_") and not hasattr(type(self), name):
            raise AttributeError(
                f"{type(self).__name__} has no parameter {name!r}; choose one of {', '.join(parameters)}"
            )
        object.__setattr__(self, name, value)

    def __dir__(self):
        return [*super().__dir__(), *self._parameters]

    # Programs -----------------------------------------------------------------------------------------------------

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """A program of its own state for one driver; it follows this processor's parameters."""
        plan = self.plan(sample_rate)
        x, wet, y = audio_buffer(channels), audio_buffer(channels), audio_buffer(channels)
        stages = lanes_stage(plan, channels, lambda inbox, outbox: self.make_lane(plan, inbox, outbox))
        rows = [stages[0].row(x, wet)]
        if plan.sample_rate != round(sample_rate):
            inner, resampling = audio_buffer(channels), self._resampling(plan, sample_rate)
            entry, exit_ = resampling.entry_stage(channels), resampling.exit_stage(channels)
            rows = [entry.row(x, inner), stages[0].row(inner, inner), exit_.row(inner, wet)]
            stages = [entry, *stages, exit_]
        latency = self.latency(sample_rate)
        mixer = mix_stage(self._parameters, x, sum(latency.values()), sample_rate)
        return Program([*rows, mixer.row(wet, y)], [*stages, mixer], x, y, latency)

    def latency(self, sample_rate: float) -> dict[str, int]:
        """Delay in samples by item: "window", what :meth:`frame_delays` adds, and "resampler" where the rates
        differ."""
        plan = self.plan(sample_rate)
        items = {"window": plan.latency_samples, **{k: n * plan.hop for k, n in self.frame_delays(plan).items()}}
        if plan.sample_rate == round(sample_rate):
            return items
        items = {item: round(n * sample_rate / plan.sample_rate) for item, n in items.items()}
        return {**items, "resampler": self._resampling(plan, sample_rate).delay - sum(items.values())}

    def _resampling(self, plan: FramePlan, sample_rate: float) -> Resampling:
        inner_delay = plan.latency_samples + plan.hop * sum(self.frame_delays(plan).values())
        return Resampling(round(sample_rate), plan.sample_rate, inner_delay)

    @property
    def latency_samples(self) -> int:
        """Delay from input to output in samples, at the sample rate last used (44100 Hz before the first use)."""
        return sum(self.latency(self._sample_rate or self.default_sample_rate).values())

    # Pedalboard's rules -------------------------------------------------------------------------------------------

    def process(self, input_array, sample_rate: float, buffer_size: int = 8192, reset: bool = True) -> np.ndarray:
        """Process audio.

        Parameters
        ----------
        input_array : ndarray, float32 or float64
            (samples,), (channels, samples) or (samples, channels); the smaller dimension is the channels.
        sample_rate : float
            Hz.
        buffer_size : int
            Samples a block; changes no sample of the result.
        reset : bool
            True: a sound of its own; the result is as long as the input and not delayed. False: the stream goes on;
            while the latency fills, fewer samples come out than went in, afterwards as many.

        Returns
        -------
        ndarray, float32, laid out as the input
        """
        rate, block, alone = check_sample_rate(sample_rate), check_block(buffer_size), check_reset(reset)
        with self._calling:
            planar, form = self._layout.to_planar(input_array)
            if planar.size == 0:
                return form.restore(planar)
            playback = self._playback_for(rate, len(planar))
            self._form = form
            if alone:
                playback.reset()
            return form.restore(playback.whole(planar, block) if alone else playback.piece(planar, block))

    __call__ = process

    def reset(self) -> None:
        """Forget all sound: the next sample is treated as a fresh object would treat it, to the bit."""
        with self._calling:
            if self._playback is not None:
                self._playback.reset()

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces (`reset=False`), float32, laid out as those; the next piece begins a
        new sound. All pieces and this one, joined, are as long as what went in."""
        with self._calling:
            if self._playback is None:
                return np.zeros((2, 0), np.float32)
            rest = self._playback.flush()
            return rest if self._form is None else self._form.restore(rest)

    def _playback_for(self, sample_rate: float, channels: int) -> Playback:
        if self._playback is None or (self._sample_rate, self._playback.program.channels) != (sample_rate, channels):
            self._playback, self._sample_rate = Playback(self.prepare(sample_rate, channels)), sample_rate
        return self._playback

    def join(self, board: Pedalboard) -> None:
        """From now on the board is told when this processor's structure changes."""
        self._boards.add(board)

    def _forget(self) -> None:
        """Drop the program, so that the next use makes one of the present structure."""
        with self._calling:
            self.version += 1
            self._playback: Playback | None = None
            self._form: Form | None = None
            self._sample_rate: float | None = None
            self._layout = Layout()
        for board in list(self._boards):
            board.changed()

    # Copies -------------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict:
        """What makes an independent equal: no sound, no programs, no boards."""
        state = {name: value for name, value in self.__dict__.items() if name not in _RUNNING}
        table = self._parameters
        state["_parameters"] = [(parameter.spec, parameter.value) for parameter in table.values()]
        return state

    def __setstate__(self, state: dict) -> None:
        pairs = state.pop("_parameters")
        for name, value in state.items():
            object.__setattr__(self, name, value)
        table = ParameterTable([spec for spec, _ in pairs])
        for spec, value in pairs:
            table[spec.name].value = value
        object.__setattr__(self, "_parameters", table)
        self._begin()
        self._forget()

    def __copy__(self) -> "Processor":
        return copy.deepcopy(self)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={p.string_value}" for name, p in self._parameters.items())
        return f"<rtspec.{type(self).__name__} {values}>"


class SampleProcessor(Processor):
    """A processor that works on samples and not on frames: it has a latency only if it says so."""

    @abstractmethod
    def make_stages(self, sample_rate: float, channels: int) -> list[Stage]:
        """Audio stages in order: each gets `n` samples of planar float32 and gives as many."""

    def prepare(self, sample_rate: float, channels: int) -> Program:
        """A program of its own state for one driver; it follows this processor's parameters."""
        x, wet, y = (audio_buffer(channels) for _ in range(3))
        stages, latency = self.make_stages(sample_rate, channels), self.latency(sample_rate)
        ends = [x, *([wet] * (len(stages) - 1))]
        rows = [stage.row(end, wet) for stage, end in zip(stages, ends, strict=True)]
        mixer = mix_stage(self._parameters, x, sum(latency.values()), sample_rate)
        return Program([*rows, mixer.row(wet, y)], [*stages, mixer], x, y, latency)

    def latency(self, sample_rate: float) -> dict[str, int]:
        """Delay in samples by item; none unless a subclass says so."""
        return {}

    def plan(self, sample_rate: float) -> FramePlan:
        raise InvalidValue(f"{type(self).__name__} makes no frames of its input and has no plan")

    def make_lane(self, plan: FramePlan, inbox: np.ndarray, outbox: np.ndarray) -> Lane:
        raise InvalidValue(f"{type(self).__name__} makes no frames of its input and has no lanes")


class Instrument(Processor):
    """A processor that is played by MIDI messages. In a chain it adds its sound to what comes in, by `mix`.

    A subclass says its stages; notes, times and pedalboard's rules for instruments are here.
    """

    accepts_midi = True
    remarks: tuple[str, ...] = ()
    """What was passed over, put right or limited in the song that was played last, a line each."""

    @abstractmethod
    def make_voices(self, sample_rate: float, channels: int, inbox: Inbox) -> list[Stage]:
        """The instrument's stages; the first is an audio stage, and the others run inside it.

        Its step gets `n` samples of planar float32 to ignore and gives as many. Before it makes any it takes all
        messages out of `inbox` (:func:`rtspec.buffers.inbox.pop` of the inbox's address): they act at its first sample.
        """

    def prepare(self, sample_rate: float, channels: int) -> Program:
        x, wet, y, inbox = *(audio_buffer(channels) for _ in range(3)), Inbox()
        stages, latency = self.make_voices(sample_rate, channels, inbox), self.latency(sample_rate)
        mixer = mix_stage(self._parameters, x, sum(latency.values()), sample_rate)
        rows = [stages[0].row(x, wet), mixer.row(wet, y)]
        return Program(rows, [*stages, mixer], x, y, latency, keep=(inbox,), inboxes=[inbox])

    def latency(self, sample_rate: float) -> dict[str, int]:
        """Delay from message to sound in samples, by item; none unless a subclass says so."""
        return {}

    def plan(self, sample_rate: float) -> FramePlan:
        raise InvalidValue(f"{type(self).__name__} makes no frames of its input and has no plan")

    def make_lane(self, plan: FramePlan, inbox: np.ndarray, outbox: np.ndarray) -> Lane:
        raise InvalidValue(f"{type(self).__name__} makes no frames of its input and has no lanes")

    def process(self, input_array, *arguments: Any, **options: Any) -> np.ndarray:
        """Messages are played (:meth:`render`); an array is processed like any processor's."""
        method = super().process if isinstance(input_array, np.ndarray) else self.render
        return method(input_array, *arguments, **options)

    __call__ = process

    def render(
        self,
        midi_messages: Any,
        duration: float | None = None,
        sample_rate: float = 44100,
        num_channels: int = 2,
        buffer_size: int = 8192,
        reset: bool = True,
    ) -> np.ndarray:
        """Play messages.

        Parameters
        ----------
        midi_messages : iterable
            mido messages, `time` in seconds from the start of the result, or pairs (bytes, seconds). Only channel
            messages count. Or a ``mido.MidiFile``, or the path of a MIDI file: it is played as it is written, and what
            would be louder than -1 dBTP is limited (:attr:`remarks` says so).
        duration : float, optional
            Seconds; where left out, as long as the messages and :data:`TAIL_S`.
        sample_rate : float
            Hz.
        num_channels : int
        buffer_size : int
            Samples a block; changes no sample of the result.
        reset : bool
            Begin in silence; else all goes on where the last call ended, and both together are what one call would be.

        Returns
        -------
        ndarray, float32, shape (num_channels, samples)
        """
        rate, block = check_sample_rate(sample_rate), check_block(buffer_size)
        listed, seconds, remarks = _timed(midi_messages)
        n_samples = round((seconds + TAIL_S if duration is None else duration) * rate)
        silence = np.zeros((num_channels, n_samples), np.float32)
        with self._calling:
            playback = self._playback_for(rate, num_channels)
            timed = [(*message, inbox) for message in listed for inbox in playback.program.inboxes]
            events = [send_event(round(at * rate), inbox, message) for message, at, inbox in timed]
            if reset:
                playback.reset()
            played = playback.played(silence, block, events)
            return played if remarks is None or not reset else self._mastered(played, rate, remarks)

    def _mastered(self, audio: np.ndarray, sample_rate: float, remarks: list[str]) -> np.ndarray:
        """A whole song that does not clip, as `render` on the command line makes it."""
        audio, most_db = limited(audio, sample_rate)
        told = [f"limited to {CEILING_DB:g} dBTP: {most_db:.1f} dB at most; output_db = -6 keeps its dynamics"]
        self.remarks = (*remarks, *(told if most_db > 0 else ()))
        return audio


def _timed(messages: Any) -> tuple[list[tuple[Any, float]], float, list[str] | None]:
    """Channel messages with their seconds, of whatever holds them, how long they last, and of a song its remarks."""
    if hasattr(messages, "tracks") or isinstance(messages, str | os.PathLike):
        score = read_mido(messages) if hasattr(messages, "tracks") else read_midi_file(os.fspath(messages))
        ends = endings(score.seconds) if held_notes(score.messages) else []
        return [(message, at) for at, message in [*score.messages, *ends]], score.seconds, score.remarks
    pairs = [timed_message(message) for message in messages]
    found = [(message, at) for message, at in pairs if message is not None]
    return found, max((at for _, at in found), default=0.0), None


def timed_message(message: Any) -> tuple[Any, float]:
    """A mido message or a pair (bytes, seconds) as (message, seconds); None for messages that belong to no channel."""
    found, at = (message, message.time) if hasattr(message, "bytes") else message
    status = (found.bytes() if hasattr(found, "bytes") else list(found))[:1]
    return (found if status and 0x80 <= status[0] < 0xF0 else None), float(at)


def specs_of(controls: Iterable[Parameter]) -> list[ParameterSpec]:
    """What a model's manifest says of its parameters and latents, as parameters of a processor."""
    return [
        ParameterSpec(p.name, p.unit, p.min, p.max, p.default, description=p.label, curve=p.curve, cc=p.cc)
        for p in controls
    ]


def check_choice(name: str, value: Any, choices) -> Any:
    """`value` if it is one of `choices`, or :class:`InvalidValue` listing them."""
    if value not in choices:
        raise InvalidValue(f"{name}={value!r} is not known; choose one of {', '.join(map(str, choices))}")
    return value
