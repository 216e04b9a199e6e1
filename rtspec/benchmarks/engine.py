"""The engine under pressure: live sound through two spectral processors while another Python thread burns the GIL."""

import threading
from collections.abc import Callable, Sequence

import numpy as np
from scipy.signal import cheby2, sosfilt

from .harness import Job, measured
from .host import Watch

BLOCKS = (64, 128, 256)
CHAIN = ("inversion", "onnx:tilt-gate")
"""Processors by their names on the command line; inversion rebuilds its phases by RTPGHI."""
_SEED = 0


def run(
    seconds: float = 60.0,
    blocks: Sequence[int] = BLOCKS,
    device: str = "jack",
    sample_rate: int = 48000,
    chain: Sequence[str] = CHAIN,
    cutoff_hz: float = 0.0,
    report: Callable[[dict], None] = lambda row: None,
) -> list[dict]:
    """Measure each block size for `seconds`.

    Parameters
    ----------
    seconds : float
    blocks : sequence of int
        Frames a callback; with "jack" also the server's period.
    device : str
        "jack": a dummy server of this function's own for each block; "default": the default device; "virtual".
    sample_rate : int
        Hz.
    chain : sequence of str
        Processors by their names on the command line.
    cutoff_hz : float
        The test sound is low-passed there, so that bandwidth extension has something to do; 0: it is not.
    report : callable
        Gets each row when it is measured.

    Returns
    -------
    list of dict
        For each block: callbacks, late callbacks, callback and frame times, underruns, the delay, and whether the
        recorded output equals the offline one, sample for sample.
    """
    rows = []
    for block in blocks:
        job = Job(__name__, device, block, sample_rate, seconds, chain=tuple(chain), cutoff_hz=cutoff_hz)
        rows.append(measured(job))
        report(rows[-1])
    return rows


def measure(job: Job) -> dict:
    """One block size, in the child process."""
    import rtspec

    board = rtspec.Pedalboard([rtspec.processors.create(name) for name in job.chain])
    source = test_sound(job.seconds, job.sample_rate, job.cutoff_hz)
    stream = rtspec.AudioStream(
        plugins=board,
        sample_rate=job.sample_rate,
        buffer_size=job.block,
        source=source,
        devices=rtspec.Devices(virtual=job.device == "virtual"),
        measuring=rtspec.Measuring(tape_seconds=job.seconds + 1.0),
    )
    with Watch() as watch, GilBurner() as turns, stream:
        stream.wait(timeout=2 * job.seconds + 10)
    delay = stream.latency.total_samples - stream.latency.items["device"]
    equal = _difference(stream.recorded[1], board(source, job.sample_rate), delay)
    return {
        "block": job.block,
        **figures(stream),
        **watch.held_up.as_dict(),
        "gil_turns": turns[0],
        "delay_samples": delay,
        **equal,
    }


def test_sound(seconds: float, sample_rate: int, cutoff_hz: float = 0.0) -> np.ndarray:
    """Stereo float32 that is never silent and never repeats: noise through slow swells, with a wandering tone. Shape
    (2, n_samples)."""
    n = round(seconds * sample_rate)
    t = np.arange(n) / sample_rate
    noise = np.random.default_rng(_SEED).standard_normal((2, n)).astype(np.float32)
    swell = 0.05 * (1.1 + np.sin(2 * np.pi * 0.7 * t))
    tone = 0.2 * np.sin(2 * np.pi * (220 * t + 40 * np.sin(2 * np.pi * 0.3 * t)))
    sound = (swell * noise + tone).astype(np.float32)
    if not cutoff_hz:
        return sound
    narrow = sosfilt(cheby2(12, 100, cutoff_hz, fs=sample_rate, output="sos"), sound)
    return np.asarray(narrow, np.float32)


class GilBurner:
    """Another Python thread that never lets go of the GIL by itself; gives a list with the number of its turns."""

    def __enter__(self) -> list[int]:
        self._turns, self._over = [0], threading.Event()
        self._thread = threading.Thread(target=self._burn, daemon=True)
        self._thread.start()
        return self._turns

    def _burn(self) -> None:
        while not self._over.is_set():
            self._turns[0] += 1

    def __exit__(self, *_) -> None:
        self._over.set()
        self._thread.join()


def figures(stream) -> dict:
    """What a stream counted, and its callback's and blocks' times in µs."""
    counted = stream.statistics.as_dict()
    names = ("callbacks", "late_callbacks", "underruns", "overruns", "concealed_frames", "real_time")
    durations = {
        f"{kind}_{which}_us": counted[f"{kind}_us"][which]
        for kind in ("callback", "frame")
        for which in ("p50", "p99", "max")
    }
    return {**{name: counted[name] for name in names}, **durations}


def _difference(recorded: np.ndarray, offline: np.ndarray, delay: int) -> dict:
    live = recorded[:, delay : delay + offline.shape[1]]
    complete = live.shape == offline.shape
    error = float(np.abs(live - offline).max()) if complete else float("inf")
    return {"equal_to_render": complete and bool(np.array_equal(live, offline)), "largest_difference": error}
