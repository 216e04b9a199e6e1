"""Several processes that train one network, started by torch's own launcher: ``torchrun --nproc-per-node 2 ...``.

The first process (rank 0) decides: it alone reads and writes the folder, so nothing need be shared between machines;
weights, optimizer, step and the decision to stop go from it to the others. What is printed and exported is its alone.
"""

import io
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as launched
from torch import Tensor, nn

from ..errors import InvalidValue
from .checkpoints import TrainingError

_LEAVING_S = 60.0


class EndedTogether(TrainingError):
    """All processes end for a reason that the first one tells."""


def is_first() -> bool:
    """Whether this process is the one that reads, writes and prints."""
    return int(os.environ.get("RANK", "0")) == 0


@dataclass(frozen=True)
class Worker:
    """Which of how many processes this is, and its device.

    Attributes
    ----------
    device : torch.device
    rank : int
        0 to n_workers - 1.
    n_workers : int
    """

    device: torch.device
    rank: int = 0
    n_workers: int = 1

    @property
    def alone(self) -> bool:
        return self.n_workers == 1

    def sum_gradients(self, network: nn.Module) -> None:
        """Give every process the gradient of the whole batch: the sum over all."""
        if self.alone:
            return
        parameters = [each for each in network.parameters() if each.requires_grad]
        flat = torch.cat([_gradient(each).flatten() for each in parameters])
        launched.all_reduce(flat)
        for parameter, part in zip(parameters, flat.split([each.numel() for each in parameters]), strict=True):
            parameter.grad = part.view_as(parameter).clone()

    def summed(self, value: float) -> float:
        """The sum over all processes; no number where one of them has none."""
        if self.alone:
            return value
        total = torch.tensor(value, dtype=torch.float64, device=self.device)
        launched.all_reduce(total)
        return float(total)

    def without_a_number(self, value: float) -> list[int]:
        """The ranks whose value is not finite; every process gets the same list."""
        if self.alone:
            return [] if math.isfinite(value) else [0]
        found = torch.zeros(self.n_workers, device=self.device)
        found[self.rank] = not math.isfinite(value)
        launched.all_reduce(found)
        return found.nonzero().flatten().tolist()

    def from_first(self, make: Callable[[], Any]) -> Any:
        """What `make` gives in the first process, in every process; its :class:`TrainingError` likewise.

        What is sent is what ``torch.load(weights_only=True)`` reads: tensors, numbers, strings, lists and dictionaries.
        """
        if self.alone:
            return make()
        sent: list[Any] = [None, None]
        if self.rank == 0:
            try:
                sent[0] = _packed(make())
            except TrainingError as error:
                sent[1] = str(error)
        launched.broadcast_object_list(sent, src=0)
        if sent[1] is not None:
            raise EndedTogether(sent[1])
        return torch.load(io.BytesIO(sent[0]), map_location=self.device, weights_only=True)

    def same_weights(self, network: nn.Module) -> None:
        """Give every process the first one's weights and buffers."""
        if not self.alone:
            network.load_state_dict(self.from_first(network.state_dict))


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _packed(value: Any) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


@contextmanager
def workers_of(device: str) -> Iterator[Worker]:
    """This process's place among those that torch's launcher started, if it did.

    Raises
    ------
    InvalidValue
        The device cannot be used.
    """
    cuda = torch.cuda.is_available() and device in ("auto", "cuda")
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Worker(_device("cuda" if cuda else "cpu" if device == "auto" else device))
        return
    store, rank, n_workers = next(launched.rendezvous("env://"))
    launched.init_process_group("nccl" if cuda else "gloo", store=store, rank=rank, world_size=n_workers)
    local = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if cuda else "cpu"
    try:
        yield Worker(_device(local), rank, n_workers)
    except (EndedTogether, SystemExit):
        _leave_together(store, n_workers)
        raise
    else:
        _leave_together(store, n_workers)
    finally:
        launched.destroy_process_group()


def _leave_together(store: launched.Store, n_workers: int) -> None:
    """Wait until all have done their last exchange: gloo gives what a process sent last to nobody once it has gone,
    and whoever still waits for it ends with "Connection closed by peer"."""
    with suppress(RuntimeError):  # somebody ended otherwise, or took the store with him: nothing is left to wait for
        if store.add("leaving", 1) == n_workers:
            store.set("all leave", "now")
        store.wait(["all leave"], timedelta(seconds=_LEAVING_S))


def _device(name: str) -> torch.device:
    try:
        torch.zeros(1, device=name)
        return torch.device(name)
    except (RuntimeError, AssertionError) as error:
        text = str(error).splitlines()[0]
        raise InvalidValue(f'device="{name}" cannot be used ({text}); try "cpu"') from None
