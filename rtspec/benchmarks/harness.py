"""A live stream in a child process, for measurements: on a JACK server, on the default device, or on the virtual one.

A child is needed because PortAudio finds its JACK server once a process; it also keeps one measurement from the next.
"""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import numpy as np

from ..audio.jack import JackServer
from ..errors import DeviceError, RtspecError

DEVICES = ("jack", "default", "virtual")


@dataclass(frozen=True)
class Job:
    """What a child is to measure: `module` has ``measure(job) -> dict``; `device` is one of :data:`DEVICES`; `phase` a
    phase method or empty; `chain` processors by their names on the command line; `cutoff_hz` a low-pass on what is
    played, 0 for none;
    `wanted_blocks`, `channels` and `chains` are what :mod:`rtspec.benchmarks.periods` combines; `burners` is how many
    other processes use a processor each meanwhile."""

    module: str
    device: str
    block: int
    sample_rate: int
    seconds: float = 0.0
    n_fft: int = 1024
    hop: int = 256
    server: str = ""
    phase: str = ""
    chain: tuple[str, ...] = ()
    cutoff_hz: float = 0.0
    wanted_blocks: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    chains: tuple[tuple[str, ...], ...] = ()
    burners: int = 0

    @property
    def n_streams(self) -> int:
        """How many are played one after the other; one whose period changes takes as long as six."""
        return max(1, len(self.wanted_blocks) * len(self.channels) * len(self.chains) + 6 * len(self.chains))


class Child:
    """A child process at work on one job; :meth:`result` waits for its figures."""

    def __init__(self, job: Job, environment: dict[str, str] | None):
        command = [sys.executable, "-X", "faulthandler", "-m", __name__, json.dumps(asdict(job))]
        no, pipe = subprocess.DEVNULL, subprocess.PIPE
        self._job = job
        self._process = subprocess.Popen(command, env=environment, text=True, stdin=no, stdout=pipe, stderr=pipe)

    def result(self) -> dict:
        """What `measure` returned; its errors are raised here."""
        patience = 120.0 + (10.0 + 3.0 * self._job.seconds) * self._job.n_streams
        try:
            out, complaint = self._process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            raise DeviceError(f"the stream at block {self._job.block} did not end within {patience:g} s") from None
        finally:
            self._process.kill()
        if self._process.returncode < 0:
            signal_name = signal.Signals(-self._process.returncode).name
            raise DeviceError(f"the stream at block {self._job.block} was ended by {signal_name}: {complaint.strip()}")
        if self._process.returncode:
            last = (complaint.strip().splitlines() or ["it said nothing"])[-1]
            raise DeviceError(f"the stream at block {self._job.block} failed: {last.removeprefix('rtspec: ')}")
        return json.loads(out.splitlines()[-1])


def measured(job: Job) -> dict:
    """Run one job in a child, on a fresh JACK server of its block's period where the job says "jack"."""
    with _server(job) as server:
        if server is None:
            return Child(job, None).result()
        return Child(Job(**{**asdict(job), "server": server.name}), server.environment).result()


def clock_readings(stream, seconds: float) -> np.ndarray:
    """How many frames had come into a stream, and when, again and again for some seconds: float64, (n_readings, 2)."""
    readings, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        readings.append(stream.clock)
        time.sleep(0.02)
    return np.array(readings)


def moments_taken(frames: np.ndarray, clock: np.ndarray, block: int) -> np.ndarray:
    """When the device took these frames of the output, monotonic seconds.

    A frame that came in at some moment left room for one that went out a block before it was counted. `frames` are
    counts of frames, int64 of shape (n,); `clock` pairs of count and seconds, float64 of shape (m, 2).
    """
    return np.interp(frames + block, *clock.T)


@contextmanager
def _server(job: Job):
    if job.device != "jack":
        yield None
        return
    with JackServer(job.sample_rate, job.block) as server:
        yield server


def work(text: str) -> int:
    """The child's side: measure and print one JSON line."""
    from importlib import import_module

    job = Job(**json.loads(text))
    try:
        print(json.dumps(import_module(job.module).measure(job)))
    except RtspecError as error:
        print(f"rtspec: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(work(sys.argv[1]))
