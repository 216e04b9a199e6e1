"""UDP: a port that is listened to from a thread of its own, whatever comes in."""

import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import ClassVar, Self

from ... import checks
from ...errors import DeviceError

LOOPBACK = "127.0.0.1"
TURN_S = 1 / 30
"""The longest that a listener waits for a datagram before it looks at other things."""

LARGEST = 65536
"""Bytes of a datagram."""

_RECEIVE_BUFFER = 1 << 21
_MOST_REPORTS = 100


class Listener(ABC):
    """A UDP port and the thread that takes what comes there. A context manager.

    Parameters
    ----------
    what : str
        Who listens, for people: "OSC".
    port : int
        UDP port; 0 takes a free one.
    host : str
        Address to listen on. Loop-back unless told otherwise: datagrams have no password.
    report : callable, optional
        Gets lines of text.

    Attributes
    ----------
    host, port : str, int
        Where it listens.
    reports : deque of str
        What was reported, the latest hundred.
    failures : int
        Turns of the thread that failed; it went on after each.

    Raises
    ------
    DeviceError
        The port or address cannot be had.
    """

    power: ClassVar[str]
    """What those can do who reach it: "can move parameters"."""

    def __init__(self, what: str, port: int, host: str, report: Callable[[str], None] | None):
        self.reports, self.failures, self._report = deque[str](maxlen=_MOST_REPORTS), 0, report
        self._what, self._socket = what, _bound_socket(what, host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"rtspec {what}", daemon=True)

    @property
    def where(self) -> str:
        """In words: who listens at which address, and who can reach it."""
        is_loopback = ip_address(self.host.partition("%")[0]).is_loopback
        reach = "this machine only" if is_loopback else f"anyone on the network {self.power}"
        return f"{self._what} on {self.host}:{self.port} ({reach})"

    @property
    def active(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop the thread and free the port; safe to call twice."""
        self._ending.set()
        if self._thread.ident is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _listen(self) -> None:
        """Say where, and start the thread: once everything that it needs is there."""
        self._say(self.where)
        self._thread.start()

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self._turn()
            except Exception as error:  # the thread must outlive whatever comes in
                self.failures += 1
                if self.failures == 1:
                    line = " ".join(f"{type(error).__name__}: {error}".split())
                    self._say(f"{self._what} failed: {line}; listening on")
                self._ending.wait(TURN_S)

    @abstractmethod
    def _turn(self) -> None:
        """Take what comes, for about :data:`TURN_S`."""

    def _say(self, line: str) -> None:
        self.reports.append(line)
        if self._report is not None:
            with suppress(Exception):  # whoever listens must not end what speaks
                self._report(line)


def _bound_socket(what: str, host: str, port: int) -> socket.socket:
    """A UDP socket at an address, its time-out short; one clear line where it cannot be had."""
    checks.integer("port", port, 0, 65535, "try 9000")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
        found = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise DeviceError(f"{what} cannot listen on {host!r}: {error.strerror or error}; try {LOOPBACK}") from None
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        found.bind((host, port))
    except OSError as error:
        found.close()
        reason = error.strerror or error
        raise DeviceError(f"{what} cannot listen on {host}:{port}: {reason}; try another port") from None
    found.settimeout(TURN_S)
    return found
