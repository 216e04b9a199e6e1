"""Streams that drive the compiled callback: a real one on PortAudio, a paced virtual one for machines without sound.

Both have `start`, `stop`, `active` and `latency_samples`, so the host does not know which one runs.
"""

import ctypes
import threading
from contextlib import suppress
from typing import Protocol

import numpy as np
from numba import njit

from ..buffers.atomics import load_acquire, publish
from ..buffers.clock import now_ns, sleep_until_ns
from ..buffers.memory import address, aligned
from ..buffers.priority import become_real_time
from ..errors import DeviceError
from .callback import exchange, portaudio_callback
from .devices import Device, note_closed, note_open, portaudio
from .exchange import Exchange
from .jack_look import jack_period, server_lives
from .outliving import PATIENCE_S, outlived
from .period import JACK_SPLIT
from .refusals import refusal, refused

DEVICE_PRIORITY = 10
"""SCHED_FIFO priority of the virtual device, above the engine's as an audio server's threads are."""

MOST_LATENCY_S = 10.0
"""What a driver may say of itself and be believed."""


class Stream(Protocol):
    """What drives an :class:`Exchange`; `on_jack` says whether it is the client of a JACK server."""

    on_jack: bool
    doubted: str | None

    @property
    def latency_samples(self) -> int: ...

    @property
    def active(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class PortAudioStream:
    """The compiled callback on a real device.

    Parameters
    ----------
    exchange : Exchange
    input_device, output_device : Device or None
    sample_rate : float
        Hz.
    block : int
        Frames a callback; a JACK server gives its own period, whatever is asked for.
    """

    def __init__(
        self,
        exchange: Exchange,
        input_device: Device | None,
        output_device: Device | None,
        sample_rate: float,
        block: int,
    ):
        self._sd, self._lost, self._started = portaudio(), False, False
        self.on_jack = any("JACK" in device.host_api for device in (input_device, output_device) if device)
        self._devices = input_device, output_device
        self._kept = (exchange, portaudio_callback())
        sides = {"input": input_device, "output": output_device}
        used = [(side, device) for side, device in sides.items() if device is not None]
        counts = {
            "input": int(exchange.record["device_inputs"][0]),
            "output": int(exchange.record["device_outputs"][0]),
        }
        duplex = len(used) == 2
        settings = {
            "kind": "duplex" if duplex else used[0][0],
            "device": [d.index for _, d in used] if duplex else used[0][1].index,
            "channels": [counts[side] for side, _ in used] if duplex else counts[used[0][0]],
        }
        self._stream = self._open(settings, exchange, sample_rate, 0 if self.on_jack else block)
        note_open(self)
        self._exchange, self._opened_at = exchange, exchange.period
        said = [float(seconds) for seconds in np.atleast_1d(self._stream.latency)]
        self.doubted = _doubt(said)
        periods = len(said) * exchange.period
        self._latency_samples = periods if self.doubted else round(sum(said) * sample_rate)

    def _open(self, settings: dict, exchange: Exchange, sample_rate: float, block: int):
        ffi = self._sd._ffi
        try:
            return self._sd._StreamBase(
                **settings,
                samplerate=sample_rate,
                blocksize=block,
                dtype="float32",
                latency="low",
                callback=ffi.cast("PaStreamCallback*", int(self._kept[1].address or 0)),
                userdata=ffi.cast("void*", exchange.address),
                wrap_callback=None,
            )
        except (self._sd.PortAudioError, ValueError) as error:
            name = " and ".join(sorted({device.name for device in self._devices if device}))
            raise refused("device", name, sample_rate, error) from None

    @property
    def latency_samples(self) -> int:
        """What the driver says of itself, in and out; of a JACK server, whose latency is so many periods, as its
        period is now."""
        if not self.on_jack:
            return self._latency_samples
        return round(self._latency_samples * self._period_now() / self._opened_at)

    def _period_now(self) -> int:
        """The server's: shorter than the longest one so far where it has changed since."""
        longest, asked = self._exchange.period, self._exchange.asked
        if asked in (0, longest):
            return longest
        return asked if asked < JACK_SPLIT else jack_period() or longest

    @property
    def active(self) -> bool:
        """Whether the device still calls."""
        return not self._lost and bool(self._stream.active)

    def start(self) -> None:
        """Begin to call."""
        try:
            self._stream.start()
            self._started = True
        except self._sd.PortAudioError as error:
            raise DeviceError(f"the device does not start: {refusal(error)}") from None

    def stop(self) -> None:
        """Stop and close. A device that has vanished is given some seconds and then left alone; one on a JACK server
        that has died at once, since PortAudio would hang or abort the process."""
        if self._lost or (self.on_jack and self._started and not (self.active and server_lives())):
            self._leave()
            return
        if not outlived(self._close, self._lives):
            self._leave()
        note_closed(self)
        self._started = False

    def _lives(self) -> bool:
        return not self.on_jack or server_lives()

    def _leave(self) -> None:
        """Touch the device no more. PortAudio's own clean-up at the interpreter's end would trip over it as well; and
        since it may call at any time yet, what it calls and PortAudio's code outlive that end."""
        self._lost = True
        for needed in (self, self._sd._lib):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(needed))
        note_closed(self, left=True)

    def _close(self) -> None:
        for end in (self._stream.abort, self._stream.close):
            with suppress(self._sd.PortAudioError):  # never started, or the device is gone
                end()


def _doubt(said_s: list[float]) -> str | None:
    """A line where a driver says of itself what cannot be."""
    if all(0.0 <= seconds <= MOST_LATENCY_S for seconds in said_s):
        return None
    named = " and ".join(f"{1000 * seconds:g}" for seconds in said_s)
    return f"the driver's own latency of {named} ms cannot be: a period each way is stated instead; measure it"


_RUNNING = 0


@njit(cache=True, nogil=True)
def _pace(state, shared, device_in, device_out, block, period_ns, timespec):
    """Call the exchange every period until `shared` says stop. Moments count from each other, so the pace cannot drift.

    After a hold-up it goes on from then, as a device does, instead of catching up in a burst that no engine survives.
    """
    moment = now_ns(timespec)
    while load_acquire(shared) != 0:
        exchange(state, device_in, device_out, block)
        moment = max(moment + period_ns, now_ns(timespec) - period_ns)
        sleep_until_ns(moment, timespec)


class VirtualStream:
    """A device without hardware: a compiled loop that calls the same exchange at the pace of the sample rate.

    Its input is silence, its output goes nowhere; source and tape make it useful.
    """

    latency_samples, on_jack = 0, False
    doubted: str | None = None

    def __init__(self, exchange: Exchange, channels: int, sample_rate: float, block: int):
        self._exchange, self._block, self._period_ns = exchange, block, round(1e9 * block / sample_rate)
        self._silence, self._output = aligned((block, channels)), aligned((block, channels))
        self._timespec, self._shared = aligned(2, np.int64), aligned(1, np.int64)
        self._thread: threading.Thread | None = None
        self._call(0)  # with `running` at 0 this compiles and returns

    def _call(self, running: int) -> None:
        publish(self._shared, _RUNNING, running)
        places = (self._exchange.address, self._shared.ctypes.data, address(self._silence), address(self._output))
        _pace(*places, self._block, self._period_ns, address(self._timespec))

    @property
    def active(self) -> bool:
        """Whether the loop still calls."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to call."""
        self._thread = threading.Thread(target=self._run, name="rtspec-virtual-device", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        become_real_time(DEVICE_PRIORITY)
        self._call(1)

    def stop(self) -> None:
        """Stop calling."""
        publish(self._shared, _RUNNING, 0)
        if self._thread is not None:
            self._thread.join(PATIENCE_S)
