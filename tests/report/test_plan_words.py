"""What a report says by task: hit rules for boxes alone, no operating point in pixels, units, and names of planes."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from xaimed.report.blocks import Table
from xaimed.report.panels import unit_of
from xaimed.report.sections.analysis_plan import _counted, _missing, unanswered
from xaimed.report.sections.intended_use import locked
from xaimed.report.sections.structure import _shares, plane_name, section, share_words
from xaimed.stats import Estimate, Results

JUDGING = {"hit_rules": ["IoU >= 0.5"], "positive": "membrane"}


@pytest.mark.parametrize(("task", "names"), [
    (None, ["Hit rules", "Positive class"]), ("detection", ["Hit rules", "Positive class"]),
    ("classification", ["Positive class"]), ("anomaly", ["Positive class"]),
    ("segmentation", []), ("registration", []), ("discrimination", [])])
def test_only_what_the_task_is_judged_by_is_told(task: str | None, names: list[str]) -> None:
    assert [name for name, _ in _counted(task, JUDGING)] == names


def test_missing_outputs_that_were_counted_are_not_called_unassessed() -> None:
    share = Estimate("missing outputs", 0.1, 0.0, 0.3, numerator=1, denominator=10, interval="Wilson")
    counted, silent = (SimpleNamespace(results=Results(found, {})) for found in ((share,), ()))
    assert _missing(counted, {}).startswith("not said by the plan; counted")  # type: ignore[arg-type]
    assert _missing(counted, {"missing": "read again"}) == "read again"  # type: ignore[arg-type]
    assert _missing(silent, {}) == "NOT ASSESSED"  # type: ignore[arg-type]


@pytest.mark.parametrize(("estimates", "expected"), [
    ((Estimate("missing outputs", 0.1, 0, 0.3, numerator=1, denominator=10),), "1 of 10"), ((), "1 of 3")])
def test_cases_without_an_output_are_counted(estimates: tuple[Estimate, ...], expected: str) -> None:
    tables = {name: pd.DataFrame({"case": cases}) for name, cases in
              (("cases", ["a", "b", "c"]), ("predictions", ["a", "a"]), ("scores", ["b"]))}
    assert unanswered(SimpleNamespace(results=Results(estimates, {}), **tables)) == expected  # type: ignore[arg-type]


def test_the_operating_point_is_told_of_tasks_that_have_one() -> None:
    assert locked({"task": "detection", "operating_point": 0.42}) == "0.42, as the model file fixes it"
    assert locked({"operating_point": 0.3, "operating_point_by": "as the caller says"}) == "0.3, as the caller says"
    assert locked({"task": "classification"}) == "NOT ASSESSED"
    assert locked({"task": "segmentation", "operating_point": 0.5}).startswith("none: segmentation decides nothing")


def test_the_unit_of_a_map_is_that_of_the_score() -> None:
    assert unit_of("integrated_gradients", "classification") == "change of the score (logit)"
    assert unit_of("kernel_shap", "energy") == "change of the score (free energy)"
    assert unit_of("own_evidence", "anomaly") == "squared error of the rebuilt pixel"
    assert unit_of("own_evidence", "classification") == unit_of("centre_blob", "energy") == "the method's own unit"
    assert unit_of("saliency", "registration") == "gradient of the score"


def test_a_plane_is_named_by_what_it_holds() -> None:
    assert [plane_name(i, 2, "registration") for i in (0, 1)] == ["moving image", "fixed image"]
    assert [plane_name(i, 6, "registration") for i in (2, 3)] == ["moving image, slice 3", "fixed image, slice 1"]
    assert [plane_name(i, 5, "segmentation") for i in (0, 2, 4)] == ["slice -2", "the slice that is segmented",
                                                                      "slice +2"]
    assert [plane_name(i, 2, "classification") for i in (0, 1)] == ["channel 1", "channel 2"]


def test_the_split_over_planes_is_a_mean_over_cases_and_the_same_for_every_map() -> None:
    columns = ["case", "target", "method", "metric", "condition", "value"]
    rows = [(case, "shift:1,1", method, f"plane_share[{plane}]", "clean", value if plane == 0 else 1 - value)
            for case, value in (("a", 0.6), ("b", 0.8)) for method in ("grad_cam", "saliency") for plane in (0, 1)]
    shifted = [(*row[:4], "noise 1", 0.0) for row in rows]
    run = SimpleNamespace(scores=pd.DataFrame([*rows, *shifted], columns=columns),
                          meta={"model": {"task": "registration"}})
    _, table = _shares(run, "plane_share", "Words.", "By plane")  # type: ignore[arg-type]
    assert isinstance(table, Table)
    assert table.rows == (("moving image", "0.700", "0.600 to 0.800", "2"),
                          ("fixed image", "0.300", "0.200 to 0.400", "2"))
    assert _shares(run, "context_share", "Words.", "By round") == []  # type: ignore[arg-type]


def test_the_split_of_a_case_in_words() -> None:
    pair = {("shift", method, f"plane_share[{i}]"): value for method in ("lrp", "rise")
            for i, value in enumerate((0.1, 0.2, 0.3, 0.4))}
    assert share_words(pair, ["shift"], "registration") == (
        "shift: |gradient x input| falls by 0.300 on the moving image and by 0.700 on the fixed one.")
    stack = {("cell", "lrp", f"plane_share[{i}]"): value for i, value in enumerate((0.2, 0.5, 0.3))}
    assert share_words(stack, ["cell"], "segmentation") == (
        "cell: |gradient x input| falls by 0.200 on slice -1, 0.500 on the slice that is segmented, 0.300 on slice +1.")
    assert share_words(stack, ["other"], "segmentation") == ""


def test_the_sweeps_are_read_in_their_order_and_sum_up() -> None:
    terms = {"bias": -0.5, "sum": 2.25, "x+": 0.6, "x-": 0.4, "y+": 0.5, "y-": 0.3, "z+": 0.35, "z-": 0.6}
    words = share_words({("cell", "", f"sweep {name}"): value for name, value in terms.items()}, ["cell"],
                        "segmentation")
    assert words.replace("\u00a0", " ").replace("\u2212", "-") == (
        "cell: the mean logit over the found mask, 2.250, is the sum of what the last layer's sweeps add, z+ 0.350, "
        "z- 0.600, y+ 0.500, y- 0.300, x+ 0.600, x- 0.400, bias -0.500.")
    assert sum(value for name, value in terms.items() if name != "sum") == pytest.approx(terms["sum"])
    found = tuple(Estimate(f"sweep {name}", value, value, value) for name, value in sorted(terms.items()))
    scores = pd.DataFrame({"case": [], "metric": [], "condition": [], "value": []})
    run = SimpleNamespace(results=Results(found, {}), scores=scores, meta={})
    (table,) = [block for block in section(run) if isinstance(block, Table)]  # type: ignore[arg-type]
    assert [row[0] for row in table.rows] == [f"Sweep {name}" for name in (
        "z+", "z-", "y+", "y-", "x+", "x-", "bias", "sum")]
