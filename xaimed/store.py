"""Store: writes a run folder, case by case, so that a cut-off run can go on; with Run, which reads it.

A run is written under `.<name>.partial`: each case first its maps, then one part file that makes it count.
finish() merges the parts, records the sha256 of every file in run.json, seals the log and renames the folder:
what stands under the final name is always whole. No other module opens a run's files.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from xaimed import curvefile, ledger, mapfile, tables
from xaimed.answers import planes_of
from xaimed.curvefile import KeptCurve
from xaimed.errors import StoreError
from xaimed.ledger import Fact
from xaimed.mapfile import MapEntry
from xaimed.run import FORMAT_VERSION, TABLES, Run, partial_path
from xaimed.types import Case, Finding, Floats, Prediction, Score

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.stats import Results

__all__ = ["FORMAT_VERSION", "MapEntry", "Run", "Store", "partial_path"]

GROUP = "maps.zarr/zarr.json"  # what says that the folder is a group, and of tables that no case has a map
FULL = {errno.ENOSPC, errno.EDQUOT}
# Tasks whose reference is a label of the whole image.
IMAGE_TASKS = ("classification", "multilabel", "anomaly", "energy", "discrimination")


class Store:
    """Writes one run. Use `Store.create`, then add_case for each case, then finish.

    path: the final folder. meta: what run.json will hold; keys may be added until finish.
    """

    def __init__(self, path: Path, meta: dict[str, Any], lock: int) -> None:
        self.path = path
        self.meta = meta
        self._partial = partial_path(path)
        self._lock = lock
        self._given: dict[str, pd.DataFrame] = {}
        self._parts = {p.stem: p for p in sorted((self._partial / "parts").glob("*.json"))}

    @classmethod
    def create(cls, path: Path | str, plan_text: str, meta: Mapping[str, Any], resume: bool = False) -> Self:
        """A store that writes the run `path`; with `resume` it goes on where a cut-off run stopped.

        meta: the keys of run.json but format, status and files. Raises StoreError if the folder holds
        something already, another process writes it, a cut-off run is there and `resume` is not asked
        for, or the plan, model or data differ from those of the cut-off run.
        """
        final = Path(path).absolute()
        _refuse_existing(final)
        partial = partial_path(final)
        with _disk(final):
            partial.mkdir(parents=True, exist_ok=True)
            lock = _lock(partial)
            try:
                fresh = not (partial / "run.json").is_file()
                if fresh:
                    _begin(partial, plan_text, meta)
                store = cls(final, _kept_meta(partial, plan_text, meta, resume or fresh), lock)
                if not fresh:
                    store._mend()
            except BaseException:
                os.close(lock)
                raise
        return store

    @property
    def done(self) -> frozenset[str]:
        """The cases that are stored whole."""
        return frozenset(self._parts) if not self._given else frozenset(map(str, self._given["cases"]["case"]))

    def log(self, event: str, facts: Mapping[str, Fact]) -> None:
        """Append one event to the run's hash-chained log, on disk when this returns."""
        with _disk(self.path):
            ledger.append(self._partial / "log.jsonl", event, facts)

    def add_case(self, case: Case, prediction: Prediction, entries: Sequence[tuple[MapEntry, Floats]],
                 scores: Sequence[Score], curves: Sequence[KeptCurve] = ()) -> None:
        """Store one case, on disk when this returns. Raises StoreError if it is there or the disk is full."""
        if case.id in self._parts:
            raise StoreError(f"case {case.id} is stored already; expected each case once: "
                             "give cases unique names")
        rows = tables.case_rows(case, prediction, scores)
        if self.meta.get("model", {}).get("task") in IMAGE_TASKS:
            rows["truth"] = tables.class_truth(case)
        folder = self._partial / "maps.zarr" / case.id
        part = self._partial / "parts" / f"{case.id}.json"
        with _disk(self.path), _undone(folder, part):
            mapfile.write_case(folder, case.image, [e for e, _ in entries], [m for _, m in entries],
                               planes_of(case, prediction))
            _write(part, ledger.canonical(ledger.plain({**rows, "curves": curvefile.rows(curves)})))
        self._parts[case.id] = part

    def add_rows(self, rows: Mapping[str, Sequence[tables.Row]]) -> None:
        """Store all cases of a run at once, as rows of the tables cases, truth, predictions and scores.

        They stand in place of whatever a cut-off run left here. No case has an image or a map. This does not wait
        for the disk, and a run that is not finished is removed: it takes seconds to make again. One marker in
        maps.zarr says that no case has a map. Raises StoreError for a row of a case that is not among the cases.
        """
        given = {name: sorted(rows.get(name, ()), key=_case_of) for name in TABLES}
        known = {_case_of(row) for row in given["cases"]}
        strange = next((case for own in given.values() for case in map(_case_of, own) if case not in known), None)
        if strange is not None:
            raise StoreError(f"a row of case {strange!r}, which is not in the table cases; expected one of the run's")
        with _disk(self.path):
            self._forget()
            mapfile.write_unpictured(self._partial / "maps.zarr")
        self._given = {name: tables.frame(name, own) for name, own in given.items()}

    def draft(self, scores: Iterable[Score] = (), results: Results | None = None,
              axis: pd.DataFrame | None = None) -> Run:
        """A Run over the cases stored so far, tables in memory: what metrics and checks read before finish.

        scores: rows of the whole dataset besides those of the cases; results, axis: as far as they are known.
        """
        from xaimed.stats import Results

        run = Run(self._partial, self._final_meta())
        run.__dict__.update(self._tables(scores))
        run.__dict__["results"] = results or Results((), {})
        run.__dict__["findings"] = ()
        if axis is not None:
            run.__dict__["axis"] = axis
        return run

    def finish(self, results: Results, findings: Sequence[Finding], scores: Iterable[Score] = (),
               axis: pd.DataFrame | None = None) -> Run:
        """The finished run under its final name. Raises StoreError: disk full or name taken; resume then."""
        _refuse_existing(self.path)
        with _disk(self.path):
            for name, table in self._tables(scores).items():
                tables.write_parquet(self._partial / f"{name}.parquet", table)
            self._write_curves()
            _write(self._partial / "results.json", _results_text(results, axis))
            _write(self._partial / "findings.json", _pretty([asdict(f) for f in findings]))
            self._seal()
            self._publish()
        return Run.open(self.path)

    def close(self) -> None:
        """Let go of an unfinished run, for another process to resume; remove it if there is nothing to resume."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
            if not self._parts:
                shutil.rmtree(self._partial, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *problem: object) -> None:
        self.close()

    def _tables(self, scores: Iterable[Score]) -> dict[str, pd.DataFrame]:
        """The tables of the run so far, `scores` added to those of the cases."""
        if not self._given:
            return {name: tables.frame(name, rows) for name, rows in self._rows(scores).items()}
        import pandas as pd

        found = {name: table.copy() for name, table in self._given.items()}
        if more := tables.score_rows(scores):
            found["scores"] = pd.concat([found["scores"], tables.frame("scores", more)], ignore_index=True)
        return found

    def _rows(self, scores: Iterable[Score]) -> dict[str, list[tables.Row]]:
        merged: dict[str, list[tables.Row]] = {name: [] for name in TABLES}
        for case in sorted(self._parts):
            part = json.loads(self._parts[case].read_bytes())
            for name in TABLES:
                merged[name] += part[name]
        merged["scores"] += tables.score_rows(scores)
        return merged

    def _write_curves(self) -> None:
        parts = (json.loads(self._parts[case].read_bytes()) for case in sorted(self._parts))
        if curves := [row for part in parts for row in part.get("curves", ())]:
            curvefile.write(self._partial / curvefile.NAME, curves)

    def _final_meta(self) -> dict[str, Any]:
        return {**self.meta, "format": FORMAT_VERSION, "status": "complete"}

    def _seal(self) -> None:
        """Write run.json with the digests of all files and the log's head, then log its own digest."""
        names = (*(f"{n}.parquet" for n in TABLES), "results.json", "findings.json", "plan.toml")
        kept = [name for name in (*names, curvefile.NAME) if name in names or (self._partial / name).is_file()]
        files = {name: ledger.sha256_file(self._partial / name) for name in kept}
        maps = self._partial / "maps.zarr"
        files |= {f"maps.zarr/{case}": tree_digest(maps / case) for case in sorted(self._parts)}
        files[GROUP] = ledger.sha256_file(self._partial / GROUP)
        end = ledger.append(self._partial / "log.jsonl", "finished", {
            "cases": len(self.done), "files": hashlib.sha256(ledger.canonical(files).encode()).hexdigest()})
        sealed = {**self._final_meta(), "files": files, "log": {"entries": end.index + 1, "head": end.hash}}
        _write(self._partial / "run.json", _pretty(sealed))
        ledger.append(self._partial / "log.jsonl", "sealed", {
            "run.json": ledger.sha256_file(self._partial / "run.json")})

    def _publish(self) -> None:
        shutil.rmtree(self._partial / "parts")
        (self._partial / ".lock").unlink()
        self._partial.rename(self.path)
        _sync_folder(self.path.parent)
        os.close(self._lock)
        self._lock = -1

    def _forget(self) -> None:
        """Remove the cases that are stored."""
        for case, part in self._parts.items():
            shutil.rmtree(self._partial / "maps.zarr" / case, ignore_errors=True)
            part.unlink()
        self._parts.clear()

    def _mend(self) -> None:
        """Remove what a killed process left half-written, and say so in the log."""
        torn = ledger.mend(self._partial / "log.jsonl")
        for folder in (self._partial / "maps.zarr").iterdir():
            if folder.is_dir() and folder.name not in self._parts:
                shutil.rmtree(folder)
        self.log("resumed", {"cases": len(self._parts), "torn_bytes": torn})


def _case_of(row: tables.Row) -> str:
    return str(row["case"])


def save_report(run: Run, name: str, data: bytes) -> str:
    """The sha256 of a report file that was written into a finished run under `name`, whole or not at all.

    Raises StoreError where the disk does not take it; what stood there before is untouched then.
    """
    path = run.path / name
    with _disk(path):
        path.parent.mkdir(exist_ok=True)
        _write(path, data)
    return hashlib.sha256(data).hexdigest()


def tree_digest(folder: Path) -> str:
    """The sha256 over the sorted relative paths and sha256 of all files below `folder`."""
    lines = [f"{p.relative_to(folder).as_posix()} {ledger.sha256_file(p)}\n"
             for p in sorted(folder.rglob("*")) if p.is_file()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _begin(partial: Path, plan_text: str, meta: Mapping[str, Any]) -> None:
    import zarr

    with _undone(partial):
        for left in (partial / "parts", partial / "maps.zarr"):
            shutil.rmtree(left, ignore_errors=True)
        (partial / "log.jsonl").unlink(missing_ok=True)
        (partial / "parts").mkdir()
        zarr.create_group(str(partial / "maps.zarr"))
        _write(partial / "plan.toml", plan_text)
        ledger.append(partial / "log.jsonl", "started", {
            "plan": hashlib.sha256(plan_text.encode()).hexdigest(), **_identity(meta)})
        created = meta.get("created", ledger.now())
        started = {**meta, "format": FORMAT_VERSION, "status": "running", "created": created}
        _write(partial / "run.json", _pretty(started))


def _kept_meta(partial: Path, plan_text: str, meta: Mapping[str, Any], resume: bool) -> dict[str, Any]:
    kept = json.loads((partial / "run.json").read_bytes())
    cases = len(list((partial / "parts").glob("*.json")))
    if not resume:
        raise StoreError(f"{partial}: a run with {cases} cases was cut off here; continue it with --resume, "
                         "or remove that folder")
    same_plan = (partial / "plan.toml").read_text(encoding="utf-8") == plan_text
    if not same_plan or _identity(kept) != _identity(meta):
        before, now = _identity(kept), _identity(meta)
        what = "plan" if not same_plan else " and ".join(key for key in now if now[key] != before[key])
        raise StoreError(f"{partial}: the cut-off run was made with another {what}; expected the same: "
                         "choose another output folder, or remove that one")
    return {**kept, **meta, "created": kept["created"]}


def _identity(meta: Mapping[str, Any]) -> dict[str, Fact]:
    """What two runs must share to be one: the model with its settings, the chosen cases and the code."""
    model, data = meta.get("model", {}), meta.get("data", {})
    settings = json.dumps({key: model.get(key) for key in ("operating_point", "preprocessing", "calibration")},
                          sort_keys=True)
    return {"model": str(model.get("digest", "")), "settings": hashlib.sha256(settings.encode()).hexdigest(),
            "manifest": str(data.get("manifest", "")), "selection": str(data.get("selection", "")),
            "code": str(meta.get("code", ""))}


def _refuse_existing(path: Path) -> None:
    if (path / "run.json").is_file():
        raise StoreError(f"{path}: holds a finished run, which stays as it is: choose another output folder")
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise StoreError(f"{path}: exists and is no run; expected a new or empty folder: choose another")


def _lock(partial: Path) -> int:
    try:
        import fcntl
    except ImportError:  # not on Windows: there two writers are the user's affair
        return os.open(partial / ".lock", os.O_CREAT | os.O_RDWR)
    handle = os.open(partial / ".lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as problem:
        os.close(handle)
        raise StoreError(f"{partial}: another process is writing this run; wait for it or choose another "
                         "output folder") from problem
    return handle


@contextmanager
def _disk(path: Path) -> Iterator[None]:
    """OSError as a StoreError of one line."""
    try:
        yield
    except OSError as problem:
        if problem.errno in FULL:
            raise StoreError(f"{path}: the disk is full; nothing was published and earlier runs are "
                             "untouched: free some space, then go on with --resume") from problem
        raise StoreError(f"{path}: cannot be written ({problem.strerror or problem}); expected a folder with "
                         "write access") from problem


@contextmanager
def _undone(*paths: Path) -> Iterator[None]:
    """Remove the paths if the block fails."""
    try:
        yield
    except BaseException:
        for path in paths:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
        raise


def _write(path: Path, content: str | bytes) -> None:
    """Write a file so that it is whole or absent, flushed to disk."""
    draft = path.with_name(f".{path.name}.new")
    with _undone(draft), draft.open("wb") as target:
        target.write(content.encode() if isinstance(content, str) else content)
        target.flush()
        os.fsync(target.fileno())
    draft.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _pretty(value: object, ordered: bool = True) -> str:
    text = json.dumps(ledger.plain(value), sort_keys=ordered, indent=1, ensure_ascii=False, allow_nan=False)
    return f"{text}\n"


def _results_text(results: Results, axis: pd.DataFrame | None) -> str:
    rows = [] if axis is None else [
        {name: None if isinstance(value, float) and value != value else value for name, value in row.items()}
        for row in axis.to_dict(orient="records")]
    return _pretty({**results.to_json(), "axis": rows}, ordered=False)
