"""How well the playable timbre model tells unseen notes again: partials found, pitch, loudness, brightness."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...buffers.memory import aligned
from ...frames.plan import FramePlan
from ...frames.stft import stft
from ...metrics.partials import found, peaks
from ...models import FrameModel
from ...processors.timbre.levels import HIGHEST_KEY, LOWEST_KEY, N_LEVELS, key_hz, note_levels
from ...processors.timbre.listen import heard_at_rest, sound_stage
from ...processors.timbre.synth import TimbreSynth

SAMPLE_RATE = 48000
_HEARD_DB = 60.0
_PEAK_PLAN = FramePlan(SAMPLE_RATE, 4096, 1024, "blackman")
_SOUND_PLAN = FramePlan(SAMPLE_RATE, 2048, 256)


@dataclass(frozen=True)
class TestNote:
    """A note to tell again: mono float32 at 48 kHz, and what it is."""

    instrument: str
    key: int
    velocity: int
    audio: np.ndarray


def resynthesised(note: TestNote, model: FrameModel) -> np.ndarray:
    """Encode every frame of a note, decode it, and sound it at its key: as long as the note. Mono float32 of shape
    (n_samples,)."""
    hop = _SOUND_PLAN.hop
    times = np.arange(len(note.audio) // hop + 1) * hop / SAMPLE_RATE
    levels, whole_db = note_levels(note.audio, SAMPLE_RATE, note.key, times)
    known = np.tile(np.array([note.key, note.velocity / 127], np.float32), (len(levels), 1))
    amplitudes = model.process(np.concatenate([levels, known], axis=1))
    return sounded(amplitudes, 10.0 ** (whole_db / 20.0), float(key_hz(note.key)))[hop : hop + len(note.audio)]


def sounded(amplitudes: np.ndarray, whole: np.ndarray, hz: float) -> np.ndarray:
    """Frames of amplitudes (n_frames, N_LEVELS) with their effective values, through the voice that TimbreMorph has.
    float32 of shape (n_samples,)."""
    heard = heard_at_rest()
    stage, hop = sound_stage(_SOUND_PLAN, heard), _SOUND_PLAN.hop
    frame, out = aligned(N_LEVELS), np.empty(len(amplitudes) * hop, np.float32)
    piece = aligned(hop)
    for t, (partials, level) in enumerate(zip(amplitudes, whole, strict=True)):
        heard[:] = hz, level, 1.0
        frame[:] = partials
        stage.run(frame, 1, piece)
        out[t * hop : (t + 1) * hop] = piece
    return out


def played(note: TestNote, synth: TimbreSynth) -> np.ndarray:
    """The note as the instrument plays it from the 16 latents of its recording. Mono float32 of shape (n_samples,)."""
    synth.imitate(note.audio, SAMPLE_RATE, note.key, note.velocity)
    messages = [((0x90, note.key, note.velocity), 0.0)]
    return synth(messages, duration=len(note.audio) / SAMPLE_RATE, sample_rate=SAMPLE_RATE, num_channels=1)[0]


@cache
def _frequencies() -> np.ndarray:
    return _PEAK_PLAN.frequencies_hz


def spectrum_db(audio: np.ndarray) -> np.ndarray:
    """Levels of all bins, (n_bins, n_frames). Float32, dB, of mono sound (n_samples,)."""
    return 20.0 * np.log10(np.abs(stft(audio, _PEAK_PLAN)) + 1e-9)


def centroids_hz(db: np.ndarray) -> np.ndarray:
    """Spectral centroid of each frame: mean frequency weighted by power. Levels in dB, float32 of shape (n_bins,
    n_frames); (n_frames,) comes back."""
    power = 10.0 ** (db / 10.0)
    return (power * _frequencies()[:, None]).sum(0) / power.sum(0)


def compared(made: np.ndarray, wanted: np.ndarray) -> dict:
    """Partials found again in the frames where the original sounds, and both centroids there. Both mono float32 of
    shape (n_samples,)."""
    ours, theirs = spectrum_db(made), spectrum_db(wanted)
    loud = theirs.max(0) > max(theirs.max() - _HEARD_DB, -100.0)
    ours, theirs = ours[:, loud], theirs[:, loud]
    again = found(peaks(ours), peaks(theirs), _frequencies())
    centroids = np.stack([centroids_hz(ours), centroids_hz(theirs)])
    return {"recall": again.recall, "precision": again.precision, "f1": again.f1, "centroids": centroids}


def correlation(rows: Iterable[dict]) -> float:
    """Of made and wanted centroids over all frames of all notes, on a logarithmic scale."""
    made, wanted = np.log(np.concatenate([row["centroids"] for row in rows], axis=1))
    return float(np.corrcoef(made, wanted)[0, 1])


# ------------------------------------------------------------------------------------------ the instrument by itself


def pitch_errors_cents(
    synth: TimbreSynth, keys: Iterable[int] = range(LOWEST_KEY, HIGHEST_KEY + 1)
) -> dict[int, float]:
    """How far each key's fundamental lies from equal temperament, measured on the output."""
    return {key: _cents(_held(synth, key, 100), float(key_hz(key))) for key in keys}


def _held(synth: TimbreSynth, key: int, velocity: int, seconds: float = 1.5) -> np.ndarray:
    return synth([((0x90, key, velocity), 0.0)], duration=seconds, sample_rate=SAMPLE_RATE, num_channels=1)[0]


def _cents(audio: np.ndarray, hz: float) -> float:
    """Deviation of the strongest of the lowest partials from its place, by the phase's advance over one second."""
    steady = audio[SAMPLE_RATE // 4 :]
    n = len(steady) // 2
    times, window = np.arange(n) / SAMPLE_RATE, np.blackman(n)
    best = max(range(1, 9), key=lambda k: abs(np.sum(steady[:n] * window * np.exp(-2j * np.pi * k * hz * times))))
    lag = max(1, round(0.05 * SAMPLE_RATE))
    turned = np.exp(-2j * np.pi * best * hz * np.arange(n + lag) / SAMPLE_RATE)
    first, second = (np.sum(steady[s : s + n] * window * turned[s : s + n]) for s in (0, lag))
    drift_hz = np.angle(second * np.conj(first)) / (2 * np.pi * lag / SAMPLE_RATE)
    return float(1200 * np.log2(1 + drift_hz / (best * hz)))


def is_louder_with_velocity(synth: TimbreSynth, key: int, velocities: Iterable[int] = range(1, 128, 6)) -> bool:
    """Whether every harder stroke gives a larger effective value."""
    values = [float(np.sqrt(np.mean(_held(synth, key, v, 0.5) ** 2))) for v in velocities]
    return all(a < b for a, b in pairwise(values))


# ------------------------------------------------------------------------------------------ where test notes come from


def folder_notes(folder: str | Path) -> Iterator[TestNote]:
    """Notes of a folder, named as NSynth's: ``…-PPP-VVV.wav``; keys outside MIDI 36 to 96 are left out."""
    from ...training.data.nsynth import note_files

    for each in note_files(folder):
        if LOWEST_KEY <= each.key <= HIGHEST_KEY:
            yield TestNote(each.instrument, each.key, each.velocity, each.audio(SAMPLE_RATE))


def font_notes(path: str | Path, key_step: int = 6, velocity: int = 100, seconds: float = 2.0) -> Iterator[TestNote]:
    """Notes of a sound font: all pitched programs, every `key_step`-th key, beginning elsewhere for each program."""
    from ...training.data.sound_fonts import PROGRAMS, Note, SoundFont, is_usable

    font = SoundFont(path, SAMPLE_RATE)
    for program in PROGRAMS:
        for key in range(LOWEST_KEY + program % key_step, HIGHEST_KEY + 1, key_step):
            audio = font.render(Note(program, key, velocity), seconds)
            if is_usable(audio):
                yield TestNote(f"{program:03d} {font.name(program)}", key, velocity, audio)


def scores(notes: Iterable[TestNote], make: Callable[[TestNote], np.ndarray]) -> list[dict]:
    """Each note compared with what `make` makes of it. Sounds are mono float32 of shape (n_samples,)."""
    return [{"instrument": n.instrument, "key": n.key, **compared(make(n), n.audio)} for n in notes]
