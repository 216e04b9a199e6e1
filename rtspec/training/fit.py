"""The one training loop: a step depends on the seed and its number alone, so a killed run ends as if never killed."""

import copy
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..console import progress as progress_bar
from ..errors import InvalidValue
from ..storage import AtomicFile
from .checkpoints import COLUMNS, FILES, TrainingError, curve_table, difference, read_checkpoint
from .processes import EndedTogether, Worker, workers_of
from .recipe import Recipe

Draw = Callable[[np.random.Generator, int], tuple]
Loss = Callable[[nn.Module, tuple[Tensor, ...]], Tensor]
Validate = Callable[[nn.Module], float]


@dataclass
class Fitted:
    """What training gives.

    Attributes
    ----------
    network : torch.nn.Module
        With the best weights, in evaluation mode, on the CPU.
    step : int
        Steps done.
    best : float
        The best validation; NaN where there is none.
    curve : list of dict
        `step`, `loss` (mean since the row before), `validation`, `seconds`, and `waited` and `judged`: those of them in
        which the network waited for batches, and was validated.
    """

    network: nn.Module
    step: int
    best: float
    curve: list[dict[str, float]] = field(default_factory=list)

    def times(self) -> dict[str, float]:
        """Seconds of the network's own steps, of waiting for the loader and of validations, and the network's share of
        steps and waiting."""
        if not self.curve:
            return {"network_s": 0.0, "loader_s": 0.0, "validation_s": 0.0, "network_share": math.nan}
        seconds, waited, judged = (self.curve[-1][name] for name in ("seconds", "waited", "judged"))
        own = seconds - waited - judged
        share = own / max(own + waited, 1e-9)
        return {"network_s": own, "loader_s": waited, "validation_s": judged, "network_share": share}


def fit(
    network: nn.Module,
    draw: Draw,
    loss: Loss,
    recipe: Recipe,
    folder: str | os.PathLike[str],
    *,
    validate: Validate | None = None,
    device: str = "auto",
    workers: int = 0,
    progress: bool = True,
) -> Fitted:
    """Train a network, or go on where a training in the same folder was killed.

    Parameters
    ----------
    network : torch.nn.Module
        Whose present weights are the start; make them from a seed for a result that can be repeated.
    draw : callable
        ``draw(generator, n)``: one batch of n items as a tuple of arrays or tensors, a pure function of the generator.
        Step k's generator is ``numpy.random.default_rng((recipe.seed, k))``.
    loss : callable
        ``loss(network, batch)``: a scalar tensor.
    recipe : Recipe
    folder : path
        Gets checkpoint.pt (whole at any time) and curve.csv.
    validate : callable, optional
        ``validate(network)``: lower is better; the best weights are kept. Without it the last are.
    device : str
        "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1". Started by ``torchrun``, every process takes its own
        device and share of the batch; the first alone reads and writes the folder, and where all have to end, it alone
        raises (the others end with status 1).
    workers : int
        Processes that draw batches ahead; `draw` is then pickled. What is drawn does not depend on their number.

    Returns
    -------
    Fitted

    Raises
    ------
    TrainingError
        The folder's checkpoint is damaged or of another recipe or network, the disk is full, or the loss is no number.
    """
    with workers_of(device) as worker:
        if recipe.batch < worker.n_workers * recipe.accumulate:
            raise InvalidValue(
                f"batch={recipe.batch} must have an item for each of {worker.n_workers} processes × "
                f"accumulate={recipe.accumulate}; take a larger batch"
            )
        batches = _Batches(draw, recipe, worker, workers)
        try:
            return _Training(network, batches, loss, recipe, Path(folder), validate, worker).run(progress)
        except EndedTogether:
            if worker.rank:
                raise SystemExit(1) from None
            raise


class _Batches(Dataset):
    """The parts of every step's batch, each a pure function of seed, step, process and part; drawn ahead by torch's
    own loader."""

    def __init__(self, draw: Draw, recipe: Recipe, worker: Worker, workers: int):
        self._draw, self._recipe, self._worker, self._workers = draw, recipe, worker, workers

    def __getitem__(self, at: int) -> tuple[Tensor, ...]:
        step, part = divmod(at, self._recipe.accumulate)
        n_parts, place = self._worker.n_workers * self._recipe.accumulate, self._place(part)
        key = (self._recipe.seed, step, *([place] if n_parts > 1 else []))
        items = self._draw(np.random.default_rng(key), self._items(place))
        return tuple(torch.as_tensor(item) for item in items)

    def _place(self, part: int) -> int:
        return self._worker.rank * self._recipe.accumulate + part

    def _items(self, place: int) -> int:
        n_parts = self._worker.n_workers * self._recipe.accumulate
        return self._recipe.batch // n_parts + (place < self._recipe.batch % n_parts)

    def share(self, part: int) -> float:
        """The part's share of the whole batch."""
        return self._items(self._place(part)) / self._recipe.batch

    def since(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        """The parts of batches from this step on."""
        ahead: dict[str, Any] = {"multiprocessing_context": "forkserver"} if self._workers else {}
        steps: Any = range(step * self._recipe.accumulate, self._recipe.steps * self._recipe.accumulate)
        return iter(DataLoader(self, batch_size=None, sampler=steps, num_workers=self._workers, **ahead))


class _Training:
    """Everything that changes while a network is trained."""

    def __init__(self, network, batches: _Batches, loss: Loss, recipe: Recipe, folder: Path, validate, worker: Worker):
        self.network, self.batches, self.loss, self.recipe = network.to(worker.device), batches, loss, recipe
        self.folder, self.validate, self.worker = folder, validate, worker
        decayed = recipe.weight_decay > 0
        kind = torch.optim.AdamW if decayed else torch.optim.Adam
        self.optimizer = kind(
            network.parameters(), lr=recipe.learning_rate, eps=recipe.epsilon, weight_decay=recipe.weight_decay
        )
        self.mean = copy.deepcopy(network).eval() if recipe.average is not None else None
        self.step, self.best, self.stale, self.seconds, self.waited, self.judged = 0, math.nan, 0, 0.0, 0.0, 0.0
        self.best_weights: dict[str, Tensor] | None = None
        self.curve: list[dict[str, float]] = []

    @property
    def candidate(self) -> nn.Module:
        """The network that is validated and kept."""
        return self.network if self.mean is None else self.mean

    def run(self, show: bool) -> Fitted:
        self._resume()
        self.worker.same_weights(self.network)
        self._coming = self.batches.since(self.step)
        with progress_bar(not show or self.worker.rank > 0) as bar:
            task = bar.add_task("training", total=self.recipe.steps, completed=self.step)
            while self.step < self.recipe.steps and not self.worker.from_first(self._is_stale):
                mean_loss = self._stretch(lambda: bar.advance(task))
                self._judge(mean_loss)
                text = f"loss {mean_loss:.4g}, best {self.best:.4g}"
                bar.update(task, description=text)
                if self.worker.rank == 0:
                    self._keep()
        return self._fitted()

    def _is_stale(self) -> bool:
        return self.recipe.patience is not None and self.stale >= self.recipe.patience

    def _stretch(self, advance: Callable[[], None]) -> float:
        """Steps up to the next validation; their mean loss."""
        start, first = time.perf_counter(), self.step
        goal = min(self.recipe.steps, (first // self.recipe.validate_every + 1) * self.recipe.validate_every)
        self.network.train()
        total = 0.0
        while self.step < goal:
            total += self._one_step()
            self.step += 1
            advance()
        self.seconds += time.perf_counter() - start
        return total / (goal - first)

    def _one_step(self) -> float:
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        value = sum(self._part(part) for part in range(self.recipe.accumulate))
        self._check(value)
        self.worker.sum_gradients(self.network)
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimizer.step()
        self._follow()
        return self.worker.summed(value)

    def _part(self, part: int) -> float:
        """Adds a part's gradient, by its share of the batch; its share of the loss."""
        with self._precision():
            value = self.loss(self.network, self._batch()) * self.batches.share(part)
        value.backward()
        return value.item()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.worker.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16")

    def _batch(self) -> tuple[Tensor, ...]:
        start = time.perf_counter()
        items = next(self._coming)
        self.waited += time.perf_counter() - start
        return tuple(item.to(self.worker.device) for item in items)

    def _check(self, value: float) -> None:
        wrong = self.worker.without_a_number(value)
        if wrong:
            where = "" if self.worker.alone else f" on rank {', '.join(map(str, wrong))} of {self.worker.n_workers}"
            raise EndedTogether(
                f"step {self.step}: the loss is {value if self.worker.rank in wrong else 'not finite'}{where}, it must "
                f"be a finite number; try a learning rate below {self.recipe.learning_rate:g}, the checkpoint before "
                "it is kept"
            )

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the running mean of the weights."""
        if self.mean is None:
            return
        decay = min(self.recipe.average or 0.0, (1 + self.step) / (10 + self.step))
        for mean, now in zip(self.mean.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def _judge(self, mean_loss: float) -> None:
        """Validate, and note the weights if they are the best so far."""
        start = time.perf_counter()
        value = math.nan
        if self.validate is not None and self.worker.rank == 0:
            self.candidate.eval()
            with torch.no_grad():
                value = float(self.validate(self.candidate))
        if self.validate is None or not value >= self.best:
            self.best, self.stale = value, 0
            self.best_weights = {name: t.detach().cpu().clone() for name, t in self.candidate.state_dict().items()}
        else:
            self.stale += 1
        taken = time.perf_counter() - start
        self.seconds, self.judged = self.seconds + taken, self.judged + taken
        row = (self.step, mean_loss, value, *(round(each, 2) for each in (self.seconds, self.waited, self.judged)))
        self.curve.append(dict(zip(COLUMNS, row, strict=True)))

    def _fitted(self) -> Fitted:
        self.best_weights, self.best = self.worker.from_first(lambda: [self.best_weights, self.best])
        if self.best_weights is not None:
            self.network.load_state_dict(self.best_weights)
        return Fitted(self.network.eval().cpu(), self.step, self.best, self.curve)

    # Checkpoints --------------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to fit."""
        shapes = {name: list(t.shape) for name, t in self.network.state_dict().items()}
        return {"recipe": {**asdict(self.recipe), "n_workers": self.worker.n_workers}, "shapes": shapes}

    def _state(self) -> dict[str, Any]:
        return {
            "identity": json.dumps(self._identity(), sort_keys=True),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "best_weights": self.best_weights,
            "progress": [self.step, self.best, self.stale, self.seconds, self.waited, self.judged],
            "curve": self.curve,
        }

    def _keep(self) -> None:
        buffer = io.BytesIO()
        torch.save(self._state(), buffer)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with AtomicFile(self.folder / FILES[0]) as file:
                file.write(buffer.getbuffer())
            with AtomicFile(self.folder / FILES[1]) as file:
                file.write(curve_table(self.curve))
        except OSError as error:
            raise TrainingError(
                f"cannot keep the training in {self.folder}: {error.strerror or error}; "
                "what was kept before is whole: make room and start the same command again"
            ) from None

    def _resume(self) -> None:
        """Go on from the first process's checkpoint; where there is none, all begin with its weights."""
        bundle = self.worker.from_first(self._kept)
        if bundle is None:
            return
        self.network.load_state_dict(bundle["network"])
        self.optimizer.load_state_dict(bundle["optimizer"])
        if self.mean is not None:
            self.mean.load_state_dict(bundle["mean"])
        self.best_weights, self.curve = bundle["best_weights"], bundle["curve"]
        self.step, self.best, self.stale, self.seconds, self.waited, self.judged = bundle["progress"]

    def _kept(self) -> dict[str, Any] | None:
        path = self.folder / FILES[0]
        if not path.exists():
            return None
        bundle = read_checkpoint(path, self.worker.device)
        if bundle["identity"] != json.dumps(self._identity(), sort_keys=True):
            raise TrainingError(
                f"{path} is of {difference(json.loads(bundle['identity']), self._identity())}; "
                "use the same settings, another folder, or delete it"
            )
        return bundle
