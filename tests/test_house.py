"""The house rules that a machine can read: sizes, names, words, and nothing of one machine."""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILE_LINES, FUNCTION_LINES, MEDIAN_LINES, PARAMETERS = 400, 50, 10, 5
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "core", "misc", "manager"}
TEXTS = {".py", ".md", ".toml", ".typ", ".cff", ".css", ".js", ".txt", ".ipynb", ".json"}
MACHINE = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|opt/venv|Users/\w+|tmp/\w+)/")
# Written in two parts, so that this file does not break its own rules.
WORDS = re.compile(r"\b(?:com" + r"pliant|TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", re.IGNORECASE)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def texts() -> list[Path]:
    """The text files of the project that git keeps, or would; all of them where there is no git."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
                          check=False)
    if done.returncode:
        pytest.skip("not a git checkout")
    files = [ROOT / line for line in done.stdout.splitlines()]
    return [path for path in files if path.is_file() and (path.suffix in TEXTS or path.name in ("Makefile", "run"))]


def functions() -> list[tuple[str, Function]]:
    return [(f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node)
            for path in sources("xaimed", "dashboards") for node in ast.walk(ast.parse(path.read_text("utf8")))
            if isinstance(node, Function)]


def length(node: Function) -> int:
    """Lines of a function without its docstring."""
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def test_files_are_small() -> None:
    long = {str(p.relative_to(ROOT)): n for p in sources("xaimed", "dashboards", "tests", "examples")
            if (n := len(p.read_text("utf8").splitlines())) > FILE_LINES}
    assert not long


def test_functions_are_small() -> None:
    long = {where: n for where, node in functions() if (n := length(node)) > FUNCTION_LINES}
    assert not long
    assert statistics.median(length(node) for _, node in functions()) <= MEDIAN_LINES


def test_functions_take_few_named_arguments() -> None:
    wide = []
    for where, node in functions():
        given = [a.arg for a in node.args.posonlyargs + node.args.args + node.args.kwonlyargs]
        if len(set(given) - {"self", "cls"}) > PARAMETERS or node.args.kwarg:
            wide.append(where)
    assert not wide, "\n".join(wide)


def test_module_names_say_something() -> None:
    assert not [str(p.relative_to(ROOT)) for p in sources("xaimed", "dashboards", "tests") if p.stem in SAY_NOTHING]


def test_no_path_of_one_machine() -> None:
    found = [f"{path.relative_to(ROOT)}:{number}" for path in texts()
             for number, line in enumerate(path.read_text("utf8").splitlines(), 1) if MACHINE.search(line)]
    assert not found


def test_no_word_that_promises_or_postpones() -> None:
    found = [f"{path.relative_to(ROOT)}:{number} {line.strip()[:80]}" for path in texts()
             for number, line in enumerate(path.read_text("utf8").splitlines(), 1) if WORDS.search(line)]
    assert not found, "\n".join(found)


def test_constraints_are_versions_only() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][A-Za-z0-9.]*", pin) for pin in pins)
    assert {"torch", "torchvision", "numpy"} <= {pin.partition("==")[0] for pin in pins}


def test_continuous_integration_runs_the_readmes_command() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o100
    assert "make test" in script.read_text("utf8")
    assert "make test" in (ROOT / "README.md").read_text("utf8")
