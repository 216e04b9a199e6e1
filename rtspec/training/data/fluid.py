"""Notes and songs as fluidsynth plays them: what TimbreSynth is measured against."""

from pathlib import Path
from typing import Any

import numpy as np

from .packages import DataError
from .sound_fonts import Note

GAIN = 0.5
"""fluidsynth's own is 0.2; at this one a single note does not clip."""
_TAIL_S = 0.2


class FluidFont:
    """A sound font played by fluidsynth, dry.

    Parameters
    ----------
    path : path
        An .sf2 file.
    sample_rate : int
        Hz.
    """

    def __init__(self, path: str | Path, sample_rate: int = 48000):
        self.path, self.sample_rate = Path(path), sample_rate
        if not self.path.is_file():
            raise DataError(f'"{path}" is no file; give an .sf2 sound font, or fetch one with rtspec data notes')
        self._synth = _synth(sample_rate)
        self._font = self._synth.sfload(str(self.path))
        if self._font < 0:
            raise DataError(f'"{path}" cannot be read as a sound font; give an .sf2 file')

    def render(self, note: Note, held_s: float, release_s: float = 0.0) -> np.ndarray:
        """One note, mono float32, from a synthesizer at rest. Shape (n_samples,)."""
        return self.render_stereo(note, held_s, release_s).mean(0)

    def render_stereo(self, note: Note, held_s: float, release_s: float = 0.0) -> np.ndarray:
        """The same, float32 of shape (2, n_samples)."""
        synth = self._synth
        synth.system_reset()
        synth.program_select(0, self._font, 0, note.program)
        synth.noteon(0, note.key, note.velocity)
        held = self._samples(held_s)
        synth.noteoff(0, note.key)
        released = self._samples(release_s)
        synth.all_sounds_off(0)
        self._samples(_TAIL_S)  # even a voice that is cut sounds for some milliseconds: into no other note
        return np.concatenate([held, released], axis=1)

    def _samples(self, seconds: float) -> np.ndarray:
        n = round(seconds * self.sample_rate)
        both = self._synth.get_samples(n) if n else np.zeros(0, np.int16)
        return both.reshape(-1, 2).T.astype(np.float32) / 32768.0


def _synth(sample_rate: int) -> Any:
    try:
        import fluidsynth  # pyright: ignore[reportMissingImports] (in the extra "evaluate"; needs Debian's library)
    except ImportError:
        raise DataError(
            "fluidsynth cannot be loaded; pip install pyfluidsynth, and apt install fluidsynth (or libfluidsynth3)"
        ) from None
    synth = fluidsynth.Synth(gain=GAIN, samplerate=sample_rate)
    for setting in ("synth.reverb.active", "synth.chorus.active"):
        synth.setting(setting, 0)
    return synth
