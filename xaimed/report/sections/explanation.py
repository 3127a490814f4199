"""Explanation validity: does a method's map depend on the model, and is it faithful and well placed."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from xaimed.checks.sanity_gate import RULE
from xaimed.metrics.axis import AGREED, gate_of
from xaimed.plural import plural
from xaimed.report.blocks import Badge, Block, Cell, Column, Figure, Picture, Table, Text
from xaimed.report.contents import opening, order, unassessed
from xaimed.report.families import ABREAST, estimate_table, members
from xaimed.report.measures import measure_title
from xaimed.report.sections.structure import SHARES
from xaimed.report.wording import compact, joined, number, outcome
from xaimed.run import Run
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Validity of the explanations"
ORDER = order(TITLE)


def section(run: Run) -> list[Block]:
    """Gate, axis, metrics by method, and what a detector's map is conditional on."""
    blocks: list[Block] = [opening(TITLE)]
    methods = tuple(dict.fromkeys(run.scores.loc[(run.scores["method"] != "") & _clean(run), "method"]))
    if not methods:
        return unassessed(TITLE, "the run holds no explanation.")
    blocks += [*_extent(run), _gates(run, methods), *_axis(run), *_metrics(run, methods)]
    estimates = members(run, "explanation")
    if estimates:
        blocks.append(estimate_table("Estimates by method", estimates, grouped=True))
    if run.meta.get("model", {}).get("task") == "detection":
        blocks.append(Text(CONDITIONAL))
    return blocks


def _extent(run: Run) -> list[Block]:
    """How many cases and targets were explained, and why no more; nothing where all of them were."""
    plan = run.plan.get("explaining", {})
    limit, targets = int(plan.get("cases", 0)), int(plan.get("targets", 0))
    maps = run.scores[(run.scores["method"] != "") & (run.scores["case"] != "") & _clean(run)]
    found, total = maps["case"].nunique(), len(run.cases)
    told = []
    if found < total:
        told.append(f"{found} of {plural(total, 'case')} were explained.")
    if 0 < limit < total:
        told.append(f"The plan sets at most {limit} (explaining.cases), evenly spread over the cases in their order, "
                    "because every map takes passes through the network; they were chosen without a look at the "
                    f"answers. What is said of maps is of these cases; the model itself is judged on all {total}.")
    if targets and told:
        told.append(f"Of each at most {targets} {'target was' if targets == 1 else 'targets were'} explained, the "
                    "first that the model shows.")
    return [Text(" ".join(told))] if told else []


CONDITIONAL = ("Explanations of a box are conditional on the proposal: the region proposal network picks the box, and "
               "no gradient of the box's score flows through that choice. A map says what raises the score of this "
               "box, not why the detector looked there.")


@lru_cache(maxsize=64)
def gate(run: Run, method: str) -> str:
    """"pass", "fail" or NOT ASSESSED for one method, from the stored gate."""
    return gate_of(run.scores, method)


def _clean(run: Run) -> pd.Series[bool]:
    return run.scores["condition"] == "clean"


def _gates(run: Run, methods: tuple[str, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (pretty(name), number(_value(run, name, "gate_similarity")),
         number(_value(run, name, "gate_similarity_upper")), number(_value(run, name, "gate_null")),
         number(_value(run, name, "target_likeness")), outcome(gate(run, name))) for name in methods]
    return Table("Randomisation gate", (Column("Method", share=2), Column("Similarity after randomisation", "right", 2),
                                        Column("Its upper limit", "right", 1.2),
                                        Column("Similarity of different images", "right", 2),
                                        Column("Likeness of two targets", "right", 2), Column("Outcome")), tuple(rows),
                 "The model's weights are randomised from the output down; a method whose map stays the same does not "
                 "depend on what the model learned and fails. A failed method gets no explainability number. Random, "
                 "edge and centre maps are controls that must fail; they keep their numbers, as marks for the others. "
                 + RULE + " Likeness of two targets: of the maps of the two classes of one box, 1 where the map does "
                 "not depend on the class.")


def _value(run: Run, method: str, metric: str) -> float:
    """A value of the whole run: not one stage of the gate, and not one scene."""
    rows = run.scores[(run.scores["metric"] == metric) & (run.scores["method"] == method) & _clean(run)
                      & (run.scores["case"] == "")]["value"].dropna()
    return float(rows.mean()) if len(rows) else float("nan")


def _pointed(row: dict[object, object]) -> str:
    """The pointing game with the number of cases that it was measured on; runs made earlier do not hold that."""
    told, count = _spread(row, "plausibility"), row.get("plausibility_cases")
    return f"{told}, {count:.0f}" if isinstance(count, int | float) and count > 0 else told


def _axis(run: Run) -> list[Block]:
    if run.axis.empty:
        return []
    from xaimed.viz.figures import axis_figure, svg
    from xaimed.viz.wording import room

    text = ("Explainability against accuracy, one point a method, with 95 % intervals. Hollow: the gate is not "
            "passed; such a point on the dotted line has no explainability number." + _agreement(run))
    rows: list[tuple[Cell, ...]] = [
        (pretty(str(row["method"])), _spread(row, "explainability"), _spread(row, "accuracy"),
         _pointed(row), str(row["cases"]), outcome(str(row["gate"])))
        for row in run.axis.to_dict(orient="records")]
    table = Table("Explainability and accuracy", (
        Column("Method", share=1.9), Column("Explainability (95 %)", "right", 2),
        Column("Accuracy (95 %)", "right", 2.2), Column("Pointing game (95 %), cases", "right", 2.4),
        Column("Cases", "right", 0.7), Column("Gate")), tuple(rows), SKILL + f" Accuracy is {_accuracy(run)}.")
    told = room(run.axis)
    return [table, *([Text(told, small=True)] if told else []),
            Figure(Picture(svg(axis_figure(run)), text + " Values: see the table."), text, 0.75)]


SKILL = ("Explainability is a skill: 0 is the method's own map of another patient laid on this target, 1 a greedy "
         "search of the model itself, for deletion and insertion; negative is worse than another patient's map. The "
         "pointing game says how well a map meets the lesion, which is no part of it.")


def _accuracy(run: Run) -> str:
    return ", ".join(sorted({str(name) for name in run.axis["accuracy_name"]}))


def _agreement(run: Run) -> str:
    """What Kendall's W says, in a sentence with a space before it; "" where there is none."""
    values = np.asarray(run.axis["agreement"], np.float64) if "agreement" in run.axis else np.zeros(0)
    if not np.isfinite(values).any():
        return ""
    value = float(values[0])
    return f" The faithfulness metrics order the methods with Kendall's W {value:.2f}" + (
        "." if value >= AGREED else ": they disagree, so the points are grey and the order means little.")


def _spread(row: dict[object, object], name: str) -> str:
    low, value, high = (row.get(f"{name}{end}") for end in ("_low", "", "_high"))
    if not isinstance(value, float) or not np.isfinite(value):
        return "none"
    limits = isinstance(low, float) and isinstance(high, float) and np.isfinite(low) and np.isfinite(high)
    return number(value) + (f" ({joined(number(float(str(low))), number(float(str(high))))})" if limits else "")


def _metrics(run: Run, methods: tuple[str, ...]) -> list[Block]:
    # Rows without a method judge the model and no map.
    scores = run.scores[(run.scores["case"] != "") & run.scores["value"].notna() & _clean(run)
                        & run.scores["method"].isin(methods)
                        & ~run.scores["metric"].astype(str).str.startswith(SHARES)]
    if scores.empty:
        return []
    gates = ", ".join(f"{pretty(name)} {gate(run, name)}" for name in methods)
    parts = np.array_split(np.array(methods, object), -(-len(methods) // ABREAST))
    tables = [_metric_table(scores, tuple(map(str, part)), bool(i)) for i, part in enumerate(parts)]
    note = f"Over all maps to which the metric applies; single values in scores.parquet. Gate outcome: {gates}."
    return [*tables[:-1], replace(tables[-1], note=note)]


def _metric_table(scores: pd.DataFrame, methods: tuple[str, ...], continued: bool) -> Table:
    """A row a metric, a column each of at most ABREAST methods; metrics that none of them has are not in it."""
    table = scores.groupby(["metric", "method"], sort=False)["value"]
    measured = dict.fromkeys(str(metric) for metric in scores.loc[scores["method"].isin(methods), "metric"])
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (measure_title(metric), *(_quartiles(table, metric, name) for name in methods)) for metric in measured)
    return Table("Explanation metrics: median (quartiles) over maps" + (", continued" if continued else ""),
                 (Column("Metric", share=2.2), *(Column(pretty(name), "right", 2) for name in methods)), rows)


def _quartiles(table: pd.api.typing.SeriesGroupBy, metric: str, method: str) -> str:
    if (metric, method) not in table.groups:
        return "n/a"
    low, middle, high = np.percentile(table.get_group((metric, method)).to_numpy(float), (25, 50, 75))
    return f"{compact(middle)} ({joined(compact(low), compact(high))})"


def gate_badge(run: Run, method: str) -> Badge:
    """The badge of a method's gate for a case page."""
    word = gate(run, method)
    return Badge(f"gate {word}", outcome(word).tone)
