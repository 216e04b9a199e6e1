"""Facts as plain words and numbers, for JSON."""

from dataclasses import asdict
from typing import Any


class AsDict:
    """A dataclass that JSON can hold: its fields are words, numbers, and lists and dicts of those."""

    def as_dict(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)  # type: ignore[call-overload]
