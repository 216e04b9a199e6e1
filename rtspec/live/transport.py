"""A source that is played in place of the input: where it is, and how it is moved while the device calls."""

import time

from .. import checks
from ..errors import DeviceError, InvalidValue
from .session import LiveSession

REST_S = 1.0
"""How long the callback may need to let the source rest: some milliseconds, or a long block."""


def source_frames(session: LiveSession) -> int:
    """Frames of the source; 0 where there is none."""
    return session.source_frames


def source_at(session: LiveSession) -> int:
    """The frame of the source that is played next."""
    frames, at = session.source_frames, session.source_at
    return at % frames if frames and session.settings.loop else min(at, frames)


def pause(session: LiveSession, paused: bool = True) -> None:
    """Let the source rest, or go on."""
    session.exchange.pause_source(paused)


def is_paused(session: LiveSession) -> bool:
    """Whether the source rests, or is about to."""
    return bool(session.exchange.record["paused"][0])


def seek(session: LiveSession, frame: int) -> None:
    """Play the source from this frame on: it fades out, is moved, and fades in.

    Raises
    ------
    InvalidValue
        There is no source, or no such frame in it.
    DeviceError
        The device does not call.
    """
    frames = source_frames(session)
    if not frames:
        raise InvalidValue("there is no source to move in; start with source=FILE (--source FILE)")
    checks.within("frame", frame, 0, frames - 1, "the source has no other")
    was_paused = is_paused(session)
    pause(session)
    end = time.monotonic() + REST_S
    while not session.exchange.source_rests:
        if time.monotonic() > end:
            pause(session, was_paused)
            raise DeviceError("the audio device does not call, so the source stays where it is; start it again")
        time.sleep(0.001)
    session.go_on_at(frame)
    pause(session, was_paused)
