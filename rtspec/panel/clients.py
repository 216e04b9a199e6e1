"""One browser: what it has yet to get, never more than the latest of each kind.

A client that stops reading fills its own socket and nothing else: pictures replace each other, values of one parameter
too, and lines beyond the last hundred are forgotten.
"""

import asyncio
import json
from collections import deque
from typing import Any

MOST_LINES = 100


class Client:
    """What waits for one browser.

    Parameters
    ----------
    number : int
        Tells clients apart.
    """

    def __init__(self, number: int):
        self.number = number
        self._sections: dict[str, Any] = {}
        self._values: dict[str, float] = {}
        self._lines: deque[dict] = deque(maxlen=MOST_LINES)
        self._picture: bytes | None = None
        self._something = asyncio.Event()
        self.pictures_missed = 0

    def show(self, picture: bytes) -> None:
        """The latest picture; an earlier one that was not sent is dropped."""
        self.pictures_missed += self._picture is not None
        self._picture = picture
        self._something.set()

    def tell(self, *, sections: dict[str, Any] | None = None, values: dict[str, float] | None = None) -> None:
        """Parts of the state, and values by address, that are now another."""
        self._sections.update(sections or {})
        self._values.update(values or {})
        self._something.set()

    def say(self, line: dict) -> None:
        """An answer or a message."""
        self._lines.append(line)
        self._something.set()

    async def next(self) -> list[str | bytes]:
        """What is to be sent now: texts first, then a picture; waits until there is anything."""
        await self._something.wait()
        self._something.clear()
        texts: list[dict] = []
        if self._sections:
            texts.append({"state": self._sections})
        if self._values:
            texts.append({"values": self._values})
        texts += self._lines
        picture, self._picture = self._picture, None
        self._sections, self._values = {}, {}
        self._lines.clear()
        return [*(json.dumps(text, separators=(",", ":")) for text in texts), *([picture] if picture else [])]
