"""Every estimate is printed by exactly one section, and the words say what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from xaimed.report.blocks import Badge, Notice, Table
from xaimed.report.families import Family, family, group_tables
from xaimed.report.sections.decision import section
from xaimed.report.wording import compact, counts, flattened, given, joined, number, percent
from xaimed.run import Run
from xaimed.stats import Estimate
from xaimed.types import Finding
from xaimed.viz.names import pretty


@pytest.mark.parametrize(("name", "unit", "group", "kind"), [
    ("image AUC malignant", "image", "all", "performance"),
    ("benign/malignant AUC, lesions found", "lesion", "all", "performance"),
    ("specificity", "image", "all", "performance"),
    ("sensitivity at 0.5 false positives per image", "lesion", "all", "detection"),
    ("false positives per image at the operating point", "image", "all", "detection"),
    ("ECE", "image", "all", "calibration"),
    ("Brier score", "image", "all", "calibration"),
    ("specificity", "image", "site=A", "subgroups"),
    ("gap between groups of site (specificity)", "image", "all", "subgroups"),
    ("specificity", "image", "model=other", "comparison"),
    ("Brier score", "image", "reader=one", "comparison"),
    ("difference in sensitivity at 0.5 false positives per image: a - b", "lesion", "all", "comparison"),
    ("Holm p (difference in Brier score: a - b)", "image", "all", "comparison"),
    ("p (difference in image AUC 1: a - b)", "image", "all", "comparison"),
    ("non-inferiority, difference in image AUC 1: a - b", "image", "all", "comparison"),
    ("mean of 2 readers' image AUC 1", "image", "all", "comparison"),
    ("image AUC 1 of the readers' average score", "image", "all", "comparison"),
    ("readers with a smaller AUC than a", "reader", "all", "comparison"),
    ("mean image AUC 1 of a reader with a", "image", "all", "comparison"),
    ("deletion_auc[blur]", "case", "method=grad_cam", "explanation"),
    ("change in image AUC malignant", "image", "probe=noise:0.05", "robustness"),
])
def test_family(name: str, unit: str, group: str, kind: Family) -> None:
    assert family(Estimate(name, 0.5, unit=unit, group=group)) == kind


def test_words() -> None:
    assert pretty("deletion_auc[blur]") == "Deletion AUC (blur)"
    assert pretty("integrated_gradients") == "Integrated gradients"
    assert pretty("grad_cam") == "Grad-CAM"
    assert [number(v) for v in (0.12345, 1.0, 4.0, float("nan"), None)] == ["0.123", "1.000", "4", "n/a", "n/a"]
    assert [compact(v) for v in (0.0, 0.7, -0.2, 35.14, 2.4e-6)] == ["0.000", "0.700", "−0.200", "35.1", "2.4e-06"]
    assert (percent(0.643), percent(0.0031)) == ("64 %", "0.3 %")
    assert counts(Estimate("x", 0.5, numerator=5, denominator=10)) == "5/10"
    assert counts(Estimate("x", 0.5, denominator=0)) == "of 0"
    assert [given(v) for v in (None, "", [], 0, ["a", "b"])] == ["NOT ASSESSED"] * 3 + ["0", "a, b"]


Wanted = list[tuple[str, float, str]]
AUC = ("image AUC malignant", 0.7, "low")


def decided(run: Run, wanted: Wanted, *outcomes: str) -> tuple[Notice, list[Table]]:
    """The notice and the tables of the section for the run's results, with other criteria and findings."""
    plan = {"criteria": [{"name": name, "at_least": limit, "on": on} for name, limit, on in wanted]}
    findings = tuple(Finding(f"XM10{i}", "t", "low", cast(Any, o), "s") for i, o in enumerate(outcomes))
    other = Run(run.path, run.meta)
    other.__dict__.update(plan=plan, findings=findings)
    blocks = section(other)
    return next(b for b in blocks if isinstance(b, Notice)), [b for b in blocks if isinstance(b, Table)]


@pytest.mark.parametrize(("wanted", "outcomes", "title", "tone"), [
    ([AUC], ["pass", "not applicable"], "1 of 1 criteria met", "good"),
    ([AUC], ["pass", "NOT ASSESSED"], "1 of 1 criteria met", "warn"),
    ([AUC], ["pass", "concern"], "1 of 1 criteria met", "warn"),
    ([AUC], [], "1 of 1 criteria met", "warn"),
    ([AUC], ["concern", "fail"], "1 of 1 criteria met; 1 check failed (XM101)", "bad"),
    ([("image AUC malignant", 0.75, "low")], ["pass"], "1 of 1 criteria inconclusive", "warn"),
    ([("image AUC malignant", 0.97, "low")], ["pass"], "1 of 1 criteria not met", "bad"),
    ([("no such number", 0.5, "value")], ["pass"], "1 of 1 criteria NOT ASSESSED", "warn"),
    ([], ["pass"], "The plan sets no criteria", "warn"),
])
def test_the_verdict_is_that_of_the_plans_criteria(
    example_run: Path, wanted: Wanted, outcomes: list[str], title: str, tone: str,
) -> None:
    notice, _ = decided(Run.open(example_run), wanted, *outcomes)
    assert (notice.title, notice.tone) == (title, tone)


def test_every_criterion_stands_above_the_checks_with_its_answer(example_run: Path) -> None:
    notice, tables = decided(Run.open(example_run), [AUC, ("no such number", 0.5, "value")], "pass", "concern")
    assert [t.caption for t in tables[:2]] == ["Criteria of the plan", "Checks"]
    assert [row[0] for row in tables[0].rows] == [Badge("met", "good"), Badge("NOT ASSESSED", "neutral")]
    assert "0.870 (0.710 to 0.960" in str(tables[0].rows[0][2])
    assert notice.text == "2 checks: 1 concern, 1 pass."


def test_a_long_list_is_a_count_and_tables_are_flat() -> None:
    assert given([str(i) for i in range(8)]).count(",") == 7
    card = {"patients": [f"p{i}" for i in range(240)], "training": {"dataset": "phantom", "synthetic": True,
            "seeds": {"torch": 1}}, "sites": [{"name": "A", "images": 5}, {"name": "B", "images": None}]}
    assert flattened(card) == [
        ("Patients", "240 patients"), ("Training, dataset", "phantom"), ("Training, synthetic", "yes"),
        ("Training, seeds, torch", "1"), ("Sites 1, name", "A"), ("Sites 1, images", "5"), ("Sites 2, name", "B"),
        ("Sites 2, images", "NOT ASSESSED")]


def test_limits_stay_on_one_line_where_they_are_short() -> None:
    assert joined("0.571", "0.603") == "0.571\N{NO-BREAK SPACE}to\N{NO-BREAK SPACE}0.603"
    assert joined("1.5e-08", "1.8e-08 or more") == "1.5e-08 to 1.8e-08 or more"
    assert pretty("deletion_auc[tissue_median]") == "Deletion AUC (tissue median)"


def test_a_long_name_of_a_group_leaves_the_numbers_their_room() -> None:
    long = [Estimate(name, 0.5, 0.4, 0.6, group=f"site={'z' * 120}") for name in ("sensitivity", "specificity", "AUC")]
    (table,) = group_tables("By group", tuple(long))
    shares = [column.share for column in table.columns]
    assert shares[0] / sum(shares) < 0.3
