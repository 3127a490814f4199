"""The command line as a whole: exit codes, and one line for every known error."""

from __future__ import annotations

import argparse
import errno
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from xaimed import __version__, registry
from xaimed.cli.app import main, one_line
from xaimed.errors import InputError

ROOT = Path(__file__).resolve().parents[1]


def command(monkeypatch: pytest.MonkeyPatch, act: object) -> None:
    """Make `xaimed probe` the only command; it returns what `act` is, or raises it."""
    module = ModuleType("probe")

    def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
        subparsers.add_parser("probe").add_argument("--number", type=int)

    def run(options: argparse.Namespace) -> object:
        if isinstance(act, BaseException):
            raise act
        return act

    monkeypatch.setattr(module, "add", add, raising=False)
    monkeypatch.setattr(module, "run", run, raising=False)
    monkeypatch.setattr(registry, "names", lambda kind: ("probe",))
    monkeypatch.setattr(registry, "load", lambda kind, name: module)


@pytest.mark.parametrize("code", [0, 1])
def test_the_exit_code_is_the_commands(monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    command(monkeypatch, code)
    assert main(["probe"]) == code


@pytest.mark.parametrize(("error", "code", "says"), [
    (InputError("a.dcm: found 3 bytes;\nexpected DICOM"), 2, "xaimed: a.dcm: found 3 bytes; expected DICOM"),
    (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.dcm"), 2,
     "xaimed: a.dcm: No such file or directory; check the path"),
    (PermissionError(errno.EACCES, "Permission denied", "/x"), 2,
     "xaimed: /x: Permission denied; check who may read and write it"),
    (OSError(errno.ENOSPC, "No space left on device", "run"), 2,
     "xaimed: run: No space left on device; free some space and run it again"),
    (MemoryError(), 2, "xaimed: not enough memory; use smaller images, --limit or a machine with more"),
    (KeyboardInterrupt(), 130, "xaimed: interrupted"),
])
def test_known_errors_are_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                   error: BaseException, code: int, says: str) -> None:
    command(monkeypatch, error)
    assert main(["probe"]) == code
    streams = capsys.readouterr()
    assert streams.err == says + "\n"
    assert streams.out == ""


def test_a_defect_of_ours_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    command(monkeypatch, ZeroDivisionError("a defect"))
    with pytest.raises(ZeroDivisionError):
        main(["probe"])


@pytest.mark.parametrize("arguments", [[], ["prob"], ["probe", "--number", "x"], ["probe", "--nothing"]])
def test_wrong_usage_is_one_line_and_code_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
                                            arguments: list[str]) -> None:
    command(monkeypatch, 0)
    assert main(arguments) == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert "--help" in line


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"xaimed {__version__}\n"
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:\n  xaimed audit" in text
    assert all(re.search(rf"^    {name}\s+\w", text, re.MULTILINE) for name in registry.names("cli"))


def test_as_a_module_a_usage_error_has_no_traceback() -> None:
    done = subprocess.run([sys.executable, "-m", "xaimed", "list", "nonsense"], cwd=ROOT, capture_output=True,
                          text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("xaimed list: argument what: invalid choice: 'nonsense'")
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_is_no_error() -> None:
    done = subprocess.run(f"{sys.executable} -m xaimed list --json | head -c 1; echo ${{PIPESTATUS[0]}}",
                          shell=True, executable="/bin/bash", cwd=ROOT, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.stderr == ""
    assert done.stdout.split("{")[-1].strip() in ("0", "141")


def test_an_error_without_a_path_still_reads() -> None:
    assert one_line(OSError("the device is gone")) == "the device is gone; mend this and run it again"


def test_list_shows_what_the_registry_knows(capsys: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"methods", "models", "datasets", "architectures", "metrics", "checks", "probes",
                          "plans"}
    assert set(found["methods"]) == set(registry.names("attribution"))
    assert set(found["datasets"]) == set(registry.names("data"))
    assert set(found["models"]) == {str(p) for p in sorted(Path("models").glob("*/model.pt"))}
    assert main(["list", "datasets"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("datasets\n  ")
    assert all(f"\n  {name}" in text for name in found["datasets"])
