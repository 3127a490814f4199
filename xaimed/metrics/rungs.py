"""The ladder's table: explainability against accuracy of several models on the same patients and draws.

Explainability is here the gain of one method that was set beforehand: how much better its maps order the pixels than
its maps of other patients do, as a mean over the metrics of metrics.axis, in shares of the prediction. It is the
numerator of skill: the search that skill is divided by differs from model to model, and so do the metrics that it
leaves out, which would measure each model by a scale of its own. The rank correlation over models has its interval from
the same draws of patients; the models themselves are fixed, so it says nothing of other models. As chance blurs the
order of near values, its draws lie nearer to 0 than the value.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from xaimed.errors import InputError
from xaimed.metrics.axis import Drawn, correlation, drawn
from xaimed.stats import Array, Estimate, percentile

if TYPE_CHECKING:
    import pandas as pd

    from xaimed.run import Run

FEWEST, EXACT = 4, 8
NAME = "rank correlation of explainability with accuracy"


@dataclass(frozen=True, eq=False)
class Rung:
    """One model of a ladder: its name, its run, how many numbers it has learnt, and the methods that refuse it."""

    name: str
    run: Run
    parameters: int
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Ladder:
    """The rungs, their table, and the rank correlation by the primary method over the models that have a rank.

    table: a row a model and method with the columns model, parameters, primary, why (a method could not be asked),
    gain, gain_low, gain_high, gain_cases, accuracy_sd, gain_sd and gain_correlation (over the draws; they make a joint
    ellipse), and those of metrics.axis. A method that failed the gate has no gain, unless it is a control. ranked: the
    models whose primary method passed.
    """

    rungs: Sequence[Rung]
    primary: str
    table: pd.DataFrame
    ranked: Mapping[str, Drawn]
    correlation: Estimate
    behind: Sequence[Estimate] = ()  # see `accuracy_differences`


def ladder_of(rungs: Sequence[Rung], primary: str) -> Ladder:
    """The ladder of these rungs. Raises InputError for runs of different cases, draws or rules."""
    import pandas as pd

    _check_same(rungs)
    known = {rung.name: drawn(rung.run) for rung in rungs}
    table = pd.DataFrame([row for rung in rungs for row in _rows(rung, known[rung.name], primary)])
    own = table[table["primary"] & (table["gate"] == "pass") & np.isfinite(table["gain"].astype(float))]
    ranked = {str(name): known[str(name)][primary] for name in own["model"]}
    return Ladder(rungs, primary, table, ranked, rank_correlation(ranked), accuracy_differences(known))


def accuracy_differences(known: Mapping[str, Mapping[str, Drawn]]) -> tuple[Estimate, ...]:
    """How much less accurate each model is than the most accurate one, on the same draws of patients.

    known: by model and method; a model of which no map was judged has no draws and no difference. The most accurate one
    was found on these patients, so chance is on its side.
    """
    every = {name: next(iter(own.values())) for name, own in known.items() if own}
    rated = {name: one for name, one in every.items() if math.isfinite(one.accuracy)}
    if len(rated) < 2:
        return ()
    best = max(rated, key=lambda name: rated[name].accuracy)
    return tuple(_behind(name, one, rated[best]) for name, one in rated.items() if name != best)


def _behind(name: str, one: Drawn, best: Drawn) -> Estimate:
    low, high = percentile(one.accuracies - best.accuracies)
    return Estimate(name, one.accuracy - best.accuracy, low, high, unit="patient",
                    interval=f"patient bootstrap ({len(one.accuracies)})")


def _rows(rung: Rung, known: Mapping[str, Drawn], primary: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for record in rung.run.axis.to_dict(orient="records"):
        method = str(record["method"])
        row = {"model": rung.name, "parameters": rung.parameters, "primary": method == primary,
               **{str(key): value for key, value in record.items()}, "why": ""}
        hidden = record["gate"] == "fail" and record["control"] is not True
        rows.append({**row, **_gain(None if hidden else known.get(method))})
    return rows + [{"model": rung.name, "parameters": rung.parameters, "primary": method == primary, "method": method,
                    "gate": "not applicable", "why": why} for method, why in rung.refused.items()]


def _gain(found: Drawn | None) -> dict[str, float | int]:
    if found is None:
        nothing = ("gain", "gain_low", "gain_high", "gain_correlation", "accuracy_sd", "gain_sd")
        return {**dict.fromkeys(nothing, math.nan), "gain_cases": 0}
    return {"gain": found.gain, "gain_low": found.low, "gain_high": found.high, "gain_cases": found.cases,
            "gain_correlation": correlation(found.accuracies, found.gains),
            "accuracy_sd": _spread(found.accuracies), "gain_sd": _spread(found.gains)}


def rank_correlation(ranked: Mapping[str, Drawn]) -> Estimate:
    """Spearman's correlation over models, with the percentile interval over the shared draws of patients.

    NaN with fewer than FEWEST models, or where one of both does not vary.
    """
    if len(ranked) < FEWEST:
        return Estimate(NAME, math.nan, unit="model", denominator=len(ranked),
                        interval=f"none: {len(ranked)} models passed the gate, expected {FEWEST} or more")
    whole = spearman(np.array([[one.accuracy for one in ranked.values()]]),
                     np.array([[one.gain for one in ranked.values()]]))
    values = spearman(np.stack([one.accuracies for one in ranked.values()], axis=1),
                      np.stack([one.gains for one in ranked.values()], axis=1))
    low, high = percentile(values)
    return Estimate(NAME, float(whole[0]), low, high, unit="model", denominator=len(ranked),
                    interval=f"patient bootstrap ({len(values)}), the models fixed")


def chance(ranked: Mapping[str, Drawn], draws: int = 20_000) -> float:
    """The share of orders of the models with a rank correlation as far from 0 or farther: what the models alone say.

    All orders for up to EXACT models, else that many random ones and the one found; NaN with fewer than FEWEST models.
    """
    if len(ranked) < FEWEST:
        return math.nan
    x, y = (np.array([getattr(one, name) for one in ranked.values()]) for name in ("accuracy", "gain"))
    own = abs(float(spearman(x[None], y[None])[0]))
    if len(x) <= EXACT:
        orders = np.array(list(permutations(range(len(x)))))
    else:
        draw = np.random.default_rng(0)
        orders = np.stack([np.arange(len(x)), *(draw.permutation(len(x)) for _ in range(draws))])
    found = np.abs(spearman(np.broadcast_to(x, orders.shape), y[orders]))
    return math.nan if math.isnan(own) else float((found >= own - 1e-9).mean())


def spearman(x: Array, y: Array) -> Array:
    """(R,): Spearman's correlation of each row of x and y (R, n), ties by mean ranks; NaN where a row is constant."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=1) for values in (x, y)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    size = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    known = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1) & (size > 0)
    found: Array = np.divide((a * b).sum(axis=1), size, out=np.full(len(x), np.nan), where=known)
    return found


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
