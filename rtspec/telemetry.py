"""Nothing is told outside: what onnxruntime would report of itself is turned off before its library loads.

onnxruntime's builds for Linux, from 1.29 on, keep a device id and a queue of events in the user's cache folder and send
them from threads inside the process, unless this variable stands in the environment when the library loads. Importing
any part of rtspec sets it, so that every command, every use from Python and every child process has it.
"""

import os
import sys
import warnings

VARIABLE = "ORT_DISABLE_TELEMETRY"
TOO_LATE = (
    f"onnxruntime was imported before rtspec and without {VARIABLE}=1: its telemetry has started, with files in the"
    f" user's cache folder. Its events are turned off now; to have none of it, import rtspec first or set {VARIABLE}=1"
)
_late = False


def turn_off() -> None:
    """Set the variable; where onnxruntime is loaded already, stop its events and warn that this comes late."""
    global _late
    library = sys.modules.get("onnxruntime")
    _late = library is not None and sys.platform == "linux" and os.environ.get(VARIABLE, "") in ("", "0")
    os.environ[VARIABLE] = "1"
    if _late and library is not None and _reports(library):
        library.disable_telemetry_events()
        warnings.warn(TOO_LATE, RuntimeWarning, stacklevel=4)


def _reports(library) -> bool:
    """Whether this version has telemetry on Linux."""
    version = getattr(library, "__version__", "0.0").split(".")
    return hasattr(library, "disable_telemetry_events") and [int(n) for n in version[:2] if n.isdigit()] >= [1, 29]


def state() -> tuple[str, str]:
    """What to say of it, and what to do about it; for ``rtspec doctor``."""
    if _late:
        return "onnxruntime was loaded before rtspec: its telemetry had started", "import rtspec first"
    return f"off: {VARIABLE}=1 is set before onnxruntime loads; rtspec itself sends nothing", ""
