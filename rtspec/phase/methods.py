"""The table of streaming methods, and the one door to them: a name and options become a stage."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .. import checks
from ..buffers.step import Stage
from ..errors import InvalidValue
from ..frames.plan import FramePlan
from .choices import CHOICES, resolve
from .direct import blend_stage, input_stage, random_stage, zero_stage
from .rtisi import gsrtisi_stage, rtisi_stage
from .rtpghi import rtpghi_stage
from .spsi import spsi_stage


@dataclass(frozen=True)
class Method:
    """A way to find phases.

    Attributes
    ----------
    name : str
    build : callable
        ``build(plan, **options)`` gives its stage.
    summary : str
        What it does, in one line.
    chaotic : bool
        The least change of the input, a gain too, leads to other phases of equal quality after some frames.
    keeps_magnitude : bool
        Its frames have the magnitudes that it was given.
    """

    name: str
    build: Callable[..., Stage]
    summary: str
    chaotic: bool = False
    keeps_magnitude: bool = True

    @cached_property
    def options(self) -> tuple[str, ...]:
        """Names of the options that it takes, besides the input's phase."""
        return tuple(name for name in inspect.signature(self.build).parameters if name != "plan")


METHODS: dict[str, Method] = {
    m.name: m
    for m in (
        Method("zero", zero_stage, "zero phase in the middle of every window: buzzes at the frame rate"),
        Method("random", random_stage, "independent random phases: a noisy, reverberant sound"),
        Method("input", input_stage, "the input's own phase under new magnitudes"),
        Method("spsi", spsi_stage, "every spectral peak a sinusoid of steady frequency"),
        Method("rtpghi", rtpghi_stage, "phase gradients integrated along the loudest paths"),
        Method("rtisi-la", rtisi_stage, "the newest frames refined one after the other", chaotic=True),
        Method("gsrtisi-la", gsrtisi_stage, "the newest frames refined together", chaotic=True),
    )
}
"""Streaming methods by name; named choices such as "live" pick one of them, see :mod:`rtspec.phase.choices`."""


OFFLINE_ONLY = ("pghi", "griffin-lim", "fast-griffin-lim", "pghi-fgla", "sweeps", "rtisi-fgla")
"""Names in :data:`rtspec.phase.OFFLINE`."""


def method_named(name: str) -> Method:
    """The method of this name.

    Raises
    ------
    InvalidValue
        If there is none; the text lists all.
    """
    if name in OFFLINE_ONLY:
        raise InvalidValue(f"method={name!r} needs the whole spectrogram; use reconstruct(), or a method that streams")
    checks.choice("method", name, [*METHODS, *CHOICES])
    return METHODS[name]


def phase_stage(
    method: str,
    plan: FramePlan,
    *,
    input_spectrum: np.ndarray | None = None,
    blend: float | int | None = None,
    **options: Any,
) -> Stage:
    """A phase method of one channel as a stage: (n_bins,) float32 magnitudes → (n_bins,) complex64, for
    :class:`rtspec.frames` synthesis.

    Parameters
    ----------
    method : str
        A key of :data:`METHODS` or :data:`rtspec.phase.CHOICES`.
    plan : FramePlan
    input_spectrum : ndarray, complex64, shape (n_bins,) or (n_frames, n_bins), optional
        Where the input's frames lie, as many as magnitude frames a run: effects have them, synthesizers do not.
    blend : float or int, optional
        How far to turn towards the input's phase: 0 to 1, or a float64 parameter's address. Needs `input_spectrum`.
    **options
        `look_ahead` (frames), `iterations`, `start`, `momentum`, `seed`: what the method takes; `load` for a choice,
        see :func:`rtspec.phase.choose`. None means the default.

    Returns
    -------
    Stage
        Its `delay` is the method's latency in frames; the first `delay` frames that it gives are zero.

    Examples
    --------
    >>> phase_stage("rtpghi", FramePlan(), look_ahead=1).delay
    1
    """
    method, options = resolve(method, plan, options)
    chosen = method_named(method)
    inputs = {"input_spectrum": input_spectrum} if "input_spectrum" in chosen.options else {}
    stage = chosen.build(plan, **inputs, **accepted(method, chosen.options, options))
    return stage if blend is None else _blended(stage, plan, input_spectrum, blend)


def accepted(method: str, takes: tuple[str, ...], options: dict) -> dict:
    """The options, None meaning the default, if the method takes them all."""
    options = {name: value for name, value in options.items() if value is not None}
    for name, value in options.items():
        if name not in takes:
            listed = ", ".join(takes) or "no options"
            raise InvalidValue(f"{name}={value!r} is not an option of {method!r}, which takes {listed}; leave it out")
    return options


def _blended(stage: Stage, plan: FramePlan, input_spectrum: np.ndarray | None, blend: float | int) -> Stage:
    if input_spectrum is None:
        checks.fail("blend", blend, "needs the input's phase", "pass input_spectrum, or leave blend out")
    return blend_stage(stage, plan, input_spectrum, _share(blend))


def _share(blend: float | int) -> float | int:
    is_address = isinstance(blend, int) and blend > 1
    if not is_address and not 0 <= blend <= 1:
        checks.fail("blend", blend, "must be 0 to 1, or the address of a float64", f"try {min(max(blend, 0), 1)}")
    return blend if is_address else float(blend)
