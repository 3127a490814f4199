"""judge: every metric of a model, from the tables of its cases, their reference and its outputs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import Judged, JudgeOptions, ModelMetric
from xaimed.metrics.one_kind import of_one_kind, only_kind
from xaimed.registry import load, names
from xaimed.stats import Array, Resampling, Results

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["JudgeOptions", "judge"]


def judge(cases: pd.DataFrame, truth: pd.DataFrame, predictions: pd.DataFrame, operating_point: float,
          options: JudgeOptions | None = None) -> Results:
    """All estimates and curves of a model. The tables have the columns of a run folder.

    operating_point: the score from which a box or an image counts as positive, chosen on validation.
    All intervals by bootstrap use the same draws of patients. Where all cases are of one kind, what needs both has no
    value, see metrics.one_kind. Raises InputError for tables that do not fit.
    """
    if not math.isfinite(operating_point):
        raise InputError(f"operating point {operating_point}; expected a finite score, chosen on validation")
    chosen = options or JudgeOptions()
    found = evidence(cases, truth, predictions, chosen.ignored_cases, chosen.ignored_labels)
    draws = Resampling.of(found.patients, chosen.resamples, chosen.seed)
    judged = Judged(found, operating_point, chosen, draws, _spacing(cases), _lesion_names(truth, chosen))
    parts = [metric(judged) for metric in model_metrics()]
    whole = Results(tuple(e for part in parts for e in part.estimates),
                    {name: curve for part in parts for name, curve in part.curves.items()})
    return of_one_kind(whole, only_kind(cases, chosen.positive))


def _spacing(cases: pd.DataFrame) -> Array | None:
    """The pixel spacing of each image in the order of the evidence, or None."""
    if "spacing_mm" not in cases:
        return None
    spacing: Array = cases.sort_values("case", kind="stable")["spacing_mm"].to_numpy(np.float64)
    return spacing


def _lesion_names(truth: pd.DataFrame, options: JudgeOptions) -> tuple[str, ...]:
    """The names of the lesions in the order of the evidence; none where no column lesion names one."""
    if "lesion" not in truth:
        return ()
    rows = truth[truth["x0"].notna() & ~truth["label"].isin(list(options.ignored_labels))]
    names = tuple(str(name) for name in rows["lesion"])
    return names if any(names) else ()


def model_metrics() -> list[ModelMetric]:
    """The metrics of kind "model", by their order."""
    every = (getattr(load("metrics", name), "METRIC", None) for name in names("metrics"))
    return sorted((m for m in every if m is not None and m.kind == "model"), key=lambda m: (m.order, m.name))
