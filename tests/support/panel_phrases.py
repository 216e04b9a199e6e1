"""Sound that gives every kind of processor work, and how it is heard: levels by octave and time, of middle and side.

A phrase begins anew for each look: bursts and rests for gates, compressors, echoes and rooms; soft and loud; tones for
what sways; both channels apart; a tone between two samples for true peaks. Instruments are played as by a keyboard with
all that it has: two notes that overlap, a drum, bend, pressure, wheel and slide.
"""

import time

import numpy as np
from mido import Message

from rtspec.live import transport

PHRASE_S, TAPE_S, REST_S = 1.4, 12.0, 0.25
LEAD_S, MOST_TAKES = 0.2, 4
"""What a player does begins so long after the source, since only then it is known when that began; a phrase that was
disturbed is played again."""

RESERVE = 2048
"""Samples by which the engine may be late before a phrase is disturbed."""

SETTLE_S, LONG_S = 6.0, 10.0
"""In the long run: what is slow is where it goes by then; and the room swells twice, so that it is as loud on average
whenever one begins to listen."""

PAD = 37
"""One of those that choose a style."""

CHORD = (57, 64)
"""Above them."""

FRAME_S, FLOOR_DB = 0.05, -75.0
CHANNEL, DRUMS, DRUM = 1, 9, 56
"""Channels from 0; the drum lies above the pads that choose a style, which would move the very parameters."""


def phrases(rate):
    """Float32 (2, n): 40 ms of silence, so that the beginning is clear, then what the head of this module says."""
    n = round(2.0 * rate)
    rng, t = np.random.default_rng(0), np.arange(n) / rate
    spectrum = np.fft.rfft(rng.standard_normal((2, n))) / np.sqrt(np.maximum(1, np.arange(n // 2 + 1)))
    pink = np.fft.irfft(spectrum, n)
    pink *= [[0.15], [0.12]] / pink.std(axis=1, keepdims=True)
    tones = sum(0.06 * np.sin(2 * np.pi * hz * t) for hz in (110, 220, 440, 1000, 3000, 7000))
    peak = 0.6 * np.sin(2 * np.pi * rate / 4 * t + np.pi / 4)
    levels = np.zeros((3, n))
    for row, begin, end, level in (
        (0, 0.04, 0.2, 1.0),
        (0, 0.35, 0.4, 1.0),
        (0, 0.55, 0.9, 0.03),
        (1, 0.5, 1.05, 1.0),
        (2, 0.65, 0.75, 1.0),
        (0, 1.1, 1.25, 1.0),
        (1, 1.3, 1.6, 0.05),
    ):
        levels[row, round(begin * rate) : round(end * rate)] = level
    return np.clip(levels[0] * pink + levels[1] * tones + levels[2] * peak, -1, 1).astype(np.float32)


def room(rate):
    """What a sensor hears, float32 (1, n): noise of a street, loud and still in turn, of its own."""
    n = round(60 * rate)
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(n)) / np.sqrt(np.maximum(1, np.arange(n // 2 + 1)))
    pink = np.fft.irfft(spectrum, n)
    swell = np.where(np.arange(n) % (5 * rate) < 2.5 * rate, 0.45, 0.02)
    return (swell * pink / np.abs(pink).max()).astype(np.float32)[None]


GESTURE = (
    (0.02, "note_on", {"note": 57, "velocity": 60}),
    (0.3, "control_change", {"control": 1, "value": 90}),
    (0.3, "aftertouch", {"value": 100}),
    (0.3, "control_change", {"control": 74, "value": 110}),
    (0.45, "note_on", {"note": 64, "velocity": 100}),
    (0.6, "pitchwheel", {"pitch": 4000}),
    (0.75, "note_on", {"note": DRUM, "velocity": 100, "channel": DRUMS}),
    (0.8, "note_off", {"note": 57}),
    (0.9, "note_off", {"note": 64}),
    (0.9, "note_off", {"note": DRUM, "channel": DRUMS}),
)
"""What a player does: seconds, kind, fields. The notes' ends are heard for a third of a second."""

AT_REST = (
    ("control_change", {"control": 1, "value": 0}),
    ("aftertouch", {"value": 0}),
    ("control_change", {"control": 74, "value": 64}),
    ("pitchwheel", {"pitch": 0}),
)


def message(kind, **fields):
    return Message.from_dict({"type": kind, "channel": CHANNEL, **fields})


def _play(stream):
    begin = _source_began(stream) + LEAD_S
    for at, kind, fields in GESTURE:  # timed, so that a busy machine plays them as evenly
        stream.send(message(kind, **fields), begin + at)


def _source_began(stream):
    """When the source's first frame was played, on the clock of :func:`time.monotonic`; now, where it does not play."""
    session, end = stream._session, time.monotonic() + 1
    while time.monotonic() < end:
        before, at = session.exchange.clock(), session.source_at
        if at and session.exchange.clock() == before:  # else a callback came between
            return before[1] - at / stream.sample_rate
        time.sleep(0.001)
    return end


def heard(stream):
    """Levels of one phrase in dB, (2, 10, frames): of the left and of the difference, by octaves from 31.5 Hz.

    One in which the machine came too late sounds otherwise than it should: it is played again.
    """
    for _ in range(MOST_TAKES):
        before = _disturbances(stream)
        sound = _take(stream)
        if _disturbances(stream) == before:
            break
    return _by_octave(sound, stream.sample_rate)


def heard_in_the_long_run(stream):
    """Levels as of :func:`heard`, of the source as it goes on, after a pad was struck and while it is struck twice
    more, as part of a chord."""
    stream.settle(10)
    stream.controllers.silence()
    stream.send(message("note_on", note=PAD, velocity=127))
    time.sleep(SETTLE_S)
    stream.rewind()
    begin = time.monotonic() + LEAD_S
    for at in (0.0, LONG_S / 2):
        for note in (PAD, *CHORD):
            stream.send(message("note_on", note=note, velocity=127), begin + at)
            stream.send(message("note_off", note=note), begin + at + 0.45 * LONG_S)
    length, went = round(LONG_S * stream.sample_rate), stream.recorded[1]
    end = time.monotonic() + 2 * LONG_S
    while went.shape[1] < length and time.monotonic() < end:
        time.sleep(0.1)
        went = stream.recorded[1]
    return _by_octave(went[:, :length], stream.sample_rate)


def _by_octave(sound, rate):
    """Levels of the left and of the difference."""
    return np.stack([levels(sound[0], rate), levels(sound[0] - sound[1], rate)])


def _disturbances(stream):
    found = stream.statistics
    return found.underruns, found.overruns, found.concealed_frames, found.late_events, found.dropped_events


def _take(stream):
    session = stream._session
    stream.settle(10)
    transport.pause(session)
    stream.controllers.silence()
    for kind, fields in AT_REST:
        stream.send(message(kind, **fields))
    time.sleep(REST_S)
    transport.seek(session, 0)
    stream.rewind()
    transport.pause(session, False)
    _play(stream)
    end = time.monotonic() + 5
    length, begin, came, went = round(PHRASE_S * stream.sample_rate), 0, *stream.recorded
    while (begin == 0 or came.shape[1] < begin + length) and time.monotonic() < end:
        time.sleep(0.02)
        came, went = stream.recorded
        begin = int(np.argmax(np.abs(came[0]) > 1e-4)) if came.size else 0
    return went[:, begin : begin + length]


def levels(sound, rate):
    """By octave and frame, dB, :data:`FLOOR_DB` at least."""
    n = round(FRAME_S * rate)
    frames = np.lib.stride_tricks.sliding_window_view(sound, 2 * n)[::n] * np.hanning(2 * n)
    power = np.abs(np.fft.rfft(frames)) ** 2 / n**2
    hz = np.fft.rfftfreq(2 * n, 1 / rate)
    octaves = [power[:, (hz >= f / 1.41) & (hz < f * 1.41)].sum(axis=1) for f in 31.5 * 2.0 ** np.arange(10)]
    return 10 * np.log10(np.maximum(octaves, 10 ** (FLOOR_DB / 10)))
