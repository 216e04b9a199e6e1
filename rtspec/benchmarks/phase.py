"""Phase methods side by side: quality, pre-echo, time a frame, latency; librosa and pghipy in the same run."""

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec

import numpy as np
from numba import njit, types

from ..buffers.memory import integers
from ..buffers.step import Stage, call_step
from ..frames import FramePlan, istft, stft
from ..frames.analysis import analysis_stage
from ..frames.synthesis import synthesis_stage
from ..metrics.phases import pre_echo_db, spectral_convergence_db
from ..phase import CHOICES, OFFLINE, phase_stage, reconstruct
from ..storage import AtomicFile
from .phase_clips import Clip, clips
from .phase_picture import draw

QUALITY_N_FFT, COST_N_FFT, COST_RATE_HZ = 2048, 1024, 44100
OVERLAPS = (4, 8)
"""n_fft / hop: 75 % and 87.5 %."""
FRAMES, REPEATS = 400, 5
"""Frames timed of each sound; a frame's time is the least of so many runs, so that other work on the machine counts
little."""


@dataclass(frozen=True)
class Candidate:
    """A method of rtspec.phase with options, which may be functions of the overlap, or another library."""

    label: str
    method: str = ""
    options: dict = field(default_factory=dict)
    foreign: Callable[[np.ndarray, FramePlan], np.ndarray] | None = None

    def options_at(self, overlap: int) -> dict:
        """The options for n_fft / hop = `overlap`."""
        return {name: value(overlap) if callable(value) else value for name, value in self.options.items()}

    def signal(self, magnitude: np.ndarray, plan: FramePlan, length: int) -> np.ndarray:
        """Magnitudes (n_bins, n_frames) to `length` samples. Both float32."""
        if self.foreign:
            return self.foreign(magnitude, plan)[:length]
        options = self.options_at(plan.n_fft // plan.hop)
        return istft(reconstruct(magnitude, plan, method=self.method, **options), plan, length=length)


def _librosa(magnitude: np.ndarray, plan: FramePlan) -> np.ndarray:
    """librosa's fast Griffin-Lim, 32 iterations; its frames are centred n_fft/2 - hop later than ours."""
    import librosa

    length = magnitude.shape[1] * plan.hop - 1  # with a sample more librosa would count a frame more
    x = librosa.griffinlim(magnitude, n_iter=32, hop_length=plan.hop, n_fft=plan.n_fft, random_state=0, length=length)
    late = plan.n_fft // 2 - plan.hop
    return np.pad(x, (0, late + 1))[late:]


def _pghipy(magnitude: np.ndarray, plan: FramePlan) -> np.ndarray:
    import pghipy

    phase = pghipy.pghi(np.ascontiguousarray(magnitude.T, float), plan.n_fft, plan.hop, gamma=plan.gamma).T
    return istft(magnitude * np.exp(1j * phase), plan, length=magnitude.shape[1] * plan.hop)


def candidates() -> list[Candidate]:
    """All that is measured here: other libraries only where they are installed."""
    plain = {"momentum": 0.0}
    ours = [
        Candidate("zero", "zero"),
        Candidate("random", "random"),
        Candidate("spsi", "spsi"),
        *(Candidate(f"rtpghi, look-ahead {n}", "rtpghi", {"look_ahead": n}) for n in (0, 1)),
        Candidate("rtisi-la 0, 16 it., α 0", "rtisi-la", {"look_ahead": 0, "iterations": 16} | plain),
        Candidate("rtisi-la 3, 5 it.", "rtisi-la", {"look_ahead": 3, "iterations": 5}),
        Candidate("rtisi-la 3, 16 it., α 0", "rtisi-la", {"look_ahead": 3, "iterations": 16} | plain),
        Candidate("rtisi-la 3, 16 it.", "rtisi-la", {"look_ahead": 3, "iterations": 16}),
        Candidate("rtisi-la 8, 16 it.", "rtisi-la", {"look_ahead": 8, "iterations": 16}),
        Candidate("gsrtisi-la, 16 it.", "gsrtisi-la", {"look_ahead": lambda overlap: overlap - 1, "iterations": 16}),
        *(Candidate(f'"{name}"', name) for name in CHOICES),
        *(Candidate(name, name) for name in OFFLINE),
    ]
    foreign = [("librosa griffinlim, 32 it.", "librosa", _librosa), ("pghipy", "pghipy", _pghipy)]
    return ours + [Candidate(label, foreign=run) for label, module, run in foreign if find_spec(module)]


@dataclass(frozen=True)
class Row:
    """One method at one overlap. Times in µs a frame of 1024 samples; latency of the phase alone, None offline."""

    method: str
    overlap_percent: float
    look_ahead_frames: int | None
    latency_ms: float | None
    sc_db: float
    sc_db_by_clip: dict[str, float]
    pre_echo_db: float
    median_us: float
    p99_us: float | None
    worst_p99_to_median: float | None
    ratio_to_frames: float
    real_time_factor: float


@dataclass(frozen=True)
class PhaseReport:
    """What :func:`run` found."""

    rows: list[Row]
    frames_us: float
    """Analysis and synthesis alone, µs a frame at 1024/256."""

    def as_dict(self) -> dict:
        """Everything, for JSON."""
        return {
            "quality_n_fft": QUALITY_N_FFT,
            "cost_n_fft": COST_N_FFT,
            "frames_us": self.frames_us,
            "rows": [asdict(row) for row in self.rows],
            "dominated": self.dominated,
        }

    @property
    def dominated(self) -> list[str]:
        """Named choices beside which another streaming method is better in quality for no more time and look-ahead, in
        words; none where each has its own place on the front."""
        return [
            f"{row.method} at {row.overlap_percent:g} % by {other.method}"
            for row in self.rows
            for other in self.rows
            if row.method.startswith('"') and _dominates(other, row)
        ]

    def json(self) -> str:
        """:meth:`as_dict` as text."""
        return json.dumps(self.as_dict())

    def markdown(self) -> str:
        """A table, one line a method and overlap."""
        heads = "method|overlap|look-ahead|SC dB|pre-echo dB|µs median|p99|worst p99/median|× frames|real-time factor"
        names = sorted({name for row in self.rows for name in row.sc_db_by_clip})
        about = (
            f"SC: mean over {len(names)} clips ({', '.join(names)}), n_fft {QUALITY_N_FFT}. Times: a frame at n_fft "
            f"{COST_N_FFT}, one thread; × frames: relative to analysis and synthesis alone ({self.frames_us:.2f} µs)."
        )
        lines = [_line(heads.split("|")), _line(["---"] + ["--:"] * 9), *(_line(_cells(row)) for row in self.rows)]
        front = f"Dominated: {'; '.join(self.dominated) or 'no named choice'}."
        return "\n".join([*lines, "", about, front])

    __str__ = markdown

    def plot(self, path: str | os.PathLike[str]) -> None:
        """Quality against latency and against cost, one dot a method, as a PNG."""
        with AtomicFile(path) as file:
            draw(self.rows).savefig(file, format="png", dpi=100)


def run(
    audio: str | os.PathLike[str] | None = None,
    *,
    seconds: float = 5.0,
    only: list[str] | None = None,
    report: Callable[[str], None] | None = None,
) -> PhaseReport:
    """Measure all methods at 75 and 87.5 % overlap.

    Parameters
    ----------
    audio : path, optional
        Folder of sound files; the package's own clips by default.
    seconds : float
        Of each clip.
    only : list of str, optional
        Labels of :func:`candidates`; all by default.
    report : callable, optional
        Called with a line as each method is done.
    """
    sounds = clips(audio, seconds)
    chosen = [c for c in candidates() if only is None or c.label in only]
    rows = []
    for candidate in chosen:
        for overlap in OVERLAPS:
            rows.append(measure(candidate, overlap, sounds))
            if report:
                report(f"{candidate.label} at {rows[-1].overlap_percent:g} %: {rows[-1].sc_db:.1f} dB")
    return PhaseReport(rows, frames_us(4))


def measure(candidate: Candidate, overlap: int, sounds: dict[str, Clip]) -> Row:
    """One row of the report."""
    by_clip = {name: quality_db(candidate, overlap, *clip) for name, clip in sounds.items()}
    plan, delay = FramePlan(COST_RATE_HZ, n_fft=COST_N_FFT, hop=COST_N_FFT // overlap), None
    music = next(iter(sounds.values()))[0]
    if candidate.foreign or candidate.method in OFFLINE:
        median, p99, worst = offline_us(candidate, plan, music), None, None
    else:
        stage = phase_stage(candidate.method, plan, **candidate.options_at(overlap))
        median, p99, worst = streaming_us(stage, plan, music)
        delay = stage.delay
    return Row(
        method=candidate.label,
        overlap_percent=100 - 100 / overlap,
        look_ahead_frames=delay,
        latency_ms=None if delay is None else 1000 * delay * QUALITY_N_FFT / overlap / COST_RATE_HZ,
        sc_db=float(np.mean(list(by_clip.values()))),
        sc_db_by_clip=by_clip,
        pre_echo_db=click_pre_echo_db(candidate, overlap),
        median_us=median,
        p99_us=p99,
        worst_p99_to_median=worst,
        ratio_to_frames=median / frames_us(overlap),
        real_time_factor=median * plan.frame_rate_hz / 1e6,
    )


def quality_db(candidate: Candidate, overlap: int, samples: np.ndarray, sample_rate: int) -> float:
    """Spectral convergence on one clip, padded with n_fft zeros on both sides. `samples` is mono, float32 of shape
    (n_samples,)."""
    plan = FramePlan(sample_rate, n_fft=QUALITY_N_FFT, hop=QUALITY_N_FFT // overlap)
    x = np.pad(samples, QUALITY_N_FFT)
    magnitude = np.abs(stft(x, plan))
    return spectral_convergence_db(candidate.signal(magnitude, plan, len(x)), magnitude, plan)


def click_pre_echo_db(candidate: Candidate, overlap: int) -> float:
    """Energy earlier than 1 ms before a decaying burst of noise in silence; mean over eight places within a hop."""
    plan = FramePlan(COST_RATE_HZ, n_fft=COST_N_FFT, hop=COST_N_FFT // overlap)
    rng, margin, found = np.random.default_rng(0), COST_RATE_HZ // 1000, []
    for place in range(8):
        x, onset = np.zeros(20000, np.float32), 8192 + place * plan.hop // 8
        x[onset : onset + 4000] = rng.standard_normal(4000) * np.exp(-np.arange(4000) / 400)
        found.append(pre_echo_db(candidate.signal(np.abs(stft(x, plan)), plan, len(x)), onset - margin))
    return float(10 * np.log10(np.mean(10 ** (np.array(found) / 10)) + 1e-30))


clock_gettime = types.ExternalFunction("clock_gettime", types.int32(types.int32, types.int64))
MONOTONIC = 1


@njit(nogil=True)
def _time_frames(entry, state, x, x_bytes, y, n, marks):
    """Run a step frame by frame; `marks` gets n + 1 times, each two int64: seconds and nanoseconds."""
    clock_gettime(MONOTONIC, marks)
    for t in range(n):
        call_step(entry, state, x + t * x_bytes, 1, y)
        clock_gettime(MONOTONIC, marks + 16 * (t + 1))
    return integers(marks, 2)[0]


def frame_times_us(stage: Stage, frames: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Each frame's time, µs: the least of several runs from a fresh state. Float64 of shape (n_frames,), of `frames`
    float32 (n_frames, n_bins) and the place `out` of one, complex64 (n_bins,)."""
    entry, state, x, y = stage.row(frames, out)[:4]
    marks, best = np.zeros((len(frames) + 1, 2), np.int64), np.full(len(frames), np.inf)
    for _ in range(REPEATS):
        stage.reset()
        _time_frames(entry, state, x, frames.strides[0], y, len(frames), marks.ctypes.data)
        best = np.minimum(best, np.diff(marks[:, 0] * 1e6 + marks[:, 1] / 1e3))
    return best


def loads(plan: FramePlan, music: np.ndarray) -> dict[str, np.ndarray]:
    """Magnitude frames, float32 (n_frames, n_bins), of music and of what could cost more: noise, silence, a click, and
    noise that fades by 480 dB, where squares are denormal numbers."""
    n = FRAMES * plan.hop
    click = np.zeros(n, np.float32)
    click[n // 2] = 1
    noise = np.random.default_rng(0).standard_normal(n).astype(np.float32)
    fade = noise * 10 ** -np.linspace(0, 24, n)
    sounds = {"music": np.resize(music, n), "noise": noise, "silence": click * 0, "click": click, "fade": fade}
    return {name: np.ascontiguousarray(np.abs(stft(x, plan)).T[:FRAMES]) for name, x in sounds.items()}


def streaming_us(stage: Stage, plan: FramePlan, music: np.ndarray) -> tuple[float, float, float]:
    """Median and 99th percentile on music, and the largest ratio of both on any load. In µs a frame; `music` is mono,
    float32 of shape (n_samples,)."""
    out = np.zeros(plan.n_bins, np.complex64)
    times = {name: frame_times_us(stage, frames, out)[2:] for name, frames in loads(plan, music).items()}
    spread = {name: np.percentile(t, [50, 99]) for name, t in times.items()}
    return float(spread["music"][0]), float(spread["music"][1]), float(max(p99 / p50 for p50, p99 in spread.values()))


def offline_us(candidate: Candidate, plan: FramePlan, music: np.ndarray) -> float:
    """Time a frame of a whole spectrogram, µs, the least of three. `music` is mono, float32 of shape (n_samples,)."""
    frames = loads(plan, music)["music"]
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        candidate.signal(np.ascontiguousarray(frames.T), plan, FRAMES * plan.hop)
        times.append(1e6 * (time.perf_counter() - begin) / len(frames))
    return min(times)


def frames_us(overlap: int) -> float:
    """Median time of analysis and synthesis alone, µs a frame of 1024 samples."""
    plan = FramePlan(COST_RATE_HZ, n_fft=COST_N_FFT, hop=COST_N_FFT // overlap)
    spectra, hops = np.zeros((FRAMES, plan.n_bins), np.complex64), np.zeros((FRAMES, plan.hop), np.float32)
    hops[...] = np.random.default_rng(0).standard_normal(hops.shape)
    spectra[...] = np.random.default_rng(0).standard_normal(spectra.shape)
    forth = frame_times_us(analysis_stage(plan), hops, spectra[0].copy())
    back = frame_times_us(synthesis_stage(plan), spectra, hops[0].copy())
    return float(np.median(forth) + np.median(back))


def _dominates(other: Row, row: Row) -> bool:
    """Whether it is better by more than rounding for at most as much time and look-ahead at the same overlap."""
    ahead, limit = other.look_ahead_frames, row.look_ahead_frames
    if ahead is None or limit is None or other.overlap_percent != row.overlap_percent:
        return False
    return ahead <= limit and other.median_us <= row.median_us and other.sc_db < row.sc_db - 0.05


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(row: Row) -> list[str]:
    ahead = "all" if row.look_ahead_frames is None else str(row.look_ahead_frames)
    figures = [row.sc_db, row.pre_echo_db, row.median_us, row.p99_us, row.worst_p99_to_median, row.ratio_to_frames]
    shown = ["–" if value is None else f"{value:.1f}" for value in figures]
    return [row.method, f"{row.overlap_percent:g} %", ahead, *shown, f"{row.real_time_factor:.4f}"]
