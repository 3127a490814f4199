"""Run: a finished run folder, read only.

    run.json cases.parquet truth.parquet predictions.parquet scores.parquet results.json findings.json
    maps.zarr/ plan.toml log.jsonl   and, where deletion was measured, curves.parquet
    and, written later, report.pdf and cases/<case>.pdf
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaimed import curvefile, ledger, mapfile, tables
from xaimed.curvefile import KeptCurve
from xaimed.errors import InputError, StoreError, unknown
from xaimed.ledger import Fact
from xaimed.mapfile import MapEntry
from xaimed.types import Finding, Floats

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from xaimed.stats import Results

FORMAT_VERSION = 1
TABLES = ("cases", "truth", "predictions", "scores")
FILES = (*(f"{name}.parquet" for name in TABLES), "results.json", "findings.json", "plan.toml", "log.jsonl")

AXIS_NUMBERS = ("accuracy", "explain", "plausibility", "agreement", "correlation", "no_room")
AXIS_COLUMNS = ("method", "accuracy", "accuracy_low", "accuracy_high", "accuracy_name", "explainability",
                "explainability_low", "explainability_high", "gate", "cases")


def partial_path(path: Path) -> Path:
    """Where the run `path` is written until it is complete."""
    return path.with_name(f".{path.name}.partial")


class Run:
    """A run folder, read only. Tables are pandas frames, read on first use.

    path: the folder. meta: run.json. plan: plan.toml as a dict.
    """

    def __init__(self, path: Path, meta: Mapping[str, Any]) -> None:
        self.path = path
        self.meta = meta

    @classmethod
    def open(cls, path: Path | str) -> Run:
        """The run in `path`. Raises StoreError: no run, in progress, of a newer format, a damaged file."""
        folder = Path(path)
        run = cls(folder, _read_meta(folder))
        for name in FILES:
            if not (folder / name).is_file():
                raise StoreError(f"{folder / name}: missing; expected a whole run: restore it from a copy "
                                 "or run the audit again")
        for name in TABLES:
            tables.check_parquet(folder / f"{name}.parquet", name)
        return run

    @cached_property
    def plan(self) -> dict[str, Any]:
        """plan.toml with every default spelled out."""
        try:
            return tomllib.loads((self.path / "plan.toml").read_text(encoding="utf-8"))
        except ValueError as problem:
            raise _damaged(self.path / "plan.toml", problem) from problem

    @cached_property
    def cases(self) -> pd.DataFrame:
        """case, patient, split, label, width, height, spacing_mm, digest, synthetic, group_..."""
        return tables.read_parquet(self.path / "cases.parquet")

    @cached_property
    def truth(self) -> pd.DataFrame:
        """case, target, label, x0, y0, x1, y1 in original pixels."""
        return tables.read_parquet(self.path / "truth.parquet")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """case, condition, target, label, score, x0, y0, x1, y1; boxes NaN for class scores."""
        return tables.read_parquet(self.path / "predictions.parquet")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """case, target, method, metric, condition, seed, value; case "" for a value of the whole dataset."""
        return tables.read_parquet(self.path / "scores.parquet")

    @cached_property
    def results(self) -> Results:
        """The estimates with their intervals and the curves, as the audit computed them."""
        from xaimed.stats import Results

        try:
            return Results.from_json(self._json("results.json"))
        except (InputError, KeyError, TypeError) as problem:
            raise _damaged(self.path / "results.json", problem) from problem

    @cached_property
    def axis(self) -> pd.DataFrame:
        """Explainability against accuracy, one row a method, as metrics.axis gives it; may be empty."""
        import pandas as pd

        rows = self._json("results.json").get("axis", [])
        table = pd.DataFrame(rows, columns=list(rows[0]) if rows else list(AXIS_COLUMNS))
        numbers = [name for name in table if name.startswith(AXIS_NUMBERS) and not name.endswith("_name")]
        return table.astype(dict.fromkeys(numbers, float))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What the checks found, by code."""
        try:
            return tuple(Finding(**row) for row in self._json("findings.json"))
        except TypeError as problem:
            raise _damaged(self.path / "findings.json", problem) from problem

    def entries(self, case: str) -> tuple[MapEntry, ...]:
        """What maps the case has, in stored order. Raises NotFound for an unknown case."""
        return mapfile.read_entries(self._maps(case))

    def curves(self, case: str) -> tuple[KeptCurve, ...]:
        """The deletion curves of the case's maps; none where none was measured, or the run is of an earlier version."""
        return curvefile.read(self.path / curvefile.NAME, case)

    def map(self, case: str, target: str, method: str) -> Floats:
        """float32 (H, W), signed, in original pixels. Raises NotFound for an unknown case, target, method."""
        return mapfile.read_map(self._maps(case), target, method)

    @property
    def pictured(self) -> bool:
        """Whether images were given; False for a run that was made from tables of outputs alone."""
        return bool(self.meta.get("pictured", True))

    def image(self, case: str) -> Floats:
        """float32 (C, H, W) in [0, 1]. Raises NotFound where no image was given."""
        return mapfile.read_image(self._maps(case))

    def pixels(self, case: str) -> NDArray[np.uint16]:
        """uint16 (H, W), or (H, W, C) for C channels: the image as stored, 65535 for 1.0. Raises as image."""
        return mapfile.read_pixels(self._maps(case))

    def planes(self, case: str) -> dict[str, Floats]:
        """float32 (H, W) by name, as `answers.planes_of` gives them; none for a model that gives classes or boxes."""
        return mapfile.read_planes(self._maps(case))

    def log_entries(self) -> tuple[ledger.Entry, ...]:
        """The log. Raises StoreError where its hash chain is broken."""
        return ledger.read(self.path / "log.jsonl")

    def record(self, event: str, facts: Mapping[str, Fact]) -> None:
        """Append an event to the log of a finished run, such as a report that was written, and keep its length."""
        log = self.path / "log.jsonl"
        ledger.note_end(log, ledger.append(log, event, {**facts, ledger.TOLD: True}))

    @cached_property
    def _names(self) -> dict[str, None]:
        """The cases in stored order; a look-up costs the same for any number of them."""
        return dict.fromkeys(map(str, self.cases["case"]))

    def _maps(self, case: str) -> Path:
        if case not in self._names:
            raise unknown("case", case, list(self._names)[:20])
        return self.path / "maps.zarr" / case

    def _json(self, name: str) -> Any:
        try:
            return json.loads((self.path / name).read_bytes())
        except (OSError, ValueError) as problem:
            raise _damaged(self.path / name, problem) from problem


def _read_meta(folder: Path) -> Mapping[str, Any]:
    if not (folder / "run.json").is_file():
        hint = ("a run is being written there or was cut off: continue it with --resume"
                if partial_path(folder).is_dir() else "give the folder that `xaimed audit` wrote")
        raise StoreError(f"{folder}: no run.json, so not a finished run; {hint}")
    try:
        meta = json.loads((folder / "run.json").read_bytes())
        version, status = int(meta["format"]), meta["status"]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise _damaged(folder / "run.json", problem) from problem
    if version > FORMAT_VERSION:
        raise StoreError(f"{folder}: run format {version} is newer than this xaimed reads "
                         f"({FORMAT_VERSION}): update xaimed")
    if status != "complete":
        raise StoreError(f"{folder}: status is {status!r}, expected 'complete': continue it with --resume")
    checked: Mapping[str, Any] = meta
    return checked


def _damaged(path: Path, problem: BaseException) -> StoreError:
    return StoreError(f"{path}: damaged or missing ({type(problem).__name__}); expected what the audit "
                      "wrote: restore it from a copy or run the audit again")

