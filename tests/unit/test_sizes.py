"""No room of the house outgrows its limit: lines of modules, classes and functions."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOUSE = ("rtspec", "bench", "exports", "examples")
MODULE, CLASS, FUNCTION = 400, 250, 40
KERNEL = ("njit", "step", "intrinsic", "cfunc", "overload")
"""Decorators of compiled kernels, which may be longer: a call in them is not free to read, nor always to make."""


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring."""
    first = node.body[0]
    told = ast.get_docstring(node) is not None
    return _lines(node) - (_lines(first) if told else 0)


def _is_kernel(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(word in ast.unparse(each) for each in node.decorator_list for word in KERNEL)


def _too_large(path: Path) -> Iterator[str]:
    text, name = path.read_text(), path.relative_to(ROOT).as_posix()
    if (lines := text.count("\n")) > MODULE:
        yield f"{name}: {lines} lines of at most {MODULE}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ClassDef) and (lines := _lines(node)) > CLASS:
            yield f"{name} class {node.name}: {lines} lines of at most {CLASS}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not _is_kernel(node):
            lines = _body_lines(node)
            if lines > FUNCTION:
                yield f"{name} {node.name}: {lines} lines of at most {FUNCTION}"


def test_no_module_class_or_function_is_too_large():
    paths = sorted(path for room in HOUSE for path in (ROOT / room).rglob("*.py"))
    assert len(paths) > 300 and all(any(room in path.parts for path in paths) for room in HOUSE), "rooms were not found"
    assert [line for path in paths for line in _too_large(path)] == []


def test_what_is_too_large_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    lines = "\n".join(f"    x = {i}" for i in range(260))
    path = tmp_path / "large.py"
    path.write_text(f"class A:\n{lines}\n\n\ndef f():\n{lines}\n\n\n@njit\ndef kernel():\n{lines}\n")
    found = [line.split(":")[0] for line in _too_large(path)]
    assert found == ["large.py", "large.py class A", "large.py f"]
