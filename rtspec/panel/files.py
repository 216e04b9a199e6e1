"""The page's files: read once, given out by their exact names and no others, under a strict policy."""

import re
from collections.abc import Mapping
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
_START, _SCRIPT = "index.html", "main.js"
_IMPORT = re.compile(r'^import (\{ [\w, ]+ \}) from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)


@cache
def page() -> dict[str, tuple[str, bytes]]:
    """Every path that is answered: its type and what it gives. A path that is not in here leads nowhere."""
    found = {}
    for file in files("rtspec.panel").joinpath("page").iterdir():
        suffix = f".{file.name.rpartition('.')[2]}"
        if file.is_file() and suffix in TYPES:
            found[f"/{file.name}"] = TYPES[suffix], file.read_bytes()
    scripts = {path[1:-3]: data.decode() for path, (_, data) in found.items() if path.endswith(".js")}
    found[f"/{_SCRIPT}"] = TYPES[".js"], in_one(scripts, _SCRIPT[:-3]).encode()
    found["/"] = found[f"/{_START}"]
    return found


def in_one(scripts: Mapping[str, str], first: str) -> str:
    """A module and all that it imports, by name, as one: a browser asks for each file anew, over a line of its own, and
    only once it has read who imports it. Each stays a scope of its own, `$name`, that gives what it exports."""
    made: dict[str, str] = {}

    def add(name: str) -> None:
        for _, imported in _IMPORT.findall(scripts[name]):
            if imported not in made:
                add(imported)
        exports = ", ".join(_EXPORT.findall(scripts[name]))
        body = _EXPORT.sub("", _IMPORT.sub(r"const \1 = $\2;", scripts[name]))
        made[name] = f"const ${name} = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();\n"

    add(first)
    return "".join(made.values())
