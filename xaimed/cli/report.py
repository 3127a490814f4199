"""The command `xaimed report`: the PDF report of a run and its case pages."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from xaimed.cli.asking import expect_place
from xaimed.errors import InputError
from xaimed.plural import plural

if TYPE_CHECKING:
    from xaimed.report.blocks import Paper
    from xaimed.report.signature import Signer

VARIABLE = "XAIMED_SIGN_PASSWORD"
EXAMPLES = """examples:
  xaimed report runs/demo
  xaimed report runs/demo --case mdb001 --case mdb002
  xaimed report runs/signed --case mdb001
  xaimed report runs/demo --no-cases --paper-size letter
  xaimed report runs/demo --sign key.p12 --password-file key.txt --signer-reason "Reviewed and approved"
"""


def add(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its arguments."""
    parser = subparsers.add_parser("report", help="write report.pdf and the case pages of a run",
                                   description="Write report.pdf and cases/<case>.pdf into a run folder. The same "
                                               "run gives the same bytes. A report.pdf that is signed is never written "
                                               "over without --replace-signed; pages of cases (--case) can be made "
                                               "beside it.", epilog=EXAMPLES)
    parser.add_argument("run", metavar="RUN", type=Path, help="a run folder that `xaimed audit` wrote")
    _add_signing(parser)
    parser.add_argument("--paper-size", choices=("a4", "letter"), default="a4", help="size of the pages (default: a4)")
    parser.add_argument("--junit", metavar="FILE.xml", type=Path, help="write criteria and checks as JUnit XML")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--case", metavar="ID", action="append", dest="cases", help="only this case page; repeatable")
    which.add_argument("--no-cases", action="store_true", help="no case pages")


def _add_signing(parser: argparse.ArgumentParser) -> None:
    signing = parser.add_argument_group("signing report.pdf (PAdES); no network is used without --timestamp")
    signing.add_argument("--sign", metavar="KEY.p12", type=Path, help="key and certificate of the signer, PKCS#12")
    signing.add_argument("--password-file", metavar="FILE", type=Path,
                         help=f"its first line is the key's password (default: the variable {VARIABLE})")
    signing.add_argument("--signer-reason", metavar="TEXT", default="", help="the meaning of the signature")
    signing.add_argument("--timestamp", metavar="URL", default="", help="an RFC 3161 time-stamp server")
    signing.add_argument("--replace-signed", action="store_true",
                         help="write over a report.pdf that is signed (default: it is left as it is)")


def _signer(options: argparse.Namespace) -> Signer | None:
    if options.sign is None:
        given = [name for name in ("password_file", "signer_reason", "timestamp") if getattr(options, name)]
        if given:
            raise InputError(f"--{given[0].replace('_', '-')} without --sign; expected --sign KEY.p12 with it")
        return None
    from xaimed.report.signature import Signer, Signing

    password = os.environ.get(VARIABLE, "").encode()
    if options.password_file is not None:
        password = b"".join(options.password_file.read_bytes().splitlines()[:1])
    return Signer(Signing(options.sign, password, options.signer_reason, options.timestamp))


def run(options: argparse.Namespace) -> int:
    """0 when all files are written."""
    from xaimed.junit import junit_text
    from xaimed.report.write import REPORT, Making, unshown, write_reports
    from xaimed.run import Run

    if options.junit is not None:
        expect_place(options.junit)
    cases: list[str] | None = [] if options.no_cases else options.cases
    opened = Run.open(options.run)
    paper: Paper = "us-letter" if options.paper_size == "letter" else "a4"
    how = Making(_signer(options), paper, options.replace_signed)
    paths = write_reports(opened, cases, _progress if sys.stderr.isatty() else None, how)
    if letters := unshown(opened):
        print(f"note: {letters}", file=sys.stderr)
    if options.junit is not None:
        options.junit.write_text(junit_text(opened), encoding="utf-8")
    pages = [path for path in paths if path.name != REPORT]
    print(opened.path / REPORT if len(pages) < len(paths) else f"{opened.path / REPORT}: signed, left as it is")
    if pages:
        print(f"{pages[0].parent}: {plural(len(pages), 'case page')}")
    return 0


def _progress(done: int, total: int) -> None:
    print(f"\rpage set {done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)
