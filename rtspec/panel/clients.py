"""One browser: what it has yet to get, never more than the latest of each kind.

A client that stops reading fills its own socket and nothing else: pictures replace each other, values of one parameter
too, and lines beyond the last hundred are forgotten.

What is told says how many of the client's messages had been acted on by then, refused ones too. So a page that has
moved a knob since knows an echo of an earlier place from news.
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

    Attributes
    ----------
    acted : int
        How many of its messages have been acted on or refused, or are being acted on for long; pieces of files do not
        count.
    """

    def __init__(self, number: int):
        self.number = number
        self.acted = 0
        self._sections: dict[str, Any] = {}
        self._values: dict[str, float] = {}
        self._known = {"state": 0, "values": 0}
        self._told = dict(self._known)
        self._lines: deque[dict] = deque(maxlen=MOST_LINES)
        self._picture: bytes | None = None
        self._something = asyncio.Event()
        self.pictures_missed = 0

    def show(self, picture: bytes) -> None:
        """The latest picture; an earlier one that was not sent is dropped."""
        self.pictures_missed += self._picture is not None
        self._picture = picture
        self._something.set()

    def tell(self, *, sections: dict[str, Any] | None, values: dict[str, float]) -> None:
        """Parts of the state (None: nobody has looked) and values by address that are now another, at this moment.

        All that has been acted on shows in them, or has changed nothing.
        """
        if sections is not None:
            self._sections.update(sections)
            self._known["state"] = self.acted
        self._values.update(values)
        self._known["values"] = self.acted
        self._something.set()

    def say(self, line: dict) -> None:
        """An answer or a message."""
        self._lines.append(line)
        self._something.set()

    @property
    def waits(self) -> bool:
        """Whether there is anything to be sent."""
        return self._something.is_set()

    async def next(self) -> list[str | bytes]:
        """What is to be sent now: a picture, then a refusal before the news that it has been acted on; waits until
        there is anything."""
        await self._something.wait()
        self._something.clear()
        texts = [*self._lines, *self._news("values", self._values), *self._news("state", self._sections)]
        picture, self._picture = self._picture, None
        self._sections, self._values = {}, {}
        self._lines.clear()
        return [*([picture] if picture else []), *(json.dumps(text, separators=(",", ":")) for text in texts)]

    def _news(self, kind: str, content: dict) -> list[dict]:
        """A text of this kind, where there is content or more has been acted on than was told."""
        acted = self._known[kind]
        if not content and acted == self._told[kind]:
            return []
        self._told[kind] = acted
        return [{kind: content, "acted": acted}]
