"""Messages out of a datagram, whatever is in it."""

import logging


def _is_not_of_the_parser(record: logging.LogRecord) -> bool:
    """Whether a line of the root logger comes from elsewhere than python-osc, which logs each odd byte there: in a
    flood of garbage that would fill the terminal, or block this thread where standard error is a pipe nobody reads."""
    return "pythonosc" not in record.pathname


def parsed_messages(datagram: bytes) -> list[tuple[str, list]] | None:
    """Addresses and arguments of all messages in a datagram; None where it is no OSC."""
    found = timed_messages(datagram)
    return None if found is None else [(address, arguments) for _, address, arguments in found]


def timed_messages(datagram: bytes) -> list[tuple[float, str, list]] | None:
    """The same with the time at which each is to act, on the clock of :func:`time.time`."""
    from pythonosc.osc_packet import OscPacket

    logging.getLogger().addFilter(_is_not_of_the_parser)  # once: a filter that is there is not added again
    try:
        return [(t.time, t.message.address, list(t.message.params)) for t in OscPacket(datagram).messages]
    except Exception:  # the parser raises what it happens to stumble over: struct.error, IndexError, RecursionError, …
        return None
