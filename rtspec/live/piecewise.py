"""Sound that goes into a stream and comes out of it piece by piece, by pedalboard's words."""

import numpy as np

from ..audio.layout import check_sample_rate, planar_sound
from ..errors import InvalidValue
from .arguments import interleaved, spread
from .looking import Looking


class Piecewise(Looking):
    """Words of :class:`rtspec.AudioStream` that give and take sound."""

    channels: int
    ignore_dropped_input = False

    def write(self, audio: np.ndarray, sample_rate: float | None = None) -> None:
        """Play a sound through the chain, in place of the input and right behind what was written before.

        Returns when the last of it is on its way, half a second before it is heard at most; :meth:`wait`, or the end of
        `with`, waits until it is. A stream that does not run is started.

        Parameters
        ----------
        audio : ndarray, float32 or float64, shape (n_samples,), (channels, n_samples) or (n_samples, channels)
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
        self._performance.start()
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
        return self._performance.handing.n_dropped
