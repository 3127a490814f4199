"""AFROC, average precision, hit rules, views and gaps: values worked by hand on ten cases, and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.metrics.drawn_tables import random_tables, tables, ten_cases
from xaimed.errors import InputError, NotFound
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.matching import hit_test
from xaimed.stats import Estimate, Results

FEW = JudgeOptions(resamples=40)
HOME, LATE = (100.0, 100.0, 140.0, 140.0), (110.0, 100.0, 150.0, 140.0)
FAR = (300.0, 300.0, 340.0, 340.0)


def need(found: Results, name: str, rule: str | None = None, group: str = "all") -> Estimate:
    estimate = found.find(name, rule, group)
    assert estimate is not None, name
    return estimate


def test_afroc_by_hand() -> None:
    """Lesions 0.9, 0.7, 0.6, 0.3, 0.2 and two not found; worst alarms of four normal images 0.85, none, 0.4, none."""
    found = need(judge(*ten_cases().parts(), 0.5, FEW), "AFROC area", "centre in box")
    lesions = [0.9, 0.7, 0.6, 0.3, 0.2, -np.inf, -np.inf]
    normals = [0.85, -np.inf, 0.4, -np.inf]
    won = sum((a > b) + 0.5 * (a == b) for a in lesions for b in normals)
    assert found.value == pytest.approx(won / 28)
    assert (found.numerator, found.denominator) == (7, 11)
    assert found.interval == "jackknife over 10 patients"


def test_the_jackknife_leaves_out_one_patient_at_a_time() -> None:
    made = random_tables(40, 7)
    whole = need(judge(*made.parts(), 0.5, FEW), "AFROC area", "centre in box")
    left = []
    for patient in sorted(set(made.cases["patient"])):
        kept = made.cases[made.cases["patient"] != patient]
        names = set(kept["case"])
        parts = [t[t["case"].isin(names)] for t in (made.truth, made.predictions)]
        left.append(need(judge(kept, *parts, 0.5, FEW), "AFROC area", "centre in box").value)
    values = np.array(left)
    error = np.sqrt((len(values) - 1) / len(values) * ((values - values.mean()) ** 2).sum())
    assert whole.value - whole.low == pytest.approx(1.959964 * error, abs=1e-6)


def test_average_precision_by_hand() -> None:
    """Three lesions. Marks: hit 0.9, repeat 0.8, alarm 0.7, hit 0.6: precision 1, 1/2, 1/3, 2/4; recall 1/3, 2/3."""
    m = "malignant"
    made = tables([("p0", m, [HOME], [(m, 0.9, HOME), (m, 0.8, HOME)]), ("p1", m, [HOME], [(m, 0.6, LATE)]),
                   ("p2", m, [HOME], []), ("p3", "normal", [], [(m, 0.7, HOME)])])
    found = judge(*made.parts(), 0.5, FEW)
    rule = "IoU >= {}, same class, repeats are false"
    assert need(found, "average precision malignant", rule.format(0.5)).value == pytest.approx((1 + 0.5) / 3)
    repeats = need(found, "marks that repeat a lesion at the operating point")
    assert (repeats.numerator, repeats.denominator) == (1, 3)


def test_hit_rules_at_their_edges() -> None:
    """A mark of half the lesion's width within it: IoU 1/2, IoBB 1; centres 10 apart."""
    lesion, mark = np.array([HOME]), np.array([(100.0, 100.0, 120.0, 140.0)])
    assert hit_test("IoU >= 0.5")(mark, lesion).all()
    assert not hit_test("IoU >= 0.51")(mark, lesion).any()
    assert hit_test("IoBB >= 1.0")(mark, lesion).all()
    assert hit_test("IoBB >= 0.5")(lesion, mark).all()
    assert hit_test("distance <= 10 px")(mark, lesion).all()
    assert not hit_test("distance <= 9.9 px")(mark, lesion).any()
    for rule in ("IoU >= 0", "IoBB >= 2", "distance <= 0 mm", "distance <= 5", "centre"):
        with pytest.raises(NotFound, match="hit rule"):
            hit_test(rule)


def test_a_distance_in_mm_needs_and_uses_the_spacing() -> None:
    made = tables([("p0", "malignant", [HOME], [("malignant", 0.9, LATE)]),
                   ("p1", "malignant", [HOME], [("malignant", 0.9, LATE)]), ("p2", "normal", [], [])])
    rule = "distance <= 5 mm"
    options = JudgeOptions(hit_rules=(rule,), resamples=20)
    with pytest.raises(InputError, match="no pixel spacing"):
        judge(*made.parts(), 0.5, options)
    cases = made.cases.assign(spacing_mm=[0.4, 0.6, np.nan])
    found = judge(cases, made.truth, made.predictions, 0.5, options)
    # Ten pixels are 4 mm on the first image and 6 mm on the second.
    assert need(found, "lesion sensitivity at the operating point", rule).value == 0.5


def test_a_lesion_in_two_views_counts_once() -> None:
    """L1 found in one of two views, L2 in both, L3 seen in one view and missed."""
    m = "malignant"
    made = tables([("p0", m, [HOME], [(m, 0.9, HOME)]), ("p0", m, [HOME], [(m, 0.4, HOME)]),
                   ("p1", m, [HOME], [(m, 0.8, HOME)]), ("p1", m, [HOME], [(m, 0.7, HOME)]),
                   ("p2", m, [HOME], []), ("p2", "normal", [], [(m, 0.6, FAR)])])
    truth = made.truth.assign(lesion=["L1", "L1", "L2", "L2", "L1"])
    found = judge(made.cases, truth, made.predictions, 0.5, FEW)
    either = need(found, "lesions found in any view at the operating point")
    each = need(found, "lesions found in every view at the operating point, of those in several views")
    assert (either.numerator, either.denominator) == (2, 3)
    assert (each.numerator, each.denominator) == (1, 2)
    assert need(found, "lesion sensitivity at the operating point", "centre in box").numerator == 3
    rate = "sensitivity at 0.05 false positives per image"
    assert need(found, f"{rate}, lesion in any view").value == pytest.approx(2 / 3)
    assert judge(*made.parts(), 0.5, FEW).find("lesions found in any view at the operating point") is None


def test_cpm_is_the_mean_of_seven_rates_or_not_reached() -> None:
    made = random_tables(40, 9, marks=14.0)
    found = judge(*made.parts(), 0.5, FEW)
    name = "CPM, mean sensitivity at 0.125 to 8 false positives per image"
    rates = [need(found, f"sensitivity at {r} false positives per image", "centre in box").value
             for r in ("0.125", "0.25", "0.5", "1", "2", "4", "8")]
    assert need(found, name, "centre in box").value == pytest.approx(np.mean(rates))
    few = need(judge(*ten_cases().parts(), 0.5, FEW), name)
    assert np.isnan(few.value)
    assert few.interval.startswith("not reached")


def test_the_gap_is_between_the_best_and_the_worst_group() -> None:
    made = random_tables(160, 12)
    found = judge(*made.parts(), 0.5, FEW)
    name = "image AUC malignant"
    values = {g: need(found, name, group=f"site={g}").value for g in "AB"}
    gap = need(found, f"gap between groups of site ({name})")
    assert gap.value == pytest.approx(abs(values["A"] - values["B"]))
    assert gap.low < gap.value < gap.high
    best = max(values, key=lambda g: values[g])
    assert gap.rule == f"best minus worst group: {best} - {'A' if best == 'B' else 'B'}"


def test_an_empty_output_is_judged() -> None:
    made = tables([("p0", "malignant", [HOME], []), ("p1", "normal", [], [])])
    found = judge(made.cases, made.truth, made.predictions, 0.5, FEW)
    assert need(found, "average precision malignant").value == 0.0
    assert need(found, "AFROC area").value == 0.5
    assert isinstance(found.to_json(), dict)
    assert pd.notna(need(found, "lesion sensitivity at the operating point").value)
