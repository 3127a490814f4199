"""The FROC table: every cell says which kind of interval it holds."""

from __future__ import annotations

from types import SimpleNamespace

from xaimed.report.blocks import Text
from xaimed.report.sections.detection import froc_table, section
from xaimed.stats import Estimate, Results

BOOT, WILSON = "patient bootstrap (2000, seed 0)", "Wilson on 9 patients"


def estimate(value: float, interval: str, rule: str = "centre in box") -> Estimate:
    name = "sensitivity at 0.5 false positives per image"
    return Estimate(name, value, value / 2, 1.0, "lesion", rule, 3, 4, interval)


def test_a_wilson_interval_is_marked_in_its_cell_and_the_mark_is_explained() -> None:
    rated = [(0.25, estimate(0.8, BOOT)), (0.5, estimate(1.0, WILSON)), (1.0, estimate(float("nan"), WILSON))]
    table = froc_table(rated, "")
    cells = [str(row[1]) for row in table.rows]
    assert [cell.endswith("†") for cell in cells] == [False, True, False]
    assert "†: Wilson" in str(table.note)
    assert "†" not in str(froc_table([(0.25, estimate(0.8, BOOT))], "").note)


def test_how_a_mark_is_credited_is_told_beside_the_figures() -> None:
    run = SimpleNamespace(meta={"model": {"task": "detection"}},
                          results=Results((estimate(0.8, BOOT),), {}))
    told = " ".join(block.text for block in section(run) if isinstance(block, Text))  # type: ignore[arg-type]
    for words in ("credited with one lesion at most", "a mark of any class", "no false positives",
                  "In average precision the class has to be the same, and further marks are false positives"):
        assert words in told
