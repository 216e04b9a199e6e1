"""Is a streaming model what it says it is? The engine behind ``rtspec validate MODEL [--against OFFLINE]``.

Each check gives one line: the file, its manifest, shapes of outputs and states, equality with the offline model (or,
without one, with itself) for calls of several sizes, finite numbers whatever comes in, and speed against the hop.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rtspec.errors import ModelError

from .sandbox import sandboxed
from .validation_case import case_summary, open_case
from .validation_checks import CHECKS, FIRST
from .validation_report import Check, Report


def validate(
    model: str | Path,
    against: str | Path | None = None,
    *,
    audio: np.ndarray | None = None,
    hop_ms: float | None = None,
) -> Report:
    """Check a streaming model.

    Parameters
    ----------
    model : str or Path
        A file made by `make_streaming` or `package`.
    against : str or Path, optional
        The offline model that it was made from. Without it the stream is compared with itself in one call.
    audio : ndarray, float32, shape (n_samples,), optional
        Mono samples, whose spectrogram is the real input; plucked notes with pauses otherwise.
    hop_ms : float, optional
        Time between frames, where the manifest does not tell it.

    Returns
    -------
    Report
        Never raises for a fault of the model: a file that cannot be read is a report with one failed check.

    Notes
    -----
    The checks run in a process of their own, which has :data:`rtspec.models.sandbox.MEMORY_BYTES` (2 GiB) and
    :data:`rtspec.models.sandbox.TIME_S` (300 s); a model that takes more, or crashes, is a report too.
    """
    sound = None if audio is None else np.asarray(audio, np.float32).ravel().tolist()
    other = None if against is None else str(against)
    try:
        found = sandboxed(f"{__name__}:checked", model=str(model), against=other, audio=sound, hop_ms=hop_ms)
    except ModelError as error:
        return Report(str(model), [Check("file and manifest", False, str(error))])
    return Report(str(model), [Check(**each) for each in found["checks"]], found["figures"])


def checked(model: str, against: str | None, audio: list[float] | None, hop_ms: float | None) -> dict[str, Any]:
    """:func:`validate`, here and now: what its report holds."""
    report = Report(model)
    _run_checks(report, model, against, audio, hop_ms)
    return report.to_dict()


def _run_checks(report: Report, model: str, against: str | None, audio, hop_ms: float | None) -> None:
    case = _checked(report, "file and manifest", lambda: open_case(model, against, audio, hop_ms, report.figures))
    if case is None:
        return
    report.checks[-1] = Check("file and manifest", True, case_summary(case))
    for name, check in CHECKS.items():
        if _checked(report, name, lambda check=check: check(case)) is None or (name in FIRST and not report.ok):
            break


def _checked(report: Report, name: str, step: Callable[[], Any]) -> Any:
    """Run one step; what it raises becomes a failed check and None."""
    try:
        made = step()
    except Exception as error:  # of a foreign file: onnx, onnxruntime and protobuf have errors of no common kind
        report.checks.append(Check(name, False, " ".join(str(error).split())[:300]))
        return None
    ok, detail = made if isinstance(made, tuple) else (True, "")
    report.checks.append(Check(name, ok, detail))
    return made
