"""What a PulseAudio server, or PipeWire in its place, says of its default source."""

import os
import shutil
import subprocess

ALSA_NAMES = frozenset({"pulse", "default", "pipewire", "sysdefault"})
"""ALSA devices that lead to the server's default source."""

_TIMEOUT_S = 2.0


def default_monitors() -> frozenset[str]:
    """The ALSA devices whose input is what the machine itself plays; none where no server answers."""
    source = os.environ.get("PULSE_SOURCE") or _default_source()
    return ALSA_NAMES if source.endswith(".monitor") else frozenset()


def _default_source() -> str:
    if shutil.which("pactl") is None:
        return ""
    try:
        done = subprocess.run(
            ["pactl", "get-default-source"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
