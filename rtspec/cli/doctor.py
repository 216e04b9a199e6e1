"""``rtspec doctor``: what this machine has, which code paths are in use and why, and what would make it better."""

import argparse
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from ..console import emit

EXAMPLE = "rtspec doctor --json"
PACKAGES = (
    "rtspec",
    "numpy",
    "numba",
    "onnx",
    "onnxruntime",
    "pedalboard",
    "pyfftw",
    "rocket-fft",
    "sounddevice",
    "python-rtmidi",
)


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what it is, and where it could be better, how."""

    name: str
    value: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing beyond --json."""


def run(args: argparse.Namespace) -> None:
    """Look at everything; whatever cannot be looked at is a finding too."""
    findings = [_safely(name, probe) for name, probe in PROBES.items()]
    data = {"versions": _versions(), "findings": {f.name: asdict(f) for f in findings}}
    emit(args, data, "\n".join([*_version_lines(), "", *map(_line, findings)]))


def _safely(name: str, probe: Callable[[], tuple[str, str]]) -> Finding:
    try:
        return Finding(name, *probe())
    except Exception as error:
        return Finding(name, "cannot be told", " ".join(f"{type(error).__name__}: {error}".split()))


def _line(finding: Finding) -> str:
    advice = f"\n{'':>22}   → {finding.advice}" if finding.advice else ""
    return f"{finding.name:>22} : {finding.value}{advice}"


def _versions() -> dict[str, str]:
    return {name: _version(name) for name in PACKAGES}


def _version(name: str) -> str:
    if name == "rtspec":
        from .. import __version__

        return __version__
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _version_lines() -> list[str]:
    system = f"Python {platform.python_version()}, {platform.system()} {platform.release()}, {platform.machine()}"
    return [f"{system}, {os.cpu_count()} CPUs", ", ".join(f"{name} {found}" for name, found in _versions().items())]


def _models() -> tuple[str, str]:
    from ..models.ort_api import api, why_unavailable

    reason = why_unavailable()
    if reason is None:
        return f"onnxruntime {api().version} by its C API, called from compiled code without the GIL", ""
    return "onnxruntime by I/O binding, under the GIL", f"{reason}; a wheel from PyPI carries the library"


def _transforms() -> tuple[str, str]:
    from ..frames import system_fftw
    from ..frames.fft import fftw_library

    library, newer = fftw_library(), system_fftw.system_library()
    if newer is not None:
        return f"{system_fftw.version(newer)} of the system ({newer._name}): {system_fftw.timings(newer)}", ""
    if library is not None:
        return f"FFTW by address ({os.path.basename(library._name)} of pyFFTW's wheel)", ""
    return (
        "rocket-fft: pyFFTW's wheel carries no libfftw3f here",
        "pip install pyfftw makes transforms two to four times faster",
    )


def _audio() -> tuple[str, str]:
    from ..audio.devices import list_devices, portaudio
    from ..audio.jack_look import jack_period
    from ..errors import DeviceError

    try:
        sd, devices = portaudio(), list_devices()
    except DeviceError as error:
        return "no PortAudio: the virtual device alone", str(error)
    apis = ", ".join(api["name"] for api in sd.query_hostapis()) or "none"
    found = f"{sd.get_portaudio_version()[1].split(',')[0]}; back ends: {apis}; {len(devices)} devices"
    if period := jack_period():
        found += f"; the JACK or PipeWire server's period is {period} samples, which decides over --block"
    return found, "" if devices else "plug in an interface or start a JACK server; rtspec live --virtual works without"


def _jack() -> tuple[str, str]:
    from ..audio.jack import why_unavailable

    reason = why_unavailable()
    return (
        ("jackd is installed", "") if reason is None else ("no jackd", f"benchmarks and device tests need it: {reason}")
    )


def _midi() -> tuple[str, str]:
    from ..control.midi.ports import has_rtmidi

    if not has_rtmidi():
        return "no python-rtmidi", "MIDI comes from JACK alone; pip install 'rtspec[midi]' brings ALSA's"
    import rtmidi

    names = ", ".join(rtmidi.get_api_display_name(api) for api in rtmidi.get_compiled_api())
    if sys.platform == "linux" and not os.path.exists("/dev/snd/seq"):
        return f"python-rtmidi with {names}", "there is no /dev/snd/seq, so ALSA MIDI cannot open; JACK MIDI can"
    return f"python-rtmidi with {names}", ""


def _scheduling() -> tuple[str, str]:
    import threading

    from ..live.engine import PRIORITY

    answers: list[str] = []
    trial = threading.Thread(target=lambda: answers.append(_try_fifo(PRIORITY)))
    trial.start()
    trial.join()
    if not answers[0]:
        return f"SCHED_FIFO {PRIORITY} is permitted: the engine's thread gets it", ""
    return (
        f"no SCHED_FIFO ({answers[0]})",
        "add '@audio - rtprio 95' to /etc/security/limits.d/audio.conf, join group audio, log in again",
    )


def _try_fifo(priority: int) -> str:
    """Why the calling thread cannot have real-time priority; empty where it can, and then it has."""
    if not hasattr(os, "sched_setscheduler"):
        return f"{platform.system()} has no such call"
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(priority))
    except OSError as error:
        return error.strerror or str(error)
    return ""


def _locked_memory() -> tuple[str, str]:
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if soft == resource.RLIM_INFINITY or os.geteuid() == 0:
        return "memory may be locked without limit", ""
    advice = "add '@audio - memlock unlimited' to /etc/security/limits.d/audio.conf, join group audio, log in again"
    return f"memory may be locked up to {soft >> 20} MiB", advice if soft < 1 << 30 else ""


def _governor() -> tuple[str, str]:
    path = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
    if not os.path.exists(path):
        return "the machine does not say (virtual, perhaps)", ""
    with open(path) as file:
        governor = file.read().strip()
    return governor, "" if governor == "performance" else "cpupower frequency-set -g performance steadies the timing"


def _cache() -> tuple[str, str]:
    from ..buffers.kernels import kept_in

    folder = kept_in()
    if folder is not None:
        return f"compiled code is kept in {folder}", ""
    return "compiled in memory, 10 to 60 s at every start: no folder can be written", "set RTSPEC_CACHE to one that can"


def _telemetry() -> tuple[str, str]:
    from ..telemetry import state

    return state()


def _native_plugins() -> tuple[str, str]:
    """What a native pedalboard plugin costs in a live chain, since it needs the GIL."""
    import time

    import numpy as np
    import pedalboard

    plugin, block, times = pedalboard.Gain(0.0), np.zeros((2, 128), np.float32), []
    for _ in range(500):
        start = time.perf_counter()
        plugin.process(block, 48000.0, reset=False)
        times.append(time.perf_counter() - start)
    cost = 1e6 * float(np.median(times))
    return (
        f"{cost:.0f} µs for each native plugin and block of 128, under the GIL",
        "chains of rtspec processors alone never take the GIL",
    )


PROBES = {
    "models": _models,
    "transforms": _transforms,
    "audio": _audio,
    "JACK": _jack,
    "MIDI": _midi,
    "scheduling": _scheduling,
    "locked memory": _locked_memory,
    "CPU governor": _governor,
    "compiled code": _cache,
    "telemetry": _telemetry,
    "native plugins": _native_plugins,
}
