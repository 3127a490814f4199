"""What a report says of prototypes, features and questions: sums that add up, shares, boxes where a match was found."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from xaimed.report.blocks import Table
from xaimed.report.panels import View
from xaimed.report.parts import match_panels, part_blocks, part_words

COLUMNS = ["case", "target", "method", "metric", "condition", "value"]
ADDED = {"p0 of ill": 3.0, "p1 of ill": 0.25, "p2 of normal": -1.0, "p3 of normal": 0.75, "bias": 0.5}


def run_of(rows: list[tuple[object, ...]]) -> SimpleNamespace:
    return SimpleNamespace(scores=pd.DataFrame(rows, columns=COLUMNS), meta={})


def tables(rows: list[tuple[object, ...]]) -> list[Table]:
    return [block for block in part_blocks(run_of(rows)) if isinstance(block, Table)]  # type: ignore[arg-type]


def test_the_parts_of_a_case_sum_to_its_logit() -> None:
    scores = {("ill", "", f"part {name}"): value for name, value in ADDED.items()}
    assert part_words(scores, ["ill"]) == (
        "Ill: P0 of ill +3 (60 %), P2 of normal −1 (20 %), P3 of normal +0.75 (15 %), 1 other part +0.25 and the bias "
        "+0.5; the logit is +3.5.")
    assert part_words(scores, ["normal"]) == ""
    assert part_words({("ill", "grad_cam", "part p0"): 1.0}, ["ill"]) == ""


def test_parts_over_cases_are_means_by_explained_class_and_the_largest_come_first() -> None:
    rows = [(case, target, "", f"part {name}", condition, value * by)
            for case, target, by in (("a", "ill", 1), ("b", "ill", 2), ("c", "normal", -1))
            for name, value in ADDED.items() for condition in ("clean",)]
    rows += [("a", "ill", "", "part p0 of ill", "noise 1", 99.0)]
    over, few = tables(rows)
    assert [column.title for column in over.columns] == [
        "Part", "Adds to Ill (2 cases)", "Adds to Normal (1 case)", "Mean share"]
    assert over.rows[0] == ("P0 of ill", "+4.5 (+3 to +6)", "−3 (−3 to −3)", "60 %")
    assert [row[0] for row in over.rows] == ["P0 of ill", "P2 of normal", "P3 of normal", "P1 of ill"]
    assert [row[:2] for row in few.rows] == [("a", "Ill"), ("c", "Normal"), ("b", "Ill")]


def test_the_questions_of_a_tree_in_their_order() -> None:
    rows: list[tuple[object, ...]] = [
        ("a", "ill", "", "question 2 quantile_0.9", "clean", -0.25), ("a", "ill", "", "question 1 mean", "clean", 1.5),
        ("b", "ill", "", "question 1 mean", "clean", -1.0)]
    asked, few = tables(rows)
    assert asked.rows == (("Mean", "2 of 2", "50 %"), ("Quantile 0.9", "1 of 2", "0.0 %"))
    assert few.rows[0][2] == "Mean 1.500 deviations above and Quantile 0.9 0.250 deviations below the threshold"


def test_a_network_without_parts_has_nothing() -> None:
    assert part_blocks(run_of([("a", "ill", "", "Dice", "clean", 0.5)])) == []  # type: ignore[arg-type]
    assert tables([("a", "ill", "", "part p0", "clean", 1.0)])


@pytest.mark.parametrize("lost", ["", "x1"])
def test_a_match_is_drawn_where_all_its_edges_are_known(lost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[object] = []
    monkeypatch.setattr("xaimed.report.parts.image_panel", lambda view, title, marks, height: drawn.extend(marks))
    edges = {edge: place for place, edge in enumerate(("x0", "y0", "x1", "y1")) if edge != lost}
    scores = {("ill", "", f"match p0 of ill {edge}"): float(value) for edge, value in edges.items()}
    view: View = SimpleNamespace()  # type: ignore[assignment]
    match_panels(view, {**scores, ("ill", "", "part p0 of ill"): 3.0}, 5.0)
    assert [(one.name, one.score, one.edges) for one in drawn] == (  # type: ignore[attr-defined]
        [] if lost else [("p0", 3.0, (0.0, 1.0, 2.0, 3.0))])
