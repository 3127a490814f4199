"""The default audit of each committed model: whether it ends, what it takes and what it says; run by hand.

    python -m tests.bench.bench_audits --data DATA [--out FOLDER] [MODEL ...]

Each is the command of docs/models.md, `xaimed audit models/NAME/model.pt --dataset test`, in a process of its own.
A run that is there already in FOLDER is not made again; its row says so. Seconds on the wall, which other work on the
machine lengthens, seconds of the processor, the most memory, and the verdict.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from xaimed.content import folder

SLOW = 3600.0  # seconds after which an audit counts as one that does not end


@dataclass(frozen=True)
class Took:
    """One audit: exit code (0 met, 1 not), seconds on the wall and of the processor, peak MB, the verdict."""

    code: int
    wall: float
    processor: float
    peak_mb: float
    said: str

    def row(self, name: str) -> str:
        """The row of a Markdown table."""
        return (f"| {name} | {self.code} | {self.wall:.0f} | {self.processor:.0f} | {self.peak_mb:.0f} | {self.said} |")


def audited(name: str, out: Path, data: Path) -> Took:
    """The audit of models/NAME into out/NAME, its words into out/NAME.log."""
    words = [sys.executable, "-m", "xaimed", "audit", str(folder("models") / name / "model.pt"), "--dataset", "test",
             "--data", str(data), "--out", str(out / name)]
    start = time.perf_counter()
    with (out / f"{name}.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(words, stdout=log, stderr=subprocess.STDOUT)
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            time.sleep(0.2)
            if time.perf_counter() - start > SLOW:
                process.terminate()
    code, used = os.waitstatus_to_exitcode(ended[1]), ended[2]
    process.returncode = code
    return Took(code, time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024,
                verdict((out / f"{name}.log").read_text(encoding="utf-8")))


def verdict(log: str) -> str:
    """What the audit said in the end: its verdict, or its last line where it has none."""
    found = re.findall(r"^verdict\s+(.+)$", log, re.MULTILINE)
    said: list[str] = found or [line for line in log.splitlines() if line.strip()] or ["nothing"]
    return said[-1].strip()


def main() -> None:
    """Prints a row a model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="names of folders of models/ (default: all)")
    parser.add_argument("--data", type=Path, required=True, help="the folder that holds the datasets")
    parser.add_argument("--out", type=Path, help="where the runs go (default: a folder that is deleted)")
    chosen = parser.parse_args()
    names = chosen.models or sorted(place.parent.name for place in folder("models").glob("*/model.pt"))
    with tempfile.TemporaryDirectory(prefix="xaimed-audits-") as passing:
        out = chosen.out or Path(passing)
        out.mkdir(parents=True, exist_ok=True)
        print("| model | exit code | wall s | processor s | peak MB | verdict |\n|---|---|---|---|---|---|", flush=True)
        for name in names:
            there = (out / name / "run.json").is_file()
            row = f"| {name} | there already | | | | |" if there else audited(name, out, chosen.data).row(name)
            print(row, flush=True)


if __name__ == "__main__":
    main()
