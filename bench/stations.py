"""The lines at which README's walks lead into the code, brought up to date.

    python bench/stations.py [--check]

README follows a sample, a MIDI message and a file from door to door; each station is a link that names a file, a line
and what is defined there. This writes the lines anew; --check only says which have moved, with exit status 1.
"""

import argparse
import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
STATION = re.compile(
    r"\[`(?P<file>[\w/]+\.py):(?P<line>\d+) (?P<name>[\w.]+)`\]\((?P<link>rtspec/[\w/]+\.py)#L(?P<mark>\d+)\)"
)


def defined_at(path: Path, name: str) -> int:
    """The line of a function, class, method ("Class.method") or name of a module; 0 where there is none."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    *outer, last = name.split(".")
    for part in outer:
        body = next((node.body for node in body if isinstance(node, ast.ClassDef) and node.name == part), [])
    return next((node.lineno for node in body if last in _names(node)), 0)


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return (
        [target.id for target in node.targets if isinstance(target, ast.Name)] if isinstance(node, ast.Assign) else []
    )


def renewed(text: str) -> str:
    """README with each station at its line."""

    def station(found: re.Match) -> str:
        line = defined_at(ROOT / found["link"], found["name"])
        return f"[`{found['file']}:{line} {found['name']}`]({found['link']}#L{line})"

    return STATION.sub(station, text)


def main() -> int:
    """Renew the lines, or say which have moved."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, and say what has moved")
    args = parser.parse_args()
    path = ROOT / "README.md"
    before = path.read_text(encoding="utf-8")
    after = renewed(before)
    pairs = zip(STATION.finditer(before), STATION.finditer(after), strict=True)
    moved = [f"{old[0]} is at line {new['line']}" for old, new in pairs if old[0] != new[0]]
    print("\n".join(moved) or "all stations are where README says")
    if not args.check:
        path.write_text(after, encoding="utf-8")
    return int(args.check and bool(moved))


if __name__ == "__main__":
    sys.exit(main())
