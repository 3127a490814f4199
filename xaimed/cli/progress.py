"""How far a long command is, on the error stream: bars with the time left on a terminal, else a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

Step = Callable[[str, int, int], None]
EVERY = 30.0  # seconds between two lines of a log


@contextmanager
def progress_bar(quiet: bool = False, where: Path | None = None) -> Iterator[Step]:
    """A function (stage, done, total) that draws one bar a stage on a terminal; nothing if `quiet`.

    Where the error stream is a file or a pipe a line is written every EVERY seconds in place of it: the stage, what is
    done of it, the time that it still takes, and `where` the result grows.
    """
    if quiet:
        yield lambda *_: None
    elif sys.stderr.isatty():
        with _bars() as step:
            yield step
    else:
        with _lines(where) as step:
            yield step


@contextmanager
def _bars() -> Iterator[Step]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
    from rich.progress import TimeElapsedColumn as Elapsed
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), Elapsed(), TextColumn("left"),
               Remaining())
    bar = Progress(*columns, console=Console(stderr=True))
    tasks: dict[str, TaskID] = {}

    def step(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            bar.start()
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)

    try:
        yield step
    finally:
        if tasks:  # a bar that was never drawn would still leave an empty line
            bar.stop()


@contextmanager
def _lines(where: Path | None) -> Iterator[Step]:
    """Lines by the clock and not by the steps: a single case may take minutes."""
    told = Told(where, time.monotonic())
    over = Event()

    def tick() -> None:
        while not over.wait(EVERY):
            print(told.line(time.monotonic()), file=sys.stderr, flush=True)

    def step(stage: str, done: int, total: int) -> None:
        told.step(stage, done, total, time.monotonic())

    clock = Thread(target=tick, name="xaimed-progress", daemon=True)
    clock.start()
    try:
        yield step
    finally:
        over.set()
        clock.join()


class Told:
    """What a line says. where: the result that grows; now: seconds of a clock when the command began."""

    def __init__(self, where: Path | None, now: float) -> None:
        self.where, self.began = where, now
        self.stage, self.done, self.total = "", 0, 0
        self.since, self.first, self.last = now, 0, now

    def step(self, stage: str, done: int, total: int, now: float) -> None:
        """Take what a step reports. A stage that begins with parts done, as one that is resumed, is measured on."""
        if stage != self.stage:
            self.since, self.first = now, done
        self.stage, self.done, self.total, self.last = stage, done, total, now

    def line(self, now: float) -> str:
        """Stage, done and total, time since the command began, time left of the stage, and where the result is.

        >>> told = Told(Path("runs/a"), 0.0)
        >>> told.line(30.0)
        'starting     after 0:30  -> runs/a'
        >>> told.step("cases", 0, 8, 30.0)
        >>> told.step("cases", 2, 8, 90.0)
        >>> told.line(100.0)
        'cases        2/8 after 1:40, about 2:50 left  -> runs/a'
        """
        place = f"  -> {self.where}" if self.where is not None else ""
        if not self.stage:
            return f"{'starting':<12} after {_clock(now - self.began)}{place}"
        return (f"{self.stage:<12} {self.done}/{self.total} after {_clock(now - self.began)}, {self._left(now)}"
                f"{place}")

    def _left(self, now: float) -> str:
        made = self.done - self.first
        if self.done >= self.total:
            return "what follows is under way"
        if made < 1:
            return "time left not known yet"
        left = (self.last - self.since) / made * (self.total - self.done) - (now - self.last)
        return f"about {_clock(max(left, 0))} left"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
