"""The command `xaimed report`: the PDF report of a run and its case pages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from xaimed.report.write import write_reports
from xaimed.run import Run

EXAMPLES = """examples:
  xaimed report runs/demo
  xaimed report runs/demo --case mdb001 --case mdb002
  xaimed report runs/demo --no-cases
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser("report", help="write report.pdf and the case pages of a run",
                                   description="Write report.pdf and cases/<case>.pdf into a run folder. The same "
                                               "run gives the same bytes.", epilog=EXAMPLES)
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder that `xaimed audit` wrote")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--case", metavar="ID", action="append", dest="cases", help="only this case page; repeatable")
    which.add_argument("--no-cases", action="store_true", help="no case pages")


def run(options: argparse.Namespace) -> int:
    """0 when all files are written."""
    cases: list[str] | None = [] if options.no_cases else options.cases
    paths = write_reports(Run.open(options.run), cases, _progress if sys.stderr.isatty() else None)
    print(paths[0])
    if len(paths) > 1:
        print(f"{paths[1].parent}: {len(paths) - 1} case page{'' if len(paths) == 2 else 's'}")
    return 0


def _progress(done: int, total: int) -> None:
    print(f"\rpage set {done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)
