"""The command `xaimed verify`: is a run, or a report, still what was written."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaimed.errors import InputError, NotFound, StoreError
from xaimed.feedback import journal_of
from xaimed.run import Run
from xaimed.verifying import unopened, verify

EXAMPLES = """examples:
  xaimed verify runs/demo
  xaimed verify archive/report.pdf
  xaimed verify archive/report.pdf --run runs/demo
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser("verify", help="check that a run and its reports are unchanged",
                                   description="Check the log's hash chain and the SHA-256 of every table, map and "
                                               "report of a run, and the chain of the feedback journal "
                                               "beside it; or of one report its seal, signature, marks and "
                                               "attachments, with --run also that it prints what the run gives "
                                               "when the report is made again. Not seen from a run folder alone: that "
                                               "all of it was written anew; keep signed reports elsewhere. "
                                               "No network is used. Exit code 0: unchanged; 1: changed, each change "
                                               "named; 2: nothing that can be read.", epilog=EXAMPLES)
    parser.add_argument("what", metavar="RUN|PDF", type=Path, help="a run folder, or a report that xaimed wrote")
    parser.add_argument("--run", metavar="RUN", type=Path, dest="origin", help="the run that the report is of")


def run(options: argparse.Namespace) -> int:
    """0 if nothing changed, 1 if something did."""
    if options.what.is_file():
        return _report(options.what, None if options.origin is None else Run.open(options.origin))
    if options.origin is not None:
        raise InputError(f"{options.what}: --run goes with a report; expected a PDF file there")
    if options.what.suffix == ".pdf" and not options.what.exists():
        raise NotFound(f"{options.what}: no such file; expected a report that xaimed wrote")
    try:
        opened = Run.open(options.what)
    except StoreError as problem:
        return _damaged(options.what, problem)
    return _run(opened)


def _damaged(folder: Path, problem: StoreError) -> int:
    """1 where the folder was a run and something in it changed. Raises the problem again where that is not shown."""
    found = unopened(folder)
    if not found:
        raise problem
    for line in found:
        print(line)
    print(f"CHANGED: {folder}: {problem}")
    return 1


def _run(opened: Run) -> int:
    problems, checked = verify(opened)
    problems, checked = [*problems, *_journal(opened)], checked + journal_of(opened).path.is_file()
    for problem in problems:
        print(problem)
    if problems:
        print(f"CHANGED: {len(problems)} of {checked} things checked in {opened.path}")
        return 1
    print(f"unchanged: {checked} things checked in {opened.path}; log head {opened.meta['log']['head']}")
    return 0


def _journal(opened: Run) -> list[str]:
    """What is wrong with the journal of what readers said and looked at, which stands beside the run."""
    try:
        journal_of(opened).check()
    except StoreError as problem:
        return [str(problem)]
    return []


def _report(path: Path, origin: Run | None) -> int:
    from xaimed.report.checking import certified, check_report

    problems = [] if origin is None else verify(origin)[0]
    found = check_report(path, origin)
    problems += found.problems
    for problem in problems:
        print(problem)
    if found.signature is not None and not found.signature.problem:
        print(certified(found.signature))
    if problems:
        print(f"CHANGED: {path}")
        return 1
    print(f"unchanged: {path}; checked: {', '.join(found.checked)}")
    if found.signature is None and origin is None:
        print("no signature: no bit was damaged, but this does not show who wrote it; --run compares it with its run")
    return 0
