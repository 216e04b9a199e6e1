"""What decides a training's result, besides network, data and loss."""

import math
from dataclasses import dataclass
from typing import Literal

from .. import checks

CYCLE_STEPS = 200
"""Half a cycle of the cyclical schedule (triangles between a tenth of the learning rate and all of it)."""
CYCLE_DECAY = 5e-4
"""By which the cyclical schedule's peaks fall: ``1 / (1 + decay · step)``."""
WARM_UP_STEPS = 50


@dataclass(frozen=True)
class Recipe:
    """What decides a training's result, besides network, data and loss.

    Parameters
    ----------
    steps : int
        Batches.
    batch : int
        Items of a batch, over all devices.
    learning_rate : float
        Of Adam (AdamW where `weight_decay` is above 0): the highest of the schedule.
    epsilon : float
        Of Adam: what is added to the root of the gradient's mean square.
    schedule : str
        "constant", "cosine" (down to 1 %) or "cyclical" (triangles whose peaks decay; Deshpande et al., section 3.3).
    clip : float or None
        Greatest norm of the gradient.
    validate_every : int
        Steps between validations and checkpoints.
    patience : int or None
        Validations without a better one after which training ends early.
    average : float or None
        Decay of the running mean of the weights, which is then what is validated and kept; 0 to 1.
    accumulate : int
        Parts in which a batch is computed one after another, for batches larger than the memory.
    precision : str
        "float", or "bf16": products of matrices in bfloat16 (quick on processors with AMX or AVX512-BF16, and on GPUs).
    """

    steps: int
    batch: int = 16
    learning_rate: float = 1e-3
    schedule: Literal["constant", "cosine", "cyclical"] = "cosine"
    weight_decay: float = 0.0
    clip: float | None = 1.0
    seed: int = 0
    validate_every: int = 200
    patience: int | None = None
    average: float | None = None
    accumulate: int = 1
    precision: Literal["float", "bf16"] = "float"
    epsilon: float = 1e-8

    def __post_init__(self):
        for name in ("steps", "batch", "validate_every", "accumulate"):
            checks.at_least(name, getattr(self, name), 1, "try 1")
        checks.choice("schedule", self.schedule, ("constant", "cosine", "cyclical"))
        checks.choice("precision", self.precision, ("float", "bf16"))
        if not 0 < self.epsilon <= 10:
            checks.fail("epsilon", self.epsilon, "must be above 0 and at most 10", "try 1e-8")
        if not 0 < self.learning_rate <= 1:
            checks.fail("learning_rate", self.learning_rate, "must be above 0 and at most 1", "try 0.001")

    def rate(self, step: int) -> float:
        """Learning rate of a step."""
        warm = min(1.0, (step + 1) / WARM_UP_STEPS)
        if self.schedule == "cosine":
            return self.learning_rate * warm * (0.505 + 0.495 * math.cos(math.pi * step / self.steps))
        if self.schedule == "cyclical":
            rise = 1 - abs((step / CYCLE_STEPS) % 2 - 1)
            return self.learning_rate * (0.1 + 0.9 * rise / (1 + CYCLE_DECAY * step))
        return self.learning_rate * warm
