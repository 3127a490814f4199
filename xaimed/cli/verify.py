"""The command `xaimed verify`: is a run, and its reports, still what was written."""

from __future__ import annotations

import argparse
from pathlib import Path

from xaimed.run import Run
from xaimed.verifying import verify

EXAMPLES = """examples:
  xaimed verify runs/demo
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser("verify", help="check that a run and its reports are unchanged",
                                   description="Check the log's hash chain and the SHA-256 of every table, map and "
                                               "report of a run. Exit code 0: unchanged; 1: changed, each change "
                                               "named; 2: not a run that can be read.", epilog=EXAMPLES)
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder")


def run(options: argparse.Namespace) -> int:
    """0 if nothing changed, 1 if something did."""
    opened = Run.open(options.run)
    problems, checked = verify(opened)
    for problem in problems:
        print(problem)
    if problems:
        print(f"CHANGED: {len(problems)} of {checked} things checked in {opened.path}")
        return 1
    print(f"unchanged: {checked} things checked in {opened.path}; log head {opened.meta['log']['head']}")
    return 0
