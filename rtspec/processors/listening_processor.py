"""Processors that hear: a sensor, or what the chain gives in the end."""

import numpy as np

from ..audio.layout import check_block, check_reset, check_sample_rate
from ..chain.sensed import SensedPlayback
from ..control.modulation import Matrix
from .sample_processor import SampleProcessor


class ListeningProcessor(SampleProcessor):
    """A processor of samples whose program has listeners; played offline as in a stream, so that what it hears acts at
    the same samples."""

    listens = True
    modulation: Matrix | None = None
    """Alone, nothing moves its parameters."""

    def _begin(self) -> None:
        super()._begin()
        object.__setattr__(self, "_sensed", SensedPlayback(self))

    def flat(self) -> list:
        """Itself: the board that it is when it plays alone."""
        return [self]

    def process(
        self, input_array, sample_rate: float, buffer_size: int = 8192, reset: bool = True, *, sensor=None
    ) -> np.ndarray:
        """Process audio: see :meth:`rtspec.processors.base.Processor.process`.

        Sounds are float32 or float64 of shape (n_samples,), (channels, n_samples) or (n_samples, channels); float32
        comes back.

        Parameters
        ----------
        input_array, sample_rate, buffer_size, reset
            As for every processor.
        sensor : ndarray, optional
            What a microphone hears meanwhile, at the same sample rate, laid out as any sound; where it is shorter,
            silence follows, and that is said. Of several channels the mean is heard.
        """
        rate, block, alone = check_sample_rate(sample_rate), check_block(buffer_size), check_reset(reset)
        with self._calling:
            planar, form = self._layout.to_planar(input_array)
            if planar.size == 0:
                return form.restore(planar)
            self._form, self._sample_rate = form, rate
            play = self._sensed.process if alone else self._sensed.piece
            return form.restore(play(planar, rate, block, sensor))

    __call__ = process

    def reset(self) -> None:
        """Forget all sound."""
        with self._calling:
            self._sensed.reset()

    def flush(self) -> np.ndarray:
        """The end of a sound that came in pieces: see :meth:`rtspec.processors.base.Processor.flush`. Float32 of shape
        (channels, n_samples) or what the pieces had."""
        with self._calling:
            rest = self._sensed.flush()
            return rest if self._form is None else self._form.restore(rest)

    def __getstate__(self) -> dict:
        return {name: value for name, value in super().__getstate__().items() if name != "_sensed"}
