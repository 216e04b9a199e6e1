"""What the README shows must run as it stands."""

import re
import shlex
from pathlib import Path

import pytest

from rtspec import cli

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIGURES = (ROOT / "bench" / "FIGURES.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.timeout(300)  # where nothing is compiled yet
def test_the_python_snippets_run_in_order():
    names: dict = {}
    assert len(blocks("python")) >= 3
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert names["rendered"].shape == names["sound"].shape == (2, 48000)
    assert names["stream"].statistics.callbacks > 300
    assert names["again"].shape == (48000,)


def test_every_command_line_is_one_that_the_parser_takes(monkeypatch):
    lines = [
        part.split("#")[0] for block in blocks("bash") for line in block.splitlines() for part in re.split("&&|;", line)
    ]
    commands = [shlex.split(line)[1:] for line in lines if line.strip().startswith("rtspec ")]
    assert len(commands) >= 9
    for words in commands:
        seen: list = []
        command = __import__(f"rtspec.cli.{words[0].replace('-', '_')}", fromlist=["run"])
        monkeypatch.setattr(command, "run", seen.append)
        assert cli.main(words) == 0 and len(seen) == 1, words


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)#]+)(?:#L\d+)?\)", README))
def test_what_it_links_to_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)]+)\)", FIGURES))
def test_what_the_figures_link_to_is_there(path):
    assert (ROOT / "bench" / path).exists()


@pytest.mark.parametrize("script", re.findall(r"^bash (\S+)", README, re.MULTILINE))
def test_the_two_scripts_are_there(script):
    assert (ROOT / script).is_file()
