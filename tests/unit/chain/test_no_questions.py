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


def _questions(text: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        is_question = isinstance(node, ast.Call) and ast.unparse(node.func) in ("hasattr", "getattr") and node.args
        if is_question and ASKED.search(ast.unparse(node.args[0])):
            yield node.lineno, ast.unparse(node)


def test_no_plugin_is_asked_for_what_its_contract_does_not_name():
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if path.relative_to(PACKAGE).as_posix() not in NATIVE]
    assert len(paths) > 200
    found = [f"{path.relative_to(PACKAGE)}:{at}: {text}" for path in paths for at, text in _questions(path.read_text())]
    assert found == []


@pytest.mark.parametrize("line", ["hasattr(plugin, 'latency')", "getattr(card.inner[0][1], 'manifest', None)"])
def test_a_question_is_found(line):
    assert [text for _, text in _questions(line)] == [line]


def test_what_is_no_plugin_may_be_asked():
    assert list(_questions("hasattr(message, 'bytes')\ngetattr(os, 'O_BINARY', 0)")) == []
