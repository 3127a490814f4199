"""differences: does a run that was made again hold the same values, and what may explain those that differ."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from xaimed.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run
    from xaimed.types import Floats

KEYS: Mapping[str, tuple[str, ...]] = {
    "cases": ("case",), "truth": ("case", "target"), "predictions": ("case", "condition", "target"),
    "scores": ("case", "target", "method", "metric", "condition", "seed")}
RELATIVE, ABSOLUTE = 1e-3, 1e-6
# Maps are stored with 11 bits, relative to their largest magnitude.
MAPS = 2.0**-9
PARTS = ("value", "low", "high", "numerator", "denominator")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:]+Z")
CAUSES = ("xaimed", "code", "device", "platform", "threads")


@dataclass(frozen=True)
class Tolerance:
    """Two values are the same if they differ by at most absolute + relative x the stored one.

    maps: the share of a map's largest magnitude by which its pixels may differ.
    """

    relative: float = RELATIVE
    absolute: float = ABSOLUTE
    maps: float = MAPS

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"tolerance {name} {value}; expected a number from 0 up")

    @property
    def text(self) -> str:
        """The tolerance in words."""
        return (f"{self.relative:g} of the stored value + {self.absolute:g}; maps {self.maps:g} of their largest "
                "magnitude")


@dataclass(frozen=True)
class Difference:
    """One stored value that is another one now. where: table and key; size: the absolute difference or NaN."""

    where: str
    stored: str
    now: str
    size: float = math.nan


@dataclass(frozen=True)
class Reproduction:
    """What became of every stored value. compared: how many. causes: what of the set-up differs, in words."""

    compared: Mapping[str, int]
    differences: tuple[Difference, ...]
    causes: tuple[str, ...]
    tolerance: Tolerance

    @property
    def exit_code(self) -> int:
        """0 if every value came out the same, else 1."""
        return int(bool(self.differences))

    @property
    def verdict(self) -> str:
        """The outcome in one line."""
        total, tally = sum(self.compared.values()), ", ".join(f"{name} {n}" for name, n in self.compared.items())
        if not self.differences:
            return f"reproduced: all {total} stored values ({tally}) within {self.tolerance.text}"
        return (f"NOT reproduced: {len(self.differences)} of {total} stored values ({tally}) differ by more than "
                f"{self.tolerance.text}")

    def lines(self, most: int = 20) -> list[str]:
        """The verdict, the gravest differences, and what may have caused them."""
        worst = sorted(self.differences, key=lambda d: -d.size if math.isfinite(d.size) else -math.inf)
        told = [f"{d.where}: stored {d.stored}, now {d.now}" for d in worst[:most]]
        more = [f"... and {len(worst) - most} more"] if len(worst) > most else []
        causes = list(self.causes) if self.causes else ["nothing recorded of the set-up differs"]
        return [self.verdict, *told, *more, *(f"possible cause: {cause}" for cause in causes if self.differences)]

    def to_json(self) -> dict[str, object]:
        """A dict for JSON."""
        rows = [{**asdict(d), "size": d.size if math.isfinite(d.size) else None} for d in self.differences]
        return {"verdict": self.verdict, "exit": self.exit_code, "compared": dict(self.compared),
                "tolerance": asdict(self.tolerance), "differences": rows, "causes": list(self.causes)}


def reproduced(stored: Run, now: Run, tolerance: Tolerance | None = None) -> Reproduction:
    """Every value of the tables, results, curves, findings, maps and planes of a run against those made again."""
    chosen = tolerance or Tolerance()
    compared: dict[str, int] = {}
    found: list[Difference] = []
    for name, keys in KEYS.items():
        count, rows = _table(name, keys, (getattr(stored, name), getattr(now, name)), chosen)
        compared[name], found = count, found + rows
    for name, count, rows in (("results", *_results(stored, now, chosen)),
                              ("axis", *_table("axis", ("method",), (stored.axis, now.axis), chosen)),
                              ("curves", *_curves((_drawn(stored), _drawn(now)), chosen)),
                              ("findings", *_findings(stored, now, chosen)), ("maps", *_maps(stored, now, chosen)),
                              ("planes", *_planes(stored, now, chosen))):
        compared[name], found = count, found + rows
    return Reproduction(compared, tuple(found), tuple(causes(stored, now)), chosen)


def causes(stored: Run, now: Run) -> list[str]:
    """What differs between the set-ups of two runs: software, code, device, model, data, plan."""
    found = [f"{name}: {stored.meta.get(name)} then, {now.meta.get(name)} now" for name in CAUSES
             if stored.meta.get(name) is not None and stored.meta.get(name) != now.meta.get(name)]
    then, here = stored.meta.get("versions", {}), now.meta.get("versions", {})
    found += [f"{name} {then[name]} then, {here.get(name, 'absent')} now" for name in then
              if then[name] != here.get(name)]
    for part in ("model", "data"):
        a, b = stored.meta.get(part, {}), now.meta.get(part, {})
        found += [f"{part} {key} differs" for key in ("digest", "manifest", "selection", "operating_point",
                                                      "preprocessing") if a.get(key) != b.get(key)]
    return found + (["the plan differs"] if stored.plan != now.plan else [])


def _table(name: str, keys: Sequence[str], both: tuple[pd.DataFrame, pd.DataFrame], tolerance: Tolerance
           ) -> tuple[int, list[Difference]]:
    old, new = (_keyed(table, keys) for table in both)
    columns = [c for c in old.columns if c not in keys]
    found = [Difference(f"{name} {_named(key)}", "present" if key in old.index else "absent",
                        "absent" if key in old.index else "present")
             for key in old.index.symmetric_difference(new.index)]
    shared = old.index.intersection(new.index)
    for column in columns:
        if column not in new.columns:
            found.append(Difference(f"{name}.{column}", "present", "absent"))
            continue
        a, b = old.loc[shared, column], new.loc[shared, column]
        found += _column(f"{name}.{column}", (a, b), tolerance)
    return len(old) * len(columns), found


def _keyed(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The table by its keys; rows with the same keys are told apart by their order."""
    filled = table.copy()
    for key in keys:
        filled[key] = filled[key].fillna("").astype(str)
    filled["row"] = filled.groupby(list(keys)).cumcount().astype(str)
    return filled.set_index([*keys, "row"]).sort_index()


def _column(where: str, both: tuple[pd.Series, pd.Series], tolerance: Tolerance) -> list[Difference]:
    first, second = both
    if first.dtype.kind == "f":
        a, b = first.to_numpy(np.float64), second.to_numpy(np.float64)
        size = np.abs(a - b)
        wrong = ~((np.isnan(a) & np.isnan(b)) | (size <= tolerance.absolute + tolerance.relative * np.abs(a)))
        return [Difference(f"{where} {_named(first.index[i])}", f"{a[i]:.6g}", f"{b[i]:.6g}", float(size[i]))
                for i in np.flatnonzero(wrong)]
    a, b = (column.astype(object).where(column.notna(), "").astype(str).to_numpy() for column in both)
    return [Difference(f"{where} {_named(first.index[i])}", str(a[i]), str(b[i])) for i in np.flatnonzero(a != b)]


def _named(key: object) -> str:
    parts = [str(part) for part in key] if isinstance(key, tuple) else [str(key)]
    return " ".join(part for part in parts[:-1] if part) + (f" ({parts[-1]})" if parts[-1] not in ("0", "") else "")


def _results(stored: Run, now: Run, tolerance: Tolerance) -> tuple[int, list[Difference]]:
    known = {(e.name, e.rule, e.group, e.unit): e for e in now.results.estimates}
    found: list[Difference] = []
    for e in stored.results.estimates:
        other = known.get((e.name, e.rule, e.group, e.unit))
        where = f"results {e.name} [{e.rule}] {e.group}"
        if other is None:
            found.append(Difference(where, "present", "absent"))
            continue
        for part in PARTS:
            a, b = _float(getattr(e, part)), _float(getattr(other, part))
            if not _same(a, b, tolerance):
                found.append(Difference(f"{where}: {part}", f"{a:.6g}", f"{b:.6g}", abs(a - b)))
    there = {(e.name, e.rule, e.group, e.unit) for e in stored.results.estimates}
    found += [Difference(f"results {name} [{rule}] {group}", "absent", "present")
              for name, rule, group, unit in known if (name, rule, group, unit) not in there]
    return len(PARTS) * len(stored.results.estimates), found


def _float(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _same(a: float, b: float, tolerance: Tolerance) -> bool:
    near = abs(a - b) <= tolerance.absolute + tolerance.relative * abs(a)
    return a == b or (math.isnan(a) and math.isnan(b)) or near


def _drawn(run: Run) -> dict[str, Sequence[float]]:
    """Every curve of the results and every deletion curve of a map, by name and column."""
    found: dict[str, Sequence[float]] = {f"{name}: {column}": values for name, curve in run.results.curves.items()
                                         for column, values in curve.items()}
    for curve in (curve for case in map(str, run.cases["case"]) for curve in run.curves(case)):
        name = f"{curve.case} {curve.target} {curve.method} {curve.metric}"
        found |= {f"{name}: fraction": curve.fraction, f"{name}: left": curve.left}
    return found


def _curves(both: tuple[Mapping[str, Sequence[float]], Mapping[str, Sequence[float]]], tolerance: Tolerance
            ) -> tuple[int, list[Difference]]:
    old, new = both
    found = [Difference(f"curve {name}", *(("present", "absent") if name in old else ("absent", "present")))
             for name in sorted(old.keys() ^ new.keys())]
    for name in (name for name in old if name in new):
        a, b = old[name], new[name]
        if len(a) != len(b):
            found.append(Difference(f"curve {name}", f"{len(a)} points", f"{len(b)} points"))
            continue
        found += [Difference(f"curve {name}, point {i}", f"{x:.6g}", f"{y:.6g}", abs(x - y))
                  for i, (x, y) in enumerate(zip(a, b, strict=True)) if not _same(x, y, tolerance)]
    return sum(map(len, old.values())), found


def _findings(stored: Run, now: Run, tolerance: Tolerance) -> tuple[int, list[Difference]]:
    """Outcome and statement of every check."""
    old, new = ({f.code: f for f in run.findings} for run in (stored, now))
    found = [Difference(f"finding {code}", old[code].outcome if code in old else "absent",
                        new[code].outcome if code in new else "absent")
             for code in dict.fromkeys([*old, *new])
             if code not in old or code not in new or old[code].outcome != new[code].outcome]
    found += [Difference(f"finding {code}: statement", old[code].statement, new[code].statement)
              for code in old if code in new and not _alike(old[code].statement, new[code].statement, tolerance)]
    return 2 * len(old), found


def _alike(first: str, second: str, tolerance: Tolerance) -> bool:
    """The same words, and numbers that are the same within the tolerance or one unit of their last digit.

    The time at which something was set down is another one in every run.
    """
    first, second = TIME.sub("", first), TIME.sub("", second)
    if NUMBER.sub("#", first) != NUMBER.sub("#", second):
        return False
    pairs = zip(NUMBER.findall(first), NUMBER.findall(second), strict=True)
    return all(a == b or ("." in a and abs(float(a) - float(b)) <= 1.001 * 10.0**-len(a.partition(".")[2]))
               or _same(float(a), float(b), tolerance) for a, b in pairs)


def _maps(stored: Run, now: Run, tolerance: Tolerance) -> tuple[int, list[Difference]]:
    found, count = [], 0
    here = set(map(str, now.cases["case"]))
    for case in map(str, stored.cases["case"]):
        known = {(e.target, e.method) for e in now.entries(case)} if case in here else set()
        for entry in stored.entries(case):
            count += 1
            where = f"map {case} {entry.target} {entry.method}"
            if (entry.target, entry.method) not in known:
                found.append(Difference(where, "present", "absent"))
                continue
            size = _apart(*(run.map(case, entry.target, entry.method) for run in (stored, now)))
            if size > tolerance.maps:
                found.append(Difference(where, "as stored", f"differs by {size:.3g} of its largest magnitude", size))
    return count, found


def _planes(stored: Run, now: Run, tolerance: Tolerance) -> tuple[int, list[Difference]]:
    """What the model answered in pixels, and its reference."""
    found, count = [], 0
    here = set(map(str, now.cases["case"]))
    for case in map(str, stored.cases["case"]) if stored.pictured else ():
        old, new = stored.planes(case), now.planes(case) if case in here else {}
        count += len(old)
        found += [Difference(f"plane {case} {name}", *(("present", "absent") if name in old else ("absent", "present")))
                  for name in sorted(old.keys() ^ new.keys())]
        for name, size in ((name, _apart(old[name], new[name])) for name in old if name in new):
            if size > tolerance.maps:
                told = f"differs by {size:.3g} of its largest magnitude"
                found.append(Difference(f"plane {case} {name}", "as stored", told, size))
    return count, found


def _apart(first: Floats, second: Floats) -> float:
    """The largest difference of two maps, as a share of the first's largest magnitude; infinite for other sizes."""
    if first.shape != second.shape:
        return math.inf
    if not np.array_equal(np.isnan(first), np.isnan(second)):
        return math.inf
    scale = float(np.nanmax(np.abs(first), initial=0.0)) or 1.0
    return float(np.nanmax(np.abs(first - second), initial=0.0)) / scale
