"""How the playable model learns: moments first, then the way of a note through them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import of_kind
from ...processors.timbre.notes import TIMES_S, note_latents
from .networks import N_LATENTS, Autoencoder, brought_to_unit, note_features
from .notes_cache import NoteLevels

HEARD_BELOW_PEAK_DB = 30.0
"""Partials that the paper's metric counts: no further below the frame's strongest."""

SHAKE = 0.03
"""Standard deviation of what is added to latents in training, so that near ones sound alike."""


def level_loss(made: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    """Mean error in dB, weighted by frame; levels that lie 40 dB and more below the frame's count less and less."""
    made = torch.clamp(brought_to_unit(made), min=-70.0)
    wanted = torch.clamp(wanted, min=-70.0)
    audible = 0.1 + torch.sigmoid((torch.maximum(made.detach(), wanted) + 42.0) / 6.0)
    error = (audible * (made - wanted).abs()).sum(-1) / audible.sum(-1)
    return (error * weight).sum() / weight.sum().clamp(min=1.0)


class MomentBatches:
    """Pairs of notes of one program at the same age: each must be told from its own moment and from the other's."""

    def __init__(self, levels: NoteLevels, chosen: np.ndarray):
        index = np.flatnonzero(chosen)
        order = index[np.argsort(levels.notes[index, 0], kind="stable")]
        self.levels, self.notes, self.heard = levels.levels[order], levels.notes[order], levels.heard[order]
        programs = self.notes[:, 0]
        self.first = np.searchsorted(programs, programs, "left")
        self.end = np.searchsorted(programs, programs, "right")

    def draw(self, generator: np.random.Generator, n: int) -> tuple:
        """Levels, key, velocity of `n` moments, the same of their partners, and weights."""
        a = generator.integers(len(self.notes), size=n)
        b = generator.integers(self.first[a], self.end[a])
        t = generator.integers(len(TIMES_S), size=n)
        weight = (self.heard[a, t] & self.heard[b, t]).astype(np.float32)
        return (*self._moment(a, t), *self._moment(b, t), weight)

    def _moment(self, i: np.ndarray, t: np.ndarray) -> tuple:
        return (
            self.levels[i, t].astype(np.float32),
            self.notes[i, 1].astype(np.float32),
            (self.notes[i, 2] / 127).astype(np.float32),
        )


def moment_loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
    """Each moment from its own latents, slightly shaken, and from its partner's."""
    autoencoder = of_kind(network, Autoencoder)
    levels_a, key_a, velocity_a, levels_b, key_b, velocity_b, weight = batch
    z_a = autoencoder.encoder(levels_a, key_a, velocity_a)
    z_b = autoencoder.encoder(levels_b, key_b, velocity_b)
    shaken_a, shaken_b = (z + SHAKE * torch.randn_like(z) for z in (z_a, z_b))
    a, b = (key_a, velocity_a), (key_b, velocity_b)
    own = _loss_of(autoencoder, shaken_a, a, levels_a, weight) + _loss_of(autoencoder, shaken_b, b, levels_b, weight)
    other = _loss_of(autoencoder, shaken_b, a, levels_a, weight) + _loss_of(autoencoder, shaken_a, b, levels_b, weight)
    return own + 0.2 * other + 1e-3 * (z_a**2 + z_b**2).mean()


def _loss_of(network: Autoencoder, z: Tensor, note: tuple[Tensor, Tensor], levels: Tensor, weight: Tensor) -> Tensor:
    return level_loss(network.decoder(z, *note), levels, weight)


def partial_f1(made_db: np.ndarray, wanted_db: np.ndarray) -> np.ndarray:
    """F1 of which partials lie within 30 dB of the strongest, one for each frame of float32 (n_frames, N_PARTIALS)."""
    there = [x > x.max(-1, keepdims=True) - HEARD_BELOW_PEAK_DB for x in (made_db, wanted_db)]
    both = (there[0] & there[1]).sum(-1)
    return 2 * both / np.maximum(1, there[0].sum(-1) + there[1].sum(-1))


def moment_validation(levels: NoteLevels, chosen: np.ndarray, n: int = 8192) -> Callable[[nn.Module], float]:
    """1 - F1 of the partials over moments of the chosen notes. `chosen` is bool of shape (n_notes,)."""
    generator = np.random.default_rng(0)
    note, time = np.nonzero(levels.heard & chosen[:, None])
    picked = generator.integers(len(note), size=n)
    note, time = note[picked], time[picked]
    wanted = levels.levels[note, time].astype(np.float32)
    key, velocity = levels.notes[note, 1].astype(np.float32), (levels.notes[note, 2] / 127).astype(np.float32)
    inputs = tuple(map(torch.from_numpy, (wanted, key, velocity)))

    def validate(network: nn.Module) -> float:
        autoencoder = of_kind(network, Autoencoder)
        made = brought_to_unit(autoencoder.decoder(autoencoder.encoder(*inputs), *inputs[1:])).numpy()
        return float(1.0 - partial_f1(made[:, :96], wanted[:, :96]).mean())

    return validate


# ------------------------------------------------------------------------------------------ from moments to notes


@dataclass(frozen=True)
class Paths:
    """Every note as the way it takes through the latents.

    Attributes
    ----------
    notes : ndarray, int64, shape (n_notes, 3)
        Program, key, velocity.
    timbre : ndarray, float32, shape (n_notes, len(TIMES_S), N_LATENTS)
    latents : ndarray, float32, shape (n_notes, N_LATENTS)
        Of the note: its mean moment.
    whole_db : ndarray, float32, shape (n_notes, len(TIMES_S))
    """

    notes: np.ndarray
    timbre: np.ndarray
    latents: np.ndarray
    whole_db: np.ndarray


def paths(network: Autoencoder, levels: NoteLevels) -> Paths:
    """Encode all moments of all notes, and what each note is as a whole."""
    key, velocity = levels.notes[:, 1].astype(np.float32), (levels.notes[:, 2] / 127).astype(np.float32)
    timbre = np.empty((len(levels.notes), len(TIMES_S), N_LATENTS), np.float32)
    for t in range(len(TIMES_S)):
        with torch.no_grad():
            inputs = map(torch.from_numpy, (levels.levels[:, t].astype(np.float32), key, velocity))
            timbre[:, t] = network.encoder(*inputs).numpy()
    return Paths(levels.notes, timbre, note_latents(timbre, levels.whole_db), levels.whole_db)


def usual_timbre(notes: np.ndarray, latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Timbre by key and velocity alone, by least squares: weight (N_LATENTS, N_NOTE) and bias (N_LATENTS,).

    Parameters
    ----------
    notes : ndarray, int64, shape (n_notes, 3)
    latents : ndarray, shape (n_notes, N_LATENTS)
    """
    key, velocity = (torch.from_numpy(x.astype(np.float32)) for x in (notes[:, 1], notes[:, 2] / 127))
    features = note_features(key, velocity).numpy().astype(np.float64)
    known = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    solved = np.linalg.lstsq(known, latents, rcond=1e-6)[0].T
    return solved[:, :-1], solved[:, -1]


def principal_axes(latents: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Axes in the order of the variance they explain, and that share, of note latents (n_notes, N_LATENTS) around 0.

    An axis is scaled so that 99 % of the notes lie from -1 to 1 on it. Float64, of shapes (N_LATENTS, N_LATENTS) and
    (N_LATENTS,).
    """
    _, spread, directions = np.linalg.svd(latents, full_matrices=False)
    reach = np.quantile(np.abs(latents @ directions.T), 0.99, axis=0)
    return directions / reach[:, None], spread**2 / (spread**2).sum()


def onto_principal_axes(autoencoder: Autoencoder, levels: NoteLevels) -> tuple[np.ndarray, Paths]:
    """Tell latents relative to what is usual for key and velocity, along the principal axes of the notes.

    Returns
    -------
    share : ndarray, float64, shape (N_LATENTS,)
        Of the variance that each axis explains.
    paths : Paths
        The notes there.
    """
    before = paths(autoencoder, levels)
    weight, bias = usual_timbre(before.notes, before.latents)
    key, velocity = (torch.from_numpy(x.astype(np.float32)) for x in (before.notes[:, 1], before.notes[:, 2] / 127))
    rest = before.latents - (note_features(key, velocity).numpy() @ weight.T + bias)
    axes, share = principal_axes(rest)
    autoencoder.turn(*(torch.from_numpy(x.astype(np.float32)) for x in (weight, bias, axes)))
    return share, paths(autoencoder, levels)


class PathBatches:
    """Moments of notes with the latents of their note."""

    def __init__(self, paths: Paths, chosen: np.ndarray):
        index = np.flatnonzero(chosen)
        self.notes, self.latents = paths.notes[index], paths.latents[index]
        self.timbre, self.whole_db = paths.timbre[index], paths.whole_db[index]

    def draw(self, generator: np.random.Generator, n: int) -> tuple:
        """Latents, key, velocity, age, timbre and level of `n` moments."""
        i, t = generator.integers(len(self.notes), size=n), generator.integers(len(TIMES_S), size=n)
        key, velocity = self.notes[i, 1].astype(np.float32), (self.notes[i, 2] / 127).astype(np.float32)
        age = TIMES_S[t].astype(np.float32)
        return self.latents[i], key, velocity, age, self.timbre[i, t], self.whole_db[i, t]


def path_loss(decoder: nn.Module) -> Callable[[nn.Module, tuple[Tensor, ...]], Tensor]:
    """How far the told moments sound from the true ones through the decoder."""

    def loss(network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        latents, key, velocity, age, timbre, whole_db = batch
        made = network(latents + 0.03 * torch.randn_like(latents), key, age)
        with torch.no_grad():
            wanted = brought_to_unit(decoder(timbre, key, velocity))
        heard = torch.sigmoid((whole_db + 40.0) / 5.0)
        loss = level_loss(decoder(made, key, velocity), wanted, heard)
        return loss + 0.2 * ((made - timbre) ** 2).mean()

    return loss
