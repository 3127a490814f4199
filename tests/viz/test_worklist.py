"""The worklist against an independent count, case by case."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from tests.example_run import example_run as make
from xaimed.run import Run
from xaimed.viz import worklist
from xaimed.viz.worklist import Filter


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.open(make(tmp_path_factory.mktemp("runs"), cases=12))


def counted(run: Run, case: str) -> tuple[int, int, int]:
    """Lesions, missed lesions and false positives of a case, box by box."""
    truth = [row for row in run.truth.to_dict("records") if row["case"] == case]
    marks = [row for row in run.predictions.to_dict("records")
             if row["case"] == case and row["x0"] == row["x0"] and row["score"] >= 0.5]

    def hit(mark: dict[str, float], lesion: dict[str, float]) -> bool:
        x, y = (mark["x0"] + mark["x1"]) / 2, (mark["y0"] + mark["y1"]) / 2
        return lesion["x0"] <= x <= lesion["x1"] and lesion["y0"] <= y <= lesion["y1"]

    missed = sum(not any(hit(m, t) for m in marks) for t in truth)
    return len(truth), missed, sum(not any(hit(m, t) for t in truth) for m in marks)


def test_counts_agree_with_a_count_box_by_box(run: Run) -> None:
    table = worklist.worklist(run)
    assert list(table["case"]) == list(run.cases["case"])
    for row in table.to_dict("records"):
        assert (row["lesions"], row["missed"], row["false_positives"]) == counted(run, row["case"]), row["case"]
        told = set(row["outcome"].split(", "))
        assert ("missed lesion" in told) == (row["missed"] > 0)
        assert ("false positive" in told) == (row["false_positives"] > 0)
    assert table["missed"].sum() > 0
    assert table["false_positives"].sum() > 0


def test_energy_is_the_mean_over_the_maps_of_a_case(run: Run) -> None:
    table = worklist.worklist(run).set_index("case")
    rows = [row["value"] for row in run.scores.to_dict("records")
            if row["case"] == "ex000" and row["metric"] == "energy_in_lesion"]
    assert table.loc["ex000", "energy"] == pytest.approx(sum(rows) / len(rows))


def test_score_is_the_highest_of_the_case(run: Run) -> None:
    table = worklist.worklist(run)
    for row in table.to_dict("records"):
        scores = run.predictions[run.predictions["case"] == row["case"]]["score"]
        assert row["score"] == scores.max()


def test_filters_keep_what_they_say(run: Run) -> None:
    table = worklist.worklist(run)
    missed = worklist.filtered(table, Filter(outcomes=("missed lesion",)))
    assert set(missed["case"]) == set(table["case"][table["missed"] > 0])
    assert set(worklist.filtered(table, Filter(labels=("normal",)))["label"]) == {"normal"}
    site = worklist.filtered(table, Filter(groups={"group_site": ["A"], "group_view": []}))
    assert set(site["case"]) == set(table["case"][table["group_site"] == "A"])
    low = worklist.filtered(table, Filter(energy=0.5))
    assert 0 < len(low) < len(table)
    assert (low["energy"] < 0.5).all()
    assert list(worklist.filtered(table, Filter(text="EX003"))["case"]) == ["ex003"]
    pd.testing.assert_frame_equal(worklist.filtered(table, Filter()), table)
    assert worklist.outcomes_of(table) == ["clear", "false positive", "found", "missed lesion"]


@pytest.mark.parametrize(("classes", "below"), [(["benign", "malignant"], "benign"),
                                                (["benign", "normal", "malignant"], "not malignant")])
def test_one_scored_class_is_said_from_the_operating_point_on(classes: list[str], below: str) -> None:
    nan = float("nan")
    box = {"x0": nan, "y0": nan, "x1": nan, "y1": nan}
    known = [("a", "malignant", 0.9), ("b", "malignant", 0.4), ("c", "benign", 0.5), ("d", "benign", 0.1)]
    tables = SimpleNamespace(
        path=Path("drawn"), plan={"judging": {"positive": "malignant"}},
        meta={"model": {"task": "classification", "classes": classes, "operating_point": 0.5}},
        cases=pd.DataFrame([{"case": c, "label": x, "patient": c} for c, x, _ in known]),
        truth=pd.DataFrame([{"case": c, "target": "t0", "label": x, **box} for c, x, _ in known]),
        predictions=pd.DataFrame([{"case": c, "condition": "clean", "target": "malignant", "label": "malignant",
                                   "score": s, **box} for c, _, s in known]),
        scores=pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "seed", "value"]))
    table = worklist.worklist(tables)  # type: ignore[arg-type]
    assert list(table["says"]) == ["malignant", below, "malignant", below]
    assert list(table["outcome"]) == ["right class", "wrong class, missed", "wrong class, false positive",
                                      "right class"]
    assert (list(table["missed"]), list(table["false_positives"])) == ([0, 1, 0, 0], [0, 0, 1, 0])
    assert list(worklist.ordered(table)["case"])[:2] == ["b", "c"]


def test_a_classifier_is_judged_by_its_class() -> None:
    nan = float("nan")
    box = {"x0": nan, "y0": nan, "x1": nan, "y1": nan}
    said = [("a", "cat", 0.9), ("a", "dog", 0.1), ("b", "cat", 0.7), ("b", "dog", 0.3), ("c", "cat", 0.6)]
    tables = SimpleNamespace(
        path=Path("drawn"), meta={"model": {"task": "classification"}}, plan={},
        cases=pd.DataFrame({"case": ["a", "b", "c"], "label": ["cat", "dog", None], "patient": ["p", "q", "r"]}),
        truth=pd.DataFrame([{"case": c, "target": "t0", "label": x, **box} for c, x in (("a", "cat"), ("b", "dog"))]),
        predictions=pd.DataFrame([{"case": c, "condition": "clean", "target": x, "label": x, "score": s, **box}
                                  for c, x, s in said]),
        scores=pd.DataFrame(columns=["case", "target", "method", "metric", "condition", "seed", "value"]))
    table = worklist.worklist(tables)  # type: ignore[arg-type]
    assert list(table["outcome"]) == ["right class", "wrong class", "no reference"]
    assert list(table["missed"]) == [0, 0, 0]
