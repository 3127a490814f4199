"""Every estimate is printed by exactly one section, and the words say what is stored."""

from __future__ import annotations

import pytest

from xaimed.report.families import Family, family
from xaimed.report.sections.decision import verdict
from xaimed.report.wording import compact, counts, given, number, percent, pretty
from xaimed.stats import Estimate
from xaimed.types import Finding


@pytest.mark.parametrize(("name", "unit", "group", "kind"), [
    ("image AUC malignant", "image", "all", "performance"),
    ("benign/malignant AUC, lesions found", "lesion", "all", "performance"),
    ("specificity", "image", "all", "performance"),
    ("sensitivity at 0.5 false positives per image", "lesion", "all", "detection"),
    ("false positives per image at the operating point", "image", "all", "detection"),
    ("ECE", "image", "all", "calibration"),
    ("Brier score", "image", "all", "calibration"),
    ("specificity", "image", "site=A", "subgroups"),
    ("deletion_auc[blur]", "case", "method=grad_cam", "explanation"),
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


def test_the_verdict_follows_the_worst_finding() -> None:
    def of(*outcomes: str) -> str:
        return verdict(tuple(Finding(f"X{i}", "t", "low", o, "s") for i, o in enumerate(outcomes)))[0]  # type: ignore[arg-type]

    assert of() == "NOT ASSESSED"
    assert of("NOT ASSESSED", "not applicable") == "NOT ASSESSED"
    assert of("pass", "NOT ASSESSED") == "Criteria met"
    assert of("pass", "concern") == "Criteria met, with concerns"
    assert of("concern", "fail", "pass") == "Criteria not met"
