"""How the playable model learns: moments first, then the way of a note through them."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from .networks import FADE_DB_PER_S, N_TIMBRE, Autoencoder, brought_to_unit
from .notes_cache import TIMES_S, NoteLevels

HEARD_BELOW_PEAK_DB = 30.0
"""Partials that the paper's metric counts: no further below the frame's strongest."""


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
    assert isinstance(network, Autoencoder)
    levels_a, key_a, velocity_a, levels_b, key_b, velocity_b, weight = batch
    z_a = network.encoder(levels_a, key_a, velocity_a)
    z_b = network.encoder(levels_b, key_b, velocity_b)
    shaken_a, shaken_b = (z + 0.05 * torch.randn_like(z) for z in (z_a, z_b))
    a, b = (key_a, velocity_a), (key_b, velocity_b)
    own = _told(network, shaken_a, a, levels_a, weight) + _told(network, shaken_b, b, levels_b, weight)
    other = _told(network, shaken_b, a, levels_a, weight) + _told(network, shaken_a, b, levels_b, weight)
    return own + 0.3 * other + 1e-3 * (z_a**2 + z_b**2).mean()


def _told(network: Autoencoder, z: Tensor, note: tuple[Tensor, Tensor], levels: Tensor, weight: Tensor) -> Tensor:
    return level_loss(network.decoder(z, *note), levels, weight)


def partial_f1(made_db: np.ndarray, wanted_db: np.ndarray) -> np.ndarray:
    """F1 of which partials lie within 30 dB of the strongest, one for each frame of (n_frames, N_PARTIALS)."""
    there = [x > x.max(-1, keepdims=True) - HEARD_BELOW_PEAK_DB for x in (made_db, wanted_db)]
    both = (there[0] & there[1]).sum(-1)
    return 2 * both / np.maximum(1, there[0].sum(-1) + there[1].sum(-1))


def moment_validation(levels: NoteLevels, chosen: np.ndarray, n: int = 8192) -> Callable[[nn.Module], float]:
    """1 - F1 of the partials over moments of the chosen notes."""
    generator = np.random.default_rng(0)
    note, time = np.nonzero(levels.heard & chosen[:, None])
    picked = generator.integers(len(note), size=n)
    note, time = note[picked], time[picked]
    wanted = levels.levels[note, time].astype(np.float32)
    key, velocity = levels.notes[note, 1].astype(np.float32), (levels.notes[note, 2] / 127).astype(np.float32)
    given = tuple(map(torch.from_numpy, (wanted, key, velocity)))

    def validate(network: nn.Module) -> float:
        assert isinstance(network, Autoencoder)
        made = brought_to_unit(network.decoder(network.encoder(*given), *given[1:])).numpy()
        return float(1.0 - partial_f1(made[:, :96], wanted[:, :96]).mean())

    return validate
