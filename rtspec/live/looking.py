"""What can be seen of a stream while it plays."""

from pathlib import Path

import numpy as np

from ..audio.exchange import Levels
from ..chain.latency import Latency
from .controllers import Controllers
from .performance import Performance
from .session import LiveSession
from .statistics import Statistics


class Looking:
    """Words of :class:`rtspec.AudioStream` that tell and change nothing, but for what they count from."""

    _performance: Performance

    @property
    def controllers(self) -> Controllers:
        """The open MIDI input, its map and the OSC server."""
        return self._performance.controllers

    @property
    def _session(self) -> LiveSession:
        return self._performance.session

    @property
    def sample_rate(self) -> float:
        """Hz; another one where the device came back with another."""
        return self._session.settings.sample_rate

    @property
    def buffer_size(self) -> int:
        """Frames a block: what was asked for, or the device's own."""
        return self._session.buffer_size

    @property
    def running(self) -> bool:
        """Between start and stop."""
        return self._performance.running

    @property
    def recording_paths(self) -> tuple[Path, ...]:
        """The files of input and output of the present take, or the last; none before the first."""
        recording = self._performance.takes.recording
        return () if recording is None else recording.paths

    @property
    def active(self) -> bool:
        """Whether the device calls: False while it has vanished."""
        return self._performance.active

    @property
    def latency(self) -> Latency:
        """The itemised delay from input to output."""
        return self._session.latency

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
        return int(self._session.exchange.record["device_inputs"][0])

    @property
    def num_output_channels(self) -> int:
        """Channels that are open of the output device; 0 on the virtual one."""
        return int(self._session.exchange.record["device_outputs"][0])

    @property
    def levels(self) -> tuple[float, float]:
        """The largest magnitudes of input and output since this was last asked for, or of the last 40 s."""
        return self._session.exchange.levels.look()

    def level_reader(self) -> Levels:
        """Levels for somebody else who looks: `look()` gives the largest magnitudes since his own last look."""
        return Levels(self._session.exchange)

    @property
    def panel_url(self) -> str | None:
        """What to open in a browser to see and move this stream; None where no panel is served."""
        panel = self._performance.panel
        return None if panel is None else panel.url

    @property
    def clock(self) -> tuple[int, float]:
        """How many frames had come in at which moment of :func:`time.monotonic`, lately."""
        return self._session.exchange.clock()

    def rewind(self) -> None:
        """Begin the tape that :attr:`recorded` gives anew."""
        self._session.exchange.rewind()

    @property
    def recorded(self) -> tuple[np.ndarray, np.ndarray]:
        """Input and output on the tape so far, float32 of shape (channels, samples)."""
        n = self._session.exchange.taped_frames
        return self._session.exchange.tape_in[:n].T.copy(), self._session.exchange.tape_out[:n].T.copy()
