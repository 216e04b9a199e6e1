"""Clients of a panel for tests: a socket that has greeted, and requests as an attacker would write them."""

import json
import socket
import time
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from websockets.sync.client import connect


@contextmanager
def panel_client(url, greeting=None, origin=None, **options):
    """An open socket of a panel; `greeting` in place of the token that its address has."""
    parts = urlsplit(url)
    origin = f"http://{parts.netloc}" if origin is None else origin
    how: dict[str, Any] = {"origin": origin, "compression": None, "close_timeout": 0.1, **options}
    with connect(f"ws://{parts.netloc}/socket", **how) as client:
        client.send(json.dumps({"token": parts.fragment} if greeting is None else greeting))
        yield client


def tell(client, verb, **fields):
    client.send(json.dumps({"do": verb, **fields}))


def heard(client, wanted, timeout_s=10.0):
    """The first message for which `wanted` gives anything, and that; pictures are None to it."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        message = client.recv(timeout=max(0.01, end - time.monotonic()))
        found = wanted(json.loads(message) if isinstance(message, str) else {"picture": message})
        if found:
            return found
    raise TimeoutError("the panel did not say what was waited for")


def state_of(client):
    """The first whole state."""
    return heard(client, lambda message: message.get("state"))


def raw_request(url, path, **headers):
    """Status and headers of a GET that is sent as it is written."""
    parts = urlsplit(url)
    lines = {"Host": parts.netloc, "Connection": "close", **headers}
    text = f"GET {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None) + "\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=5) as connection:
        connection.sendall(text.encode())
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, _, v in (line.partition(": ") for line in rest)}, body
