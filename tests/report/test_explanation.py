"""The section on explanations: values of the run, not of a stage of the gate or of one scene; the axis in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xaimed.report.blocks import Figure, Table, Text
from xaimed.report.sections.explanation import gate, section
from xaimed.report.wording import compact
from xaimed.run import Run
from xaimed.viz.names import pretty


@pytest.fixture
def run(example_run: Path) -> Run:
    """The example run with stages and scenes of the gate, a gate failed under noise, a null and an oracle."""
    run = Run.open(example_run)
    plain = {"case": "", "target": "", "method": "grad_cam", "metric": "gate_similarity", "condition": "clean",
             "seed": 0, "value": 0.99}
    one = {**plain, "case": "ex000", "target": "d0", "metric": "deletion_auc[blur]"}
    extra = [{**plain, "condition": "random weights 1/2"},
             {**plain, "case": "ex000", "condition": "random weights 2/2"},
             {**plain, "metric": "gate", "condition": "noise", "value": 0.0},
             {**one, "condition": "other patient"}, {**one, "method": "oracle", "condition": "oracle"}]
    run.__dict__["scores"] = pd.concat([run.scores, pd.DataFrame(extra)], ignore_index=True)
    return run


def table(run: Run, caption: str) -> Table:
    (found,) = [b for b in section(run) if isinstance(b, Table) and b.caption.startswith(caption)]
    return found


def test_stages_scenes_and_other_conditions_do_not_enter_a_value(run: Run) -> None:
    assert gate(run, "grad_cam") == "pass"
    rows = {str(row[0]): row for row in table(run, "Randomisation gate").rows}
    assert rows["Grad-CAM"][1] == "0.220"
    assert "Oracle" not in rows
    names = [column.title for column in table(run, "Explanation metrics").columns]
    assert len(names) == 5
    assert not any("racle" in name for name in names)


def test_metrics_that_disagree_are_named(run: Run) -> None:
    for value, words in ((0.31, "they disagree"), (0.83, "W 0.83."), (np.nan, "")):
        run.__dict__["axis"] = run.axis.assign(agreement=value)
        (text,) = [b.caption for b in section(run) if isinstance(b, Figure)]
        assert words in text
        assert ("Kendall" in text) == bool(words)


def test_metrics_without_room_stand_under_the_axis(run: Run) -> None:
    assert "Left out" not in repr(section(run))
    run.__dict__["axis"] = run.axis.assign(left_out="deletion_auc[blur]", no_room=0.25)
    blocks = section(run)
    place = next(i for i, b in enumerate(blocks) if isinstance(b, Table) and b.caption == "Explainability and accuracy")
    told = blocks[place + 1]
    assert isinstance(told, Text)
    assert told.text.startswith("Left out of every skill: Deletion AUC (blur). ")
    assert "Grad-CAM 25 %" in told.text


def test_the_metrics_of_many_methods_are_cut_into_tables_of_few(run: Run) -> None:
    """Ten methods stand in three tables; each method once, with the values that it has alone."""
    names = [f"method_with_a_long_name_{i}" for i in range(10)]
    own = run.scores[(run.scores["method"] == "grad_cam") & (run.scores["case"] != "")]
    copies = [own.assign(method=name, value=own["value"] + i) for i, name in enumerate(names)]
    run.__dict__["scores"] = pd.concat(copies, ignore_index=True)
    tables = [b for b in section(run) if isinstance(b, Table) and b.caption.startswith("Explanation metrics")]
    assert [len(t.columns) - 1 for t in tables] == [4, 3, 3]
    assert [c.title for t in tables for c in t.columns[1:]] == [pretty(name) for name in names]
    at = run.scores[(run.scores["metric"] == "pointing_game") & (run.scores["condition"] == "clean")]
    medians = at.groupby("method")["value"].median()
    cells = [row[1:] for t in tables for row in t.rows if str(row[0]).startswith("Pointing game")]
    assert [str(cell).split()[0] for row in cells for cell in row] == [compact(medians[name]) for name in names]
    assert [bool(t.note) for t in tables] == [False, False, True]


def told(run: Run) -> str:
    return " ".join(block.text for block in section(run) if isinstance(block, Text))


def test_the_section_says_how_many_cases_were_explained_and_why(run: Run) -> None:
    total = len(run.cases)
    maps = run.scores[(run.scores["method"] != "") & (run.scores["condition"] == "clean")]
    kept = sorted(set(maps["case"]) - {""})[:2]
    run.__dict__["scores"] = run.scores[run.scores["case"].isin([*kept, ""])]
    run.__dict__["plan"] = {**run.plan, "explaining": {**run.plan.get("explaining", {}), "cases": 2, "targets": 1}}
    text = told(run)
    assert f"2 of {total} cases were explained." in text
    assert "at most 2 (explaining.cases), evenly spread" in text
    assert f"judged on all {total}" in text
    assert "Of each at most 1 target was explained" in text


def test_it_says_nothing_of_a_bound_where_there_is_none(run: Run) -> None:
    run.__dict__["plan"] = {**run.plan, "explaining": {**run.plan.get("explaining", {}), "cases": 0}}
    assert "explaining.cases" not in told(run)
