"""One set of checks for all that comes from outside: one shape of error, which an edge may say in its own words."""

import argparse
import ast
import pickle
import re
from pathlib import Path

import numpy as np
import pytest

import rtspec
from rtspec import checks, options, schema
from rtspec.errors import BrokenRule, InvalidValue, ModelError
from rtspec.models.manifest import as_model_errors

PACKAGE = Path(rtspec.__file__).parent


@pytest.mark.parametrize(
    "check, said",
    [
        (lambda: checks.integer("n", True, 1, 9), "n=True must be a whole number from 1 to 9; correct it"),
        (lambda: checks.integer("n", np.int64(10), 1, 9), "n=10 must be a whole number from 1 to 9; correct it"),
        (lambda: checks.integer("n", 0, 1), "n=0 must be a whole number of at least 1; correct it"),
        (lambda: checks.integer("n", 2.0, remedy="try 2"), "n=2.0 must be a whole number; try 2"),
        (
            lambda: checks.integer("n", 0, 1, unit="sample"),
            "n=0 must be a whole number of at least 1 sample; ",
        ),
        (lambda: checks.integral("n", 2.5, 1), "n=2.5 must be a whole number of at least 1; correct it"),
        (lambda: checks.number("x", np.float32(2), 0, 1), "x=2.0 must be a number from 0 to 1; correct it"),
        (lambda: checks.number("x", float("nan"), 0, 1, unit="s"), "x=nan must be a number from 0 to 1 s; correct it"),
        (lambda: checks.number("x", 10**400), "x=1000.* must be a number from -1e.12 to 1e.12; correct it"),
        (lambda: checks.number("x", 2j, 0, 1), "x=2j must be a number from 0 to 1; correct it"),
        (lambda: checks.within("x", 7, 0, 5), "x=7 must be 0 to 5; try 5"),
        (lambda: checks.within("x", float("nan"), 0.5, 5.0), "x=nan must be 0.5 to 5; try 0.5"),
        (lambda: checks.at_least("x", float("nan"), 1, "try 8"), "x=nan must be at least 1; try 8"),
        (lambda: checks.flag("on", 1), "on=1 must be true or false; correct it"),
        (lambda: checks.text("name", "a\nb"), r"name='a\\nb' must be 1 to 200 printable characters; correct it"),
        (lambda: checks.choice("kind", ["a"], ("a", "b")), r"kind=\['a'\] is not known; choose one of a, b"),
        (lambda: checks.choice("kind", [], {"a": 1}), r"kind=\[\] is not known; choose one of a"),
        (lambda: checks.entries("list", {}, list, 3), r"list={} must be a JSON list of at most 3 entries; correct it"),
        (lambda: checks.known("file", {"x": 1}, ("a",)), "file: field='x' is not known; leave it out or use one of a"),
        (lambda: schema.number(0, 1)("x", float("inf")), "x=inf must be a finite number, 0 to 1; try 0"),
        (lambda: schema.integer(2, 9)("x", "3"), "x='3' must be a whole number; try 2"),
        (lambda: schema.by_name(checks.number, most=2)("m", {"a": "b"}), "m: a='b' must be a number"),
    ],
)
def test_an_error_says_place_value_rule_and_remedy_in_one_line(check, said):
    with pytest.raises(InvalidValue, match=f"^{said}") as caught:
        check()
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, BrokenRule) and str(caught.value).endswith(caught.value.remedy)


def test_what_is_right_comes_back_as_python_writes_it():
    assert type(checks.integer("n", np.int32(7), 1, 9)) is int
    assert type(checks.number("x", np.float32(0.5), 0, 1)) is float
    assert checks.choice("kind", "a", ("a", "b")) == "a" and checks.flag("on", False) is False


@pytest.mark.parametrize("value, is_of_type", [(0, True), ("8", False)])
def test_another_type_is_a_type_error_too(value, is_of_type):
    said = f"n={value!r} must be a whole number from 1 to 9"
    with pytest.raises(InvalidValue, match=said) as caught, checks.type_errors(checks.is_integer(value)):
        checks.integer("n", value, 1, 9)
    assert isinstance(caught.value, TypeError) is not is_of_type


@pytest.mark.parametrize(
    "read, text, value",
    [
        (options.integer(1, 256), "8", 8),
        (options.integers(0), "0,64", (0, 64)),
        (options.number(0, 1e6), "2.5", 2.5),
        (options.seconds, ".05", 0.05),
        (options.word_or(("half",), options.number(0, 1)), "half", "half"),
        (options.word_or(("half",), options.number(0, 1)), "1", 1.0),
    ],
)
def test_an_option_is_read(read, text, value):
    assert read(text) == value


@pytest.mark.parametrize(
    "read, text, said",
    [
        (options.integer(1, 256), "0", "0 must be a whole number from 1 to 256; correct it"),
        (options.integer(remedy="try 128, or auto"), "x", "'x' must be a whole number; try 128, or auto"),
        (options.integers(1), "64,,8", "'' must be a whole number of at least 1; write them with commas, e.g. 64"),
        (options.seconds, "-1", "-1.0 must be a number from 0.001 to 1e\\+07 s; correct it"),
        (options.seconds, "long", "'long' must be a number from 0.001 to"),
        (options.word_or(("half",), options.number(0, 1)), "most", "'most' must be a number from 0 to 1; correct it"),
    ],
)
def test_an_option_is_refused_in_argparses_words(read, text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{said}"):
        read(text)


def test_an_error_survives_its_way_out_of_another_process():
    with pytest.raises(BrokenRule) as caught:
        checks.within("x", 7, 0, 5)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert str(copy) == str(caught.value) and (copy.where, copy.value, copy.rule) == ("x", 7, "must be 0 to 5")


def test_a_manifests_edge_says_the_same_in_its_own_words():
    said = r'^manifest: window="a\\nb" must be one of hann; try "hann"$'
    with pytest.raises(ModelError, match=said), as_model_errors():
        schema.one_of("hann")("window", "a\nb")
    with pytest.raises(ModelError, match=r"^manifest: log=null must be given; add it$"), as_model_errors():
        checks.fail("log", None, "must be given", "add it")


def test_no_other_module_asks_what_kind_of_number_a_value_is():
    """The question is easily asked wrongly: True is an integer, and so is a number of numpy's."""
    asked = re.compile(r"isinstance\([\w.]+, bool\) or not isinstance|isinstance\([\w.]+, int \| np\.integer")
    paths = [path for path in PACKAGE.rglob("*.py") if path.name != "checks.py"]
    assert len(paths) > 200
    assert [path.relative_to(PACKAGE).as_posix() for path in paths if asked.search(path.read_text())] == []


def test_no_other_module_writes_a_rule_that_a_check_says():
    """Ranges, whole numbers and choices by hand would be said in as many ways as there are hands."""
    said = r"must be a (whole )?number (from|of at least)|is not known; choose|must be one of|must be \S+ to \S+;"
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc is not None:
                text = ast.unparse(node.exc)
                if re.match(r"(InvalidValue|InvalidType|argparse.ArgumentTypeError)\(", text) and re.search(said, text):
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {text}")
    assert found == []
