"""The one training loop: a step depends on the seed and its number alone, so a killed run ends as if never killed."""

import copy
import io
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from ..console import progress as progress_bar
from ..errors import InvalidValue
from ..storage import WholeFile
from .checkpoints import COLUMNS, FILES, TrainingError, curve_table, difference, read_checkpoint
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
        `step`, `loss` (mean since the row before), `validation`, `seconds`, and `waited`: those of them in which the
        network waited for batches.
    """

    network: nn.Module
    step: int
    best: float
    curve: list[dict[str, float]] = field(default_factory=list)


def fit(
    network: nn.Module,
    draw: Draw,
    loss: Loss,
    recipe: Recipe,
    folder: str | os.PathLike,
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
        device and share of the batch.
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
    with _workers(device) as worker:
        batches = _Batches(draw, recipe, worker, workers)
        return _Training(network, batches, loss, recipe, Path(folder), validate, worker).run(progress)


@dataclass(frozen=True)
class _Worker:
    """Which of how many processes this is, and its device."""

    device: torch.device
    rank: int = 0
    n_workers: int = 1

    def share(self, n: int) -> int:
        return -(-n // self.n_workers)

    def average_gradients(self, network: nn.Module) -> None:
        """The mean over all processes, so that all take the same step."""
        if self.n_workers == 1:
            return
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.distributed.all_reduce(parameter.grad)
                parameter.grad /= self.n_workers


@contextmanager
def _workers(device: str) -> Iterator[_Worker]:
    """This process's place among those that torch's launcher started, if it did."""
    cuda = torch.cuda.is_available() and device in ("auto", "cuda")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield _Worker(_device("cuda" if cuda else "cpu" if device == "auto" else device))
        return
    torch.distributed.init_process_group("nccl" if cuda else "gloo")
    local = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu"
    try:
        rank, n_workers = torch.distributed.get_rank(), torch.distributed.get_world_size()
        yield _Worker(_device(local), rank, n_workers)
    finally:
        torch.distributed.destroy_process_group()


def _device(name: str) -> torch.device:
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        text = str(error).splitlines()[0]
        raise InvalidValue(f'device="{name}" cannot be used ({text}); try "cpu"') from None


class _Batches(Dataset):
    """The batch of every step, a pure function of seed, step and rank; drawn ahead by torch's own loader."""

    def __init__(self, draw: Draw, recipe: Recipe, worker: _Worker, workers: int):
        self._draw, self._recipe, self._worker, self._workers = draw, recipe, worker, workers

    def __getitem__(self, step: int) -> tuple[Tensor, ...]:
        key = (self._recipe.seed, step, *([self._worker.rank] if self._worker.n_workers > 1 else []))
        items = self._draw(np.random.default_rng(key), self._worker.share(self._recipe.batch))
        return tuple(torch.as_tensor(item) for item in items)

    def since(self, step: int) -> Iterator[tuple[Tensor, ...]]:
        """The batches from this step on."""
        ahead: dict[str, Any] = {"multiprocessing_context": "forkserver"} if self._workers else {}
        steps: Any = range(step, self._recipe.steps)
        return iter(DataLoader(self, batch_size=None, sampler=steps, num_workers=self._workers, **ahead))


class _Training:
    """Everything that changes while a network is trained."""

    def __init__(self, network, batches: _Batches, loss: Loss, recipe: Recipe, folder: Path, validate, worker: _Worker):
        self.network, self.batches, self.loss, self.recipe = network.to(worker.device), batches, loss, recipe
        self.folder, self.validate, self.worker = folder, validate, worker
        decayed = recipe.weight_decay > 0
        kind = torch.optim.AdamW if decayed else torch.optim.Adam
        self.optimizer = kind(network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay)
        self.mean = copy.deepcopy(network).eval() if recipe.average is not None else None
        self.step, self.best, self.stale, self.seconds, self.waited = 0, math.nan, 0, 0.0, 0.0
        self.best_weights: dict[str, Tensor] | None = None
        self.curve: list[dict[str, float]] = []

    @property
    def candidate(self) -> nn.Module:
        """The network that is validated and kept."""
        return self.network if self.mean is None else self.mean

    def run(self, show: bool) -> Fitted:
        self._resume()
        self._coming = self.batches.since(self.step)
        with progress_bar(not show or self.worker.rank > 0) as bar:
            task = bar.add_task("training", total=self.recipe.steps, completed=self.step)
            while self.step < self.recipe.steps and not self._is_stale():
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
        value = self.loss(self.network, self._batch())
        value.backward()
        self.worker.average_gradients(self.network)
        self._check(value.item())
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self.optimizer.step()
        self._follow()
        return value.item()

    def _batch(self) -> tuple[Tensor, ...]:
        start = time.perf_counter()
        items = next(self._coming)
        self.waited += time.perf_counter() - start
        return tuple(item.to(self.worker.device) for item in items)

    def _check(self, value: float) -> None:
        if not math.isfinite(value):
            raise TrainingError(
                f"step {self.step}: the loss is {value}, it must be a finite number; "
                f"try a learning rate below {self.recipe.learning_rate:g}, the checkpoint before it is kept"
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
        if self.validate is not None:
            self.candidate.eval()
            with torch.no_grad():
                value = float(self.validate(self.candidate))
        if self.validate is None or not value >= self.best:
            self.best, self.stale = value, 0
            self.best_weights = {name: t.detach().cpu().clone() for name, t in self.candidate.state_dict().items()}
        else:
            self.stale += 1
        self.seconds += time.perf_counter() - start
        row = (self.step, mean_loss, value, round(self.seconds, 2), round(self.waited, 2))
        self.curve.append(dict(zip(COLUMNS, row, strict=True)))

    def _fitted(self) -> Fitted:
        if self.best_weights is not None:
            self.network.load_state_dict(self.best_weights)
        return Fitted(self.network.eval().cpu(), self.step, self.best, self.curve)

    # Checkpoints --------------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, Any]:
        """What must be equal for a checkpoint to fit."""
        shapes = {name: list(t.shape) for name, t in self.network.state_dict().items()}
        return {"recipe": asdict(self.recipe), "shapes": shapes}

    def _keep(self) -> None:
        bundle = {
            "identity": json.dumps(self._identity(), sort_keys=True),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": None if self.mean is None else self.mean.state_dict(),
            "best_weights": self.best_weights,
            "progress": [self.step, self.best, self.stale, self.seconds, self.waited],
            "curve": self.curve,
        }
        buffer = io.BytesIO()
        torch.save(bundle, buffer)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with WholeFile(self.folder / FILES[0]) as file:
                file.write(buffer.getbuffer())
            with WholeFile(self.folder / FILES[1]) as file:
                file.write(curve_table(self.curve))
        except OSError as error:
            raise TrainingError(
                f"cannot keep the training in {self.folder}: {error.strerror or error}; "
                "what was kept before is whole: make room and start the same command again"
            ) from None

    def _resume(self) -> None:
        path = self.folder / FILES[0]
        if not path.exists():
            return
        bundle = read_checkpoint(path, self.worker.device)
        if bundle["identity"] != json.dumps(self._identity(), sort_keys=True):
            raise TrainingError(
                f"{path} is of {difference(json.loads(bundle['identity']), self._identity())}; "
                "use the same settings, another folder, or delete it"
            )
        self.network.load_state_dict(bundle["network"])
        self.optimizer.load_state_dict(bundle["optimizer"])
        if self.mean is not None:
            self.mean.load_state_dict(bundle["mean"])
        self.best_weights, self.curve = bundle["best_weights"], bundle["curve"]
        self.step, self.best, self.stale, self.seconds, self.waited = bundle["progress"]
