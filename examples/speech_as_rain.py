"""Speech in the texture of rain, offline: how near it came, judged on the sound by networks that nobody optimised."""

import argparse

import numpy as np

import rtspec
from rtspec.audio import files


def rain(seconds: float, rate: int) -> np.ndarray:
    """Drops: short noises, thousands a second, over a quiet rush."""
    generator = np.random.default_rng(0)
    sound = np.asarray(0.02 * generator.standard_normal(round(seconds * rate)))
    drop = np.exp(-np.arange(400) / 60)
    for at in generator.integers(0, len(sound) - 400, round(400 * seconds)):
        sound[at : at + 400] += generator.exponential(0.1) * drop * generator.standard_normal(400)
    return sound


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--out", help="a sound file")
    options = parser.parse_args()
    speech, rate = files.read("examples/audio/speech.flac")
    made = rtspec.style.transfer(
        speech[:, : 2 * rate], rain(2, rate), rate, iterations=options.iterations, content_weight=0.4
    )
    print(f"distance to the rain: {made.unseen:.2f} of the untouched speech's; another stretch of rain: {made.own:.3f}")
    print(f"distance to the speech: {made.sound.content:.2f} of silence's")
    if options.out:
        files.write(options.out, made.audio, rate)
