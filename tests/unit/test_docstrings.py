"""Docstrings tell what an array is: whoever takes or gives one says its shape, and its dtype."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import rtspec

PACKAGE = Path(rtspec.__file__).parent
ARRAY = re.compile(r"NDArray|ndarray|ArrayLike")
SHAPE = re.compile(r"shape|scalar|\([^()]*(n_\w+|,|channels|hop|length)[^()]*\)", re.IGNORECASE)
DTYPE = re.compile(r"float|complex|bool|int\d|integer|dtype", re.IGNORECASE)


def _annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    yield from (ast.unparse(each.annotation) for each in every if each and each.annotation)
    if node.returns:
        yield ast.unparse(node.returns)


def _public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Public functions, and those of public classes; `__call__` is one."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public(node.body)
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and (not node.name.startswith("_") or node.name == "__call__"):
            yield node


def _with_arrays(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in _public(ast.parse(text).body):
        if any(ARRAY.search(annotation) for annotation in _annotations(node)):
            yield node


def _lacks(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    words = ast.get_docstring(node) or ""
    return [name for name, pattern in (("shape", SHAPE), ("dtype", DTYPE)) if not pattern.search(words)]


def test_every_array_has_its_shape_and_dtype():
    found = [(path, node) for path in sorted(PACKAGE.rglob("*.py")) for node in _with_arrays(path.read_text())]
    assert len(found) > 400, "the package's functions were not found"
    short = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}: the docstring lacks {' and '.join(lacking)}"
        for path, node in found
        if (lacking := _lacks(node))
    ]
    assert short == []


def test_what_a_docstring_lacks_is_found():
    text = '''
def plain(x: int) -> int: ...
def silent(x: np.ndarray): ...
def shaped(x: np.ndarray): """Of shape (n,)."""
def typed(x) -> "np.ndarray | None": """float32."""
def told(*x: np.ndarray): """float32, (n_bins, n_frames)."""
def _own(x: np.ndarray): ...
class A:
    def __call__(self, *, x: np.ndarray): ...
class _B:
    def method(self, x: np.ndarray): ...
'''
    lacking = {node.name: _lacks(node) for node in _with_arrays(text)}
    both = ["shape", "dtype"]
    assert lacking == {"silent": both, "shaped": ["dtype"], "typed": ["shape"], "told": [], "__call__": both}
