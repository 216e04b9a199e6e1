"""Many files by worker processes: each file's result is the same as in one process, to the bit."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from .. import errors
from ..errors import RtspecError
from .plan import Job

END_S = 4.0
"""How long a worker may take to end when it is asked to."""


class Worker:
    """One process that renders files.

    Parameters
    ----------
    recipe : dict
        As :meth:`rtspec.batch.Recipe.as_dict` gives it.
    tells : bool
        Whether it is the one that says that kernels are being compiled.
    is_watched : bool
        Whether it tells how far it is within a file.
    folder : str, optional
        Where it works: what the recipe names is relative to it.
    work : str, optional
        The module whose ``make_worker(recipe)`` gives what has the method `render`; by default that of rendering.
    """

    def __init__(
        self, recipe: dict[str, Any], tells: bool, is_watched: bool, folder: str | None = None, work: str = ""
    ):
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rtspec.batch.worker"],
            env=environment,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._write({"recipe": recipe, "tells": tells, "is_watched": is_watched, "work": work})
        self._is_ready = False

    def _get_ready(self) -> None:
        """Wait until it has made its chain, or raise what is wrong with the recipe."""
        answer: dict[str, Any] = {"ready": True} if self._is_ready else self._read()
        self._is_ready = True
        if "ready" not in answer:
            self.end()
            kind = getattr(errors, answer.get("kind", ""), RtspecError)
            raise kind(answer.get("fatal") or f"a worker process {self.fate}; render one file alone to see why")

    def render(self, names: dict[str, str], advance: Callable[[int, int], None]) -> dict[str, Any]:
        """Have one file rendered: {"record": ...}, {"error": ...}, or {"ended": ...} where the process was ended.

        Parameters
        ----------
        names : dict
            A job's files, as :func:`named` gives them.

        Raises
        ------
        RtspecError
            The recipe cannot be made.
        """
        self._get_ready()
        self._write(names)
        while True:
            answer = self._read()
            if "advance" in answer:
                advance(*answer["advance"])
            elif answer:
                return answer
            else:
                return {"ended": f"{names['source']}: the process that rendered it {self.fate}; nothing is written"}

    @property
    def is_alive(self) -> bool:
        """Whether it can take another job."""
        return self._process.poll() is None

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(END_S)
        status = self._process.returncode
        return (
            f"was ended by {signal.Signals(-status).name}" if status and status < 0 else f"ended with status {status}"
        )

    def end(self) -> None:
        """End it at once; safe to call twice."""
        with suppress(OSError):
            self._process.stdin.close()  # type: ignore[union-attr]
        self._process.terminate()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _write(self, what: dict[str, Any]) -> None:
        with suppress(OSError):  # a process that is no more is noticed by what it does not answer
            print(json.dumps(what), file=self._process.stdin, flush=True)

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        return json.loads(line) if line.endswith("\n") else {}


def named(job: Job, name: Callable[[Any], str] = str) -> dict[str, str]:
    """A job's files by what they are, "source", "target" and perhaps "picture", as they are called elsewhere."""
    return {what: name(path) for what, path in vars(job).items() if path is not None}


class Runner:
    """Workers that share a list of jobs; a context manager that ends them.

    Parameters
    ----------
    recipe : dict
    n_workers : int
        They start at once, and get ready while it is being found out what there is to do.
    is_watched : bool
        Whether anybody sees how far each file is. Telling it takes the time of one file in fifty.
    attempts : int
        At a file whose process was ended: by somebody else perhaps, and not by this file.
    work : str
        As :class:`Worker` has it.
    """

    def __init__(
        self, recipe: dict[str, Any], n_workers: int, is_watched: bool = True, attempts: int = 1, work: str = ""
    ):
        self._jobs, self._attempts = list[Job](), attempts
        self._new_worker = partial(Worker, recipe, is_watched=is_watched, work=work)
        self._next, self._lock, self._ending = 0, threading.Lock(), threading.Event()
        self._events: queue.SimpleQueue[tuple[str, int, Any]] = queue.SimpleQueue()
        self._workers = {i: self._new_worker(tells=i == 0) for i in range(n_workers)}

    def events(self, jobs: list[Job]) -> Iterator[tuple[str, int, Any]]:
        """What happens to job i: ("begun", i, None), ("advance", i, (done, total)), ("record" or "error", i, what).

        Raises
        ------
        RtspecError
            The recipe cannot be made: nothing is rendered.
        """
        self._jobs = jobs
        for i in range(min(len(self._workers), len(jobs))):
            threading.Thread(target=self._serve, args=(i,), daemon=True).start()
        left = len(jobs)
        while left:
            kind, i, what = self._next_event()
            if kind == "fatal":
                raise what
            left -= kind in ("record", "error")
            yield kind, i, what

    def _next_event(self) -> tuple[str, int, Any]:
        while True:
            with suppress(queue.Empty):  # a wait without an end would not hear Ctrl-C on every system
                return self._events.get(timeout=0.5)

    def _serve(self, number: int) -> None:
        try:
            while (i := self._take()) is not None:
                self._worker(number)
                self._events.put(("begun", i, None))
                self._events.put(self._rendered(number, i))
        except Exception as error:
            self._events.put(("fatal", -1, error))

    def _rendered(self, number: int, i: int) -> tuple[str, int, Any]:
        """Job i's last event; where its process was ended, another one tries again."""
        what: Any = None
        for _ in range(self._attempts):
            answer = self._worker(number).render(
                named(self._jobs[i]), lambda done, total: self._events.put(("advance", i, (done, total)))
            )
            kind, what = next(iter(answer.items()))
            if kind != "ended":
                return kind, i, what
            if self._ending.is_set():
                break
        return "error", i, what

    def _take(self) -> int | None:
        with self._lock:
            i, self._next = self._next, self._next + 1
        return i if i < len(self._jobs) and not self._ending.is_set() else None

    def _worker(self, number: int) -> Worker:
        """This thread's worker; a new one where the last was ended by a file."""
        worker = self._workers[number]
        if not worker.is_alive and not self._ending.is_set():
            worker = self._workers[number] = self._new_worker(tells=number == 0)
        return worker

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, *_) -> None:
        self._ending.set()
        for worker in list(self._workers.values()):
            worker.end()
