"""Floors for speed as ratios: a machine may be slow, but not slower than a reference on the same machine."""

from __future__ import annotations

import gc
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Work = Callable[[], object]
# Writing 5 here sets the mark of this process' highest memory back to what it has now.
RESET = Path("/proc/self/clear_refs")


def floor(work: Work, reference: Work, at_least: float, repeats: int = 5) -> float:
    """How many times faster `work` is than `reference`: the ratio of the best times of `repeats` runs.

    The two take turns, so that a load on the machine meets both. Raises AssertionError below `at_least`.
    """
    best = {"work": float("inf"), "reference": float("inf")}
    for _ in range(repeats):
        for name, call in (("work", work), ("reference", reference)):
            start = time.perf_counter()
            call()
            best[name] = min(best[name], time.perf_counter() - start)
    ratio = best["reference"] / best["work"]
    assert ratio >= at_least, (f"{ratio:.2f} times the reference's speed ({best['work']:.4f} s against "
                               f"{best['reference']:.4f} s); expected at least {at_least:.2f}")
    return ratio


def medians(works: Mapping[str, Work], repeats: int,
            clock: Callable[[], float] = time.perf_counter,
            summary: Callable[[list[float]], float] = statistics.median) -> dict[str, float]:
    """Median seconds of each piece of work, or another summary of them; all run once before, then in turn.

    clock: time.process_time counts this process alone, which on one thread holds on a machine that others load too.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            start = clock()
            work()
            if turn:
                times[name].append(clock() - start)
    return {name: summary(taken) for name, taken in times.items()}


def peak(module: str, arguments: Sequence[str]) -> float:
    """MB by which the one piece of work that `module` does with `arguments` raises the memory of a fresh process."""
    command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def raised(work: Work) -> float:
    """MB by which the work raises this process' memory above what it has before, at its highest.

    On Linux the kernel's own mark is set back first, so that an earlier, higher peak (imports, the making of a
    network) hides nothing. Elsewhere what lies below that earlier peak reads 0.
    """
    gc.collect()
    if not RESET.exists():
        before = _highest()
        work()
        return _highest() - before
    RESET.write_text("5")
    before = _status("VmRSS")
    work()
    return _status("VmHWM") - before


def _highest() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _status(field: str) -> float:
    """A memory field of this process, in MB."""
    lines = Path("/proc/self/status").read_text("utf8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
