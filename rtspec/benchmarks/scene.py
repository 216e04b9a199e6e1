"""The scene equalizer's cost: its listening side a block, and the whole processor's share of a core."""

import time
from collections.abc import Callable

import numpy as np

from ..buffers.memory import address
from ..buffers.step import run_table, table
from ..chain.program import audio_buffer
from ..processors.equalizer.scene import MODES, SceneEqualizer

BLOCKS = (64, 128, 256)
WARM_UP_S = 2.0
"""Until the floor is known and the curve moves."""


def run(
    seconds: float = 20.0, sample_rate: int = 48000, report: Callable[[dict], None] = lambda row: None
) -> list[dict]:
    """Measure each mode, in stereo, with a sensor and the canceller.

    Parameters
    ----------
    seconds : float
        Of sound.
    sample_rate : int
        Hz.
    report : callable
        Gets each row when it is measured.

    Returns
    -------
    list of dict
        For each mode: µs of the listening side a block (p50, p99, max), by block; per cent of a core of the whole.
    """
    rows = []
    for mode in MODES:
        row = {"mode": mode, "core_percent": _core_percent(mode, seconds, sample_rate)}
        for block in BLOCKS:
            spent = _listening_us(mode, seconds, sample_rate, block)
            row |= {f"listening_{name}_us_{block}": v for name, v in _figures(spent).items()}
        rows.append(row)
        report(row)
    return rows


def _figures(spent_us: np.ndarray) -> dict[str, float]:
    p50, p99 = np.percentile(spent_us, (50, 99))
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(float(spent_us.max()), 1)}


def _sounds(seconds: float, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Music in stereo and what a microphone hears, float32."""
    rng = np.random.default_rng(0)
    n = round(seconds * sample_rate)
    music = 0.05 * rng.standard_normal((2, n)).astype(np.float32)
    return music, 0.5 * music.sum(0) + 0.02 * rng.standard_normal(n).astype(np.float32)


def _listening_us(mode: str, seconds: float, sample_rate: int, block: int) -> np.ndarray:
    """Each block's time in the listeners, as the engine runs them: one compiled table."""
    music, room = _sounds(seconds, sample_rate)
    program = SceneEqualizer(mode).prepare(sample_rate, 2)
    heard, played = audio_buffer(1), audio_buffer(2)
    rows = [stage.row(heard, played) for stage in program.listeners]
    walked = table(rows)
    n_blocks, warm = music.shape[1] // block, round(WARM_UP_S * sample_rate / block)
    spent = np.empty(n_blocks)
    for i in range(n_blocks):
        piece = slice(i * block, (i + 1) * block)
        heard[0, :block], played[:, :block] = room[piece], music[:, piece]
        start = time.perf_counter()
        run_table(address(walked), len(rows), block)
        spent[i] = time.perf_counter() - start
    return 1e6 * spent[warm:]


def _core_percent(mode: str, seconds: float, sample_rate: int) -> float:
    """Processor time of a render in stereo, by the sound's length; what making it costs is taken off."""
    music, room = _sounds(seconds, sample_rate)
    equalizer, short = SceneEqualizer(mode), sample_rate
    equalizer(music[:, :short], sample_rate, sensor=room[:short])
    marks = [time.process_time()]
    for n in (short, music.shape[1]):
        equalizer(music[:, :n], sample_rate, sensor=room[:n])
        marks.append(time.process_time())
    first, whole = np.diff(marks)
    return round(float(100 * (whole - first) / (seconds - 1.0)), 2)
