"""Every command: help with examples, named as its file, one line in the top help, shown in README."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from tests.contracts.plugins import every
from xaimed import registry
from xaimed.cli.app import main, parser

ROOT = Path(__file__).resolve().parents[2]


@every("cli")
def test_it_adds_one_command_of_its_name(name: str) -> None:
    top = argparse.ArgumentParser()
    commands = top.add_subparsers()
    registry.load("cli", name).add(commands)
    assert list(commands.choices) == [name]


@every("cli")
def test_its_help_has_examples(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    examples = text.partition("examples:\n")[2]
    assert re.search(rf"^  xaimed {name}\b", examples, re.MULTILINE)
    assert "==SUPPRESS==" not in text


@every("cli")
def test_every_option_is_explained(name: str) -> None:
    commands = next(a for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert next(c.help for c in commands._choices_actions if c.dest == name)
    silent = [a.dest for a in commands.choices[name]._actions
              if not a.help and not isinstance(a, argparse._SubParsersAction)]
    assert not silent


@every("cli")
def test_readme_shows_it(name: str) -> None:
    assert f"xaimed {name}" in (ROOT / "README.md").read_text(encoding="utf8")


@every("cli")
def test_an_unknown_option_is_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--no-such-option"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_examples_in_readme_can_be_parsed(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf8")
    blocks = re.findall(r"```(?:sh|bash|console)\n(.*?)```", text, re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    ours = [line for line in lines if line.startswith("xaimed ")]
    assert len(ours) >= len(registry.names("cli"))
    for line in ours:
        parser().parse_args(shlex.split(line)[1:])
