"""Exploratory error analysis: groups in which planted errors gather, and no page of it without errors."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tests.table_runs import table_run
from xaimed.report.blocks import Gallery, Table
from xaimed.report.sections import errors
from xaimed.report.sections.errors import error_rule
from xaimed.run import Run


def planted(folder: Path, wrong_at: str) -> Run:
    """80 cases of two sites and two views; every answer is right but those of `wrong_at` in the view CC."""
    truth, scores = ["case,patient,label,site,view"], ["case,score,label"]
    for i in range(80):
        site, view = "AB"[i % 2], ("CC", "MLO")[i // 2 % 2]
        right = not (site == wrong_at and view == "CC")
        truth.append(f"c{i},p{i},{i // 4 % 2},{site},{view}")
        said = (i // 4 % 2) == right
        scores += [f"c{i},{0.9 if said else 0.1},1", f"c{i},{0.1 if said else 0.9},0"]
    return table_run(folder, "\n".join(truth) + "\n", "\n".join(scores) + "\n")


@pytest.mark.parametrize(("task", "targets", "words"), [
    ("detection", ["malignant"], "missed lesion"),
    ("classification", ["malignant"], "wrong side of the operating point"),
    ("classification", ["malignant", "normal"], "having the highest score")])
def test_the_rule_that_is_printed_is_the_one_that_is_used(task: str, targets: list[str], words: str) -> None:
    table = pd.DataFrame({"condition": "clean", "x0": math.nan, "target": targets})
    assert words in error_rule(SimpleNamespace(meta={"model": {"task": task}}, predictions=table))  # type: ignore[arg-type]


def test_the_planted_group_comes_first(tmp_path: Path) -> None:
    run = planted(tmp_path / "run", "A")
    wrong = errors.wrong_cases(run)
    assert wrong is not None
    assert int(wrong.sum()) == 20
    rows = errors.clusters(run, wrong)
    assert set(str(rows[0][0]).split("; ")) == {"Site: A", "View: CC"}
    assert rows[0][1] == "20 of 20"
    assert str(rows[0][2]).startswith("100 %")
    assert rows[0][3] == "0.0 %"
    assert rows[0][4] == "15"  # 20 errors where a share of 20 in 80 lets one expect 5
    assert {str(row[0]) for row in rows[1:3]} == {"Site: A", "View: CC"}


def test_without_errors_no_group_is_named(tmp_path: Path) -> None:
    run = planted(tmp_path / "run", "none")
    blocks = errors.section(run)
    assert not any(isinstance(block, Table | Gallery) for block in blocks)
    assert "0 of 80 cases hold an error" in repr(blocks)


def test_the_gravest_cases_are_shown_with_their_marks(example_run: Path) -> None:
    run = Run.open(example_run)
    wrong = errors.wrong_cases(run)
    gallery = next(block for block in errors.section(run) if isinstance(block, Gallery))
    assert wrong is not None
    assert 0 < len(gallery.panels) <= errors.SHOWN
    assert all(bool(wrong[panel.title]) for panel in gallery.panels)
    assert gallery.panels[0].picture.data.startswith(b"\x89PNG")


def test_a_mark_is_drawn_where_it_is() -> None:
    import cv2

    data = errors._png(np.zeros((1, 100, 100), np.float32), [((20, 30, 60, 70), (255, 0, 255))])
    drawn = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert tuple(drawn[30, 40]) == (255, 0, 255)
    assert not drawn[50, 40].any()


def test_one_class_alone_is_called_from_the_operating_point_up(tmp_path: Path) -> None:
    truth = "case,patient,label\n" + "".join(f"c{i},p{i},{i % 2}\n" for i in range(8))
    scores = "case,score\n" + "".join(f"c{i},{0.9 if i % 2 or i == 4 else 0.2}\n" for i in range(8))
    wrong = errors.wrong_cases(table_run(tmp_path / "run", truth, scores))
    assert wrong is not None
    assert [case for case, odd in wrong.items() if odd] == ["c4"]
