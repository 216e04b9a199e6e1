"""The compiled audio callback: it copies, counts and signals, nothing else.

It takes input from the device or, where a source is set, from a prepared sound; hands it to the engine's ring; takes
finished sound from the other ring; and keeps both on a tape where one is set. When the engine is late it conceals:
the sound stays as it was (:mod:`rtspec.audio.concealment`) and fades; what comes too late is dropped. The delay grows
only where the device begins to ask for more at once (:mod:`rtspec.audio.period`).
"""

from functools import cache

import numba
import numpy as np
from numba import carray, njit, types

from ..buffers.atomics import load_acquire, store_release
from ..buffers.clock import MARKS, note_duration, now_ns, period_began
from ..buffers.memory import floats, integers, memmove, memset, pointer
from ..buffers.ring import take, writable, write
from ..buffers.semaphore import sem_post
from .channels import SILENT
from .concealment import fetch, put_between
from .exchange import DISK, EXCHANGE, FINISHED, MARKED, PEAKED, PEAKS, RESTING, STAGING, TAP
from .period import listen, watch_period
from .sensing import gather_sensor

FADE = 256
"""Frames in which a source that is paused fades out, or in again."""


@njit
def _gather(s, device, n):
    """Stage `n` input frames for the engine: from the source if there is one, else from the device, else silence."""
    staged = floats(s.staged_in, n * s.channels)
    if s.source_ring != 0:
        _gather_from_disk(s, n)
    elif s.source != 0:
        for i in range(n):
            at = s.source_at + i
            at = at % s.source_frames if s.loop else at
            frame = floats(s.source + 4 * at * s.channels, s.channels)
            for c in range(s.channels):
                staged[i * s.channels + c] = frame[c] if at < s.source_frames else np.float32(0.0)
    elif device == 0 or s.device_inputs == 0:
        memset(s.staged_in, 0, 4 * n * s.channels)
    else:
        samples, places = floats(device, n * s.device_inputs), integers(s.in_map, s.channels)
        for i in range(n):
            for c in range(s.channels):
                staged[i * s.channels + c] = samples[i * s.device_inputs + places[c]]


@njit
def _gather_from_disk(s, n):
    """Take what was read of a file; where the disk is late there is silence, counted, and the file goes on behind. What
    a program writes may have gaps."""
    taken = take(s.source_ring, s.staged_in, n)
    memset(s.staged_in + 4 * taken * s.channels, 0, 4 * (n - taken) * s.channels)
    late = n - taken if s.loop or s.written else max(0, min(n, s.source_frames - s.source_at) - taken)
    s.unread_frames += 0 if s.written else late
    s.source_at -= late


@njit
def _add_injected(s, n):
    staged = floats(s.staged_out, n * s.channels)
    extra = floats(s.inject, s.inject_frames * s.channels)
    first = s.source_at * s.channels
    for i in range(min(n * s.channels, len(extra) - first)):
        staged[i] += extra[first + i]


@njit
def _keep_on_tape(s, n):
    kept = min(n, s.tape_frames - s.tape_at)
    if kept > 0:
        offset, n_bytes = 4 * s.tape_at * s.channels, 4 * kept * s.channels
        memmove(s.tape_in + offset, s.staged_in, n_bytes)
        memmove(s.tape_out + offset, s.staged_out, n_bytes)
        s.tape_at += kept


@njit
def _hand_out(s, rings, n):
    """Put staged input and output into the pair of rings at address `rings`, if there is one, as far as both have room;
    returns how many frames had none. The pair is looked up once: another thread may take it away meanwhile."""
    if rings == 0:
        return 0
    pair = integers(rings, 2)
    kept = min(n, writable(pair[0]), writable(pair[1]))
    write(pair[0], s.staged_in, kept)
    write(pair[1], s.staged_out, kept)
    return n - kept


@njit
def _fade_source(s, n):
    """Fade a source that is paused, or goes on; one that is faded out rests."""
    staged, goal, step = floats(s.staged_in, n * s.channels), 0.0 if s.paused else 1.0, 1.0 / FADE
    for i in range(n):
        s.source_gain = min(goal, s.source_gain + step) if goal > s.source_gain else max(goal, s.source_gain - step)
        for c in range(s.channels):
            staged[i * s.channels + c] *= np.float32(s.source_gain)


@njit
def _gather_or_rest(s, device, n):
    """Stage input; nothing of a source that rests. Returns by how much the source went on."""
    if s.resting and s.paused:
        memset(s.staged_in, 0, 4 * n * s.channels)
        return 0
    _gather(s, device, n)
    if s.paused or s.source_gain != 1.0:
        _fade_source(s, n)
    return n


@njit
def _note_peaks(state, s, n):
    """The largest magnitudes, each hundredth of a second into a place of its own."""
    s.peak_in = _peak(s.staged_in, n * s.channels, s.peak_in)
    s.peak_out = _peak(s.staged_out, n * s.channels, s.peak_out)
    s.peak_frames += n
    if s.peak_frames < s.peak_most:
        return
    kept = floats(s.peaks + 8 * (s.peaked % PEAKS), 2)
    kept[0], kept[1] = s.peak_in, s.peak_out
    s.peak_in = s.peak_out = 0.0
    s.peak_frames = 0
    store_release(state + PEAKED, s.peaked + 1)


@njit
def _peak(place, n, peak):
    """The largest magnitude of `n` samples and of what was before."""
    samples = floats(place, n)
    for i in range(n):
        peak = max(peak, abs(samples[i]))
    return peak


@njit
def _scatter(s, device, n):
    if device == 0:
        return
    staged, samples = floats(s.staged_out, n * s.channels), floats(device, n * s.device_outputs)
    places = integers(s.out_map, s.device_outputs)
    for i in range(n):
        for c in range(s.device_outputs):
            heard = staged[i * s.channels + places[c]] if places[c] != SILENT else np.float32(0.0)
            samples[i * s.device_outputs + c] = heard


@njit
def _give(s, n):
    """Hand the staged input to the engine; where it is so late that there is no room, leave a hole in its sound."""
    if writable(s.to_engine) >= n:
        if s.sensors > 0:  # first: what the engine finds in the other ring it may take from this one
            write(s.to_listen, s.staged_sensor, n)
        write(s.to_engine, s.staged_in, n)
        return
    s.overruns += 1
    s.debt -= n  # what never went in never comes out
    s.hole = load_acquire(s.to_engine) + s.prefill


@njit
def _turn(state, s, device_in, device_out, n):
    gone = _gather_or_rest(s, device_in, n)
    if s.sensors > 0:
        gather_sensor(s, device_in, n)
    _give(s, n)
    sem_post(s.wake)
    between = min(n, s.owed)
    if between > 0:
        put_between(s, between)
    fetch(s, between, n)
    if s.inject != 0:
        _add_injected(s, n)
    _keep_on_tape(s, n)
    s.unrecorded_frames += _hand_out(s, load_acquire(state + DISK), n)
    _hand_out(s, load_acquire(state + TAP), n)
    _note_peaks(state, s, n)
    _scatter(s, device_out, n)
    if gone > 0:
        s.source_at += gone
    store_release(state + RESTING, np.int64(s.paused != 0 and s.source_gain == 0.0))  # last: then it may be moved


@njit
def _mark(state, s, now, n):
    """Note how many frames the engine has been given by now."""
    frames, mark = load_acquire(s.to_engine), integers(s.marks + 16 * (s.marked % MARKS), 2)
    mark[0], mark[1] = frames, period_began(s.seen, s.marked, frames, now, s.ns_a_frame, n)
    store_release(state + MARKED, s.marked + 1)


@njit
def exchange(state, device_in, device_out, n):
    """One callback: `n` interleaved float32 frames at address `device_in` in, as many out at `device_out` (0: none)."""
    s = carray(pointer(state), 1, EXCHANGE)[0]
    start = now_ns(s.timespec)
    watch_period(s, n, start)
    if s.listening > 0:
        listen(s, n)
        memset(device_out, 0, 4 * n * s.device_outputs)
        return
    done = 0
    while done < n:
        m = min(n - done, STAGING)
        at_in = device_in + 4 * done * s.device_inputs if device_in != 0 else 0
        at_out = device_out + 4 * done * s.device_outputs if device_out != 0 else 0
        _turn(state, s, at_in, at_out, m)
        done += m
    if (
        (s.source != 0 or s.source_ring != 0)
        and not s.loop
        and not s.written
        and s.source_at >= s.source_frames + s.drain
    ):
        store_release(state + FINISHED, 1)
    _mark(state, s, start, n)
    duration = now_ns(s.timespec) - start
    note_duration(s.histogram, duration)
    s.callbacks += 1
    s.late_callbacks += duration > n * s.ns_a_frame


_XRUNS = 0b1111
"""PortAudio's flags for input and output that were too early or too late."""


def _portaudio(device_in, device_out, n, time_info, flags, state):
    carray(pointer(np.int64(state)), 1, EXCHANGE)[0].device_xruns += (flags & _XRUNS) != 0
    exchange(np.int64(state), np.int64(device_in), np.int64(device_out), np.int64(n))
    return np.int32(0)


@cache
def portaudio_callback():
    """The compiled callback with PortAudio's signature, its `userdata` being :attr:`Exchange.address`."""
    place = types.intp
    signature = types.int32(place, place, types.uint64, place, types.uint64, place)
    return numba.cfunc(signature, cache=True, error_model="numpy")(_portaudio)
