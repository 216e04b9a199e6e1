"""The server: the page's files and one websocket a browser, in a thread of their own that the sound never waits for."""

import asyncio
import json
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State

from ..errors import DeviceError
from .clients import Client
from .files import HEADERS, page
from .gate import Gate, is_own_path

SOCKET = "/socket"
MOST_CLIENTS = 16
GREETING_S = 5.0
MOST_BYTES = 256 << 10
"""Of one message; a model comes in pieces."""

REFUSED = 4401
"""The code of a socket that is closed because the token or the password is wrong."""

BUFFERED = 32 << 10
_START_S = 10.0


class Served(Protocol):
    """What the server gives messages to; called in the server's thread."""

    async def turn(self, clients: list[Client]) -> float: ...

    def welcome(self, client: Client) -> None: ...

    async def receive(self, client: Client, message: Any) -> None: ...

    async def take(self, client: Client, piece: bytes) -> None: ...

    def goodbye(self, client: Client) -> None: ...


class Server:
    """Serves one panel from start to :meth:`close`.

    Parameters
    ----------
    served : Served
    host : str
    port : int
        0 takes a free one.
    password : str or None

    Attributes
    ----------
    gate : Gate
        Knows the address to open.

    Raises
    ------
    DeviceError
        The address cannot be listened on.
    """

    gate: Gate

    def __init__(self, served: Served, host: str, port: int, password: str | None):
        self._served, self._where, self._password = served, (host, port), password
        self._clients: dict[int, Client] = {}
        self._connections: dict[int, ServerConnection] = {}
        self._greeting = self._made = 0
        self._ready, self._problem = threading.Event(), ""
        self._loop = asyncio.new_event_loop()
        self._resting = self._loop.create_future()
        self._end = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="rtspec panel", daemon=True)
        self._thread.start()
        self._ready.wait(_START_S)
        if self._problem:
            self._thread.join()
            raise DeviceError(f"the panel cannot listen on {host}:{port}: {self._problem}; choose another port")

    def close(self) -> None:
        """Say goodbye to all; safe to call twice."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # its loop has just been closed
                self._loop.call_soon_threadsafe(self._end.set)
            if self._thread is not threading.current_thread():
                self._thread.join(_START_S)

    @property
    def n_clients(self) -> int:
        """How many look now."""
        return len(self._clients)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        host, port = self._where
        options: dict[str, Any] = {"compression": None, "max_size": MOST_BYTES, "write_limit": BUFFERED}
        try:
            server = await serve(
                self._converse,
                host,
                port,
                process_request=self._answer,
                server_header=None,
                open_timeout=GREETING_S,
                close_timeout=1,
                **options,
            )
        except OSError as error:
            self._problem = error.strerror or str(error)
            return
        async with server:
            bound = next(iter(server.sockets)).getsockname()[1]
            self.gate = Gate(host, bound, self._password)
            self._ready.set()
            turning = asyncio.create_task(self._turn())
            await self._end.wait()
            turning.cancel()
        await _forget_the_rest()

    async def _turn(self) -> None:
        """Pictures and news, for as long as it lasts."""
        while True:
            pause_s = await self._served.turn(list(self._clients.values()))
            for number, connection in list(self._connections.items()):
                try:
                    await _deliver(connection, self._clients[number])
                except Exception as error:  # for one client; the others are told on
                    self._loop.call_exception_handler({"message": "a client cannot be told", "exception": error})
                    connection.transport.abort()
            self._resting = self._loop.create_future()
            timer = self._loop.call_later(pause_s, self._go_on)
            await self._resting
            timer.cancel()

    def _go_on(self) -> None:
        """The next turn is due: its time has come, or a client that shall not wait for it."""
        if not self._resting.done():
            self._resting.set_result(None)

    # Files --------------------------------------------------------------------------------------------------------

    def _answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """A file, a refusal, or None: the socket opens."""
        path = unquote(urlsplit(request.path).path)
        is_socket = path == SOCKET
        headers = request.headers
        try:
            host, origin = headers.get("Host"), headers.get("Origin")
        except LookupError:  # several of one
            return _response(HTTPStatus.BAD_REQUEST, "one Host and one Origin, please")
        refusal = self.gate.refusal(host, origin, needs_origin=is_socket)
        if refusal is not None:
            return _response(HTTPStatus.FORBIDDEN, refusal)
        if is_socket:
            return None
        found = page().get(path) if is_own_path(request.path) else None
        if found is None:
            return _response(HTTPStatus.NOT_FOUND, "nothing is here")
        return _response(HTTPStatus.OK, found[1], found[0])

    # Sockets ------------------------------------------------------------------------------------------------------

    async def _converse(self, connection: ServerConnection) -> None:
        if not await self._greeted(connection):
            return
        _buffer_little(connection)
        self._made += 1
        client = self._clients[self._made] = Client(self._made)
        self._connections[client.number] = connection
        try:
            self._served.welcome(client)
            self._go_on()
            async for message in connection:
                await self._received(client, message)
                await _deliver(connection, client)
        except ConnectionClosed:
            pass
        finally:
            self._clients.pop(client.number, None)
            self._connections.pop(client.number, None)
            self._served.goodbye(client)

    async def _greeted(self, connection: ServerConnection) -> bool:
        """Whether the first message has what the gate asks for, soon enough."""
        if len(self._clients) + self._greeting >= MOST_CLIENTS:
            await connection.close(REFUSED, f"{MOST_CLIENTS} panels are open already")
            return False
        self._greeting += 1
        try:
            first = await asyncio.wait_for(connection.recv(), GREETING_S)
            good = isinstance(first, str) and len(first) < 1000 and self.gate.admits(_parsed(first))
        except (TimeoutError, ConnectionClosed, ValueError, RecursionError):
            good = False
        finally:
            self._greeting -= 1
        if not good:
            await connection.close(REFUSED, "wrong token or password; open the address that rtspec printed")
        return good

    async def _received(self, client: Client, message: str | bytes) -> None:
        if isinstance(message, bytes):
            await self._served.take(client, message)
            return
        try:
            await self._served.receive(client, _parsed(message))
        except (ValueError, RecursionError):
            client.say({"error": "that is no JSON; reload the page"})
        finally:
            client.acted += 1


async def _forget_the_rest() -> None:
    """Let nothing wait any more, for a look at a model say, when the loop ends."""
    waiting = asyncio.all_tasks() - {asyncio.current_task()}
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


def _buffer_little(connection: ServerConnection) -> None:
    """Let the system keep no more than we do: it would buffer megabytes, minutes of pictures that a line which was
    away would get before the latest."""
    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFERED)


async def _deliver(connection: ServerConnection, client: Client) -> None:
    """Send a client what it has yet to get, by one call of the system; one whose line is full gets it later."""
    if client.waits and connection.state is State.OPEN and not connection.transport.get_write_buffer_size():
        connection.transport.write(b"".join(map(_framed, await client.next())))


def _framed(message: str | bytes) -> bytes:
    opcode, data = (Opcode.BINARY, message) if isinstance(message, bytes) else (Opcode.TEXT, message.encode())
    return Frame(opcode, data).serialize(mask=False)


def _parsed(text: str) -> Any:
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> float:
    raise ValueError(name)


def _response(status: HTTPStatus, body: str | bytes, kind: str = "text/plain; charset=utf-8") -> Response:
    data = body.encode() if isinstance(body, str) else body
    headers = Headers({**HEADERS, "Content-Type": kind, "Content-Length": str(len(data)), "Connection": "close"})
    return Response(status.value, status.phrase, headers, data)
