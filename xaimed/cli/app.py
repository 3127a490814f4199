"""The command `xaimed`: finds the commands, runs one, and turns known errors into one line.

Exit codes: 0 done and all criteria met, 1 a criterion failed, 2 wrong usage or a known error,
130 interrupted.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from xaimed import __version__, registry
from xaimed.errors import XaimedError

FAILED, INTERRUPTED, BROKEN_PIPE = 2, 130, 141
EXAMPLES = """examples:
  xaimed audit models/mammogram-detector/model.pt --dataset test --out runs/demo
  xaimed dashboard runs
  xaimed list methods
  xaimed audit --help
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that reports wrong usage in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the line and leave with exit code 2."""
        self.exit(FAILED, f"{self.prog}: {' '.join(message.split())}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of `xaimed ARGV`; argv is sys.argv[1:] when it is None."""
    try:
        options = parser().parse_args(argv)
        return int(registry.load("cli", options.command).run(options))
    except SystemExit as leaving:
        return leaving.code if isinstance(leaving.code, int) else FAILED * (leaving.code is not None)
    except KeyboardInterrupt:
        print("xaimed: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left (`| head`); nothing may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (XaimedError, OSError, MemoryError) as error:
        print(f"xaimed: {one_line(error)}", file=sys.stderr)
        return FAILED


def parser() -> Parser:
    """The parser with every command that the registry knows."""
    top = Parser(
        prog="xaimed",
        description="Explain and audit medical imaging models.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"xaimed {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in registry.names("cli"):
        registry.load("cli", name).add(commands)
    for command in commands.choices.values():
        command.formatter_class = argparse.RawDescriptionHelpFormatter
    return top


def one_line(error: BaseException) -> str:
    """What happened and what to do, in one line."""
    if isinstance(error, OSError):
        return " ".join(_system(error).split())
    if isinstance(error, MemoryError):
        return "not enough memory; use smaller images, --limit or a machine with more"
    return " ".join(str(error).split())


def _system(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename is not None else ""
    reason = error.strerror or str(error) or type(error).__name__
    advice = {
        errno.ENOENT: "check the path",
        errno.EACCES: "check who may read and write it",
        errno.EISDIR: "expected a file: check the path",
        errno.ENOTDIR: "expected a folder: check the path",
        errno.ENOSPC: "free some space and run it again",
        errno.EDQUOT: "free some space and run it again",
        errno.EROFS: "choose another place with --out",
        errno.EADDRINUSE: "choose another port",
    }
    return f"{where}{reason}; {advice.get(error.errno or 0, 'mend this and run it again')}"
