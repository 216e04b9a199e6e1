"""Networks of the playable model: what a moment of a note is like, and a note's way through moments."""

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import of_kind
from ...processors.timbre.levels import FLOOR_DB, HIGHEST_KEY, LOWEST_KEY, N_LEVELS

N_LATENTS = 16
"""Latent dimensions of a moment, and of a note: its mean moment. How a note's level goes is none of theirs: see
:mod:`rtspec.processors.timbre.courses`."""

_PITCH_CENTRES = torch.linspace(LOWEST_KEY, HIGHEST_KEY, 9)
_AGE_CONSTANTS_S = torch.tensor([0.005, 0.015, 0.05, 0.15, 0.5, 1.5])


def pitch_features(key: Tensor) -> Tensor:
    """A key as nine smooth steps over the keyboard and its height, (n,) → (n, 10)."""
    wide = (HIGHEST_KEY - LOWEST_KEY) / 8
    bumps = torch.exp(-(((key[..., None] - _PITCH_CENTRES.to(key)) / wide) ** 2))
    return torch.cat([bumps, (key[..., None] - 66.0) / 30.0], -1)


def age_features(age_s: Tensor) -> Tensor:
    """Time since a note's start as six decays, (n,) → (n, 6); after some seconds a note changes no more."""
    return torch.exp(-age_s[..., None] / _AGE_CONSTANTS_S.to(age_s))


def mlp(n_in: int, hidden: int, depth: int, n_out: int) -> nn.Sequential:
    """Dense layers with SiLU between them."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(n_in if i == 0 else hidden, hidden), nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(hidden if depth else n_in, n_out))


def scaled_levels(levels_db: Tensor) -> Tensor:
    """Levels as the encoder takes them, -1 to 1."""
    return levels_db / (-FLOOR_DB / 2) + 1.0


def note_features(key: Tensor, velocity: Tensor) -> Tensor:
    """Key and velocity as the networks take them, (n,) each → (n, N_NOTE)."""
    return torch.cat([pitch_features(key), velocity[..., None]], -1)


N_NOTE = 11


def usual() -> nn.Linear:
    """The timbre that is usual for a key and velocity; nothing until :meth:`Autoencoder.turn` sets it."""
    layer = nn.Linear(N_NOTE, N_LATENTS)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer.requires_grad_(False)


class Encoder(nn.Module):
    """Levels (n, N_LEVELS) in dB, key (n,) and velocity (n,) from 0 to 1 → timbre (n, N_LATENTS), relative to what is
    usual there."""

    def __init__(self, hidden: int = 256):
        super().__init__()
        self.body, self.usual = mlp(N_LEVELS + N_NOTE, hidden, 2, N_LATENTS), usual()

    def forward(self, levels_db: Tensor, key: Tensor, velocity: Tensor) -> Tensor:
        note = note_features(key, velocity)
        return self.body(torch.cat([scaled_levels(levels_db), note], -1)) - self.usual(note)


class Decoder(nn.Module):
    """Timbre (n, N_LATENTS), key and velocity → levels (n, N_LEVELS) in dB, not yet brought to a sum of 0 dB."""

    def __init__(self, hidden: int = 320):
        super().__init__()
        self.body, self.usual = mlp(N_LATENTS + N_NOTE, hidden, 3, N_LEVELS), usual()

    def forward(self, timbre: Tensor, key: Tensor, velocity: Tensor) -> Tensor:
        note = note_features(key, velocity)
        raw = self.body(torch.cat([timbre + self.usual(note), note], -1))
        return FLOOR_DB / 2 + raw * 20.0


class Autoencoder(nn.Module):
    """Encoder and decoder of one moment."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()

    @torch.no_grad()
    def start_from(self, weights: dict[str, np.ndarray]) -> None:
        """Take the weights of an earlier one (tensors by name), which may have had fewer latents: the new ones begin at
        chance, and unheard. They are float32, of any shape."""
        there = {name: torch.from_numpy(weights[name].copy()) for name in self.state_dict() if ".body." in name}
        last, first = (of_kind(layer, nn.Linear) for layer in (self.encoder.body[-1], self.decoder.body[0]))
        n = len(there["encoder.body.4.bias"])
        rows = torch.cat([there["encoder.body.4.weight"], 0.02 * torch.randn(N_LATENTS - n, last.in_features)])
        there["encoder.body.4.weight"] = rows
        there["encoder.body.4.bias"] = torch.cat([there["encoder.body.4.bias"], torch.zeros(N_LATENTS - n)])
        old, silent = there["decoder.body.0.weight"], torch.zeros(first.out_features, N_LATENTS - n)
        there["decoder.body.0.weight"] = torch.cat([old[:, :n], silent, old[:, n:]], 1)
        self.load_state_dict(there, strict=False)

    @torch.no_grad()
    def turn(self, usual_weight: Tensor, usual_bias: Tensor, axes: Tensor) -> None:
        """Make ``axes @ (timbre - usual)`` the latents, `axes` being square, without changing what comes out.

        Until now nothing may be usual; `usual_weight` (N_LATENTS, N_NOTE) and `usual_bias` say what is.
        """
        encode, decode = (of_kind(layer, nn.Linear) for layer in (self.encoder.body[-1], self.decoder.body[0]))
        encode.bias.copy_(axes @ encode.bias)
        encode.weight.copy_(axes @ encode.weight)
        decode.weight[:, :N_LATENTS] = decode.weight[:, :N_LATENTS] @ torch.linalg.inv(axes)
        for side in (self.encoder, self.decoder):
            side.usual.weight.copy_(axes @ usual_weight)
            side.usual.bias.copy_(axes @ usual_bias)


class Performer(nn.Module):
    """A note's latents, key and age → its moment.

    Latents (n, N_LATENTS), key (n,), age in seconds (n,) → timbre (n, N_LATENTS). Velocity does not move it, so that a
    harder stroke differs as the decoder says and no further.
    """

    def __init__(self, hidden: int = 128):
        super().__init__()
        self.body = mlp(N_LATENTS + 10 + 6, hidden, 2, N_LATENTS)

    def forward(self, latents: Tensor, key: Tensor, age_s: Tensor) -> Tensor:
        return latents + self.body(torch.cat([latents, pitch_features(key), age_features(age_s)], -1))


def brought_to_unit(levels_db: Tensor) -> Tensor:
    """Levels shifted so that their powers sum to 1, and floored."""
    below = levels_db - levels_db.amax(-1, keepdim=True)  # no power of ten overflows
    total = 10.0 * torch.log10(torch.sum(10.0 ** (below / 10.0), -1, keepdim=True))
    return torch.clamp(below - total, min=FLOOR_DB)


N_ASKED = N_LATENTS + 3 + N_LATENTS
"""Values of a voice that the instrument takes: shifts, key, velocity, age, drift."""

FURTHEST = 2.5
"""No moment lies further out on an axis."""


class Instrument(nn.Module):
    """What ships: the latents that a hand moves, and each voice's own → partials and noise of each voice.

    Parameters
    ----------
    autoencoder : Autoencoder
        With its latents on principal axes, -1 to 1 being the range of the training notes.
    performer : Performer
    reach : float
        Latents further from the centre than this are drawn back to it: the hull of the training notes.
    """

    deviations: Tensor

    def __init__(self, autoencoder: Autoencoder, performer: Performer, deviations: Tensor, reach: float):
        super().__init__()
        self.decoder, self.performer, self.reach = autoencoder.decoder, performer, reach
        self.register_buffer("deviations", deviations)

    @classmethod
    def inside(cls, autoencoder: Autoencoder, performer: Performer, latents: np.ndarray) -> "Instrument":
        """With the hull that holds 99.5 % of these notes' latents, (n_notes, N_LATENTS). They are float32."""
        deviations = latents.std(0)
        reach = float(np.quantile(np.sqrt(((latents / deviations) ** 2).sum(1)), 0.995))
        return cls(autoencoder, performer, torch.from_numpy(deviations.astype(np.float32)), reach).eval()

    def forward(self, voices: Tensor, latents: Tensor) -> Tensor:
        """Voices (1, n, N_ASKED): shifts, key, velocity, age, drift; latents (N_LATENTS,) → amplitudes of unit power.

        Drift is where an instrument's own course leads beside what the performer knows of all instruments.
        """
        key = torch.clamp(voices[..., N_LATENTS], LOWEST_KEY, HIGHEST_KEY)
        velocity = torch.clamp(voices[..., N_LATENTS + 1], 0.0, 1.0)
        inside = self.within_hull(latents + voices[..., :N_LATENTS])
        timbre = self.performer(inside, key, torch.clamp(voices[..., N_LATENTS + 2], 0.0, 100.0))
        timbre = torch.clamp(timbre + voices[..., N_LATENTS + 3 :], -FURTHEST, FURTHEST)
        return 10.0 ** (brought_to_unit(self.decoder(timbre, key, velocity)) / 20.0)

    def within_hull(self, latents: Tensor) -> Tensor:
        """Each axis held to its range, and all together to the ellipsoid that holds the training notes."""
        timbre = torch.clamp(latents, -1.0, 1.0)
        length = torch.sqrt(torch.sum((timbre / self.deviations) ** 2, -1, keepdim=True) + 1e-12)
        return timbre * torch.clamp(self.reach / length, max=1.0)


class Ear(nn.Module):
    """The encoder alone: features (n, N_LEVELS + 2) → timbre (n, N_LATENTS)."""

    def __init__(self, autoencoder: Autoencoder):
        super().__init__()
        self.encoder = autoencoder.encoder

    def forward(self, features: Tensor) -> Tensor:
        return self.encoder(features[..., :N_LEVELS], features[..., N_LEVELS], features[..., N_LEVELS + 1])


class Morph(nn.Module):
    """Live sound: a frame's levels → latents, moved → levels.

    Features (n, N_LEVELS + 2): levels in dB, key, velocity; shift, target (N_LATENTS,) and amount (1,) → amplitudes
    (n, N_LEVELS) of unit power.
    """

    REACH = 1.3
    """Moments lie this much further out than the notes they belong to."""

    def __init__(self, autoencoder: Autoencoder):
        super().__init__()
        self.encoder, self.decoder = autoencoder.encoder, autoencoder.decoder

    def forward(self, features: Tensor, shift: Tensor, target: Tensor, amount: Tensor) -> Tensor:
        levels, key, velocity = features[..., :N_LEVELS], features[..., N_LEVELS], features[..., N_LEVELS + 1]
        timbre = self.encoder(levels, key, velocity)
        moved = torch.clamp(timbre + amount * (target - timbre) + shift, -self.REACH, self.REACH)
        return 10.0 ** (brought_to_unit(self.decoder(moved, key, velocity)) / 20.0)
