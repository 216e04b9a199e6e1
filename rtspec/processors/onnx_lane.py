"""The frame stages around a packaged model: what makes its input of a hop, and a hop of its output."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..buffers.memory import aligned
from ..buffers.step import Stage
from ..chain.lanes import Lane
from ..errors import InvalidValue
from ..frames.analysis import analysis_stage
from ..frames.blocks import adding_stage, block_gains_stage, framing_stage
from ..frames.plan import FramePlan
from ..frames.representation import decoding_stage, encoding_stage
from ..frames.synthesis import synthesis_stage
from ..models.manifest import Port
from .phases import PhaseChoice


@dataclass
class Way:
    """One channel's way through a model, as it is laid: rows and stages in order.

    Attributes
    ----------
    plan : FramePlan
    source, goal : Port
        The model's input and output.
    spectrum, features, answer : ndarray
        What stands in memory: the newest input spectrum, the model's frame, what the model says of it.
    all_features, all_answers : ndarray
        The whole of what the model reads and writes where it hears several channels together: `features` and `answer`,
        which are this channel's, and room for those of the others.
    """

    plan: FramePlan
    source: Port
    goal: Port
    audio_channels: int = 1

    def __post_init__(self):
        n_bins = self.plan.n_bins
        self.spectrum = aligned(n_bins, np.complex64)
        self.all_features, self.features = self._shared(self.source.n_channels * self.source.frame_layout.used(n_bins))
        # Beside samples the output's n_bins says how many gains there are; elsewhere it is a part of the spectrum.
        gains = self.goal.n_bins if self.source.representation == "samples" else None
        size = gains or self.goal.n_channels * self.goal.frame_layout.used(n_bins)
        self.all_answers, self.answer = self._shared(size)
        self.rows: list[Any] = []
        self.stages: list[Stage] = []

    def _shared(self, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Room for a frame of every channel, and the part that is this channel's; float32."""
        whole = aligned(self.audio_channels * size)
        return whole, whole[:size]

    def lay(self, stage: Stage, x: np.ndarray, y: np.ndarray) -> None:
        """The next stage. It reads at `x` and writes at `y`, of the shapes and dtypes that the stage says."""
        self.rows.append(stage.row(x, y))
        self.stages.append(stage)

    @property
    def is_one_hop(self) -> bool:
        """Whether what comes out is the newest hop as it is: nothing is added to it, so that it waits for no frame."""
        goal, plan = self.goal, self.plan
        plain = plan.plain and plan.window == "rectangular" and plan.synthesis_window is None
        gains = self.source.representation == "samples" and goal.representation == "gain"
        return plain and (gains or (goal.representation == "samples" and goal.n_bins == plan.hop))

    @property
    def lane(self) -> Lane:
        """All of it."""
        return self.rows, self.stages


def lay_entry(way: Way, hop_in: np.ndarray) -> None:
    """From a hop to the model's frame. The hop is float32 of shape (hop,)."""
    port = way.source
    if port.representation == "samples":
        way.lay(framing_stage(way.plan, port.offset, port.scale), hop_in, way.features)
        return
    way.lay(analysis_stage(way.plan), hop_in, way.spectrum)
    encoding = encoding_stage(
        way.plan, port.representation, port.log, port.floor, port.offset, port.scale, port.frame_layout
    )
    way.lay(encoding, way.spectrum, way.features)


def lay_exit(way: Way, delay: int, phase: PhaseChoice | None, hop_out: np.ndarray) -> None:
    """From the model's answer, `delay` frames late, to a hop; `phase` rebuilds phases where it is given. The hop is
    float32 of shape (hop,)."""
    if way.goal.representation == "samples" or way.source.representation == "samples":
        _lay_blocks(way, delay, hop_out)
        return
    rebuilt = aligned(way.plan.n_bins, np.complex64)
    decoded = rebuilt if phase is None else aligned(way.plan.n_bins)
    way.lay(_decoding(way, delay, phase is None), way.answer, decoded)
    if phase is not None:
        # The phase methods put sound together for themselves: left-aligned, and so that it comes out as it was.
        way.lay(phase.stage(replace(way.plan, centred=False, plain=False), way.spectrum), decoded, rebuilt)
    synthesis = synthesis_stage(replace(way.plan, centred=way.plan.centred and phase is None))
    way.lay(synthesis, rebuilt, hop_out)


def _decoding(way: Way, delay: int, keep_phase: bool) -> Stage:
    port = way.goal
    return decoding_stage(
        *(way.plan, port.representation, port.log, port.offset, port.scale),
        spectrum=way.spectrum,
        delay=delay,
        keep_phase=keep_phase,
        layout=port.frame_layout,
        keep_rest=port.rest == "input",
    )


def _lay_blocks(way: Way, delay: int, hop_out: np.ndarray) -> None:
    """Blocks of samples, or gains on the newest hop of those that went in."""
    port, answer, at_once = way.goal, way.answer, way.is_one_hop
    if port.representation == "samples":
        way.lay(adding_stage(way.plan, answer.size, port.offset, port.scale, at_once), answer, hop_out)
        return
    if delay:
        raise InvalidValue(f"gains on samples that come {delay} frames late cannot be played; export blocks of samples")
    block, source = aligned(way.plan.hop), way.source
    gains = block_gains_stage(
        way.plan, way.features, answer.size, (source.offset, source.scale), (port.offset, port.scale)
    )
    way.lay(gains, answer, block)
    way.lay(adding_stage(way.plan, block.size, at_once=at_once), block, hop_out)
