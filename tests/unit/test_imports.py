"""The plan of the house: what a package may import, and that no modules import each other in a circle."""

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "rtspec"

LAYERS = (
    ("errors", "telemetry"),
    ("storage", "checks", "plain"),
    ("cache", "console", "ending", "options", "schema"),
    ("buffers",),
    ("frames",),
    ("audio",),
    ("control", "models", "phase"),
    ("chain",),
    ("live",),
    ("processors",),
    ("panel",),
    ("pictures",),
    ("batch",),
    ("metrics", "style"),
    ("training",),
    ("benchmarks",),
    ("evaluation",),
    ("cli",),
)
"""From the ground up. A package imports those of lower layers, and itself."""


def _modules() -> dict[str, Path]:
    files = sorted(PACKAGE.rglob("*.py"))
    names = [".".join(("rtspec", *file.relative_to(PACKAGE).with_suffix("").parts)) for file in files]
    return {name.removesuffix(".__init__"): file for name, file in zip(names, files, strict=True)}


MODULES = _modules()


def _statements(node: ast.AST, is_late: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    """Imports, and whether they wait for a call; those for type checkers are none."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, is_late
        yield from _statements(child, is_late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef))


def _named(statement: ast.Import | ast.ImportFrom, name: str) -> Iterator[str]:
    """Modules of this package that a statement in the module `name` imports."""
    if isinstance(statement, ast.Import):
        candidates = [alias.name for alias in statement.names]
    else:
        package = name.split(".") if MODULES[name].name == "__init__.py" else name.split(".")[:-1]
        base = package[: len(package) - statement.level + 1] if statement.level else []
        whole = ".".join([*base, *([statement.module] if statement.module else [])])
        parts = [f"{whole}.{alias.name}" for alias in statement.names]
        candidates = [part if part in MODULES else whole for part in parts]
    yield from (candidate for candidate in candidates if candidate in MODULES and candidate != name)


def _imports(*, late: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in MODULES}
    for name, file in MODULES.items():
        for statement, is_late in _statements(ast.parse(file.read_text())):
            if late or not is_late:
                found[name].update(_named(statement, name))
    return found


def _reached(start: str, graph: dict[str, set[str]]) -> set[str]:
    seen, todo = set(), [*graph[start]]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += graph[name]
    return seen


def _circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    reached = {name: _reached(name, graph) for name in graph}
    return {frozenset(b for b in reached[a] if a in reached[b]) for a in graph if a in reached[a]}


def _layer(name: str) -> int:
    """Of a module: -1 for the package's own, which all may name, since it imports on first use."""
    package = name.split(".")[1] if "." in name else None
    return next((i for i, layer in enumerate(LAYERS) if package in layer), -1)


def test_every_package_has_its_layer():
    packages = {name.split(".")[1] for name in MODULES if "." in name}
    missing = packages - {package for layer in LAYERS for package in layer} - {"__main__"}
    assert not missing, f"{missing} must stand in LAYERS; put each above all that it imports"


def test_no_modules_import_each_other_in_a_circle():
    assert _circles(_imports(late=False)) == set()


def test_no_modules_ask_for_each_other_while_they_run():
    assert _circles(_imports(late=True)) == set()


def test_no_package_imports_upward():
    upward = {
        f"{name} → {other}"
        for name, others in _imports(late=True).items()
        for other in others
        if name.split(".")[1:2] != other.split(".")[1:2] and 0 <= _layer(name) <= _layer(other)
    }
    assert upward == set()
