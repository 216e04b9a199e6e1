"""Forms that were proved once, kept in the user's cache: the next start takes what an earlier one made.

A form is kept for a content, sizes of a call, a version of onnxruntime, a processor, and the passes as they are; what
is damaged, or of another, is made anew.
"""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from llvmlite import binding

from ...cache import data_folder
from ...storage import AtomicFile
from .form import CallForm

_HERE = Path(__file__).parent
MOST = 32
"""Forms that are kept at most; the oldest go."""


def form_key(content: bytes, sizes: Sequence[object]) -> str:
    """What a form is kept under."""
    parts = (_digest(content), repr(sizes).encode(), _surroundings())
    return _digest(b"".join(parts)).hex()


@cache
def _surroundings() -> bytes:
    """Digest of all else that a form hangs on."""
    sources = sorted(
        [*_HERE.glob("*.py"), *(_HERE.parent / "own_run").glob("*.py"), _HERE.parent / "streaming" / "shapes.py"]
    )
    try:
        runtime = version("onnxruntime")
    except PackageNotFoundError:
        runtime = ""
    processor = f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()} {runtime}"
    return _digest(processor.encode() + b"".join(path.read_bytes() for path in sources))


def kept_form(key: str, content: bytes) -> CallForm | None:
    """The form that was kept; None where there is none. `content` is the file's own."""
    folder = data_folder("forms")
    try:
        found = (folder / key).read_bytes() if folder else b""
        head, _, played = found.partition(b"\n")
        header = json.loads(head)
        if header.pop("digest") != _digest(played).hex():
            return None
        return CallForm(played or content, frozenset(header.pop("known")), **header)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def keep_form(key: str, form: CallForm) -> None:
    """Keep a form, where a folder can be written."""
    folder = data_folder("forms")
    played = b"" if form.why_as_it_is else form.content
    header = {
        "digest": _digest(played).hex(),
        "known": sorted(form.known),
        "lanes": dict(form.lanes),
        "why_as_it_is": form.why_as_it_is,
        "why_alone": form.why_alone,
        "weights": form.weights,
    }
    if folder is None:
        return
    with suppress(OSError):
        with AtomicFile(folder / key) as file:
            file.write(json.dumps(header).encode() + b"\n" + played)
        for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)[:-MOST]:
            old.unlink(missing_ok=True)


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=20).digest()
