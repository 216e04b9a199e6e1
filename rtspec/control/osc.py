"""OSC: every parameter of a chain at a readable address, over UDP.

=====================================  ===========================================================================
``/rtspec/<n>-<processor>/<param> x``  set to `x` in the parameter's unit; without an argument: answer the value
``/rtspec/<n>-…/<param>/raw x``        the same from 0 to 1
``/rtspec/list``                       answer ``/rtspec/list/parameter`` (address, value, minimum, maximum, unit) for
                                       each parameter, then ``/rtspec/list/end`` with their number
``/rtspec/subscribe [port]``           from now on send every change here, whoever makes it (to `port`, if given)
``/rtspec/unsubscribe [port]``         no longer
``/rtspec/error``                      sent to whoever sent a wrong value: what is wrong, in one line
=====================================  ===========================================================================

A stream adds presets and more (:mod:`rtspec.host.controllers`). Short addresses (``/rtspec/mix``) mean the first
parameter that fits. Bundles are taken apart and act at once.
"""

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import InvalidValue
from .datagrams import LARGEST, LOOPBACK, TURN_S, Listener
from .directory import Directory
from .parameters import Parameter

ROOT = "/rtspec"
MOST_SUBSCRIBERS = 16
"""Controllers that get changes; a further one takes the place of the oldest."""

Address = tuple[str, int]
Answer = tuple[str, list]
Verb = Callable[[list], list[Answer]]
"""What an address does with its arguments, and what is answered to whoever asked."""


@dataclass
class OscStatistics:
    """What a server has seen. Each datagram that came holds messages or is garbage; each message was applied (a value
    set), answered (a question, a subscription), refused (a wrong value) or unknown (no such address)."""

    datagrams: int = 0
    garbage: int = 0
    applied: int = 0
    answered: int = 0
    refused: int = 0
    unknown: int = 0

    def as_dict(self) -> dict:
        """For JSON."""
        return asdict(self)


class OscServer(Listener):
    """Listens for OSC from a thread of its own, and echoes changes to subscribed controllers. A context manager.

    Parameters
    ----------
    target : Directory, Pedalboard, processor or sequence of processors
    port : int
        UDP port; 0 takes a free one.
    host : str
        Address to listen on. Loop-back unless told otherwise: there is no password in OSC.
    report : callable, optional
        Gets a line of text: where the server listens, and from whom.
    verbs : dict of str to callable, optional
        Further addresses.

    Attributes
    ----------
    statistics : OscStatistics

    Raises
    ------
    DeviceError
        The port or address cannot be had.
    """

    power = "can move parameters"

    def __init__(
        self,
        target: Any,
        port: int = 9000,
        host: str = LOOPBACK,
        report: Callable[[str], None] | None = None,
        verbs: dict[str, Verb] | None = None,
    ):
        self.directory = target if isinstance(target, Directory) else Directory(target)
        super().__init__("OSC", port, host, report)
        self.statistics, self._verbs = OscStatistics(), verbs or {}
        self._subscribers: dict[Address, None] = {}
        self._told = self._values()
        self._setters: dict[str, tuple[Address, float]] = {}
        self._echo_at = 0.0
        self._listen()

    @property
    def subscribers(self) -> list[Address]:
        """Controllers that get changes, oldest first."""
        return list(self._subscribers)

    # In the thread ------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Take what comes until it is time for an echo, so that echoes stay punctual in a flood."""
        with suppress(TimeoutError, ConnectionError):  # some systems say here that an earlier answer had no listener
            while time.monotonic() < self._echo_at:
                data, sender = self._socket.recvfrom(LARGEST)
                self.receive(data, sender[:2])
        if time.monotonic() >= self._echo_at:
            self._echo_at = time.monotonic() + TURN_S
            self._echo()

    def receive(self, datagram: bytes, sender: Address) -> None:
        """Act on a datagram, whatever is in it."""
        self.statistics.datagrams += 1
        messages = parsed_messages(datagram)
        if messages is None:
            self.statistics.garbage += 1
            return
        for address, arguments in messages:
            self._act(address, arguments, sender)

    def _act(self, address: str, arguments: list, sender: Address) -> None:
        verb = {f"{ROOT}/list": self._list, f"{ROOT}/subscribe": self._subscribe, f"{ROOT}/unsubscribe": self._forget}
        try:
            if address in verb:
                verb[address](arguments, sender)
                self.statistics.answered += 1
            elif address in self._verbs:
                for answer in self._verbs[address](arguments):
                    self._send(sender, *answer)
                self.statistics.answered += 1
            else:
                self._parameter(address, arguments, sender)
        except InvalidValue as error:
            self.statistics.refused += 1
            self._send(sender, f"{ROOT}/error", [str(error)])

    def _parameter(self, address: str, arguments: list, sender: Address) -> None:
        name, raw = address.removeprefix(f"{ROOT}/"), address.endswith("/raw")
        found = self.directory.find(name.removesuffix("/raw")) if address.startswith(f"{ROOT}/") else None
        if found is None:
            self.statistics.unknown += 1
            return
        parameter = self.directory[found]
        if arguments:
            value = _number(address, arguments)
            _set(parameter, value, raw)
            self._setters[found] = sender, parameter.value
            self.statistics.applied += 1
        else:
            self._send(sender, address, [parameter.raw_value if raw else parameter.value])
            self.statistics.answered += 1

    def _list(self, arguments: list, sender: Address) -> None:
        listed = list(self.directory.items())
        for address, parameter in listed:
            low, high, _ = parameter.range
            self._send(
                sender, f"{ROOT}/list/parameter", [f"{ROOT}/{address}", parameter.value, low, high, parameter.units]
            )
        self._send(sender, f"{ROOT}/list/end", [len(listed)])

    # Echo ---------------------------------------------------------------------------------------------------------

    def _subscribe(self, arguments: list, sender: Address) -> None:
        controller = _controller(arguments, sender)
        if controller not in self._subscribers and len(self._subscribers) >= MOST_SUBSCRIBERS:
            del self._subscribers[next(iter(self._subscribers))]
        self._subscribers[controller] = None
        for address, value in self._values().items():
            self._tell(controller, address, value)

    def _forget(self, arguments: list, sender: Address) -> None:
        self._subscribers.pop(_controller(arguments, sender), None)

    def _values(self) -> dict[str, float]:
        return {address: parameter.value for address, parameter in self.directory.items()}

    def _echo(self) -> None:
        """Send what has changed to all controllers but the one that set it."""
        before, self._told = self._told, self._values()
        for address, value in self._told.items():
            if before.get(address) != value:
                setter, was_set = self._setters.get(address, (None, None))
                for controller in self._subscribers:
                    if controller != setter or was_set != value:
                        self._tell(controller, address, value)

    def _tell(self, controller: Address, address: str, value: float) -> None:
        self._send(controller, f"{ROOT}/{address}", [value])
        with suppress(KeyError):
            self._send(controller, f"{ROOT}/{address}/raw", [self.directory[address].raw_value])

    def _send(self, to: Address, address: str, arguments: list) -> None:
        from pythonosc.osc_message_builder import OscMessageBuilder

        builder = OscMessageBuilder(address=address)
        for argument in arguments:
            builder.add_arg(argument)
        with suppress(OSError):  # a controller that has gone is no fault of ours
            self._socket.sendto(builder.build().dgram, to)


def _is_not_of_the_parser(record: logging.LogRecord) -> bool:
    """Whether a line of the root logger comes from elsewhere than python-osc, which logs each odd byte there: in a
    flood of garbage that would fill the terminal, or block this thread where standard error is a pipe nobody reads."""
    return "pythonosc" not in record.pathname


def parsed_messages(datagram: bytes) -> list[tuple[str, list]] | None:
    """Addresses and arguments of all messages in a datagram; None where it is no OSC."""
    from pythonosc.osc_packet import OscPacket

    logging.getLogger().addFilter(_is_not_of_the_parser)  # once: a filter that is there is not added again
    try:
        messages = [timed.message for timed in OscPacket(datagram).messages]
        return [(message.address, list(message.params)) for message in messages]
    except Exception:  # the parser raises what it happens to stumble over: struct.error, IndexError, RecursionError, …
        return None


def _set(parameter: Parameter, value: float, raw: bool) -> None:
    if raw:
        parameter.raw_value = value
    else:
        parameter.value = value


def _number(address: str, arguments: list) -> float:
    value = arguments[0]
    if len(arguments) > 1 or isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(f"{address} takes one number, not {len(arguments)} arguments of other kinds; send a float")
    return value


def _controller(arguments: list, sender: Address) -> Address:
    """Where to send: the sender's host, at the port that it names or sent from."""
    if not arguments:
        return sender
    port = arguments[0]
    if len(arguments) > 1 or isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise InvalidValue("subscribe takes at most one argument, a port from 1 to 65535; send a whole number")
    return sender[0], port
