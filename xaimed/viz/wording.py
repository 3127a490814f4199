"""What the numbers of a run mean, in words and small tables: trust in a map, estimates, scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from xaimed.metrics.criteria import WORST
from xaimed.plural import plural
from xaimed.types import Finding
from xaimed.viz.charts import plain_name
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    from xaimed.stats import Estimate, Results

MISSING = "–"  # in place of a number that there is none of
KEY = ("image AUC", "patient AUC", "sensitivity at 0.5 false positives per image", "sensitivity",
       "specificity")


def ordered(findings: Sequence[Finding]) -> list[Finding]:
    """The findings, worst outcome first, then by severity and code."""
    weight = {"high": 0, "medium": 1, "low": 2}
    return sorted(findings, key=lambda f: (WORST.index(f.outcome), weight[f.severity], f.code))


def score_text(score: float) -> str:
    """A score with three decimals, as the operating point is given; one that they would lose with two figures."""
    return f"{score:.3f}" if abs(score) >= 0.01 else f"{score:.2g}"


def gates(scores: pd.DataFrame) -> dict[str, str]:
    """For each method "pass", "fail" or "NOT ASSESSED": its randomisation gate on this model."""
    from xaimed.metrics.axis import gate_of

    return {method: gate_of(scores, method)
            for method in dict.fromkeys(scores.loc[scores["metric"] == "gate", "method"].astype(str))}


def warning(method: str, gate: str, note: str) -> str:
    """Why the map may not be trusted, in plain sentences; "" if nothing is known against it.

    gate: of `gates`. note: of the stored map. The first sentence is enough where there is little room.
    """
    name = plain_name(method)
    found = []
    if gate == "fail":
        found.append(f"Do not rely on this map: {name} failed the randomisation gate on this model. Its maps "
                     "stay alike when the model's weights are replaced by random ones, so they show the image "
                     "rather than what the model learned.")
    elif gate != "pass":
        found.append(f"Whether {name} depends on what this model learned was not assessed "
                     "(no randomisation gate).")
    if note:
        found.append(f"Noted when it was made: {note}.")
    return " ".join(found)


def room(axis: pd.DataFrame) -> str:
    """Which metrics no skill of a run's axis is made of, and how many values have no skill, each with the reason.

    "" where every value has room, or the run was made before that was stored.
    """
    from xaimed.metrics.axis import MOST, ROOM

    stored = axis["left_out"].dropna() if "left_out" in axis else ()
    names = dict.fromkeys(name for text in stored for name in str(text).split(", ") if name)
    shares = dict(zip(axis["method"], axis["no_room"], strict=True)) if "no_room" in axis else {}
    cramped = [f"{pretty(str(name))} {100 * share:.0f} %" for name, share in shares.items() if share > 0]
    found = []
    if names:
        found.append(f"Left out of every skill: {', '.join(pretty(name) for name in names)}. In fewer than "
                     f"{100 * MOST:.0f} % of the maps does the search of the model itself gain {ROOM:g} or more over "
                     "another patient's map by that metric, so there is too little to find.")
    if cramped:
        why = "for that reason" if names else (f"because the search of the model itself gains less than {ROOM:g} over "
                                               "another patient's map there")
        found.append(f"Values without a skill {why}, of all metrics: {', '.join(cramped)}.")
    return " ".join(found)


def key_estimates(results: Results) -> list[Estimate]:
    """Up to five estimates for the head of a page: the first of each name in KEY, else the first four."""
    everyone = [e for e in results.estimates if e.group == "all"]
    found = []
    for name in KEY:
        match = [e for e in everyone if e.name == name or (name.endswith("AUC") and e.name.startswith(name))]
        found += match[:1]
    return found or everyone[:4]


def estimate_text(estimate: Estimate, unit: str = "") -> tuple[str, str]:
    """The value with its interval; and its count, unit, rule and kind of interval ("9 / 10 lesions ...").

    unit: of the value, such as "mm".
    """
    if not math.isfinite(estimate.value):
        return "not measured", estimate.rule
    value = f"{estimate.value:.2f} {unit}".strip()
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        value += f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    parts = (count_text(estimate), estimate.rule, _interval(estimate))
    return value, " · ".join(part for part in parts if part)


def count_text(estimate: Estimate) -> str:
    """"9 / 10 lesions", "10 lesions" or "by image", as far as the counts are known."""
    top, under = estimate.numerator, estimate.denominator
    if under is None or not math.isfinite(under):
        return f"by {estimate.unit}"
    units = plural(under, estimate.unit)
    if top is None or not math.isfinite(top):
        return units
    # An AUC is no proportion: its counts are the positives and all units.
    ranked = "AUC" in estimate.name and estimate.interval != "a count"
    return f"{top:g} positive of {units}" if ranked else f"{top:g} / {units}"


def _interval(estimate: Estimate) -> str:
    if not estimate.interval or math.isfinite(estimate.low):
        return f"{estimate.level:.0%} {estimate.interval}" if estimate.interval else "no interval"
    return estimate.interval


def estimate_table(estimates: Sequence[Estimate]) -> pd.DataFrame:
    """A row for each estimate: measure, rule, group, value, low, high, count, interval."""
    columns = ["measure", "rule", "group", "value", "low", "high", "count", "interval"]
    rows = [(e.name, e.rule, e.group, e.value, e.low, e.high, count_text(e), _interval(e)) for e in estimates]
    return pd.DataFrame(rows, columns=columns)


def score_table(scores: pd.DataFrame, case: str, target: str) -> pd.DataFrame:
    """A row for each explanation metric and a column for each method: the values of one target's maps."""
    rows = scores[(scores["case"] == case) & (scores["target"] == target) & (scores["condition"] == "clean")
                  & (scores["method"].fillna("") != "")]  # without a method: of the model's answer, not of a map
    if rows.empty:
        return pd.DataFrame(columns=["metric"])
    table = rows.pivot_table(index="metric", columns="method", values="value", aggfunc="mean", dropna=False,
                             sort=False)
    table.columns = [plain_name(str(name)) for name in table.columns]
    return table.reset_index()
