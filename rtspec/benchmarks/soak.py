"""The soak: everything at once for as long as a concert, and nothing may be lost, late or longer than at the start.

Live sound through a model on a JACK dummy server; another process sends MIDI and OSC; a parameter sweeps, the chain is
edited every second and the model swapped every ten, and a Python thread burns the GIL.
"""

import gc
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import DeviceError, existing
from .engine import GilBurner, test_sound
from .harness import Job, measured
from .host import Watch
from .soak_sender import PORT

MIDI_RATE, OSC_RATE = 500.0, 200.0
EDIT_S, SWAP_S, SWEEP_S = 1.0, 10.0, 0.01
RESERVE = 4608
"""Samples of latency that the chain has from the start, so that no edit makes it longer."""

SETTLE_S = 60.0
"""Memory counts from here on, in short soaks from their half: by then every kind of edit has been made."""

MOST_GROWTH_MB = 5.0
MODELS = ("tilt-gate", "identity")


def run(
    seconds: float = 600.0,
    block: int = 128,
    sample_rate: int = 48000,
    report: Callable[[dict], None] = lambda row: None,
    busy: bool = False,
) -> dict:
    """Soak a stream.

    Parameters
    ----------
    seconds : float
    block : int
        Frames a callback, and the server's period.
    sample_rate : float
        Hz.
    busy : bool
        Let another program use all processors, at no lower priority, for the whole time. What is late then is counted
        and concealed; the promises are that the delay is the same and that nothing is lost unsaid.

    Returns
    -------
    dict
        What was counted; "promises" says what holds, by name. Device xruns are the JACK server's: where a machine is
        too busy for a period, JACK drops what MIDI came in it or overwrites it while it is read ("midi_torn"), so
        messages may be lost that never were here whole.
    """
    burners = (os.cpu_count() or 1) if busy else 0
    row = measured(Job(__name__, "jack", block, sample_rate, seconds, burners=burners))
    row["promises"] = promises_when_busy(row) if busy else promises(row)
    report(row)
    return row


_BURN = "import os; parent = os.getppid()\nwhile os.getppid() == parent: pass"


class Busy:
    """Processes that each use a processor as much as they are let; a context manager that stops them."""

    def __init__(self, processes: int):
        self._n, self._running = processes, []

    def __enter__(self) -> "Busy":
        self._running = [subprocess.Popen([sys.executable, "-c", _BURN]) for _ in range(self._n)]
        return self

    def __exit__(self, *_) -> None:
        for process in self._running:
            process.kill()
            process.wait()


def promises(row: dict) -> dict[str, bool]:
    """Which of the soak's promises hold."""
    return {
        "no late callback": row["late_callbacks"] == 0,
        "no underrun": row["underruns"] == 0 and row["overruns"] == 0,
        "no MIDI message lost": row["midi_lost"] == 0,
        "no OSC message lost": row["osc_lost"] == 0,
        f"memory grew by at most {MOST_GROWTH_MB:g} MB": row["memory_growth_mb"] <= MOST_GROWTH_MB,
        "latency unchanged to the sample": row["latency_start"] == row["latency_end"] == row["latency_stated"],
        "every edit was heard": row["edits_failed"] == 0,
    }


def promises_when_busy(row: dict) -> dict[str, bool]:
    """What holds however little time the machine leaves: late sound is concealed, and what is lost, JACK has lost."""
    kept = promises(row)
    return {
        **{name: kept[name] for name in ("latency unchanged to the sample", "every edit was heard")},
        "late sound was concealed": row["concealed_frames"] > 0 or row["underruns"] == 0,
        "no MIDI message lost here": row["midi_lost_here"] == 0,
    }


# In the child ---------------------------------------------------------------------------------------------------------


class Sender:
    """The process that sends: started, told what to do, asked what it did. A context manager."""

    def __init__(self):
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-m", "rtspec.benchmarks.soak_sender"], text=True, stdin=pipe, stdout=pipe, stderr=pipe
        )
        if self._read() != "ready":
            raise DeviceError("the process that sends MIDI did not start; is python-rtmidi's JACK back end there?")

    def _read(self) -> str:
        return existing(self._process.stdout).readline().strip()

    def begin(self, do: str, **wanted) -> None:
        """Let it send."""
        print(json.dumps({"do": do, **wanted}), file=self._process.stdin, flush=True)

    def result(self) -> dict:
        """What it sent, once it is done; raises :class:`DeviceError` where it has ended before."""
        said = self._read()
        if not said:
            complaint = existing(self._process.stderr).read().strip().rpartition("\n")[2]
            raise DeviceError(f"the process that sends MIDI ended ({complaint or self._process.wait()}); run it again")
        return json.loads(said)

    def __enter__(self) -> "Sender":
        return self

    def __exit__(self, *_) -> None:
        existing(self._process.stdin).close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def measure(job: Job) -> dict:
    """One soak, in the child process."""
    import rtspec

    board = rtspec.Pedalboard([rtspec.OnnxProcessor(MODELS[0]), rtspec.OnnxProcessor("identity", n_fft=1024)])
    with Sender() as sender:
        stream = rtspec.AudioStream(
            plugins=board,
            sample_rate=job.sample_rate,
            buffer_size=job.block,
            source=rtspec.Loop(test_sound(5.0, job.sample_rate)),
            devices=rtspec.Devices(reserve_samples=RESERVE),
            control=rtspec.Control(midi=PORT, osc_port=0),
            measuring=rtspec.Measuring(tape_seconds=1.5),
        )
        with Watch() as watch, Busy(job.burners), GilBurner(), stream:  # once all is compiled: not what is measured
            figures = _soaked(stream, board, sender, job)
    return {**figures, **watch.held_up.as_dict()}


def _soaked(stream, board, sender: Sender, job: Job) -> dict:
    first = _dry_delay(stream, board)
    osc = {"osc_port": stream.controllers.osc.port, "osc_address": "/rtspec/mix"}
    sender.begin("flood", seconds=job.seconds, midi_rate=MIDI_RATE, osc_rate=OSC_RATE, **osc)
    work = _Work(board, job.seconds)
    with work:
        memory = _memory_over(job.seconds)
    sent, settled = sender.result(), stream.settle(30.0)
    time.sleep(0.5)
    figures = _counted(stream, sent)
    last = _dry_delay(stream, board)
    return {
        "block": job.block,
        "seconds": job.seconds,
        **figures,
        "edits": work.edits,
        "swaps": work.swaps,
        "edits_failed": work.failures + (not settled) + sum("plays on as it was" in line for line in stream.reports),
        "memory_growth_mb": round(memory[1] - memory[0], 2),
        "memory_mb": round(memory[1], 1),
        "latency_start": first,
        "latency_end": last,
        "latency_stated": stream.latency.total_samples - stream.latency.items["device"],
    }


def _counted(stream, sent: dict) -> dict:
    seen, controllers = stream.statistics.as_dict(), stream.controllers
    names = ("callbacks", "late_callbacks", "underruns", "overruns", "concealed_frames", "device_xruns", "late_events")
    midi, osc = controllers.midi.statistics, controllers.osc.statistics
    return {
        **{name: seen[name] for name in names},
        "callback_p99_us": seen["callback_us"]["p99"],
        "callback_max_us": seen["callback_us"]["max"],
        "frame_p99_us": seen["frame_us"]["p99"],
        "frame_max_us": seen["frame_us"]["max"],
        "midi_sent": sent["midi"],
        "midi_lost": sent["midi"] - midi.messages,
        "midi_lost_here": midi.overflows + midi.lost + midi.dropped + midi.failed,
        "midi_torn": midi.torn + midi.garbage,
        "osc_sent": sent["osc"],
        "osc_lost": sent["osc"] - osc.applied,
        "governor_steps": seen["governor_steps"],
        "real_time": seen["real_time"],
    }


class _Work:
    """What hands do to the chain meanwhile, in threads: edits, swaps and a sweep. A context manager."""

    def __init__(self, board, seconds: float):
        self.edits = self.swaps = self.failures = 0
        self._board, self._end = board, threading.Event()
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._edit, self._sweep)]

    def __enter__(self) -> "_Work":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join(10)

    def _edit(self) -> None:
        import rtspec

        spare, turn = rtspec.OnnxProcessor("identity", n_fft=512), 0
        while not self._end.wait(EDIT_S):
            turn += 1
            try:
                if turn % round(SWAP_S / EDIT_S) == 0:
                    self.swaps += 1
                    place = next(i for i, plugin in enumerate(self._board) if plugin is not spare)
                    self._board[place] = rtspec.OnnxProcessor(MODELS[self.swaps % len(MODELS)])
                else:
                    self._edit_once(turn, spare)
            except Exception:
                self.failures += 1
            self.edits += 1

    def _edit_once(self, turn: int, spare) -> None:
        """Insert, reorder, remove, bypass, by turns."""
        board = self._board
        if spare in list(board):
            board.remove(spare)
        elif turn % 3 == 0:
            board.insert(turn % 2, spare)
        elif turn % 3 == 1:
            board.insert(0, board.pop())
        else:
            board[-1].bypass = 1.0 - board[-1].bypass

    def _sweep(self) -> None:
        start = time.monotonic()
        while not self._end.wait(SWEEP_S):
            for plugin in list(self._board):
                if "tilt_db_per_octave" in plugin.parameters:
                    plugin.tilt_db_per_octave = 6.0 * np.sin(time.monotonic() - start)


def _memory_over(seconds: float) -> tuple[float, float]:
    """Resident memory in MB once the first edits are done, and at the end."""
    settle = min(SETTLE_S, seconds / 2)
    time.sleep(settle)
    before = _resident_mb()
    time.sleep(seconds - settle)
    return before, _resident_mb()


def _resident_mb() -> float:
    gc.collect()
    fields = Path("/proc/self/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) / 1024


def _dry_delay(stream, board) -> int | None:
    """From input to output in samples, heard with every processor bypassed; None where it is not the input."""
    for plugin in board:
        plugin.bypass = 1.0
    time.sleep(0.5)
    stream.rewind()
    time.sleep(1.2)
    played, heard = stream.recorded
    for plugin in board:
        plugin.bypass = 0.0
    n = 4096
    piece = played[0, :n]
    lags = [lag for lag in range(heard.shape[1] - n) if heard[0, lag] == piece[0]]
    return next((lag for lag in lags if np.array_equal(heard[0, lag : lag + n], piece)), None)
