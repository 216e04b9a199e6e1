"""What bandwidth extension does to sound that needs nothing, and how it begins where something is missing: on sounds
made from formulae."""

import numpy as np
from scipy.signal import lfilter

from ..metrics.distances import powers

OPENING_EDGE_HZ, SILENT_S, NARROW_S = 5500.0, 0.5, 3.0
"""Of the sound that has no top: where it ends, and how long it is silent and then heard."""
_SHELF_HZ, _SHELF_DB = 1500.0, 4.0
"""The shelf of K-weighting (ITU-R BS.1770), as a step."""
_MOMENT_S, _STEP_S = 0.1, 0.02


def harmless(model: str = "live") -> list[dict]:
    """What the processor does to sound that needs nothing: level of the change, dB relative to the input, at the
    model's own sample rate."""
    from ..processors.bandwidth.processor import BandwidthExtension

    rows, sample_rate = [], BandwidthExtension(model).plan(44100).sample_rate
    for name, sound in {**untouchable(sample_rate), "speech": speech(sample_rate)}.items():
        made = BandwidthExtension(model)(sound, sample_rate)
        change = np.asarray(made - sound, np.float64)
        level = float(np.sqrt(np.mean(change**2)) / (np.sqrt(np.mean(sound.astype(float) ** 2)) + 1e-30))
        rows.append(
            {
                "input": name,
                "change_db": 20 * float(np.log10(level + 1e-15)),
                "equal": bool(np.array_equal(made, sound)),
            }
        )
    return rows


def untouchable(sample_rate: int) -> dict[str, np.ndarray]:
    """Sounds made from formulae that have nothing to mend: float32 of shape (1, n_samples)."""
    t = np.arange(6 * sample_rate) / sample_rate
    noise = np.random.default_rng(0).standard_normal(len(t))
    beat = (np.sin(2 * np.pi * 2 * t) > 0) * np.sin(2 * np.pi * 220 * t) + 0.05 * noise
    sounds = {
        "silence": np.zeros_like(t),
        "tone at 1 kHz": 0.5 * np.sin(2 * np.pi * 1000 * t),
        "tone at 7 kHz": 0.5 * np.sin(2 * np.pi * 7000 * t),
        "white noise": 0.1 * noise,
        "clipped tone": np.clip(1.5 * np.sin(2 * np.pi * 440 * t), -0.7, 0.7),
        "clipped beat": np.clip(2 * beat, -0.5, 0.5),
    }
    return {name: np.ascontiguousarray(sound[None], np.float32) for name, sound in sounds.items()}


def speech(sample_rate: int) -> np.ndarray:
    """Pulses of a gliding pitch through four formants, hisses between, and a room's noise 72 dB down: float32 of shape
    (1, n_samples). Its vowels have little above 4 kHz, but do not end at an edge as coded sound does."""
    t = np.arange(6 * sample_rate) / sample_rate
    breath, room = np.random.default_rng(1).standard_normal((2, len(t)))
    cycles = np.cumsum(120 + 25 * np.sin(2 * np.pi * 0.7 * t)) / sample_rate
    voiced = np.sin(2 * np.pi * 2.5 * t) > -0.3
    vowels = np.diff(np.floor(cycles), prepend=0.0) * voiced + 0.002 * breath
    for hz, width_hz in ((650, 90), (1150, 110), (2500, 160), (3500, 250)):
        radius = np.exp(-np.pi * width_hz / sample_rate)
        turn = 2 * np.pi * hz / sample_rate
        vowels = np.asarray(lfilter([1.0], [1.0, -2 * radius * np.cos(turn), radius**2], vowels))
    hisses = 0.03 * np.asarray(lfilter([1.0, -0.95], [1.0], breath)) * ~voiced
    return (0.4 * vowels / np.abs(vowels).max() + hisses + 1e-4 * room).astype(np.float32)[None]


def opening(model: str = "live") -> dict[str, float | str]:
    """How the gate opens where a steady pink noise begins that has no top: seconds until half of what is added is
    there, the loudness added in the end, its greatest change within 100 ms, and what the lost top had of it, in LU."""
    from ..processors.bandwidth.processor import BandwidthExtension
    from ..training.enhancement.degradation import low_pass

    rate = round(BandwidthExtension(model).plan(44100).sample_rate)
    whole, start = _pink(round(NARROW_S * rate)), round(SILENT_S * rate)
    narrow = low_pass(whole, rate, OPENING_EDGE_HZ)
    made = BandwidthExtension(model)(np.pad(narrow, ((0, 0), (start, 0))), rate)[:, start:]
    arrived, filled, lost = (_loudness(each, rate) for each in (narrow, made, whole))
    added = filled - arrived
    lag, end = round(_MOMENT_S / _STEP_S), float(np.mean(added[len(added) // 2 :]))
    return {
        "input": "pink noise without a top",
        "opens_s": float(np.argmax(added >= 0.5 * end) * _STEP_S),
        "added_lu": end,
        "jump_lu": float(np.max(np.abs(added[lag:] - added[:-lag]))),
        "lost_lu": float(np.mean(lost - arrived)),
    }


def _pink(n: int) -> np.ndarray:
    """Noise of as much power in each octave, float32 of shape (1, n)."""
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(n))
    sound = np.fft.irfft(spectrum / np.sqrt(np.maximum(1, np.arange(len(spectrum)))), n)
    return (0.1 * sound / sound.std())[np.newaxis].astype(np.float32)


def _loudness(sound: np.ndarray, sample_rate: float) -> np.ndarray:
    """Of 100 ms every 20 ms, in LU but for a constant: float64 of shape (n_moments,)."""
    n = round(_MOMENT_S * sample_rate)
    power = powers(sound, n, round(_STEP_S * sample_rate)).mean(axis=0)
    weights = np.where(np.arange(power.shape[1]) * sample_rate / n > _SHELF_HZ, 10 ** (_SHELF_DB / 10), 1.0)
    return 10 * np.log10(power @ weights + 1e-20)
