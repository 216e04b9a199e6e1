"""Band powers under the musician's hand: frozen, blurred in time, tilted and weighed octave by octave, as a stage."""

import numpy as np

from ...buffers.memory import aligned, aligned_copy
from ...buffers.record import Record
from ...buffers.step import Stage, step
from ...buffers.views import float_rows
from ...control.parameters import ParameterSpec
from ...frames.bands import BandFilters

OCTAVES_HZ = (31.5, 63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
"""Centres of the gains; bands between two of them get a share of both."""

GAINS = tuple(f"gain_{centre:g}_hz".replace(".", "_") for centre in OCTAVES_HZ)
_NEPERS_PER_DB = np.log(10) / 10
"""Of power."""

SHAPING_PARAMETERS = [
    ParameterSpec("freeze", "", 0.0, 1.0, 0.0, curve="switch", description="1: the levels stand still"),
    ParameterSpec("blur_ms", "ms", 0.0, 5000.0, 0.0, description="time constant with which the levels follow"),
    ParameterSpec("tilt_db_per_octave", "dB/octave", -12.0, 12.0, 0.0, description="of the levels, about 1 kHz"),
    *(
        ParameterSpec(name, "dB", -24.0, 24.0, 0.0, description=f"of the bands around {centre:g} Hz")
        for name, centre in zip(GAINS, OCTAVES_HZ, strict=True)
    ),
]
SHAPED = tuple(spec.name for spec in SHAPING_PARAMETERS)
"""Names of the parameters, in the order in which the stage reads them."""

SHAPING = Record(
    "Shaping",
    counts="n_bands n_gains started=0",
    reals="frame_ms",
    arrays="controls:f4[3+n_gains] held:f4[n_bands]",
    constants="shares:f4[n_bands,1+n_gains]",
)


@step
def shape_bands(state, x, n, y):
    """`n` float32 frames of n_bands powers → `n` frames as the controls want them."""
    s = SHAPING(state)
    controls, held, shares, neutral = s.controls, s.held, s.shares, True
    came, go = float_rows(x, n, s.n_bands), float_rows(y, n, s.n_bands)
    for i in range(2, 3 + s.n_gains):
        neutral = neutral and controls[i] == 0
    for t in range(n):
        powers, out = came[t], go[t]
        share = 1.0 if controls[1] <= 0 or not s.started else 1.0 - np.exp(-s.frame_ms / controls[1])
        s.started = 1
        for b in range(s.n_bands):
            if controls[0] <= 0.5:
                held[b] = powers[b] if share == 1.0 else held[b] + np.float32(share) * (powers[b] - held[b])
            out[b] = held[b]
        if neutral:
            continue
        for b in range(s.n_bands):
            nepers = 0.0
            for i in range(1 + s.n_gains):
                nepers += shares[b, i] * controls[2 + i]
            out[b] *= np.float32(np.exp(nepers))
    return n


def shaping_stage(filters: BandFilters) -> tuple[Stage, dict[str, int]]:
    """The controls over band powers as a stage, in place or not, no delay; and where each parameter is read.

    Parameters
    ----------
    filters : BandFilters

    Returns
    -------
    stage : Stage
        (n_bands,) float32 powers → the same.
    places : dict of str to int
        Address of the float32 of each parameter of :data:`SHAPING_PARAMETERS`, to be written once a frame.
    """
    controls = aligned(len(SHAPED))
    stage = Stage(
        shape_bands,
        SHAPING,
        n_bands=filters.n_bands,
        n_gains=len(GAINS),
        controls=controls,
        shares=_shares(filters.centres_hz),
        held=aligned(filters.n_bands),
        frame_ms=1000.0 / filters.plan.frame_rate_hz,
    )
    return stage, {name: controls[i:].ctypes.data for i, name in enumerate(SHAPED)}


def _shares(centres_hz: np.ndarray) -> np.ndarray:
    """Nepers of power by which a decibel of tilt and of each gain moves a band, read-only (n_bands, 1 + n_gains)."""
    octaves = np.log2(np.maximum(centres_hz, OCTAVES_HZ[0] / 2) / 1000.0)
    places = np.log2(np.array(OCTAVES_HZ) / 1000.0)
    gains = np.stack([np.interp(octaves, places, row) for row in np.eye(len(places))], axis=1)
    shares = aligned_copy(np.column_stack([octaves, gains]) * _NEPERS_PER_DB, np.float32)
    shares.flags.writeable = False
    return shares
