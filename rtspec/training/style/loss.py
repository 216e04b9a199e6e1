"""What the network is trained for: the style by a random network that is new at each step, and what is left of the
content, as it is measured."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...processors.style.frames import LEAST, MOST, N_BINS, PLAN, ROOM, TINY
from ..enhancement.live import overlap_added
from ..halves import halves
from .arguments import GOALS
from .judges import Judge, content_kept, levelled, resampled, spectrogram
from .sounds import EDGE, N_JUDGED

LEVEL_WEIGHT = 0.3
NEAR = 0.02
"""Distance, as a share of the style's size, at which a texture is as near as most styles are to themselves."""


class Batch(NamedTuple):
    """features (batch, n_frames, N_FEATURES), spectrum (batch, n_frames, N_BINS), levels (batch, n_frames, 2),
    weights (batch, n_styles), hiss as spectrum, style (n_groups, n_samples) at the judges' rate, the group of each item
    (batch,), and the judge's seed."""

    features: Tensor
    spectrum: Tensor
    levels: Tensor
    weights: Tensor
    hiss: Tensor
    style: Tensor
    group: Tensor
    seed: Tensor


def retold(answer: Tensor, spectrum: Tensor, levels: Tensor, hiss: Tensor) -> Tensor:
    """What the compiled stage ``retell`` makes of an answer at full strength, for whole clips and differentiable."""
    made = torch.exp(answer[..., :N_BINS].clamp(LEAST, MOST)) * levels[..., 1:].sqrt()
    power, room = made.square().mean(-1, keepdim=True), ROOM * levels[..., 1:]
    made = made * (torch.clamp(room / (power + TINY), max=1.0) + 1e-12).sqrt()  # of 0 it has no slope
    share = answer[..., N_BINS:]
    phase = (1 - share) * spectrum / (spectrum.abs() + 1e-12) + share * hiss / (hiss.abs() + 1e-12)
    return made * phase / (phase.abs() + 1e-12)


def heard(spectrum: Tensor) -> Tensor:
    """Frames → magnitudes at the judges' rate, at the common level."""
    sound = overlap_added(spectrum, PLAN)[:, EDGE:-EDGE]
    return spectrogram(levelled(resampled(sound, N_JUDGED)))


class StyleLoss:
    """The share of the untouched distance to the style, and what lacks of the content; both as means over the contents
    that one style is judged by, since that is what an evaluation tells.

    Parameters
    ----------
    tonal : Tensor, shape (n_styles,)
        1 for styles whose chroma is to be the content's.
    content_weight : float
    n_filters : int
        Of each judge.
    own : Tensor, shape (n_styles,), optional
        How far each style is from itself, as a share of its size; all :data:`NEAR` by default.
    goals : sequence of float
        Correlations of envelope, onsets and chroma with the content beyond which nothing more is asked.
    """

    def __init__(
        self,
        tonal: Tensor,
        content_weight: float = 4.0,
        n_filters: int = 256,
        own: Tensor | None = None,
        goals: Sequence[float] = GOALS,
    ):
        self.tonal, self.content_weight, self.n_filters, self.goals = tonal, content_weight, n_filters, goals
        self.own = torch.full_like(tonal, NEAR) if own is None else own

    def __call__(self, network: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return self.weighed(self.parts(network, batch))

    def weighed(self, parts: dict[str, Any]) -> Any:
        """The terms of :meth:`parts`, tensors or numbers, as one."""
        return parts["logarithm"] + self.content_weight * parts["lacking"] + LEVEL_WEIGHT * parts["level"]

    def parts(self, network: nn.Module, batch: tuple[Tensor, ...]) -> dict[str, Tensor]:
        """Its terms and the measures behind them, means over the batch."""
        each = Batch(*batch)
        with halves(each.features.device, network.training):
            answer = network(each.features, each.weights)
        spectrum = retold(answer.float(), each.spectrum, each.levels, each.hiss)
        made, content, style = heard(spectrum), heard(each.spectrum), spectrogram(levelled(each.style))
        with halves(each.features.device, network.training):
            near, far, size = Judge(int(each.seed), self.n_filters).judge(made, style, content, each.group)
        own, tonal = (torch.matmul(each.weights, of_style.to(near.device)) for of_style in (self.own, self.tonal))
        mean, kept = _means(each.group), content_kept(made, content)
        share, own, tonal = mean(near / far), mean(own * size / far), mean(tonal)
        weight = {"envelope": 1.0, "onset": 1.0, "chroma": tonal}
        lacks = {name: torch.relu(goal - mean(kept[name])) for name, goal in zip(kept, self.goals, strict=True)}
        lacking = torch.stack([weight[name] * lack for name, lack in lacks.items()]).sum(0)
        level = _level_error(spectrum, each.spectrum)
        return {
            "style": share.mean(),
            "logarithm": torch.log(share + own).mean(),
            "lacking": lacking.mean(),
            "level": level,
        } | {name: value.mean() for name, value in kept.items()}


def _means(group: Tensor) -> Callable[[Tensor], Tensor]:
    """The mean of each group, (batch,) → (n_groups,)."""
    count = torch.bincount(group).float()
    return lambda values: torch.zeros_like(count).index_add(0, group, values) / count


def _level_error(made: Tensor, content: Tensor) -> Tensor:
    """Squared logarithm of the ratio of whole clips' powers."""
    return (
        torch.log((made.abs().square().mean((1, 2)) + TINY) / (content.abs().square().mean((1, 2)) + TINY))
        .square()
        .mean()
    )
