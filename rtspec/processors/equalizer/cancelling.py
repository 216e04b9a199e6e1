"""The canceller made ready, and joined to a chain: the sensor and what the chain plays are brought to its rate."""

from typing import Any

import numpy as np

from ... import checks
from ...buffers.memory import aligned, aligned_copy
from ...buffers.step import Stage
from ...chain.program import audio_buffer
from ...chain.resampling import Resampling
from ...frames.bands import third_octave_bands
from ...frames.plan import FramePlan
from ...frames.transforms import real_fft
from .aside import AsideStage
from .canceller import (
    BLOCK,
    CANCELLER,
    EDGES,
    FIRST_VARIANCE,
    GROUPS,
    HIGH_HZ,
    LOOK,
    LOOK_BINS,
    LOW_HZ,
    N_BINS,
    N_FFT,
    PARTITIONS,
    SAMPLE_RATE,
    cancel,
)

FRAME_S, HOP_S = LOOK / SAMPLE_RATE, BLOCK / SAMPLE_RATE
"""Of the frames that the room's levels come from."""


def band_centres_hz() -> np.ndarray:
    """Centres of the third-octave bands whose levels the canceller gives, float64 (n_bands,)."""
    return third_octave_bands(_plan(LOOK), low_hz=LOW_HZ, high_hz=HIGH_HZ).centres_hz


def canceller_stage(references: int = 1) -> Stage:
    """The canceller as an audio stage at 16 kHz: rows microphone, reference (left, right) in, the residual out.

    Parameters
    ----------
    references : int
        Channels of what is played, 1 or 2.

    Returns
    -------
    Stage
        Delay 512 samples. ``stage.fields["room"]``, ``["left"]`` and ``["state"]`` are its readings.
    """
    if references not in (1, 2):
        checks.fail("references", references, "must be 1 or 2", "mix what is played into two channels")
    return Stage(cancel, CANCELLER, delay=BLOCK, **canceller_fields(references))


def canceller_fields(references: int) -> dict[str, Any]:
    """All fields of :data:`CANCELLER`, for a record that has it as a part."""
    return {
        "references": references,
        "n_filters": references * PARTITIONS,
        **_transforms(),
        **_bands(),
        **_memory(references),
        "state": aligned(6, np.float64),
        "edges": aligned_copy(np.array(EDGES)),
    }


def _transforms() -> dict[str, Any]:
    fft, look = real_fft(N_FFT), real_fft(LOOK)
    return {
        "fft": fft.forward[0],
        "fft_plan": fft.forward[1],
        "ifft": fft.inverse[0],
        "ifft_plan": fft.inverse[1],
        "look_fft": look.forward[0],
        "look_plan": look.forward[1],
    }


def _bands() -> dict[str, Any]:
    """How levels are taken from the residual and from the filter's uncertainty."""
    wide, narrow = (third_octave_bands(_plan(n), low_hz=LOW_HZ, high_hz=HIGH_HZ).weights for n in (LOOK, N_FFT))
    window = np.hanning(LOOK + 1)[:LOOK].astype(np.float32)
    inside, near = ([np.flatnonzero(row) for row in weights] for weights in (wide, narrow))
    return {
        "n_bands": len(wide),
        "window": aligned_copy(window),
        "look_weights": aligned_copy(wide * np.float32(2 / (LOOK * np.sum(window**2)))),
        "error_weights": aligned_copy(narrow * np.float32(2 / (N_FFT * BLOCK))),
        "look_from": aligned_copy(np.array([k[0] for k in inside])),
        "look_to": aligned_copy(np.array([k[-1] + 1 for k in inside])),
        "error_from": aligned_copy(np.array([k[0] for k in near])),
        "error_to": aligned_copy(np.array([k[-1] + 1 for k in near])),
        "room": aligned(len(wide), np.float64),
        "left": aligned(len(wide), np.float64),
        "remaining": aligned(len(wide), np.float64),
        "most": aligned(len(wide), np.float64),
    }


def _memory(references: int) -> dict[str, Any]:
    """What the filters keep and work in."""
    n_filters = references * PARTITIONS
    shapes: dict[str, Any] = {
        **dict.fromkeys(("heard", "cleaned"), BLOCK),
        **dict.fromkeys(("noise", "uncertain", "denominator", "gain"), N_BINS),
        **dict.fromkeys(("error", "foretold"), (2, N_BINS)),
        **dict.fromkeys(("spectra", "filters"), (n_filters, 2, N_BINS)),
        "played": (references, N_FFT),
        "residual": LOOK,
        "microphone": LOOK,
        "time": N_FFT,
        "look": LOOK,
    }
    state: dict[str, Any] = {name: aligned(shape) for name, shape in shapes.items()}
    state["bins"] = aligned(N_BINS, np.complex64)
    state |= {name: aligned(GROUPS, np.float64) for name in ("cross", "own", "remains", "believed")}
    state["variance"] = aligned_copy(np.full((n_filters, N_BINS), FIRST_VARIANCE, np.float32))
    state["look_bins"] = aligned(LOOK_BINS, np.complex64)
    return state


def _plan(n_fft: int) -> FramePlan:
    return FramePlan(sample_rate=SAMPLE_RATE, n_fft=n_fft, hop=BLOCK)


def joined_canceller(sample_rate: float, channels: int) -> tuple[Stage, AsideStage]:
    """The canceller of a chain, and the listener that feeds it.

    Parameters
    ----------
    sample_rate : float
        Hz, of the chain.
    channels : int
        Of the chain: one or two are references of their own, of more the mean is.

    Raises
    ------
    InvalidValue
        The sample rate cannot be brought to the canceller's.
    """
    references = channels if channels <= 2 else 1
    entry = Resampling(round(sample_rate), SAMPLE_RATE, 0).entry_stage(1 + references)
    canceller, gathered = canceller_stage(references), audio_buffer(1 + references)
    slow, residual = audio_buffer(1 + references), audio_buffer(1)
    rows = [entry.row(gathered, slow), canceller.row(slow, residual)]
    return canceller, AsideStage(rows, [entry, canceller], gathered, channels)
