"""Lanes (the channels of a sound) through one call of their model: its weights are read once for all, or it hears them
together.

A heavy model waits for its weights, 5 MB of them at each frame: a second lane in the same call costs next to nothing.
Whether lanes go together follows from the model and their number alone, never from the driver or a measurement: so live
is equal to render, to the bit.
"""

from collections.abc import Sequence

import numpy as np

from ..buffers.memory import address, aligned_copy, memmove
from ..buffers.record import Record
from ..buffers.step import Row, Stage, call_step, step
from ..errors import ModelError
from .session import ModelStage

JOINT = Record(
    "Joint",
    counts="lanes in_bytes out_bytes",
    addresses="entry stage model_in model_out",
    constants="sources:i8[lanes] goals:i8[lanes]",
)

Lane = tuple[list[Row], list[Stage]]
"""The rows of one lane, in order, and its stages."""


@step
def run_joint(state, x, n, y):
    """A frame of every lane through one call; where they lie and go is in the record."""
    s = JOINT(state)
    sources, goals = s.sources, s.goals
    for lane in range(s.lanes):
        memmove(s.model_in + lane * s.in_bytes, sources[lane], s.in_bytes)
    made = call_step(s.entry, s.stage, s.model_in, 1, s.model_out)
    for lane in range(s.lanes):
        memmove(goals[lane], s.model_out + lane * s.out_bytes, s.out_bytes)
    return made


def joined(lanes: Sequence[Lane]) -> tuple[list[list[Row]], list[Stage]]:
    """Lanes with their models' calls joined, as far as the models allow it.

    Parameters
    ----------
    lanes : sequence of (rows, stages)
        Alike, row by row.

    Returns
    -------
    tables : list of list of Row
        To be run one after the other: one a lane where nothing is joined, else one for all.
    stages : list of Stage
    """
    places = [i for i in range(len(lanes[0][0])) if _joins([rows[i] for rows, _ in lanes])]
    stages = [stage for _, inner in lanes for stage in inner]
    if not places:
        return [rows for rows, _ in lanes], stages
    table: list[Row] = []
    start = 0
    for place in places:
        table += [row for rows, _ in lanes for row in rows[start:place]]
        row, stage = _together([rows[place] for rows, _ in lanes])
        gone = [rows[place].held[0] for rows, _ in lanes]
        stages = [each for each in stages if not any(each is one for one in gone)]
        stages.append(stage)
        table.append(row)
        start = place + 1
    table += [row for rows, _ in lanes for row in rows[start:]]
    return [table], stages


def _joins(rows: Sequence[Row]) -> bool:
    """Whether these rows, one of each lane, are calls of one model that serves several lanes at once, or hears them."""
    stages = [row.held[0] for row in rows]
    if not all(isinstance(stage, ModelStage) for stage in stages):
        return False
    if stages[0].manifest.audio_channels > 1:
        return _hears_all(stages)
    return len(stages) > 1 and all(stage.joins(stages[0]) for stage in stages)


def _hears_all(stages: Sequence[ModelStage]) -> bool:
    """Whether there are as many lanes as the model hears together; ModelError where not."""
    m, wanted = stages[0].manifest, stages[0].manifest.audio_channels
    if len(stages) != wanted:
        raise ModelError(
            f"{m.name} hears {wanted} channels together; the sound has {len(stages)}: give it {wanted}, as in "
            f"np.stack([sound] * {wanted}) or ffmpeg -i in.wav -ac {wanted} out.wav"
        )
    return True


def _together(rows: Sequence[Row]) -> tuple[Row, ModelStage]:
    """The joint call as a row, and the model's stage for all lanes."""
    alone = [row.held[0] for row in rows]
    stage = alone[0] if alone[0].manifest.audio_channels > 1 else alone[0].together(alone)
    model_in, model_out = stage.tensors
    joint = Stage(
        run_joint,
        JOINT,
        keep=(stage, *rows),
        lanes=len(rows),
        in_bytes=model_in.nbytes // len(rows),
        out_bytes=model_out.nbytes // len(rows),
        entry=stage.step.address,
        stage=address(stage.record),
        model_in=address(model_in),
        model_out=address(model_out),
        sources=aligned_copy(np.array([row.x for row in rows], np.int64)),
        goals=aligned_copy(np.array([row.y for row in rows], np.int64)),
    )
    return joint.row(model_in, model_out), stage
