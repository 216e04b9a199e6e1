"""The paper's own setting: log-mel pictures of notes of one pitch; an open set stands in for its 3 750 notes."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ...frames.bands import mel_bands
from ...frames.plan import FramePlan
from ...frames.stft import stft
from ...metrics.partials import picture_scores
from ...storage import AtomicFile
from ..data.sound_fonts import PROGRAMS, Note, SoundFont, is_usable

SAMPLE_RATE, SECONDS = 16000, 4.0
N_MELS, N_FRAMES = 128, 512
RANGE_DB = 80.0
KEY = 60
N_NOTES = 3750
SHARES = (0.8, 0.1, 0.1)
"""Of the notes: training, validation, test."""

FILE = "log_mels.npz"
_VELOCITIES, _HELD_S, _CENTS = (30, 128), (2.0, 3.5), 20.0
_RELEASE_S = 0.5


@cache
def mel_plan() -> FramePlan:
    """Blackman window of 690 samples, FFT of 1024; the hop that makes 512 frames of four seconds."""
    hop = round(SAMPLE_RATE * SECONDS / N_FRAMES)
    return FramePlan(SAMPLE_RATE, 1024, hop, "blackman", window_length=690, uneven=True)


def log_mel(audio: np.ndarray) -> np.ndarray:
    """A note as the paper's picture: 80 dB below its loudest point are 0 to 1.

    Parameters
    ----------
    audio : ndarray, float32, shape (n_samples,)
        At 16 kHz; cut or filled to four seconds.

    Returns
    -------
    ndarray, float32, shape (N_MELS, N_FRAMES)
    """
    n = round(SAMPLE_RATE * SECONDS)
    audio = np.pad(audio[:n], (0, max(0, n - len(audio)))).astype(np.float32)
    power = np.abs(stft(audio, mel_plan())[:, :N_FRAMES]) ** 2
    mels = _filters() @ power
    db = 10.0 * np.log10(np.maximum(mels / max(float(mels.max()), 1e-20), 1e-12))
    return np.clip(1.0 + db / RANGE_DB, 0.0, 1.0).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    return mel_bands(mel_plan(), N_MELS, scale="htk").weights


@cache
def mel_centres_hz() -> np.ndarray:
    """Centres of the bands. Float64 of shape (N_MELS,), Hz."""
    return mel_bands(mel_plan(), N_MELS, scale="htk").centres_hz


@dataclass(frozen=True)
class Pictures:
    """Log-mel pictures.

    Attributes
    ----------
    programs : ndarray, int64, shape (n_notes,)
    pictures : ndarray, float16, shape (n_notes, N_MELS, N_FRAMES)
    """

    programs: np.ndarray
    pictures: np.ndarray

    def parts(self, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Numbers of the notes for training, validation and test: by chance, as in the paper. Three arrays int64 of
        shape (n_notes of that part,)."""
        order = np.random.default_rng(seed).permutation(len(self.programs))
        first, second = (round(sum(SHARES[:k]) * len(order)) for k in (1, 2))
        return order[:first], order[first:second], order[second:]


def rendered_pictures(font: SoundFont, n_notes: int, advance: Callable[[], None] = lambda: None) -> Pictures:
    """Notes of MIDI 60: all programs in turn, velocity, tuning (±20 cents) and length by chance.

    The same note without a change of tuning or length would be in training and test alike.
    """
    generator, programs, pictures = np.random.default_rng(60), [], []
    for i in range(n_notes):
        program, velocity = PROGRAMS[i % len(PROGRAMS)], int(generator.integers(*_VELOCITIES))
        held_s, cents = generator.uniform(*_HELD_S), generator.uniform(-_CENTS, _CENTS)
        audio = font.render(Note(program, KEY, velocity), held_s, _RELEASE_S, cents)
        advance()
        if is_usable(audio):
            programs.append(program)
            pictures.append(log_mel(audio).astype(np.float16))
    return Pictures(np.array(programs, np.int64), np.array(pictures, np.float16).reshape(-1, N_MELS, N_FRAMES))


def write(pictures: Pictures, folder: Path) -> None:
    """Keep pictures in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with AtomicFile(folder / FILE) as file:
        np.savez(file, programs=pictures.programs, pictures=pictures.pictures)


def read(folder: str | Path) -> Pictures:
    """What :func:`write` kept."""
    with np.load(Path(folder) / FILE) as bundle:
        return Pictures(bundle["programs"], bundle["pictures"])


def mean_scores(again: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray) -> dict[str, float]:
    """Means of the paper's measures over pictures (n, bands, frames), each told again by `again`. They are float32."""
    rows = [picture_scores(again(p), p, mel_centres_hz(), RANGE_DB) for p in pictures.astype(np.float32)]
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}
