"""What is asked of a plugin stands in its contract: no code looks whether a plugin happens to have an attribute."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rtspec

PACKAGE = Path(rtspec.__file__).parent
ASKED = re.compile(r"plugin|processor|board|card|synth|effect|chain|mix\b|member|thing|listener", re.IGNORECASE)
"""Names that plugins and what holds them have in this code."""

NATIVE = {"control/native.py", "chain/native_copy.py"}
"""Pedalboard's own plugins, whose properties are read by the names that pedalboard gives them."""


ASKING = re.compile(r"(^|\.)(hasattr|getattr|getattr_static|getmembers|vars|dir)$|(^|\.)attrgetter\(")
"""Functions that tell what an object happens to have."""

CAUGHT = {
    "buffers/priority.py": "systems without a scheduler of their own",
    "chain/beside.py": "the same",
    "live/engine.py": "numba's cache, whose parts have no public names",
    "models/one_call/kept.py": "a damaged file",
    "models/ort_api.py": "a library that is none",
    "processors/catalogue.py": "the module of another package, which may lack the class that it promises",
    "processors/equalizer/curves.py": "a user's JSON",
    "processors/inversion/level_tables.py": "a sensor's JSON",
}
"""Where an AttributeError may be caught, once a file, and what is asked there: never a plugin."""


def _paths() -> dict[str, Path]:
    found = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
    assert len(found) > 200
    return found


def _questions(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        is_question = isinstance(node, ast.Call) and ASKING.search(ast.unparse(node.func)) and node.args
        if is_question and ASKED.search(asked := ast.unparse(node.args[0])) and asked != "pedalboard":  # the module
            yield node.lineno, ast.unparse(node)
        if isinstance(node, ast.Attribute) and node.attr == "__dict__" and ASKED.search(ast.unparse(node.value)):
            yield node.lineno, ast.unparse(node)


def _caught(text: str) -> Iterator[int]:
    """Lines that catch an AttributeError: by trying it out, too, one learns what a plugin has."""
    for node in ast.walk(ast.parse(text)):
        kinds = [node.type] if isinstance(node, ast.ExceptHandler) and node.type is not None else []
        if isinstance(node, ast.Call) and re.search(r"(^|\.)suppress$", ast.unparse(node.func)):
            kinds = list(node.args)
        if any("AttributeError" in ast.unparse(kind) for kind in kinds):
            yield node.lineno


def test_no_plugin_is_asked_for_what_its_contract_does_not_name():
    paths = {name: path for name, path in _paths().items() if name not in NATIVE}
    found = [f"{name}:{at}: {text}" for name, path in paths.items() for at, text in _questions(path.read_text())]
    assert found == []


def test_no_plugin_is_tried_out_either():
    found = [name for name, path in _paths().items() for _ in _caught(path.read_text())]
    assert found == sorted(CAUGHT)


@pytest.mark.parametrize(
    "line",
    [
        "hasattr(plugin, 'latency')",
        "getattr(card.inner[0][1], 'manifest', None)",
        "inspect.getattr_static(plugin, 'latency', None)",
        "vars(self.board)",
        "operator.attrgetter('latency')(synth)",
        "plugin.__dict__",
    ],
)
def test_a_question_is_found(line):
    assert [text for _, text in _questions(line)] == [line]


@pytest.mark.parametrize(
    "lines",
    [
        "try:\n    n = plugin.latency\nexcept AttributeError:\n    n = 0",
        "try:\n    n = plugin.latency\nexcept (TypeError, AttributeError) as error:\n    n = 0",
        "with contextlib.suppress(KeyError, AttributeError):\n    plugin.latency",
    ],
)
def test_trying_out_is_found(lines):
    assert len(list(_caught(lines))) == 1


def test_what_is_no_plugin_may_be_asked():
    assert list(_questions("hasattr(message, 'bytes')\ngetattr(os, 'O_BINARY', 0)")) == []
