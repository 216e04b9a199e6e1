"""A panel on a stream: what it asks for, what it does each turn, and what it does with a message."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import checks
from ..errors import InvalidValue, RtspecError
from ..live import transport
from . import moving, playing  # noqa: F401 (they fill the table of verbs)
from .clients import Client
from .desk import Desk
from .errands import PATIENCE_S, Errands
from .gate import LOOPBACK, check_open, is_loopback
from .pictures import Pictures
from .server import Server
from .state import State
from .verbs import VERBS, Verb, checked

PICTURES_A_SECOND = 30
_PAST_LINES = 10
IDLE_S = 0.25
"""Between two looks while nobody looks."""


@dataclass(frozen=True)
class PanelSettings:
    """Where a panel listens.

    Attributes
    ----------
    host : str
        Address; loop-back by default, where only this machine reaches it.
    port : int
        0 takes a free one.
    password : str or None
        Needed where others reach it.
    """

    host: str = LOOPBACK
    port: int = 0
    password: str | None = None

    def __post_init__(self) -> None:
        checks.text("panel: host", self.host)
        checks.integer("panel: port", self.port, 0, 65535)
        check_open(self.host, self.password)


class Panel:
    """A panel on a stream that plays; :attr:`url` is what to open.

    Parameters
    ----------
    stream : rtspec.live.performance.Performance
    wishes : PanelSettings, optional

    Raises
    ------
    DeviceError
        The address cannot be listened on.
    """

    def __init__(self, stream: Any, wishes: PanelSettings | None = None):
        wishes = wishes or PanelSettings()
        self._stream, self._desk = stream, Desk(stream)
        self._state, self._pictures = State(self._desk), Pictures(lambda: stream.session.exchange)
        self._errands = Errands()
        self._models = ThreadPoolExecutor(1, "rtspec panel models")
        self._state.changes()
        self._pictures.take(0.0, 0.0)  # so that whatever has to be compiled for it is, before anyone waits
        self._pictures.rest()
        self._answering: set[asyncio.Task] = set()
        self._due = 0.0
        self._server = Server(self, wishes.host, wishes.port, wishes.password)
        # Now, not with the first client: no list grows on its page, and its first picture has the processor.
        self._errands.first(playing.LOOKING, partial(playing.look_at_devices, self._desk))
        stream.say(f"the panel is at {self.url}{'' if is_loopback(wishes.host) else _opened(wishes.host)}")

    @property
    def url(self) -> str:
        """What to open in a browser; the part behind # lets in."""
        return self._server.gate.url

    @property
    def n_clients(self) -> int:
        """How many browsers look now."""
        return self._server.n_clients

    def close(self) -> None:
        """End it; safe to call twice."""
        self._server.close()
        with suppress(RuntimeError):  # an errand itself ends the panel: a line that it said stops the stream
            self._errands.close()
        self._models.shutdown(wait=False, cancel_futures=True)
        self._pictures.rest()
        self._desk.close()

    # What the server asks for, in its thread ------------------------------------------------------------------------

    async def turn(self, clients: list[Client]) -> float:
        """Give all clients a picture and the news; the seconds until the next turn."""
        try:
            return self._turned(clients)
        except Exception as error:  # a fault of ours must not end the panel in the middle of a concert
            line = f"the panel failed: {type(error).__name__}: {error}; it goes on"[:400]
            if line not in self._stream.said:
                self._stream.say(line)
            return IDLE_S

    def _turned(self, clients: list[Client]) -> float:
        self._desk.turn()
        if not clients:
            self._pictures.rest()
            self._state.skip_lines()
            return IDLE_S if not self._desk.loops.playing else 1.0 / PICTURES_A_SECOND
        session = self._stream.session
        at = transport.source_at(session) / session.settings.sample_rate
        picture = self._pictures.take(session.engine.governor.load, at)
        sections, values, lines = self._state.changes()
        for client in clients:
            client.show(picture)
            client.tell(sections=sections, values=values)
            for number, line in lines:
                client.say({"say": line, "number": number})
        return self._pause()

    def _pause(self) -> float:
        """Until the next picture is due; turns that were missed are not made up for."""
        now = time.monotonic()
        self._due = max(self._due + 1.0 / PICTURES_A_SECOND, now)
        return self._due - now

    def welcome(self, client: Client) -> None:
        """A client has come: it gets all there is."""
        sections, values = self._state.full()
        client.tell(sections=sections, values=values)
        client.say({"past": list(self._stream.said)[-_PAST_LINES:], "number": self._stream.n_said})

    async def receive(self, client: Client, message: Any) -> None:
        """Do what a message asks for, or say in a line why not.

        The next one waits, but not for a look at a model, which may take minutes in which keys and knobs are played,
        and not for long: a card or a device may need what has to be compiled first. Edits keep their order.
        """
        answering = asyncio.create_task(self._answer(client, message))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
        if self._is_foreign(message) or (await asyncio.wait({answering}, timeout=PATIENCE_S))[0]:
            return
        if line := self._errands.news(client.number):
            client.say({"say": line})

    @staticmethod
    def _is_foreign(message: Any) -> bool:
        named = VERBS.get(str(message.get("do"))) if isinstance(message, dict) else None
        return named is not None and named.foreign

    async def _answer(self, client: Client, message: Any) -> None:
        try:
            verb, fields = checked(message)
            answer = await self._done(verb, client.number, fields)
        except RtspecError as error:
            client.say({"error": " ".join(str(error).split())[:400]})
        except Exception as error:  # a fault of ours must not end the panel in the middle of a concert
            client.say({"error": f"rtspec has a fault here: {type(error).__name__}: {error}"[:400]})
        else:
            if isinstance(answer, dict):
                client.say(answer)
            elif answer:
                client.say({"say": answer})

    async def _done(self, verb: Verb, client: int, fields: dict[str, Any]) -> Any:
        act = partial(verb.act, self._desk, client, **fields)
        if not verb.slow:
            return act()
        if not verb.foreign:
            return await self._errands.begin(verb.words, act)
        with self._desk.drops.kept(client):
            return await asyncio.get_running_loop().run_in_executor(self._models, act)

    async def take(self, client: Client, piece: bytes) -> None:
        """The next piece of a file that a client sends."""
        try:
            self._desk.drops.add(client.number, piece)
        except InvalidValue as error:
            client.say({"error": str(error)})

    def goodbye(self, client: Client) -> None:
        """A client has gone."""
        self._desk.let_go(client.number)


def _opened(host: str) -> str:
    return f"; whoever reaches {host} and knows the password can move everything, in plain text"
