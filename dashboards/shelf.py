"""Which runs lie in a folder, and what is wrong with those that cannot be opened. No Streamlit here."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from dashboards import faults
from xaimed.errors import XaimedError
from xaimed.plural import plural
from xaimed.run import FILES, partial_path
from xaimed.store import Run

PARTS = ("run.json", "cases.parquet", "plan.toml", "log.jsonl", "maps.zarr")
CLOSED, WRITTEN, CUT, NO_RUN = "cannot be opened", "being written", "cut off", "no run"
WRITING = ("This run is being written now: {cases} stored so far, the last file {age} ago. It can be looked at once "
           "the audit is done.")
CUT_OFF = ("This run was cut off: no process writes it any more. {cases} stored, the last file was written {age} ago. "
           "Go on with it by the same `xaimed audit` command and --resume.")
UNKNOWN = ("This run is not finished: {cases} stored, the last file was written {age} ago. This machine cannot tell "
           "whether it is still being written. Once the audit is done it can be looked at; if it was cut off, go on by "
           "the same `xaimed audit` command and --resume.")
NOT_A_RUN = ("This folder holds no run: there is no run.json in it. Expected a folder that `xaimed audit` wrote, or a "
             "folder of such folders.")


@dataclass(frozen=True)
class Found:
    """A folder that is or should be a run: its name, its path, and why it cannot be opened ("" if it can).

    state: CLOSED, WRITTEN, CUT or NO_RUN in two words, "" for a run that opens.
    """

    name: str
    path: Path
    problem: str = ""
    state: str = ""


def found_runs(root: Path) -> tuple[Found, ...]:
    """The runs of a folder, or the run that the folder is: those that open first, newest first."""
    root = _final(root)
    if _is_run(root) or partial_path(root).is_dir():
        return (_checked(root),)
    folders = _folders(root)
    runs = [_checked(path) for path in folders if not path.name.startswith(".") and _is_run(path)]
    known = {run.name for run in runs}
    runs += [_checked(_final(path)) for path in folders if _final(path) != path and _final(path).name not in known]
    return tuple(sorted(runs, key=lambda run: (bool(run.problem), -stamp(run.path), run.name)))


def other_folders(root: Path) -> tuple[Found, ...]:
    """The folders in a folder that are no runs, by name; none where the folder itself is a run."""
    if _is_run(root) or partial_path(root).is_dir():
        return ()
    return tuple(Found(path.name, path, NOT_A_RUN, NO_RUN) for path in sorted(_folders(root))
                 if not path.name.startswith(".") and not _is_run(path) and not partial_path(path).is_dir())


def stamp(path: Path) -> int:
    """When the run was completed, in nanoseconds; 0 if it has no run.json. A new stamp means: read it again."""
    file = path / "run.json"
    return file.stat().st_mtime_ns if file.is_file() else 0


def _folders(root: Path) -> list[Path]:
    return [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []


def _final(path: Path) -> Path:
    """Where the run that is written in `path` will stand; `path` itself for all other folders."""
    name = path.name
    hidden = name.startswith(".") and name.endswith(".partial")
    return path.with_name(name[1:-len(".partial")]) if hidden else path


def _checked(path: Path) -> Found:
    """The folder, looked at anew whenever one of its files was written, came or went."""
    partial = partial_path(path)
    if partial.is_dir() and not (path / "run.json").is_file():
        state = _state(partial)
        text = {WRITTEN: WRITING, CUT: CUT_OFF}.get(state, UNKNOWN)
        return Found(path.name, path, text.format(cases=_stored(partial), age=_age(partial)), state or CLOSED)
    return _looked_at(path, tuple(trace(path / name) for name in ("run.json", *FILES)))


def trace(file: Path) -> tuple[int, int]:
    """When a file was last written, in nanoseconds, and its size; -1 for one that is not there."""
    try:
        found = file.stat()
    except OSError:
        return (-1, -1)
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=512)
def _looked_at(path: Path, traces: tuple[tuple[int, int], ...]) -> Found:  # noqa: ARG001 - the key
    try:
        Run.open(path)
    except XaimedError as error:
        return Found(path.name, path, faults.told(error), CLOSED)
    return Found(path.name, path)


def _state(partial: Path) -> str:
    """WRITTEN while a process holds the lock of the store, else CUT; "" where that cannot be known."""
    try:
        import fcntl
    except ImportError:  # not on Windows: there the store takes no lock
        return ""
    try:
        handle = os.open(partial / ".lock", os.O_RDONLY)
    except FileNotFoundError:
        return CUT
    except OSError:
        return ""
    try:
        # Held for a moment and shared, so that two dashboards are not in each other's way.
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return WRITTEN
    except OSError:
        return ""
    finally:
        os.close(handle)
    return CUT


def _stored(partial: Path) -> str:
    return plural(sum(1 for _ in (partial / "parts").glob("*.json")), "case")


def _age(partial: Path) -> str:
    """How long ago the last file was written: "5 seconds", "3 hours"."""
    seconds = max(0.0, time.time() - max((trace(place)[0] / 1e9 for place in (
        partial, partial / "parts", partial / "log.jsonl", partial / "run.json")), default=0.0))
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return plural(int(seconds // size), unit)
    return plural(int(seconds), "second")


def _is_run(path: Path) -> bool:
    return any((path / part).exists() for part in PARTS)
