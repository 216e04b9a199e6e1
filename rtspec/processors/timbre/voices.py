"""All voices of the instrument as one compiled stage: messages in, samples out, a call of the network each hop."""

from typing import Any

import numpy as np

from ...buffers.inbox import MESSAGE, Inbox
from ...buffers.memory import aligned, aligned_copy
from ...buffers.step import Row, Stage, table
from ...control.parameters import ParameterTable
from ...models.packages import PackagedModel
from ...models.session import ModelStage
from ..phases import PhaseChoice
from .channels import hands
from .course_kernels import course_fields
from .few import asking_stages
from .frames import frame_fields
from .keyboard import MAX_VOICES, voices
from .levels import N_LEVELS
from .noise import noise_fields
from .oscillators import SHEET, oscillator_fields
from .programs import Home, program_fields
from .voice_kernels import ASKED, NOISE_HOPS, SYNTH, play_voices


def voices_stage(
    table_of: ParameterTable,
    ramps: Stage,
    package: PackagedModel,
    model: ModelStage,
    controls: np.ndarray,
    programs: np.ndarray,
    home: Home,
    latents: int,
    courses: dict,
    *,
    hop: int,
    rate: float,
    channels: int,
    inbox: Inbox,
    phase: PhaseChoice | None,
) -> list[Stage]:
    """The voices as a stage, and the stages that run inside it.

    Parameters
    ----------
    table_of : ParameterTable
        With the parameters "voices", "mpe" and "drums", which act at once.
    ramps : Stage
        Writes smoothed parameters to `controls` and to the network's latents.
    package : PackagedModel
    model : ModelStage
        The network: (MAX_VOICES, ASKED) → (MAX_VOICES, N_LEVELS).
    controls : ndarray, float32, shape (len(CONTROLS),)
    programs : ndarray, float32, shape (128, N_LATENTS)
        Latents of General MIDI's programs.
    home : Home
        The place that they count from.
    latents : int
        Address of the network's latents.
    courses : dict
        Of :func:`~rtspec.processors.timbre.course_kernels.course_arrays`.
    hop : int
        Samples between calls of the network.
    rate : float
        Hz.
    channels : int
    inbox : Inbox
        Where messages arrive.
    phase : PhaseChoice or None
        A method that makes phases for magnitudes; None: oscillators, which know them.
    """
    model_in, model_out = aligned((MAX_VOICES, ASKED)), aligned((MAX_VOICES, N_LEVELS))
    wanted = aligned(MAX_VOICES, np.int64)
    asking = asking_stages(package, model, wanted)
    rows: list[Row] = [ramps.row(controls, controls), asking[0].row(model_in, model_out)]
    frames, stages, kept = frame_fields(phase, rate, hop)
    voices_played = Stage(
        play_voices,
        SYNTH,
        keep=(inbox, tuple(rows), table_of, kept),
        latents=latents,
        channels=channels,
        inbox=inbox.address,
        rows=_fixed(table(rows)),
        **_arrays(model_in, model_out, wanted, controls),
        **{f"{name}_target": table_of.target_address(name) for name in ("voices", "mpe", "drums")},
        **_times(hop, rate),
        **_memory(),
        **course_fields(courses),
        **program_fields(programs, home),
        **oscillator_fields(),
        **frames,
    )
    return [voices_played, ramps, *asking, *stages]


def _arrays(
    model_in: np.ndarray, model_out: np.ndarray, wanted: np.ndarray, controls: np.ndarray
) -> dict[str, np.ndarray]:
    """What the network is model_in and tells, whose answers are wanted, and the parameters."""
    return {"model_in": model_in, "model_out": model_out, "wanted": wanted, "controls": controls}


def _fixed(rows: np.ndarray) -> np.ndarray:
    rows.flags.writeable = False
    return rows


def _times(hop: int, rate: float) -> dict[str, Any]:
    """Where in time the voices are, and the noise that runs beside them."""
    place = {"hop": hop, "fill": hop, "noise_at": (NOISE_HOPS - 1) * hop, "sample_rate": rate}
    return {**place, **noise_fields(NOISE_HOPS * hop, rate)}


def _memory() -> dict[str, np.ndarray]:
    """What the voices keep from hop to hop."""
    return {
        "course": aligned(MAX_VOICES, np.float64),
        "message": aligned(1, MESSAGE.dtype),
        "voices": aligned_copy(voices()),
        "hands": aligned_copy(hands()),
        "sheets": aligned((MAX_VOICES, 3, SHEET)),
    }
