"""The ladder's table: explainability against accuracy of several models on the same patients and draws.

Explainability is the skill of metrics.axis, by one method that was set beforehand. The rank correlation over models has
its interval from the same draws of patients; the models themselves are fixed, so it says nothing of other models. As
chance blurs the order of near values, its draws lie nearer to 0 than the value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.axis import drawn
from xaimed.stats import Array, Estimate, percentile

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

FEWEST = 4
NAME = "rank correlation of explainability with accuracy"


@dataclass(frozen=True, eq=False)
class Rung:
    """One model of a ladder: its name, its run, how many numbers it has learnt, and the methods that refuse it."""

    name: str
    run: Run
    parameters: int
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Point:
    """A model's accuracy and explainability on the draws: (resamples,) each, NaN where the gate gave no number."""

    accuracy: float
    explainability: float
    drawn: tuple[Array, Array]


def rung_table(rungs: Sequence[Rung], primary: str) -> pd.DataFrame:
    """One row a model and method: model, parameters, primary, why, spreads, and the columns of metrics.axis.

    accuracy_sd, explainability_sd: standard deviations over the draws, with `correlation` for a joint ellipse. why: the
    reason where a method could not be asked. Raises InputError for runs of different cases or draws.
    """
    import pandas as pd

    _check_same(rungs)
    rows = []
    for rung in rungs:
        for record in rung.run.axis.to_dict(orient="records"):
            pair = drawn(rung.run, str(record["method"]))
            rows.append({"model": rung.name, "parameters": rung.parameters, **record, "why": "",
                         "accuracy_sd": _spread(pair[0]), "explainability_sd": _spread(pair[1])})
        rows += [{"model": rung.name, "parameters": rung.parameters, "method": method, "gate": "not applicable",
                  "why": why} for method, why in rung.refused.items()]
    table = pd.DataFrame(rows)
    table.insert(3, "primary", table["method"] == primary)
    return table


def points(rungs: Sequence[Rung], primary: str) -> dict[str, Point]:
    """The point of each model whose primary method has a number, by the model's name."""
    found = {}
    for rung in rungs:
        own = rung.run.axis[rung.run.axis["method"] == primary]
        if len(own) and math.isfinite(float(own["explainability"].iloc[0])):
            found[rung.name] = Point(float(own["accuracy"].iloc[0]), float(own["explainability"].iloc[0]),
                                     drawn(rung.run, primary))
    return found


def rank_correlation(known: Mapping[str, Point]) -> Estimate:
    """Spearman's correlation over models, with the percentile interval over the shared draws of patients.

    NaN with fewer than FEWEST models, or where one of both does not vary.
    """
    if len(known) < FEWEST:
        return Estimate(NAME, math.nan, unit="model", denominator=len(known),
                        interval=f"none: {len(known)} models with a number, expected {FEWEST} or more")
    x, y = (np.stack([point.drawn[axis] for point in known.values()], axis=1) for axis in (0, 1))
    values = spearman(x, y)
    low, high = percentile(values)
    whole = spearman(*(np.array([[getattr(p, name) for p in known.values()]]) for name in
                       ("accuracy", "explainability")))
    return Estimate(NAME, float(whole[0]), low, high, unit="model", denominator=len(known),
                    interval=f"patient bootstrap ({len(values)}), the models fixed")


def spearman(x: Array, y: Array) -> Array:
    """(R,): Spearman's correlation of each row of x and y (R, n), ties by mean ranks; NaN where a row is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1) for values in (x, y)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    known = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1) & (size > 0)
    return np.divide((a * b).sum(axis=1), size, out=np.full(len(x), np.nan), where=known)


def _spread(values: Array) -> float:
    kept = values[np.isfinite(values)]
    return float(kept.std(ddof=1)) if len(kept) > 1 else math.nan


def _check_same(rungs: Sequence[Rung]) -> None:
    """The draws are the same only for the same patients, seed and number of draws."""
    first = rungs[0].run
    for rung in rungs[1:]:
        same = (list(rung.run.cases["case"]) == list(first.cases["case"])
                and rung.run.plan.get("seed") == first.plan.get("seed")
                and rung.run.plan.get("judging") == first.plan.get("judging"))
        if not same:
            raise InputError(f"{rung.name} was judged on other cases, draws or rules than {rungs[0].name}; expected "
                             "the same for all models")
