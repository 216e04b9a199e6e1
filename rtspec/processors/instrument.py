"""Instruments: played by MIDI messages, by pedalboard's rules."""

import os
from abc import abstractmethod
from typing import Any

import numpy as np

from .. import checks
from ..audio.layout import check_block, check_sample_rate
from ..buffers.events import send_event
from ..buffers.inbox import Inbox
from ..buffers.step import Stage
from ..chain.limiter import CEILING_DB, limited
from ..chain.mixing import mix_stage
from ..chain.program import Program, audio_buffer
from ..control.midi.files import endings, held_notes, read_midi_file, read_mido
from ..errors import InvalidType
from .base import Processor

TAIL_S = 2.0
"""What is played after the last message where nobody says how long."""


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

    def process(self, input_array, *arguments: Any, **options: Any) -> np.ndarray:
        """Messages are played (:meth:`render`); an array is processed like any processor's. Float32 of shape (channels,
        n_samples) comes back."""
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
        remark = [f"limited to {CEILING_DB:g} dBTP: {most_db:.1f} dB at most; output_db = -6 keeps its dynamics"]
        self.remarks = (*remarks, *(remark if most_db > 0 else ()))
        return audio


def _timed(messages: Any) -> tuple[list[tuple[Any, float]], float, list[str] | None]:
    """Channel messages with their seconds, of whatever holds them, how long they last, and of a song its remarks."""
    if hasattr(messages, "tracks") or isinstance(messages, str | os.PathLike):
        score = read_mido(messages) if hasattr(messages, "tracks") else read_midi_file(os.fspath(messages))
        ends = endings(score.seconds) if held_notes(score.messages) else []
        return [(message, at) for at, message in [*score.messages, *ends]], score.seconds, score.remarks
    try:
        pairs = [timed_message(message) for message in messages]
    except (TypeError, ValueError):
        rule = "must be MIDI messages with their times, an instrument takes no sound"
        raise InvalidType(
            f"midi_messages={checks.shown(messages)} {rule}; give mido's, or pairs (bytes, seconds)"
        ) from None
    found = [(message, at) for message, at in pairs if message is not None]
    return found, max((at for _, at in found), default=0.0), None


def timed_message(message: Any) -> tuple[Any, float]:
    """A mido message or a pair (bytes, seconds) as (message, seconds); None for messages that belong to no channel."""
    found, at = (message, message.time) if hasattr(message, "bytes") else message
    status = (found.bytes() if hasattr(found, "bytes") else list(found))[:1]
    return (found if status and 0x80 <= status[0] < 0xF0 else None), float(at)
