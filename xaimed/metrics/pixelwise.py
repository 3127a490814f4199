"""Tasks that answer in pixels: a number for each case and part, and over all cases its mean with an interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from xaimed.plural import plural
from xaimed.registry import load, names
from xaimed.stats import Array, Estimate, Resampling, Results, mean_interval
from xaimed.types import Case, Prediction, Score

if TYPE_CHECKING:
    import pandas as pd

Better = Literal["higher", "lower"]
# What the parts of a network say of its answer (adapters.structure): kept over all cases, not by part or group.
PARTS = ("sweep ", "difference at scale", "slope at scale")
# What cannot leave a range by what it is; the limits of few patients are cut to it.
RANGES = {"Dice": (0.0, 1.0), "IoU": (0.0, 1.0), "V_rand": (0.0, 1.0), "V_info": (0.0, 1.0), "folding": (0.0, 1.0),
          "SSIM": (-1.0, 1.0), "HD95": (0.0, math.inf),
          "MAE": (0.0, math.inf), "difference": (0.0, math.inf), "slope": (0.0, 1.0)}
MODEL = ""  # the method of the rows of scores that judge the model and no map


class CaseMetric(Protocol):
    """A metric of one case: the METRIC of its file, a frozen dataclass; NaN where a number does not apply.

    measures: the names of its numbers, and which way each is better.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def kind(self) -> Literal["case"]: ...  # noqa: D102
    @property
    def measures(self) -> Mapping[str, Better]: ...  # noqa: D102
    @property
    def reference(self) -> str: ...  # noqa: D102

    def __call__(self, case: Case, prediction: Prediction) -> list[Score]:
        """The rows of a case with method MODEL, none where the metric does not apply."""
        ...


def case_metrics() -> list[CaseMetric]:
    """The metrics of kind "case", by name."""
    every = (getattr(load("metrics", name), "METRIC", None) for name in names("metrics"))
    return sorted((m for m in every if m is not None and m.kind == "case"), key=lambda m: str(m.name))


@cache
def directions() -> Mapping[str, Better]:
    """Which way each number of the case metrics is better."""
    return {measure: better for metric in case_metrics() for measure, better in metric.measures.items()}


def measured(case: Case, prediction: Prediction) -> list[Score]:
    """What all case metrics say of one case; none where the model does not answer in pixels."""
    return [row for metric in case_metrics() for row in metric(case, prediction)] if prediction.dense else []


@dataclass(frozen=True)
class Pooling:
    """How means are made. resamples, seed: of the patient bootstrap. smallest_cell: cases that a subgroup needs."""

    resamples: int = 2000
    seed: int = 0
    smallest_cell: int = 10


def pooled(scores: pd.DataFrame, cases: pd.DataFrame, how: Pooling) -> Results:
    """The mean over cases of each metric, over all parts and for each, whole and by group; see `stats.mean_interval`.

    Values that do not apply, such as the surface distance of a class that was missed, are left out: the interval says
    how many, and the denominator how many cases are left.
    scores: of one condition.
    """
    known = {measure for metric in case_metrics() for measure in metric.measures}
    own = scores[scores["method"].fillna("") == MODEL]
    own = own[own["metric"].isin(known) | own["metric"].str.startswith(PARTS)]
    if own.empty:
        return Results((), {})
    table = cases.sort_values("case", kind="stable")
    draws = Resampling.of([str(p) for p in table["patient"]], how.resamples, how.seed)
    found = [estimate for metric, rows in own.groupby("metric", sort=True)
             for name, part in _parts(str(metric), rows)
             for estimate in _of_part(name, part, table, draws, how)
             if estimate.group == "all" or not str(metric).startswith(PARTS)]
    return Results(tuple(found), {})


def _parts(metric: str, rows: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The rows of all parts, whose mean is the value of a case, and where there are several of each by itself."""
    whole = [(metric, rows)]
    if metric.startswith(PARTS):  # targets such as d0 are another thing in each case
        return whole
    parts = [(f"{metric} {name}", part) for name, part in rows.groupby("target", sort=True)]
    return [*whole, *(parts if len(parts) > 1 else ())]


def _of_part(name: str, rows: pd.DataFrame, cases: pd.DataFrame, draws: Resampling, how: Pooling) -> list[Estimate]:
    values = cases["case"].map(rows.groupby("case")["value"].mean()).to_numpy(np.float64)
    patients = [str(p) for p in cases["patient"]]
    out = [_noted(mean(name, values, patients, draws), rows)]
    for column in (c for c in cases.columns if c.startswith("group_")):
        for group in sorted({str(g) for g in cases[column] if g}):
            inside = np.where(cases[column] == group, values, np.nan)
            if 0 < int(np.isfinite(inside).sum()) < int(np.isfinite(values).sum()):
                own = rows[rows["case"].isin(cases.loc[cases[column] == group, "case"])]
                out.append(_group(_noted(mean(name, inside, patients, draws), own), f"{column[6:]}={group}", how))
    return out


def _noted(found: Estimate, rows: pd.DataFrame) -> Estimate:
    """With the number of values that are left out, as where a class was not found and has no surface."""
    lost = int(rows["value"].isna().sum())
    if not lost or found.value != found.value:
        return found
    return replace(found, interval=f"{found.interval}; {lost} of {plural(len(rows), 'value')} left out as not defined")


def _group(found: Estimate, group: str, how: Pooling) -> Estimate:
    few = (found.denominator or 0) < how.smallest_cell
    hidden = Estimate(found.name, np.nan, denominator=found.denominator,
                      interval=f"suppressed: fewer than {how.smallest_cell} cases")
    return replace(hidden if few else found, group=group)


def mean(name: str, values: Array, patients: Sequence[str], draws: Resampling) -> Estimate:
    """The mean of the finite values (n,) with the interval of `stats.mean_interval`; NaN where there are none."""
    kept = np.isfinite(values)
    if not kept.any():
        return Estimate(name, np.nan, unit="case", denominator=0.0, interval="not defined: no case has a value")
    low, high, how = mean_interval(values, patients, draws, RANGES.get(name.partition(" ")[0], (-math.inf, math.inf)))
    return Estimate(name, float(values[kept].mean()), low, high, unit="case", rule="mean over cases",
                    denominator=float(kept.sum()), interval=how)
