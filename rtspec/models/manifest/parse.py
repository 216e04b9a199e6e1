"""One check for each field, ``check(where, value) -> value``: whatever is wrong raises
:class:`~rtspec.errors.ModelError` with the field, the value and the rule in one line; :mod:`.refusals` makes it one."""

import json
from collections.abc import Mapping
from typing import Any

from ...checks import fail
from ...errors import ModelError
from ...frames.plan import MAX_N_FFT, MAX_SAMPLE_RATE, MIN_N_FFT, MIN_SAMPLE_RATE
from ...frames.windows import WINDOWS
from ...schema import (
    Check,
    axes,
    either,
    flag,
    identifier,
    integer,
    items,
    number,
    one_of,
    optional,
    record,
    text,
    texts,
    texts_and_numbers,
)
from .fields import (
    AXES,
    BANDS,
    CURVES,
    DTYPES,
    FORMAT,
    INPUTS,
    LARGEST,
    LOGARITHMS,
    MAX_FRAMES,
    MAX_JSON,
    OUTPUTS,
    RESERVED,
    RESTS,
    Bands,
    Constant,
    Length,
    Manifest,
    Parameter,
    Port,
    Rate,
    State,
)
from .refusals import as_model_errors
from .rules import RULES


@as_model_errors()
def parse(values: str | bytes | Mapping[str, Any]) -> Manifest:
    """Read a manifest from its JSON text or from a mapping of its fields.

    Parameters
    ----------
    values : str, bytes or mapping

    Returns
    -------
    Manifest
        Whose fields all obey their rules, and each other.

    Raises
    ------
    ModelError
        Naming the field, the value and the rule.
    """
    found = _decoded(values) if isinstance(values, str | bytes) else values
    if not isinstance(found, Mapping):
        fail("manifest", found, "must be an object with fields", "write it with rtspec.models.package")
    if found.get("format", FORMAT) != FORMAT:
        fail("format", found["format"], f"must be {FORMAT}", "update rtspec, or package the model again")
    manifest = _MANIFEST("", found)
    for rule in RULES:
        rule(manifest)
    return manifest


def _decoded(json_text: str | bytes) -> Any:
    if len(json_text) > MAX_JSON:
        raise ModelError(
            f"the manifest has {len(json_text)} characters, at most {MAX_JSON} are allowed; package it again"
        )

    def no_constant(word: str):
        raise ValueError(f"{word} is no JSON number")

    try:
        return json.loads(json_text, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"the manifest is no valid JSON ({str(error)[:120]}); package the model again") from None


def _initial(where: str, value: Any) -> float | str:
    if isinstance(value, str):
        return text(longest=MAX_JSON)(where, value)
    return number(-LARGEST, LARGEST)(where, value)


def _values(where: str, value: Any) -> tuple[float, ...]:
    numbers = items(number(-LARGEST, LARGEST), most=1 << 20)
    return numbers(where, value if isinstance(value, list | tuple) else [value])


def _rate(where: str, value: Any) -> Rate:
    if isinstance(value, Mapping):
        value = {f"frames_{key}" if key in ("in", "out") else key: each for key, each in value.items()}
    return record(Rate, frames_in=_FEW, frames_out=_FEW)(where, value)


_FEW = integer(1, 4096)
_FRAMES = integer(0, MAX_FRAMES)
_FACTOR = number(-LARGEST, LARGEST)
_TENSOR = text(longest=512, empty=False)
_WINDOW = either(one_of(*WINDOWS), items(number(-1e6, 1e6), most=MAX_N_FFT))
_BAND = record(
    Bands,
    kind=one_of(*BANDS),
    n_bands=integer(1, MAX_N_FFT),
    low_hz=number(0, MAX_SAMPLE_RATE),
    high_hz=optional(number(0, MAX_SAMPLE_RATE)),
)


def _port(representations: tuple[str, ...]) -> Check:
    return record(
        Port,
        name=_TENSOR,
        representation=one_of(*representations),
        layout=axes(AXES),
        log=optional(one_of(*LOGARITHMS)),
        floor=number(0, 1e6),
        offset=_FACTOR,
        scale=_FACTOR,
        bands=optional(_BAND),
        first_bin=integer(0, MAX_N_FFT // 2),
        n_bins=optional(integer(1, MAX_N_FFT // 2 + 1)),
        exponent=number(1 / 64, 64),
        rest=one_of(*RESTS),
    )


_STATE = record(
    State,
    input=_TENSOR,
    output=_TENSOR,
    shape=items(integer(0, 1 << 28), most=8),
    dtype=one_of(*DTYPES),
    initial=_initial,
    append_axis=optional(integer(0, 7)),
)
_LENGTH = record(Length, up=_FEW, down=_FEW, phase=_FRAMES, extra=integer(-MAX_FRAMES, MAX_FRAMES))
_PARAMETER = record(
    Parameter,
    name=identifier(RESERVED),
    tensor=_TENSOR,
    index=integer(0, 1 << 20),
    min=_FACTOR,
    max=_FACTOR,
    default=_FACTOR,
    unit=text(longest=64),
    label=text(longest=256),
    curve=one_of(*CURVES),
    cc=optional(integer(0, 127)),
)
_CONSTANT = record(
    Constant,
    input=_TENSOR,
    values=_values,
    shape=items(integer(1, 1 << 20), most=8),
    dtype=one_of(*DTYPES),
)
_MANIFEST = record(
    Manifest,
    name=text(longest=256, empty=False),
    input=_port(INPUTS),
    output=_port(OUTPUTS),
    version=text(longest=64),
    authors=texts(most=1000),
    licence=text(),
    citation=text(),
    task=text(),
    sample_rate=optional(integer(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)),
    n_fft=optional(integer(MIN_N_FFT, MAX_N_FFT)),
    hop=optional(integer(1, MAX_N_FFT)),
    window=optional(_WINDOW),
    window_length=optional(integer(2, MAX_N_FFT)),
    synthesis_window=optional(_WINDOW),
    symmetric=flag,
    centred=flag,
    overlap_add=one_of("perfect", "plain"),
    audio_channels=integer(1, 64),
    states=items(_STATE, most=10_000),
    delay_frames=_FRAMES,
    look_ahead_frames=_FRAMES,
    flush_frames=optional(_FRAMES),
    rate=_rate,
    period=_FEW,
    length=_LENGTH,
    valid_input=optional(_TENSOR),
    parameters=items(_PARAMETER, most=1024),
    latents=items(_PARAMETER, most=1024),
    constants=items(_CONSTANT, most=1024),
    training_data=text(),
    metrics=texts_and_numbers,
    inexact=optional(texts_and_numbers),
    format=integer(FORMAT, FORMAT),
)
