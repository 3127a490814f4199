"""The gravest case first: by the answer in pixels where there is one."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from xaimed.report.sections import cases
from xaimed.viz.first_measure import name_of


def run_of(metric: str, values: dict[str, float]) -> SimpleNamespace:
    rows = [{"case": case, "target": "", "method": "", "metric": metric, "condition": "clean",
             "value": value}
            for case, value in values.items()]
    rows.append({"case": "a", "target": "t", "method": "sobel", "metric": metric, "condition": "clean", "value": 0.0})
    return SimpleNamespace(meta={"model": {"task": "segmentation"}}, scores=pd.DataFrame(rows))


@pytest.mark.parametrize(("metric", "worst"), [("Dice", "b"), ("target registration error", "a")])
def test_cases_come_by_the_measure_of_their_task(metric: str, worst: str) -> None:
    run = run_of(metric, {"a": 0.9, "b": 0.2})
    right = cases._right(run)  # type: ignore[arg-type]
    assert min(right, key=lambda case: right[case]) == worst
    assert metric in cases._order(run, boxed=False)  # type: ignore[arg-type]


def test_the_index_holds_the_measure_by_which_it_is_ordered() -> None:
    run = run_of("Dice", {"a": 0.9, "b": 0.2})
    reads = [SimpleNamespace(case="b"), SimpleNamespace(case="a"), SimpleNamespace(case="not measured")]
    columns, rows = cases._by_measure(run, reads, "Dice")  # type: ignore[arg-type]
    assert [column.title for column in columns] == ["Dice"]
    assert rows == [("0.200",), ("0.900",), ("n/a",)]


def test_a_run_without_such_a_measure_goes_by_its_classes() -> None:
    assert name_of(run_of("deletion_auc[blur]", {"a": 0.9})) == ""  # type: ignore[arg-type]
