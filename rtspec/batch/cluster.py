"""The same workers on many machines: each thread of a dask cluster keeps one process that renders, as ``--jobs`` does.

The cluster only hands out files and hears what became of them. A file that ends its process ends neither dask's worker
nor what else is under way; a dask worker that is killed costs the attempt, and another one takes its file.
"""

import json
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import __version__
from ..errors import DeviceError, InvalidValue, RtspecError
from .plan import Job
from .runner import Runner, Worker, named

CONNECT_S = 10.0
"""How long a cluster may take to answer."""

NO_WORKER_S = 60.0
"""How long a cluster may be without any worker: one that was killed is started anew by its nanny in some seconds."""

IDLE_S = 30.0
"""A process that has had no file for so long ends: whoever gave it some is done, or is no more."""

_LOOK_S = 1.0
"""Between two looks at how many workers there are."""

_here = threading.local()


def runner_of(
    recipe: dict[str, Any], n_workers: int, address: str | None, is_watched: bool = False, work: str = ""
) -> "Runner | ClusterRunner":
    """Who does many jobs: processes of this machine, or those of a cluster where an address is given; each tries a file
    twice that ends its process.

    Raises
    ------
    InvalidValue
        Both are asked for.
    """
    if address is None:
        return Runner(recipe, n_workers, is_watched, attempts=2, work=work)
    if n_workers > 1:
        raise InvalidValue(f"--jobs {n_workers} is of this machine and --cluster of others; leave one of them out")
    return ClusterRunner(recipe, address, attempts=2, work=work)


def render_there(order: tuple[str, str, str, str], job: dict[str, str], attempts: int) -> dict[str, Any]:
    """Runs in a thread of a dask worker: one file by this thread's process.

    Parameters
    ----------
    order : (str, str, str, str)
        The recipe as JSON, the version and the folder of who gives it, and the work as :class:`Worker` has it.
    job : dict
        Names of "source", "target" and perhaps "picture".
    attempts : int
        Processes that the file may end.

    Returns
    -------
    dict
        {"record": …}, {"error": …}, or {"fatal": …} where no file can be rendered here.
    """
    if order[1] != __version__:
        return {"fatal": f"{_name()} has rtspec {__version__}, this machine has {order[1]}; install the same on both"}
    answer: dict[str, Any] = {}
    for _ in range(attempts):
        try:
            answer = _process(order).render(job, lambda done, total: None)
        except RtspecError as error:
            return {"fatal": f"{_name()}: {error}"}
        finally:
            _here.idle = threading.Timer(IDLE_S, _here.worker.end)
            _here.idle.daemon = True
            _here.idle.start()
        if "ended" not in answer:
            return answer
    return {"error": answer["ended"]}


def _process(order: tuple[str, str, str, str]) -> Worker:
    """This thread's process; a new one where there is none, or one of another recipe."""
    if (worker := getattr(_here, "worker", None)) is not None:
        _here.idle.cancel()
        if worker.is_alive and _here.order == order:
            return worker
        worker.end()
    recipe, folder, work = json.loads(order[0]), order[2] if os.path.isdir(order[2]) else None, order[3]
    _here.order, _here.worker = order, Worker(recipe, tells=False, is_watched=False, folder=folder, work=work)
    return _here.worker


def _name() -> str:
    from distributed import get_worker

    return f"the worker {get_worker().address}"


class ClusterRunner:
    """What :class:`rtspec.batch.runner.Runner` is to processes of this machine.

    Parameters
    ----------
    recipe : dict
    address : str
        Of the scheduler, "tcp://host:8786".
    attempts : int
        At a file that ends its process.
    work : str
        As :class:`Worker` has it.

    Raises
    ------
    RtspecError
        dask is not installed, or nobody answers there.
    """

    def __init__(self, recipe: dict[str, Any], address: str, attempts: int = 2, work: str = ""):
        self._client, self._address = _connected(address), address
        self._order, self._attempts = (json.dumps(recipe), __version__, os.getcwd(), work), attempts
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._under_way: dict[Any, int] = {}
        self._n_places, self._looked, self._seen = 0, 0.0, time.monotonic()

    def events(self, jobs: list[Job]) -> Iterator[tuple[str, int, Any]]:
        """What happens to job i: ("begun", i, None), then ("record" or "error", i, what).

        Raises
        ------
        RtspecError
            The recipe cannot be made there, or the cluster is gone.
        """
        todo, again = deque(range(len(jobs))), set[int]()
        while todo or self._under_way:
            while todo and len(self._under_way) < self._places():
                i = todo.popleft()
                self._submit(i, jobs[i])
                if i not in again:
                    yield "begun", i, None
            if (future := self._next()) is None:
                continue
            i = self._under_way.pop(future)
            kind, what = self._outcome(future, jobs[i])
            if kind == "killed" and i not in again:
                again.add(i)
                todo.append(i)
            else:
                yield ("error" if kind == "killed" else kind), i, what

    def _submit(self, i: int, job: Job) -> None:
        names = named(job, _name_there)
        future = self._client.submit(render_there, self._order, names, self._attempts, pure=False)
        self._under_way[future] = i
        future.add_done_callback(self._ended.put)

    def _places(self) -> int:
        """How many files may be under way: one a thread, and one a worker that waits, so that no worker does.

        Raises
        ------
        DeviceError
            No worker has been there for :data:`NO_WORKER_S`, or the cluster is gone.
        """
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return self._n_places
        self._check()
        threads = self._client.nthreads()
        self._n_places, self._looked = sum(threads.values()) + len(threads), now
        if threads:
            self._seen = now
        elif now - self._seen > NO_WORKER_S:
            remedy = f"start some with: dask worker {self._address}"
            raise DeviceError(f"the cluster at {self._address} has had no worker for {NO_WORKER_S:g} s; {remedy}")
        return self._n_places

    def _next(self) -> Any:
        """A future that has ended; None where none has for a while."""
        with suppress(queue.Empty):
            return self._ended.get(timeout=0.5)
        self._places()
        return None

    def _check(self) -> None:
        if self._client.status != "running":
            raise DeviceError(f"the cluster at {self._address} is gone; the same command goes on when it is back")

    def _outcome(self, future: Any, job: Job) -> tuple[str, Any]:
        try:
            kind, what = next(iter(future.result(timeout=CONNECT_S).items()))
        except Exception as error:
            return self._failure(error, job)
        if kind == "fatal":
            raise RtspecError(what)
        if kind == "record":
            what |= {"input": str(job.source), "output": str(job.target)}
        return kind, what

    def _failure(self, error: Exception, job: Job) -> tuple[str, str]:
        """A file whose workers were killed, or one with what it had to tell, is another's; else nobody can render."""
        self._check()
        if type(error).__name__ in ("KilledWorker", "FutureCancelledError", "CancelledError", "TimeoutError"):
            return "killed", f"{job.source}: the workers that had it were killed ({type(error).__name__})"
        raise RtspecError(f"the workers at {self._address} cannot render: {type(error).__name__}: {error}") from error

    def __enter__(self) -> "ClusterRunner":
        return self

    def __exit__(self, *_) -> None:
        with suppress(Exception):  # a cluster that is gone need not be told
            self._client.cancel(list(self._under_way))
        with suppress(Exception):
            self._client.close(timeout=1)


def _name_there(path: Any) -> str:
    """What other machines that share the folder call it; a URL is the same everywhere."""
    return os.path.abspath(path) if isinstance(path, Path) else str(path)


def _connected(address: str) -> Any:
    if "://" not in address:
        raise InvalidValue(f"--cluster {address!r} is no address; write tcp://HOST:PORT, as the scheduler prints it")
    try:
        from distributed import Client
    except ImportError as error:
        raise RtspecError("--cluster needs dask's distributed; pip install 'rtspec[cluster]' brings it") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)  # what fails is told in one line, by us
    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DeviceError(
            f"no cluster answers at {address} within {CONNECT_S:g} s; start one with: dask scheduler"
        ) from error
