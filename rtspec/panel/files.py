"""The page's files: read once, given out by their exact names and no others, under a strict policy."""

from functools import cache
from importlib.resources import files

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_START = "index.html"


@cache
def page() -> dict[str, tuple[str, bytes]]:
    """Every path that is answered: its type and what it gives. A path that is not in here leads nowhere."""
    found = {}
    for file in files("rtspec.panel").joinpath("page").iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if file.is_file() and suffix in TYPES:
            found[f"/{file.name}"] = TYPES[suffix], file.read_bytes()
    found["/"] = found[f"/{_START}"]
    return found
