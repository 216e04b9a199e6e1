"""OSC: every parameter of a chain at a readable address, over UDP.

=====================================  ===========================================================================
``/rtspec/<n>-<processor>/<param> x``  set to `x` in the parameter's unit; without an argument: answer the value
``/rtspec/<n>-…/<param>/raw x``        the same from 0 to 1
``/rtspec/list``                       answer ``/rtspec/list/parameter`` (address, value, minimum, maximum, unit) for
                                       each parameter, then ``/rtspec/list/end`` with their number
``/rtspec/subscribe [port]``           from now on send every change here, whoever makes it (to `port`, if given)
``/rtspec/unsubscribe [port]``         no longer
``/rtspec/readings [port]``            what processors find while they play (:mod:`rtspec.control.osc.readings`)
``/rtspec/error``                      sent to whoever sent a wrong value: what is wrong, in one line
=====================================  ===========================================================================

A stream adds presets and more (:mod:`rtspec.live.osc_verbs`). Short addresses (``/rtspec/mix``) mean the first
parameter that fits; patterns (``*``, ``?``, ``[12]``, ``{a,b}``) all that do. ``/rtspec/pad x y`` is one message for
both. Switches take T and F; a value a hair outside its range is the range's end; a button that reports its release acts
once, ``/rtspec/preset/NAME 1`` too. Bundles act at their time tag. An unknown address is answered with the nearest
known one.
"""

import struct
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ... import checks
from ...errors import InvalidValue
from ...plain import AsDict
from ..directory import Directory
from ..mapping import role_of
from ..parameters import Parameter
from .datagrams import LARGEST, LOOPBACK, TURN_S, Listener
from .parsing import timed_messages
from .patterns import is_pattern, is_press, is_release, matching, nearest
from .readings import Readings

ROOT = "/rtspec"
MOST_SUBSCRIBERS = 16
"""Controllers that get changes; a further one takes the place of the oldest."""

HAIR = 0.01
"""Share of its range by which a value may lie outside and is taken for the range's end."""

LATEST_S, MOST_WAITING = 3600.0, 4096
"""How far ahead a bundle may be timed, and how many messages wait for their time."""

ECHO_S = 1.0
"""A value that comes back so soon after it was told, from somebody else than who set it, is an echo."""

_BUTTONS, _NUMBERED = ("preset", "recall", "snapshot"), ("remove",)
"""Verbs that a button may end in a name, and those whose number is no button's."""

_CLOSER_S = 0.5
_LARGEST_SINGLE = 3e38

Address = tuple[str, int]
Answer = tuple[str, list]
Verb = Callable[[list], list[Answer]]
"""What an address does with its arguments, and what is answered to whoever asked."""


@dataclass
class OscStatistics(AsDict):
    """What a server has seen. Each datagram that came holds messages or is garbage; each message was applied (a value
    set), answered (a question, a subscription, a button let go), refused (a wrong value) or unknown (no such address).
    `echoes` are values applied to nothing, since the server itself had told them a moment before."""

    datagrams: int = 0
    garbage: int = 0
    applied: int = 0
    answered: int = 0
    refused: int = 0
    unknown: int = 0
    echoes: int = 0


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
        self._readings = Readings(self.directory, ROOT)
        self._sent = self._values()
        self._setters: dict[str, tuple[Address, float]] = {}
        self._echo_at = 0.0
        self._closer_at = 0.0
        self._waiting: list[tuple[float, str, list, Address]] = []
        self._recent: dict[str, deque[tuple[float, float, Address | None]]] = {}
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
                self._socket.settimeout(self._until_next())
                data, sender = self._socket.recvfrom(LARGEST)
                self.receive(data, sender[:2])
                self._act_due()
        self._act_due()
        if time.monotonic() >= self._echo_at:
            self._echo_at = time.monotonic() + TURN_S
            self._echo()

    def _until_next(self) -> float:
        """Seconds to the next bundle's time, or a turn."""
        due = min((at for at, *_ in self._waiting), default=time.time() + TURN_S)
        return min(TURN_S, max(1e-4, due - time.time()))

    def _act_due(self) -> None:
        """Act on the bundles whose time has come, in the order of their times."""
        if not self._waiting:
            return
        now = time.time()
        due = sorted((item for item in self._waiting if item[0] <= now), key=lambda item: item[0])
        self._waiting = [item for item in self._waiting if item[0] > now]
        for _, address, arguments, sender in due:
            self._act(address, arguments, sender)

    def _put_off(self, at: float, address: str, arguments: list, sender: Address) -> None:
        if at - time.time() > LATEST_S or len(self._waiting) >= MOST_WAITING:
            self.statistics.refused += 1
            line = f"{address[:99]} is timed {at - time.time():.0f} s ahead, and {len(self._waiting)} messages wait"
            self._send(sender, f"{ROOT}/error", [f"{line}; the most are {LATEST_S:g} s and {MOST_WAITING}"])
        else:
            self._waiting.append((at, address, arguments, sender))

    def receive(self, datagram: bytes, sender: Address) -> None:
        """Act on a datagram, whatever is in it."""
        self.statistics.datagrams += 1
        messages = timed_messages(datagram)
        if messages is None:
            self.statistics.garbage += 1
            return
        for at, address, arguments in messages:
            if at > time.time() + 1e-3:
                self._put_off(at, address, arguments, sender)
            else:
                self._act(address, arguments, sender)

    def _act(self, address: str, arguments: list, sender: Address) -> None:
        verb = {f"{ROOT}/list": self._list, f"{ROOT}/subscribe": self._subscribe, f"{ROOT}/unsubscribe": self._forget}
        verb[f"{ROOT}/readings"] = self._follow
        try:
            if address in verb:
                verb[address](arguments, sender)
                self.statistics.answered += 1
            elif (answers := self._answers(address, arguments)) is not None:
                for answer in answers:
                    self._send(sender, *answer)
                self.statistics.answered += 1
            else:
                self._parameters(address, arguments, sender)
        except InvalidValue as error:
            self.statistics.refused += 1
            self._send(sender, f"{ROOT}/error", [str(error)])

    def _answers(self, address: str, arguments: list) -> list[Answer] | None:
        """What a verb or a reading answers; nothing for a button that is let go. None: it is neither."""
        place, _, name = address.rpartition("/")
        numbered = name in _NUMBERED
        if address in self._verbs:
            words = [] if is_press(arguments) and not numbered else arguments
            return [] if is_release(arguments) and not numbered else self._verbs[address](words)
        if place in self._verbs and place.removeprefix(f"{ROOT}/") in _BUTTONS and name:
            return [] if is_release(arguments) else self._verbs[place]([name.replace("%20", " ")])
        return self._readings.answers(address, arguments)

    def _parameters(self, address: str, arguments: list, sender: Address) -> None:
        """One parameter, all that a pattern means, or the pad's two."""
        if address in (f"{ROOT}/pad", f"{ROOT}/pad/xy") and len(arguments) == 2 and "pad/y" in self.directory:
            for axis, value in zip("xy", arguments, strict=True):
                self._parameter(f"{ROOT}/pad/{axis}", [value], sender)
            return
        meant = matching(address, self._known()) if is_pattern(address) else [address]
        full = {self._found(each) if is_pattern(address) else each: each for each in reversed(meant)}
        for each in reversed(full.values()) if full else [address]:
            self._parameter(each, arguments, sender)

    def _known(self) -> list[str]:
        """Addresses of parameters, full and short, by number of what they mean and as raw."""
        full = list(self.directory)
        short = [word for a in full for word in (a.partition("-")[2], a.rpartition("/")[2]) if word]
        return [f"{ROOT}/{a}{end}" for a in dict.fromkeys([*full, *short]) for end in ("", "/raw")]

    def _found(self, address: str) -> tuple[str | None, bool]:
        name, raw = address.removeprefix(f"{ROOT}/"), address.endswith("/raw")
        return self.directory.find(name.removesuffix("/raw")) if address.startswith(f"{ROOT}/") else None, raw

    def _say_unknown(self, address: str, sender: Address) -> None:
        """Tell the sender the nearest address; in a flood of unknown ones now and then."""
        self.statistics.unknown += 1
        if time.monotonic() >= self._closer_at:
            self._closer_at = time.monotonic() + (0.0 if self.statistics.unknown < MOST_SUBSCRIBERS else _CLOSER_S)
            near = nearest(address, [*(f"{ROOT}/{a}" for a in self.directory), *self._known(), *self._verbs])
            self._send(sender, f"{ROOT}/error", [f"{ascii(address[:99])[1:-1]} is no address here; {near}"])

    def _parameter(self, address: str, arguments: list, sender: Address) -> None:
        found, raw = self._found(address)
        parameter = None if found is None else self.directory.get(found)  # an edit may have come in between
        if found is None or parameter is None:
            self._say_unknown(address, sender)
            return
        if arguments:
            value = _value(address, arguments, parameter, raw)
            if self._is_echo(found, parameter, value, raw, sender):
                self.statistics.echoes += 1
            else:
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
        self._readings.forget(_controller(arguments, sender))

    def _follow(self, arguments: list, sender: Address) -> None:
        self._readings.follow(_controller(arguments, sender))

    def _values(self) -> dict[str, float]:
        return {address: parameter.value for address, parameter in self.directory.items()}

    def _echo(self) -> None:
        """Send what has changed to all controllers but the one that set it; readings to those that follow them."""
        for follower, address, value in self._readings.due():
            self._send(follower, address, [value])
        before, self._sent = self._sent, self._values()
        for address, value in self._sent.items():
            if before.get(address) != value:
                setter, was_set = self._setters.get(address, (None, None))
                if self._subscribers:
                    self._note_sent(address, value, setter if was_set == value else None)
                for controller in self._subscribers:
                    if controller != setter or was_set != value:
                        self._tell(controller, address, value)

    def _is_echo(self, found: str, parameter: Parameter, value: float, raw: bool, sender: Address) -> bool:
        """Whether a value was told a moment ago, and comes from another than who had set it."""
        now = time.monotonic()
        for at, sent, setter in self._recent.get(found, ()):
            same = _single(_raw_of(parameter, sent)) if raw else _single(sent)
            if now - at < ECHO_S and same == _single(value) and setter != sender:
                return True
        return False

    def _note_sent(self, address: str, value: float, setter: Address | None) -> None:
        self._recent.setdefault(address, deque(maxlen=64)).append((time.monotonic(), value, setter))

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


def _set(parameter: Parameter, value: float, raw: bool) -> None:
    if raw:
        parameter.raw_value = value
    else:
        parameter.value = value


def _value(address: str, arguments: list, parameter: Parameter, raw: bool) -> float:
    """The number that a message sets: T and F at a switch; what is a hair outside the range is its end."""
    spec = parameter.spec
    low, high = (0.0, 1.0) if raw else (spec.minimum, spec.maximum)
    is_switch = spec.curve == "switch" or role_of(parameter) == "pedal.hold"
    if len(arguments) == 1 and isinstance(arguments[0], bool) and is_switch:
        return high if arguments[0] else low
    value, hair = _number(address, arguments), HAIR * (high - low)
    return min(max(value, low), high) if low - hair <= value <= high + hair else value


def _single(value: float) -> float:
    """As it comes back over OSC, whose numbers have single precision."""
    return struct.unpack("f", struct.pack("f", value))[0] if abs(value) < _LARGEST_SINGLE else value


def _raw_of(parameter: Parameter, value: float) -> float:
    low, high = parameter.spec.minimum, parameter.spec.maximum
    return (value - low) / (high - low)


def _number(address: str, arguments: list) -> float:
    value = arguments[0]
    if len(arguments) > 1 or not checks.is_real(value):
        raise InvalidValue(f"{address} takes one number, not {len(arguments)} arguments of other kinds; send a float")
    return value


def _controller(arguments: list, sender: Address) -> Address:
    """Where to send: the sender's host, at the port that it names or sent from."""
    if not arguments:
        return sender
    port = arguments[0]
    if len(arguments) > 1 or not checks.is_integer(port) or not 0 < port < 65536:
        raise InvalidValue("subscribe takes at most one argument, a port from 1 to 65535; send a whole number")
    return sender[0], port
