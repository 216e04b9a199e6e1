"""``rtspec evaluate privacy``: how much of speech survives levels and their inversion, by the levels' time resolution.

Two measures: STOI against the clean recording, and the words that an offline recogniser still finds. Word accuracy is
one minus the edits per word, at least zero. The recogniser is pocketsphinx with its own English language model; with
``--closed`` it is given every advantage instead, a language model that has the texts' own words and no others.
Utterances that it does not understand even when clean can tell nothing, and are left out.
"""

import argparse
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.files import make_folder, read
from ..console import emit, progress, table
from ..errors import InvalidValue
from ..frames.bands import band_filters
from ..frames.levels import FAST_S, FULL_SCALE_DB, SLOW_S, band_levels
from ..metrics.distances import stoi
from ..models.catalogue import models
from ..pictures.figures import new_figure
from ..processors.inversion.level_tables import LevelFrames
from ..processors.inversion.processor import MODELS, SpectralInversion
from ..processors.inversion.sensor import StoredLevels
from .inversion import PAPER_PLAN

SAMPLE_RATE = 16000
RESOLUTIONS: dict[str, float | None] = {"frame": None, "125 ms": FAST_S, "1 s": SLOW_S}
"""What levels are averaged over: nothing, and the two times of sound level meters."""

ACCEPTABLE = 0.05
"""Word accuracy up to which a resolution counts as private."""

UNDERSTOOD = 2 / 3
"""Share of an utterance's words that must be recognised when it is clean, for it to count."""

NOISE_SNR_DB = 0.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to measure, and where the plot goes."""
    parser.add_argument(
        "--audio", required=True, metavar="FOLDER", help="speech: name.wav and name.txt, as of rtspec data speech"
    )
    parser.add_argument(
        "--inverters", nargs="*", metavar="NAME", help="pinv, nnls, live, paper, log or files (default: all)"
    )
    parser.add_argument("--phase", default="rtpghi", help="streaming phase method (default rtpghi)")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N utterances")
    parser.add_argument("--closed", action="store_true", help="the recogniser knows the texts' words, and no others")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="gets the table and the plot, privacy.png")


def run(args: argparse.Namespace) -> None:
    """Recognise clean, noisy and inverted speech; print, plot, recommend."""
    from ..training.data.speech import utterances

    found = utterances(args.audio)[: args.limit]
    recognise = Recogniser({word for each in found for word in each.words} if args.closed else None)
    sounds = [read(each.path, SAMPLE_RATE)[0].mean(axis=0) for each in found]
    clean, words = understood(sounds, [each.words for each in found], recognise)
    rows = []
    with progress(args.json) as bar:
        for name, resolution, change in bar.track(
            list(conditions(args.inverters, args.phase)), description="conditions"
        ):
            made = [change(sound) for sound in clean]
            rows.append({"speech": name, "resolution": resolution} | intelligibility(clean, made, words, recognise))
    counts = f"{len(words)} of {len(found)} utterances, {sum(map(len, words))} words"
    text = f"{counts}\n\n{table(rows)}\n\n{recommendation(rows)}"
    if args.out:
        make_folder(args.out)
        (args.out / "privacy.md").write_text(text + "\n")
        (args.out / "privacy.json").write_text(json.dumps(rows))
        plot(rows, args.out / "privacy.png")
    emit(args, {"rows": rows, "recommendation": recommendation(rows)}, text)


def understood(sounds: list[np.ndarray], words: list[tuple], recognise: "Recogniser") -> tuple[list, list]:
    """The sounds and words of those utterances that the recogniser understands when they are clean. Sounds are mono
    float32 of shape (n_samples,)."""
    pairs = zip(sounds, words, strict=True)
    kept = [(s, w) for s, w in pairs if 1 - edits(w, recognise(s)) / max(1, len(w)) >= UNDERSTOOD]
    if not kept:
        raise InvalidValue("the recogniser understands none of the utterances; give clear English speech")
    return [sound for sound, _ in kept], [spoken for _, spoken in kept]


Change = Callable[[np.ndarray], np.ndarray]


def conditions(inverters: Sequence[str] | None, phase: str) -> Iterable[tuple[str, str, Change]]:
    """References first, then each inverter at each resolution: name, resolution, and what is done to a sound."""
    yield "clean", "-", lambda sound: sound
    yield f"white noise at {NOISE_SNR_DB:g} dB", "-", noisy
    shipped = [name for name, model in MODELS.items() if model in models()]
    for name in inverters or ["pinv", "nnls", *shipped]:
        for resolution, interval_s in RESOLUTIONS.items():
            yield name, resolution, _through(name, interval_s, phase)


def noisy(sound: np.ndarray) -> np.ndarray:
    """With white noise as loud as the speech. Mono float32 of shape (n_samples,)."""
    noise = np.random.default_rng(0).standard_normal(len(sound))
    gain = np.sqrt(np.mean(np.square(sound))) * 10 ** (-NOISE_SNR_DB / 20)
    return (sound + gain * noise).astype(np.float32)


def _through(name: str, interval_s: float | None, phase: str) -> Change:
    options: dict[str, Any] = {"method": name} if name in ("pinv", "nnls") else {"model": name}
    options |= {"n_fft": PAPER_PLAN.n_fft, "hop": PAPER_PLAN.hop // 2} if "method" in options else {}
    if interval_s is None:
        return lambda sound: SpectralInversion(phase=phase, **options)(sound, SAMPLE_RATE)
    return lambda sound: _sketch(sound, interval_s, SpectralInversion(phase=phase, **options))


def _sketch(sound: np.ndarray, interval_s: float, processor: SpectralInversion) -> np.ndarray:
    """The sound as a sensor's levels make it: nothing else of it reaches the processor."""
    filters = band_filters(processor.bands, processor.plan(SAMPLE_RATE))
    levels = band_levels(sound, filters, interval_s).T
    frames = LevelFrames(np.ascontiguousarray(levels), filters.centres_hz, interval_s)
    processor.levels = StoredLevels(frames, FULL_SCALE_DB)
    return processor(np.zeros(len(sound), np.float32), SAMPLE_RATE)


class Recogniser:
    """pocketsphinx with its English sounds.

    Parameters
    ----------
    vocabulary : set of str, optional
        Words that it listens for, all equally likely; those that its dictionary lacks are left out. Its own language
        model of English where None.
    """

    def __init__(self, vocabulary: set[str] | None = None):
        import pocketsphinx

        if vocabulary is None:
            self._decoder = pocketsphinx.Decoder(loglevel="FATAL", samprate=SAMPLE_RATE)
            return
        dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        known = {line.split(" ", 1)[0] for line in dictionary.read_text().splitlines()}
        if not vocabulary & known:
            raise InvalidValue("no word of the texts is in the recogniser's dictionary; give English speech")
        with tempfile.NamedTemporaryFile("w", suffix=".arpa") as file:
            file.write(_equal_words(sorted(vocabulary & known)))
            file.flush()
            self._decoder = pocketsphinx.Decoder(loglevel="FATAL", samprate=SAMPLE_RATE, lm=file.name)

    def __call__(self, sound: np.ndarray) -> list[str]:
        """The words of a sound, float32 of shape (n_samples,) at 16 kHz."""
        level = np.abs(sound).max()
        scaled = sound * (0.7 / level) if level > 0 else sound
        self._decoder.start_utt()
        self._decoder.process_raw((scaled * 32767).astype("<i2").tobytes(), no_search=False, full_utt=True)
        self._decoder.end_utt()
        found = self._decoder.hyp()
        return found.hypstr.split() if found else []


def _equal_words(words: list[str]) -> str:
    """A unigram language model in ARPA's format."""
    chance = math.log10(1 / (len(words) + 1))
    lines = [f"{chance:.6f} {word}" for word in words]
    return "\n".join(
        [
            "\\data\\",
            f"ngram 1={len(words) + 2}",
            "",
            "\\1-grams:",
            "-99 <s>",
            f"{chance:.6f} </s>",
            *lines,
            "",
            "\\end\\",
            "",
        ]
    )


def edits(spoken: Sequence[str], heard: Sequence[str]) -> int:
    """Fewest words to replace, insert or leave out (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(spoken):
        above, row = row, [i + 1]
        for j, other in enumerate(heard):
            row.append(min(above[j] + (word != other), above[j + 1] + 1, row[j] + 1))
    return row[-1]


def intelligibility(clean: list[np.ndarray], made: list[np.ndarray], words: list[tuple], recognise: Recogniser) -> dict:
    """Mean STOI, and word accuracy over all utterances together. Sounds are mono float32 of shape (n_samples,)."""
    wrong = sum(edits(spoken, recognise(sound)) for spoken, sound in zip(words, made, strict=True))
    scores = [stoi(before, after, SAMPLE_RATE) for before, after in zip(clean, made, strict=True)]
    accuracy = max(0.0, 1 - wrong / sum(map(len, words)))
    return {"STOI": round(float(np.mean(scores)), 3), "word accuracy": round(accuracy, 3)}


def recommendation(rows: list[dict]) -> str:
    """The finest resolution that keeps every inverter's words below :data:`ACCEPTABLE`, in words."""
    for resolution in RESOLUTIONS:
        worst = max((row["word accuracy"] for row in rows if row["resolution"] == resolution), default=1.0)
        if worst <= ACCEPTABLE:
            found = f"at most {100 * worst:.1f} % of the words are recognised"
            return f"recommended: levels every {resolution} or slower ({found})"
    return "no measured resolution keeps speech private: send slower levels"


def plot(rows: list[dict], path: Path) -> None:
    """Word accuracy and STOI over resolution, a line for each inverter, the references dashed."""
    figure = new_figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, measure in zip(axes, ("word accuracy", "STOI"), strict=True):
        for name in dict.fromkeys(row["speech"] for row in rows):
            found = {row["resolution"]: row[measure] for row in rows if row["speech"] == name}
            if "-" in found:
                axis.axhline(found["-"], ls="--", color="grey" if name == "clean" else "silver", label=name)
            else:
                axis.plot(list(found), list(found.values()), marker="o", label=name)
        axis.set(ylabel=measure, xlabel="time resolution of the levels", ylim=(-0.03, 1.03))
    axes[0].legend(fontsize=8)
    figure.savefig(path, dpi=110)
