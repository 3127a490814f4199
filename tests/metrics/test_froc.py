"""FROC: ten cases worked by hand, a slow re-implementation, and the errors of libraries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from tests.metrics.drawn_tables import AWAY, BESIDE, HOME, Tables, random_tables, tables, ten_cases
from xaimed.metrics.criteria import Criterion
from xaimed.metrics.criteria import judged as judge_criterion
from xaimed.metrics.evidence import evidence
from xaimed.metrics.froc import AT_LEAST, END, METRIC, POINTS, Steps, banded, poisson, rate_estimate, sensitivities
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.matching import match
from xaimed.stats import Estimate, Resampling, Results, wilson

CENTRE, TIGHT = "centre in box", "IoU >= 0.5"


def steps_of(made: Tables, rule: str = CENTRE) -> Steps:
    found = evidence(*made.parts())
    return Steps.of(match(found.lesions, found.marks, found.ignored, rule), found.located, found.located)


def results(made: Tables, operating_point: float = 0.5, options: JudgeOptions | None = None) -> Results:
    chosen = options or JudgeOptions(resamples=100)
    found = evidence(*made.parts(), chosen.ignored_cases, chosen.ignored_labels)
    return METRIC(Judged(found, operating_point, chosen, Resampling.of(found.patients, chosen.resamples)))


def sensitivity(found: Results, rate: float, rule: str, suffix: str = "") -> Estimate:
    estimate = found.find(f"sensitivity at {rate:g} false positives per image{suffix}", rule)
    assert estimate is not None
    return estimate


HAND = {(CENTRE, ""): ({0.05: 1, 0.1: 3, 0.125: 3, 0.2: 3, 0.25: 3, 0.3: 5}, 7),
        (TIGHT, ""): ({0.05: 1, 0.1: 2, 0.2: 2, 0.3: 2, 0.5: 4}, 7),
        (CENTRE, ", normal images"): ({0.05: 1, 0.2: 1, 0.25: 3, 0.3: 3, 0.5: 5}, 7),
        (f"{CENTRE}, malignant only", ""): ({0.05: 1, 0.1: 1, 0.2: 2, 0.3: 4}, 6)}


@pytest.mark.parametrize(("rule", "suffix"), HAND)
def test_ten_cases_by_hand(rule: str, suffix: str) -> None:
    found = results(ten_cases())
    expected, lesions = HAND[rule, suffix]
    for rate, hits in expected.items():
        estimate = sensitivity(found, rate, rule, suffix)
        assert estimate.value == pytest.approx(hits / lesions)
        assert (estimate.numerator, estimate.denominator) == (hits, lesions)
    beyond = sensitivity(found, 1, rule, suffix)
    assert math.isnan(beyond.value)
    assert beyond.interval.startswith("not reached")


def test_the_end_and_the_operating_point_by_hand() -> None:
    found = results(ten_cases())
    end, point = found.find(END, CENTRE), found.find("lesion sensitivity at the operating point", CENTRE)
    assert end is not None
    assert end.value == pytest.approx(5 / 7)
    assert point is not None
    assert (point.numerator, point.denominator) == (3, 7)
    rate = found.find("false positives per image at the operating point", CENTRE)
    assert rate is not None
    assert (rate.numerator, rate.denominator) == (2, 10)
    normal = found.find("false positives per image at the operating point, normal images", CENTRE)
    assert normal is not None
    assert (normal.numerator, normal.denominator) == (1, 4)


def test_the_last_lesion_is_not_lost() -> None:
    # Two lesions both found (0.9, 0.3), one false positive at 0.5, four images: a library stops at 0.5.
    made = tables([("p0", "malignant", [HOME], [("malignant", 0.9, HOME)]),
                   ("p1", "malignant", [HOME], [("malignant", 0.3, HOME)]),
                   ("p2", "normal", [], [("malignant", 0.5, AWAY)]), ("p3", "normal", [], [])])
    assert steps_of(made).end == (0.25, 1.0)
    found = results(made)
    assert sensitivity(found, 0.25, CENTRE).value == 1.0
    assert sensitivity(found, 0.2, CENTRE).value == 0.5
    cuts, rate, height = steps_of(made).curve()
    assert list(zip(cuts, rate, height, strict=True)) == [
        (np.inf, 0, 0), (0.9, 0, 0.5), (0.5, 0.25, 0.5), (0.3, 0.25, 1.0)]


def test_between_two_points_the_curve_is_a_step() -> None:
    made = tables([("p0", "malignant", [HOME, BESIDE], [("malignant", 0.9, HOME), ("malignant", 0.1, BESIDE)]),
                   ("p1", "normal", [], [("malignant", 0.5, AWAY)])])
    at = steps_of(made).at([0.0, 0.25, 0.49, 0.5], np.ones((1, 2)))
    assert at.tolist() == [[0.5, 0.5, 0.5, 1.0]]


def test_the_false_positives_of_the_last_case_count() -> None:
    made = tables([("p0", "malignant", [HOME], [("malignant", 0.9, HOME)]),
                   ("p1", "normal", [], [("malignant", 0.95, AWAY)])])
    assert steps_of(made).end == (0.5, 1.0)


def test_a_false_positive_tied_with_a_lesion_is_not_skipped() -> None:
    made = tables([("p0", "malignant", [HOME], [("malignant", 0.5, HOME)]),
                   ("p1", "normal", [], [("malignant", 0.5, AWAY)])])
    assert steps_of(made).at([0.0, 0.5], np.ones((1, 2))).tolist() == [[0.0, 1.0]]


def slow(steps: Steps, rate: float, times: np.ndarray) -> float:
    """The greatest sensitivity with at most `rate` false alarms per image, threshold by threshold."""
    lesions, images = times[steps.hit_image].sum(), times[steps.images].sum()
    best = 0.0
    for cut in np.unique(np.r_[steps.hit_score[np.isfinite(steps.hit_score)], steps.false_score]):
        alarms = times[steps.false_image[steps.false_score >= cut]].sum()
        if alarms <= rate * images + 1e-9:
            best = max(best, times[steps.hit_image[steps.hit_score >= cut]].sum() / lesions)
    return float(best)


@given(st.integers(0, 10_000), st.sampled_from([CENTRE, "IoU >= 0.2", TIGHT]))
@settings(max_examples=20, deadline=None)
def test_weighted_steps_are_those_of_repeated_images(seed: int, rule: str) -> None:
    steps = steps_of(random_tables(24, seed), rule)
    if not len(steps.hit_score):
        return
    weights = np.random.default_rng(seed).integers(0, 3, (4, 24)).astype(float)
    weights[:, steps.hit_image[0]] += 1
    fast = steps.at(POINTS, weights)
    for row, values in zip(weights, fast, strict=True):
        assert values == pytest.approx([slow(steps, rate, row) for rate in POINTS])
        assert (np.diff(values) >= 0).all()


def test_false_positives_crowded_in_one_patient_do_not_cut_the_curve_short() -> None:
    crowd = [("malignant", 0.9 - i / 10_000, AWAY) for i in range(600)]
    made = tables([("p0", "normal", [], crowd), ("p1", "malignant", [HOME], [("malignant", 0.2, HOME)]),
                   ("p2", "normal", [], [("malignant", 0.1, AWAY)] * 3)])
    steps = steps_of(made)
    without = np.array([[0.0, 2.0, 1.0]])
    assert steps.at([0.0, 1.0], without).tolist() == [[1.0, 1.0]]


def test_images_without_boxes_in_a_set_with_boxes_are_left_out_of_places() -> None:
    made = tables([("p0", "malignant", [HOME], [("malignant", 0.9, HOME)]),
                   ("p1", "malignant", [], [("malignant", 0.8, HOME)]),
                   ("p2", "normal", [], []), ("p3", "benign", [HOME], [("malignant", 0.7, AWAY)])])
    found = results(made, options=JudgeOptions(resamples=50, ignored_cases=("c003",)))
    share = found.find("images with a full reference for places")
    assert share is not None
    assert (share.numerator, share.denominator) == (2, 4)
    rate = found.find("false positives per image at the operating point", CENTRE)
    assert rate is not None
    assert (rate.numerator, rate.denominator) == (0, 2)


def test_all_lesions_found_gives_an_interval_by_patients_not_a_point() -> None:
    made = tables([(f"p{i // 2}", "malignant", [HOME], [("malignant", 0.9, HOME), ("malignant", 0.1, AWAY)])
                   for i in range(20)])
    found = sensitivity(results(made), 0.5, CENTRE)
    assert (found.value, found.low, found.interval) == (1.0, wilson(10, 10)[0], "Wilson on 10 patients")


def test_no_false_positive_has_an_upper_limit() -> None:
    made = tables([(f"p{i}", "normal", [], []) for i in range(10)])
    patients = list(made.cases["patient"])
    found = rate_estimate("x", steps_of(made), patients, Resampling.of(patients, 10))
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.3689, abs=1e-4)


def test_without_lesions_or_boxes_nothing_is_invented() -> None:
    normal = tables([("p0", "normal", [], [("malignant", 0.5, AWAY)]), ("p1", "normal", [], [])])
    steps = steps_of(normal)
    found = sensitivities(steps, ["p0", "p1"], Resampling.of(["p0", "p1"], 20))
    assert all(math.isnan(e.value) for e in found if e.name.startswith("sensitivity"))
    bare = tables([("p0", "malignant", [], []), ("p1", "normal", [], [])])
    assert results(bare) == Results()


def test_the_band_holds_the_curve_and_ends_where_it_ends() -> None:
    made = random_tables(80, 4)
    steps = steps_of(made)
    patients = list(made.cases["patient"])
    band = banded(steps, patients, Resampling.of(patients, 300))
    assert len({len(column) for column in band.values()}) == 1
    assert (band["fppi"][-1], band["sensitivity"][-1]) == steps.end
    low, value, high = (np.array(band[name]) for name in ("low", "sensitivity", "high"))
    assert (low <= value + 1e-9).all()
    assert (value <= high + 1e-9).all()


def test_the_limits_of_a_count_are_those_of_scipy_and_alike_images_have_them() -> None:
    assert poisson(7) == pytest.approx((chi2.ppf(0.025, 14) / 2, chi2.ppf(0.975, 16) / 2))
    made = tables([(f"p{i}", "normal", [], [("malignant", 0.5, AWAY)]) for i in range(5)])
    patients = list(made.cases["patient"])
    found = rate_estimate("x", steps_of(made), patients, Resampling.of(patients, 10))
    assert (found.value, found.low, found.high) == pytest.approx((1.0, *(end / 5 for end in poisson(5))))
    assert "Poisson" in found.interval


def test_what_a_curve_does_not_reach_has_a_lower_bound_that_a_criterion_can_use() -> None:
    made = tables([(f"p{i}", "malignant" if i < 12 else "normal", [HOME] if i < 12 else [],
                    [("malignant", 0.9, HOME)] if i < 12 else []) for i in range(24)])
    found = results(made)
    name = "CPM, mean sensitivity at 0.125 to 8 false positives per image"
    whole, bound = found.find(name, CENTRE), found.find(name + AT_LEAST, CENTRE)
    assert whole is not None
    assert bound is not None
    assert math.isnan(whole.value)
    assert "at least 1.000" in whole.interval
    assert (bound.value, bound.low) == (1.0, wilson(12, 12)[0])
    assert "at least 1.000" in sensitivity(found, 0.5, CENTRE).interval
    for wanted in (name, "sensitivity at 0.5 false positives per image"):
        for limit, answer in ((0.7, "met"), (0.8, "inconclusive")):
            assert judge_criterion(Criterion(wanted, limit, on="low", rule=CENTRE), found).answer == answer
