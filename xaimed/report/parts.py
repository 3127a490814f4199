"""What the parts of a classifier add to its answers: prototypes, features, questions of a tree, in words and boxes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from xaimed.answers import EDGES, MATCH, PART, QUESTION, REST
from xaimed.plural import plural
from xaimed.report.blocks import Block, Cell, Column, Panel, Table, Text
from xaimed.report.panels import View, image_panel
from xaimed.report.reading import Found
from xaimed.report.wording import listed, number, percent, signed
from xaimed.run import Run
from xaimed.viz.names import pretty

if TYPE_CHECKING:
    import pandas as pd

Scores = Mapping[tuple[str, str, str], float]
MOST, FEW, FIRST = 10, 6, 3  # parts in a table, cases in a table, parts named of a case
BLANK = 5e-4  # of a logit: what a table of three decimals does not show
SUMMED = ("What each part adds to the logit of the explained class; with the rest (the bias) the parts sum to it, "
          "without approximation. Of a prototype (of a class): how like the image's most similar patch is to it, by "
          "its weight; of a feature: its distance from the training mean in deviations, by its weight. Share: the size "
          "of what a part adds, of the sizes of all parts together.")
ASKED = ("What the tree asked of the explained cases on its way down, and how often it was above the threshold. "
         "These questions are the whole of its answer.")


def part_blocks(run: Run) -> list[Block]:
    """The parts over the explained cases, and those of a few cases; nothing for a network without parts."""
    rows = run.scores[run.scores["condition"] == "clean"]
    metric = rows["metric"].astype(str)
    summed, asked = rows[metric.str.startswith(PART)], rows[metric.str.startswith(QUESTION)]
    if len(summed):
        return [Text(SUMMED), _over_cases(summed), _of_cases(rows)]
    return [Text(ASKED), _questions(asked), _of_cases(rows)] if len(asked) else []


def _over_cases(rows: pd.DataFrame) -> Table:
    """A row a part, those that add most first: the mean and range of what it adds to each class, and its share."""
    own = rows[rows["metric"] != PART + REST]
    size = own["value"].abs()
    whole = size.groupby([own["case"], own["target"]]).transform("sum")
    own = own.assign(share=(size / whole.where(whole > 0)).astype(float))
    ranked = own.groupby("metric", sort=False)["share"].mean().sort_values(ascending=False, kind="stable")
    targets = list(dict.fromkeys(own["target"].astype(str)))[:4]
    cells: list[tuple[Cell, ...]] = []
    for name, share in ranked.iloc[:MOST].items():
        mine = own[own["metric"] == name]
        added = (_spread(mine[mine["target"] == target]["value"]) for target in targets)
        cells.append((pretty(str(name).removeprefix(PART)), *added, percent(float(share))))
    counts = {target: own.loc[own["target"] == target, "case"].nunique() for target in targets}
    more = len(ranked) - len(cells)
    return Table("By part", (Column("Part", share=2.2), *(
        Column(f"Adds to {pretty(target)} ({plural(counts[target], 'case')})", "right", 1.6) for target in targets),
        Column("Mean share", "right", 0.8)), tuple(cells), "Mean (lowest to highest) over the explained cases, in "
        "logits." + (f" {plural(more, 'part')} with smaller shares: in scores.parquet." if more else ""))


def _spread(values: pd.Series[float]) -> str:
    if not len(values):
        return "n/a"
    return f"{_plus(values.mean())} ({_plus(values.min())} to {_plus(values.max())})"


def _plus(value: float) -> str:
    return "0" if abs(value) < BLANK else ("+" if value > 0 else "") + signed(value)


def _questions(rows: pd.DataFrame) -> Table:
    """A row a feature: how many cases it was asked of, and of how many answers it was above the threshold."""
    own = rows.assign(feature=rows["metric"].astype(str).str.removeprefix(QUESTION).str.partition(" ")[2])
    ranked = own.groupby("feature", sort=False)["case"].nunique().sort_values(ascending=False, kind="stable")
    cells = tuple((pretty(str(name)), f"{count} of {own['case'].nunique()}",
                   percent(float((own.loc[own["feature"] == name, "value"] > 0).mean())))
                  for name, count in ranked.iloc[:MOST].items())
    return Table("By question", (Column("Feature", share=2), Column("Asked of cases", "right"),
                                 Column("Answers above the threshold", "right", 1.6)), cells)


def _of_cases(rows: pd.DataFrame) -> Table:
    """The parts that spoke for the answer of a few cases, of each class in turn."""
    pairs = rows.loc[rows["metric"].astype(str).str.startswith((PART, QUESTION)), ["case", "target"]].drop_duplicates()
    turn = pairs.assign(turn=pairs.groupby("target").cumcount()).sort_values("turn", kind="stable")
    cells = []
    for pair in turn.iloc[:FEW].itertuples():
        own = rows[(rows["case"] == pair.case) & (rows["target"] == pair.target)]
        scores = {(str(pair.target), "", str(row.metric)): float(row.value) for row in own.itertuples()}
        cells.append((str(pair.case), pretty(str(pair.target)), _first(scores, str(pair.target))))
    return Table("Parts of a few cases", (Column("Case"), Column("Explained class"),
                                          Column("What spoke for it and against it", share=4)), tuple(cells))


def part_words(scores: Scores, targets: Sequence[str]) -> str:
    """The parts of a case's targets in a sentence each; "" where there are none."""
    told = [f"{pretty(target)}: {words}." for target in targets if (words := _first(scores, target))]
    return " ".join(told)


def _first(scores: Scores, target: str) -> str:
    """The parts of one target that weigh most, or the questions in their order."""
    own = {metric.removeprefix(PART): value for (of, method, metric), value in scores.items()
           if of == target and not method and metric.startswith(PART) and math.isfinite(value)}
    rest = own.pop(REST, 0.0)
    if not own:
        return _asked(scores, target)
    size = sum(map(abs, own.values())) or 1.0
    first = sorted(own, key=lambda name: -abs(own[name]))[:FIRST]
    told = [f"{pretty(name)} {_plus(own[name])} ({percent(abs(own[name]) / size)})" for name in first]
    others = sum(own.values()) - sum(own[name] for name in first)
    told += [f"{plural(len(own) - len(first), 'other part')} {_plus(others)}"] if len(own) > len(first) else []
    told += [f"the bias {_plus(rest)}"] if abs(rest) >= BLANK else []
    return f"{listed(told)}; the logit is {_plus(sum(own.values()) + rest)}"


def _asked(scores: Scores, target: str) -> str:
    asked = [(metric.removeprefix(QUESTION), value) for (of, _, metric), value in scores.items()
             if of == target and metric.startswith(QUESTION)]
    told = [f"{pretty(name.partition(' ')[2])} {number(abs(value))} deviations {'above' if value > 0 else 'below'}"
            for name, value in sorted(asked, key=lambda one: int(one[0].partition(" ")[0]))]
    return f"{listed(told)} the threshold" if told else ""


def match_panels(view: View, scores: Scores, height: float) -> list[Panel]:
    """The image with the places where the prototypes that add most were found; none for other networks.

    height: of the picture on the page in cm.
    """
    edges: dict[tuple[str, str], dict[str, float]] = {}
    for (target, _, metric), value in scores.items():
        if metric.startswith(MATCH):
            part, _, edge = metric.removeprefix(MATCH).rpartition(" ")
            edges.setdefault((target, part), {})[edge] = value
    marks = [Found(part.partition(" ")[0], "adds", scores.get((target, "", PART + part), math.nan),
                   (box["x0"], box["y0"], box["x1"], box["y1"]), True)
             for (target, part), box in edges.items() if set(box) == set(EDGES)]
    return [image_panel(view, "Where its first prototypes were found", marks, height=height)] if marks else []
