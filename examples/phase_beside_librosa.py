"""Magnitudes that lost their phase, rebuilt frame by frame as a stream could, beside librosa's Griffin-Lim."""

import time

import numpy as np

import rtspec
from rtspec.audio import files

sound, rate = files.read("examples/audio/speech.flac")
plan = rtspec.FramePlan(sample_rate=rate, n_fft=1024, hop=256)
magnitude = abs(rtspec.frames.stft(sound[0], plan))


def convergence_db(wanted, heard):
    """Spectral convergence (Sturmel and Daudet 2011): the magnitudes of what is heard against those asked for."""
    return 20 * np.log10(np.linalg.norm(abs(heard) - wanted) / np.linalg.norm(wanted))


def report(name, wanted, rebuild, analyse):
    """Time and quality of what gives sound for magnitudes, by its own frames."""
    start = time.perf_counter()
    rebuilt = rebuild(wanted)
    print(f"{name:<20} {convergence_db(wanted, analyse(rebuilt)):6.1f} dB {time.perf_counter() - start:7.2f} s")


def by(method):
    """Magnitudes to sound by one of our methods."""
    return lambda wanted: rtspec.frames.istft(
        rtspec.phase.reconstruct(wanted, plan, method=method), plan, length=sound.shape[1]
    )


if __name__ == "__main__":
    for method in ("rtpghi", "live", "best"):
        report(method, magnitude, by(method), lambda heard: rtspec.frames.stft(heard, plan))
    try:
        import librosa
    except ImportError:
        print("librosa is not installed; pip install librosa shows it beside")
    else:
        wanted = abs(librosa.stft(sound[0], n_fft=1024, hop_length=256))
        n = sound.shape[1]
        report(
            "librosa griffinlim",
            wanted,
            lambda m: librosa.griffinlim(m, n_iter=32, n_fft=1024, hop_length=256, length=n),
            lambda heard: librosa.stft(heard, n_fft=1024, hop_length=256),
        )
