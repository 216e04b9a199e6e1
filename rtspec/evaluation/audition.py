"""The first hearing of a package: levels in and out, what is no number, and how late its sound truly comes."""

from typing import Any

import numpy as np

SECONDS = 3.0
LEVEL_DB = -26.0
"""Of the test sound, RMS below full scale."""
DEFAULT_RATE = 48000
ALIKE = 0.3
"""Correlation from which a delay can be read off it."""
FAR_DB = 12.0
"""Change of level that is worth a word."""


def heard(path: str, sample_rate: int | None = None) -> dict[str, Any]:
    """Play a test sound through a package.

    Parameters
    ----------
    path : str
        The package.
    sample_rate : int, optional
        Hz; the model's own by default.

    Returns
    -------
    dict
        `level_in_db`, `level_out_db`: RMS; `not_finite`: frames that held NaN or infinity; `stated_samples`: latency
        as the processor states it; `correlation_samples`, `impulse_samples`: as they were measured, None where the
        output is too unlike the input; `correlation`; `doubts`: lines.
    """
    from ..processors.onnx import OnnxProcessor

    processor = OnnxProcessor(path)
    rate = sample_rate or processor.manifest.sample_rate or DEFAULT_RATE
    sound = test_sound(rate)
    played = _played(processor, sound, rate)
    stated = int(processor.latency_samples)
    late, alike = delay_of(sound, played)
    figures: dict[str, Any] = {
        "sample_rate": rate,
        "level_in_db": level_db(sound),
        "level_out_db": level_db(played),
        "not_finite": int(np.count_nonzero(~np.isfinite(played))),
        "stated_samples": stated,
        "correlation_samples": late if alike >= ALIKE else None,
        "correlation": alike,
        "impulse_samples": _impulse_delay(processor, rate, stated),
    }
    output = processor.manifest.output
    gate = output.representation == "gain" and output.n_bins == 1
    return figures | {"doubts": doubts_of(figures, processor.manifest.hop or 1, gate, processor.manifest.delay_frames)}


def _played(processor: Any, sound: np.ndarray, rate: int) -> np.ndarray:
    """The sound as it comes out live: with its latency in front, which a call in pieces leaves out."""
    processor.reset()
    heard = np.repeat(sound[None], processor.manifest.audio_channels, 0)
    made = np.asarray(processor.process(heard, rate, reset=False), np.float32)[0]
    return np.concatenate([np.zeros(sound.size - made.size, np.float32), made])


def test_sound(sample_rate: int) -> np.ndarray:
    """Three seconds, mono float32: syllables of a voice-like harmonic sound, and soft noise. Shape (n_samples,)."""
    t = np.arange(int(SECONDS * sample_rate)) / sample_rate
    pitch = 130 + 25 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 24) if k * 160 < sample_rate / 2)
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * t), 0, None) ** 0.7
    sound = voice * syllables + 0.02 * np.random.default_rng(0).standard_normal(t.size)
    return (sound * 10 ** (LEVEL_DB / 20) / np.sqrt(np.mean(sound**2))).astype(np.float32)


def level_db(sound: np.ndarray) -> float | None:
    """RMS level, dB below full scale; None for silence. Float32 of any shape."""
    power = float(np.mean(np.square(np.nan_to_num(sound), dtype=np.float64)))
    return 10 * float(np.log10(power)) if power > 0 else None


def delay_of(sound: np.ndarray, played: np.ndarray) -> tuple[int, float]:
    """Samples by which `played` lags behind `sound`, and how alike they are there (0 to 1), by cross-correlation. Both
    float32 of shape (n_samples,)."""
    n = 2 * max(sound.size, played.size)
    spectra = np.fft.rfft(sound, n), np.fft.rfft(np.nan_to_num(played), n)
    product = np.fft.irfft(np.conj(spectra[0]) * spectra[1], n)[: n // 2]
    late = int(np.abs(product).argmax())
    kept = played[late:], sound[: played.size - late]
    norm = float(np.linalg.norm(kept[0]) * np.linalg.norm(kept[1]))
    return late, float(abs(product[late])) / norm if norm > 0 else 0.0


def _impulse_delay(processor: Any, rate: int, stated: int) -> int | None:
    """Where a click comes out: the difference of what plays with it and without it; None where it is swallowed."""
    place, n = rate // 2, rate // 2 + 4 * stated + rate // 4
    ground = test_sound(rate)[:n] * 0.1
    clicked = ground.copy()
    clicked[place] += 0.5
    apart = np.abs(_played(processor, clicked, rate).astype(np.float64) - _played(processor, ground, rate))
    return int(apart.argmax()) - place if np.isfinite(apart).all() and apart.max() > 1e-3 else None


def doubts_of(figures: dict[str, Any], hop: int, gate: bool = False, delay_frames: int = 0) -> list[str]:
    """What the figures make one unsure of, one line each; a gate may close on a sound that is no voice."""
    lines = []
    if figures["not_finite"]:
        lines.append(f"{figures['not_finite']} samples are NaN or infinite")
    if figures["level_out_db"] is None:
        lines.append("the output is silent")
    elif abs(change := figures["level_out_db"] - figures["level_in_db"]) > FAR_DB and not (gate and change < 0):
        lines.append(f"the level changes by {change:+.1f} dB: is the representation, the scale or the window right?")
    if figures["correlation"] < ALIKE:
        lines.append(f"the output is unlike the input (correlation {figures['correlation']:.2f}): listen to it")
    return lines + _late(figures, hop, delay_frames)


def _late(figures: dict[str, Any], hop: int, said: int) -> list[str]:
    """Delays that were measured and are not the one stated. A click tells nothing where the sound itself comes as
    stated: a network that takes it for noise answers loudest wherever its memory of it ends."""
    measured = {name: figures[f"{name}_samples"] for name in ("correlation", "impulse")}
    wrong = {
        name: late
        for name, late in measured.items()
        if late is not None and abs(late - figures["stated_samples"]) > hop // 2
    }
    if "correlation" not in wrong and measured["correlation"] is not None:
        return []
    return [
        f"by {name} it is {late} samples late, {figures['stated_samples']} are stated; if it is, say it: "
        f"--set delay_frames={max(0, said + round((late - figures['stated_samples']) / hop))}"
        for name, late in wrong.items()
    ]
