"""Style transfer offline: a spectrogram, or a sound, is moved until its Gram matrices are the style's [1]_ [2]_.

References
----------
.. [1] D. Ulyanov, V. Lebedev: "Audio texture synthesis and style transfer", 2016.
.. [2] L. Wyse: "Audio spectrogram representations for processing with convolutional neural networks", 2017.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.optimize import Bounds, minimize
from scipy.signal import resample_poly

from .. import checks
from ..errors import InvalidValue
from .balance import balanced_weight
from .judging import LEVEL, Judges, levelled
from .losses import Losses, StyleLoss
from .networks import Network, network_named
from .spectra import RATE, Seen, frames_of, sound_of, sound_slope

SOUND_ROUNDS = 80
DEFAULT_PHASE = "balanced"
"""Nearer to the style than "best" and 500 rounds of Griffin-Lim on nine of ten pairs, in a fourth of the former's time:
what networks find is no sound's spectrogram, and phases that follow it to the end follow what only they see."""
MEMORY = 20
"""Steps that L-BFGS remembers: 10 end .02 to .04 higher of what is left, 30 take a quarter more time."""
SECTION_S, OVERLAP_S = 12.0, 0.5
"""Longer contents are made in sections of that length, each over the last one's end."""
MOST_STYLE_S = 30.0
"""Of the style: its features are held in memory."""

Progress = Callable[[float], None]


@dataclass(frozen=True)
class Transferred:
    """What a transfer gives.

    Attributes
    ----------
    audio : ndarray, float32, shape (n_samples,) or (1, n_samples)
        At the content's rate, length and level.
    curve : ndarray, float64, shape (n_evaluations,)
        The loss at each evaluation of the first section: the style's share and `content_weight` times the content's.
    spectrogram, sound : Losses
        By the network that was optimised: of the magnitudes that were found, and of the sound whose phases were
        reconstructed; the mean over sections.
    unseen : float
        The style's share by networks that the optimiser never saw, of the sound.
    own : float
        The same of another stretch of the style: what is nearer than this is as near as the style is to itself.
    content_weight : float
        That was used: the one given, or the one found.
    n_sections : int
    style_s : float
        Seconds of the style that were heard.
    """

    audio: np.ndarray
    curve: np.ndarray
    spectrogram: Losses
    sound: Losses
    unseen: float
    own: float
    content_weight: float
    n_sections: int
    style_s: float


@dataclass(frozen=True)
class Wishes:
    """How a transfer is made; see :func:`transfer`."""

    network: str = "ulyanov"
    content_weight: float | Literal["half"] = "half"
    iterations: int = 300
    start: Literal["noise", "content"] | float = "noise"
    domain: Literal["spectrogram", "sound"] = "spectrogram"
    phase: str = DEFAULT_PHASE
    seed: int = 0

    def __post_init__(self):
        network_named(self.network)
        if self.content_weight != "half":
            checks.number("content_weight", self.content_weight, 0, 1e6, '0 makes the texture alone, "half" keeps half')
        checks.integer("iterations", self.iterations, 1, 100_000, "try 300")
        if self.start not in ("noise", "content"):
            checks.number("start", self.start, 0, 1, 'it is a share of noise, or say "noise" or "content"')
        checks.choice("domain", self.domain, ("spectrogram", "sound"))


def transfer(
    content: np.ndarray,
    style: np.ndarray,
    rate: float,
    *,
    network: str = "ulyanov",
    content_weight: float | Literal["half"] = "half",
    iterations: int = 300,
    start: Literal["noise", "content"] | float = "noise",
    domain: Literal["spectrogram", "sound"] = "spectrogram",
    phase: str = DEFAULT_PHASE,
    seed: int = 0,
    progress: Progress | None = None,
) -> Transferred:
    """Give a sound the texture of another.

    Parameters
    ----------
    content, style : ndarray, real, shape (n_samples,) or (n_channels, n_samples)
        Channels are averaged; at least 0.3 s each. Contents longer than :data:`SECTION_S` are made in sections, of
        styles the first :data:`MOST_STYLE_S` are heard.
    rate : float
        Hz, of both. The networks hear them at 22 050 Hz: nothing above 11 kHz is made.
    network : str
        "ulyanov": 4096 filters of 11 frames, random; "wyse-random": 2048 and 64 filters of 5 short frames; ":SEED"
        behind either draws others. "wyse": the latter, trained to tell sounds apart; or a file of
        ``rtspec train wyse``.
    content_weight : "half" or float
        Of the content's share beside the style's, both as in :class:`rtspec.style.losses.Losses`. "half" finds, on a
        small network, the one that leaves about half of this content in this style, since that differs between pairs
        by factors of ten.
    iterations : int
        Of L-BFGS.
    start : "noise", "content" or float
        What is moved: noise (in each bin the style's own values, of moments drawn for that bin alone), the content, or
        the content and a share of noise.
    domain : "spectrogram" or "sound"
        "sound" goes on with 80 iterations on the samples, so that what is optimised is what is heard.
    phase : str
        A method of :func:`rtspec.phase.reconstruct`, :data:`DEFAULT_PHASE` unless given; "griffin-lim:500" gives the
        number of rounds.
    seed : int
        Of the noise. The same seed gives the same bits.
    progress : callable, optional
        Told the share that is done, 0 to 1.

    Raises
    ------
    InvalidValue
    """
    wishes = Wishes(network, content_weight, iterations, start, domain, phase, seed)
    heard, level = as_heard(content, rate, "content")
    model, reference = network_named(network), as_heard(style, rate, "style")[0][: round(MOST_STYLE_S * RATE)]
    sections = list(_sections(len(heard)))
    sounds, found, heard_as, curve = [], [], [], []
    for k, (first, last) in enumerate(sections):
        done = (lambda share, k=k: progress((k + share) / len(sections))) if progress else None
        section = Section(model, reference, heard[first:last], wishes, k, done)
        wishes = replace(wishes, content_weight=section.content_weight)  # found once, for all sections
        magnitude = section.magnitude()
        sounds.append(section.sound(magnitude))
        found.append(section.losses(magnitude))
        heard_as.append(section.losses_of(sounds[-1]))
        curve = curve or section.curve
    sound, judges = _joined(sounds, sections), Judges(reference, heard)
    return Transferred(
        audio=_as_content(levelled(sound) * np.float32(level / LEVEL), content, rate),
        curve=np.array(curve),
        spectrogram=_mean(found),
        sound=_mean(heard_as),
        unseen=judges.share(sound),
        own=judges.own,
        content_weight=float(wishes.content_weight),
        n_sections=len(sections),
        style_s=len(reference) / RATE,
    )


def as_heard(sound: np.ndarray, rate: float, name: str) -> tuple[np.ndarray, float]:
    """A sound as the networks hear it: mono, at their rate, at :data:`LEVEL`; and the level that it had. Float32 of
    shape (n_samples,), of real (n_samples,) or (channels, n_samples)."""
    sound = np.asarray(sound)
    if sound.ndim not in (1, 2) or np.iscomplexobj(sound) or not np.isfinite(sound).all():
        raise InvalidValue(f"{name} of shape {sound.shape} must be real, finite, (n_samples,) or (channels, n_samples)")
    checks.number("rate", rate, 1000, 384_000, "resample the sound", "Hz")
    mono = sound.astype(np.float64) if sound.ndim == 1 else sound.mean(axis=0, dtype=np.float64)
    if len(mono) < 0.3 * rate:
        raise InvalidValue(f"{name} of {len(mono) / rate:.2f} s must last 0.3 s or more")
    common = int(np.gcd(RATE, round(rate)))
    made = np.asarray(resample_poly(mono, RATE // common, round(rate) // common))
    level = float(np.sqrt(np.mean(made**2)))
    if level < 1e-7:
        raise InvalidValue(f"{name} is silence: it has no texture; take another stretch of it")
    return (made * (LEVEL / level)).astype(np.float32), level


def _sections(n_samples: int) -> list[tuple[int, int]]:
    """First and last sample of each section; all about as long, each begins before the last one's end."""
    overlap = round(OVERLAP_S * RATE)
    n_sections = max(1, -(-(n_samples - overlap) // (round(SECTION_S * RATE) - overlap)))
    edges = np.linspace(0, n_samples, n_sections + 1).astype(int)
    return [(max(0, int(first) - overlap), int(last)) for first, last in pairwise(edges)]


def _joined(sounds: list[np.ndarray], sections: list[tuple[int, int]]) -> np.ndarray:
    """Sections one after another; where two overlap, their powers add to one, since noises are not alike."""
    out = np.zeros(sections[-1][1], np.float32)
    end = 0
    for sound, (first, last) in zip(sounds, sections, strict=True):
        angle = np.linspace(0, np.pi / 2, end - first, dtype=np.float32)
        out[first:end] = out[first:end] * np.cos(angle) + sound[: end - first] * np.sin(angle)
        out[end:last] = sound[end - first :]
        end = last
    return out


def _as_content(sound: np.ndarray, content: np.ndarray, rate: float) -> np.ndarray:
    """Back at the content's rate, of its length and number of dimensions."""
    common, n_samples = int(np.gcd(RATE, round(rate))), np.shape(content)[-1]
    made = np.asarray(resample_poly(sound, round(rate) // common, RATE // common), np.float32)[:n_samples]
    made = np.pad(made, (0, n_samples - len(made)))
    return made if np.ndim(content) == 1 else made[None]


def _mean(losses: list[Losses]) -> Losses:
    return Losses(float(np.mean([x.style for x in losses])), float(np.mean([x.content for x in losses])))


class Section:
    """One stretch of a content on its way to a style; :func:`transfer` joins what they give.

    Parameters
    ----------
    network : Network
    style, content : ndarray, float32, shape (n_samples,)
        Mono, at 22 050 Hz, at :data:`LEVEL`.
    wishes : Wishes
    number : int
        Which noise of the seed's it starts from.
    progress : callable, optional

    Attributes
    ----------
    curve : list of float
        The loss at each evaluation.
    content_weight : float
        As wished, or as found.
    """

    def __init__(
        self, network: Network, style, content, wishes: Wishes, number: int = 0, progress: Progress | None = None
    ):
        self._plan = network.plan
        spectra = frames_of(style, self._plan), frames_of(content, self._plan)
        self._seen = Seen(network.as_level, float(np.abs(spectra[1]).max()))
        self._style, self._content = (self._seen.of(np.abs(each)) for each in spectra)
        weight = wishes.content_weight
        self.content_weight = (
            balanced_weight(network, self._style, self._content) if isinstance(weight, str) else float(weight)
        )
        self._loss = StyleLoss(network, self._style, self._content, self.content_weight)
        self._wishes, self._n_samples, self._progress = wishes, len(content), progress
        self._generator = np.random.default_rng((wishes.seed, number))
        self._rounds = wishes.iterations + (SOUND_ROUNDS if wishes.domain == "sound" else 0)
        self._done = 0
        self.curve: list[float] = []

    def magnitude(self) -> np.ndarray:
        """The spectrogram that was found, float32 of shape (n_bins, n_frames)."""
        seen = self._minimised(self._loss, self._start(), self._wishes.iterations, 0.0)
        return self._seen.magnitude(seen)

    def sound(self, magnitude: np.ndarray) -> np.ndarray:
        """It as a sound, float32 of shape (n_samples,), and, where that was asked for, moved on as one."""
        made = self.rebuilt(magnitude, self._wishes.phase)
        return self.moved(made) if self._wishes.domain == "sound" else made

    def rebuilt(self, magnitude: np.ndarray, phase: str) -> np.ndarray:
        """A spectrogram as a sound, by a method of phase reconstruction. Float32 of shape (n_bins, n_frames) →
        (n_samples,)."""
        return sound_of(magnitude, self._n_samples, phase, self._plan)

    def moved(self, sound: np.ndarray) -> np.ndarray:
        """:data:`SOUND_ROUNDS` iterations on a sound's samples. Mono float32 of shape (n_samples,), both."""
        return self._minimised(self._of_sound, sound, SOUND_ROUNDS, None)

    def losses(self, magnitude: np.ndarray) -> Losses:
        """Of a spectrogram, float32 of shape (n_bins, n_frames)."""
        return self._loss.measured(self._seen.of(magnitude))

    def losses_of(self, sound: np.ndarray) -> Losses:
        """Of a sound, mono float32 of shape (n_samples,)."""
        return self.losses(np.abs(frames_of(sound, self._plan)))

    def _start(self) -> np.ndarray:
        shape = self._content.shape
        if self._wishes.start == "noise":
            moments = self._generator.integers(0, self._style.shape[1], shape)
            return np.take_along_axis(self._style, moments, axis=1)
        noise = np.abs(self._generator.standard_normal(shape)).astype(np.float32)
        share = 0.0 if self._wishes.start == "content" else float(self._wishes.start)
        return self._content + np.float32(share * self._content.mean()) * noise

    def _of_sound(self, sound: np.ndarray) -> tuple[float, np.ndarray]:
        spectrum = frames_of(sound, self._plan)
        magnitude = np.abs(spectrum)
        value, slope = self._loss(self._seen.of(magnitude))
        return value, sound_slope(self._seen.slope(slope, magnitude), spectrum, len(sound), self._plan)

    def _minimised(self, loss, start: np.ndarray, rounds: int, least: float | None) -> np.ndarray:
        """The start moved by L-BFGS-B for so many iterations, not below `least`."""

        def evaluated(flat: np.ndarray) -> tuple[float, np.ndarray]:
            value, slope = loss(flat.reshape(start.shape).astype(np.float32))
            self.curve.append(value)
            return value, slope.ravel().astype(np.float64)

        def count_iteration(_: np.ndarray) -> None:
            self._done += 1
            if self._progress:
                self._progress(min(1.0, self._done / self._rounds))

        options = {"maxiter": rounds, "maxfun": 2 * rounds, "maxcor": MEMORY, "ftol": 0.0, "gtol": 0.0}
        bounds = None if least is None else Bounds(least, np.inf)
        found = minimize(
            evaluated,
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            callback=count_iteration,
            options=options,
        )
        return found.x.reshape(start.shape).astype(np.float32)
