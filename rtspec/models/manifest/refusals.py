"""The edge of manifests: what their checks refuse becomes :class:`~rtspec.errors.ModelError`, in the words of JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...checks import shown
from ...errors import BrokenRule, ModelError

_LONGEST = 80


@contextmanager
def as_model_errors() -> Iterator[None]:
    """Around, or as decorator of, what checks a manifest."""
    try:
        yield
    except BrokenRule as error:
        raise ModelError(f"manifest: {error.where}={_as_json(error.value)} {error.rule}; {error.remedy}") from None


def _as_json(value: Any) -> str:
    if value is None:
        return "null"
    if not isinstance(value, str):
        return shown(value)
    found = json.dumps(value)
    return found if len(found) <= _LONGEST else found[: _LONGEST - 3] + "..."
