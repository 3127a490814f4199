"""Which runs lie in a folder, and what is wrong with those that cannot be opened. No Streamlit here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from xaimed.errors import XaimedError
from xaimed.run import FILES
from xaimed.store import Run

PARTS = ("run.json", "cases.parquet", "plan.toml", "log.jsonl", "maps.zarr")


@dataclass(frozen=True)
class Found:
    """A folder that is or should be a run: its name, its path, and why it cannot be opened ("" if it can)."""

    name: str
    path: Path
    problem: str = ""


def found_runs(root: Path) -> tuple[Found, ...]:
    """The runs of a folder, or the run that the folder is: those that open first, newest first."""
    if _is_run(root) or _partial(root).is_dir():
        return (_checked(root),)
    if not root.is_dir():
        return ()
    folders = [path for path in root.iterdir() if path.is_dir()]
    runs = [_checked(path) for path in folders if not path.name.startswith(".") and _is_run(path)]
    known = {run.name for run in runs}
    cut = [path.with_name(path.name[1:-len(".partial")]) for path in folders
           if path.name.startswith(".") and path.name.endswith(".partial")]
    runs += [_checked(path) for path in cut if path.name not in known]
    return tuple(sorted(runs, key=lambda run: (bool(run.problem), -stamp(run.path), run.name)))


def stamp(path: Path) -> int:
    """When the run was completed, in nanoseconds; 0 if it has no run.json. A new stamp means: read it again."""
    file = path / "run.json"
    return file.stat().st_mtime_ns if file.is_file() else 0


def _checked(path: Path) -> Found:
    """The folder, looked at anew whenever one of its files was written, came or went."""
    return _looked_at(path, tuple(_trace(path / name) for name in ("run.json", *FILES)),
                      _partial(path).is_dir())


def _trace(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (-1, -1)
    return found.st_mtime_ns, found.st_size


@lru_cache(maxsize=512)
def _looked_at(path: Path, traces: tuple[tuple[int, int], ...], partial: bool) -> Found:  # noqa: ARG001 - the key
    try:
        Run.open(path)
    except XaimedError as error:
        return Found(path.name, path, " ".join(str(error).split()))
    return Found(path.name, path)


def _is_run(path: Path) -> bool:
    return any((path / part).exists() for part in PARTS)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")
