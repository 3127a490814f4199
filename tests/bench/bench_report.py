"""What the report and the case pages of a run cost, stage by stage, archive marks and seal included; run by hand.

    python -m tests.bench.bench_report [--cases 200] [--run RUN]

The run is drawn (SYNTHETIC shapes, tests/example_run.py: 320 x 240 pixels, four methods), or the given one is copied.
Nothing is computed again: the pages are made of what the run holds, as `xaimed report` makes them. Wall seconds, and
the seconds of the processor that all processes of this program took, which other work on the machine lengthens less.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from pkgutil import resolve_name
from typing import Any
from unittest.mock import patch

from tests.example_run import example_run
from xaimed.run import Run

# Where each stage is called from, and what calls it.
STAGES = {"documents: tables and pictures": ("xaimed.report.write.report_document",
                                            "xaimed.report.write.case_document"),
          "typst: layout, PDF/A-3a and PDF/UA-1": ("xaimed.report.typst.Renderer._compiled",),
          "marks and seal": ("xaimed.report.typst.sealed",), "files and log": ("xaimed.report.write.save_report",)}


class Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Every function of STAGES counts its time while this is open."""
        with ExitStack() as stack:
            for stage, places in STAGES.items():
                for place in places:
                    stack.enter_context(patch(place, self._counted(stage, resolve_name(place))))
            yield

    def _counted(self, stage: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            start = time.perf_counter()
            try:
                return work(*given, **named)
            finally:
                self.seconds[stage] += time.perf_counter() - start
        return counted


def measured(run: Run, cases: list[str] | None) -> None:
    """Prints what the report and these pages take (all for None)."""
    from xaimed.report.write import write_reports

    clock, start = Clock(), time.perf_counter()
    busy = _processor()
    with clock.watching():
        paths = write_reports(run, cases)
    wall = time.perf_counter() - start
    print(f"report.pdf and {len(paths) - 1} case pages: {wall:.1f} s, processor {_processor() - busy:.1f} s, "
          f"{sum(path.stat().st_size for path in paths) / 1e6:.1f} MB of PDF")
    for stage, seconds in clock.seconds.items():
        print(f"  {stage:<40} {seconds:6.1f} s")
    print(f"  {'everything else':<40} {wall - sum(clock.seconds.values()):6.1f} s")


def _processor() -> float:
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, (
        resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=200)
    parser.add_argument("--run", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.run is None:
            path = example_run(Path(folder), options.cases)
        else:
            path = shutil.copytree(options.run, Path(folder) / "run", ignore=shutil.ignore_patterns("*.pdf"))
        run = Run.open(path)
        measured(run, [str(case) for case in run.cases["case"][:options.cases]])
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB; load of the machine "
              f"{Path('/proc/loadavg').read_text().split()[0]}")


if __name__ == "__main__":
    main()
