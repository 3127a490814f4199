"""Limits where a draw of patients says nothing: perfect and empty counts, worked by hand, and coverage."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from tests.metrics.drawn_tables import HOME, box_row, tables
from xaimed.metrics.comparison import Contender, Contest, compare
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.limits import TWO_SHARES, corners, mean_limits
from xaimed.metrics.noninferiority import tango
from xaimed.metrics.operating import Counts
from xaimed.stats import Estimate, Resampling, Results, wilson

FEW = JudgeOptions(resamples=60)
M = "malignant"


def need(found: Results, name: str, rule: str | None = None) -> Estimate:
    estimate = found.find(name, rule)
    assert estimate is not None, name
    return estimate


def classified(scores: list[float], labels: list[str], options: JudgeOptions = FEW) -> Results:
    """Each case has the score of class "malignant", and what is left for the other classes."""
    names = [f"c{i:03d}" for i in range(len(scores))]
    others = sorted(set(labels) - {M})
    cases = pd.DataFrame({"case": names, "patient": names, "label": labels})
    truth = pd.DataFrame([box_row(c, "t0", label, (math.nan,) * 4) for c, label in zip(names, labels, strict=True)])
    rows = [box_row(c, kind, kind, (math.nan,) * 4) | {"score": s if kind == M else (1 - s) * (1 + (kind == label)) / 3}
            for c, s, label in zip(names, scores, labels, strict=True) for kind in (M, *others)]
    return judge(cases, truth, pd.DataFrame(rows), 0.5, options)


def test_the_mean_of_two_shares_by_hand() -> None:
    parts = [Estimate("a", 1.0, 0.8, 1.0), Estimate("b", 0.5, 0.3, 0.6)]
    low, high = mean_limits(parts)
    assert low == pytest.approx(0.75 - math.hypot(0.2, 0.2) / 2)
    assert high == pytest.approx(0.75 + 0.1 / 2)


def test_corners_are_the_ends_of_a_rising_measure() -> None:
    yes, no = Estimate("a", 1.0, 0.8, 1.0), Estimate("b", 0.5, 0.3, 0.6)
    assert corners(lambda a, b: a + b, yes, no) == pytest.approx((1.1, 1.6))
    assert corners(lambda a, b: a / b if b > 0.5 else math.nan, yes, no) == pytest.approx((0.8 / 0.6, 1 / 0.6))


def test_ten_of_ten_and_ten_of_ten_leave_room() -> None:
    """Wilson's lower limit of 10 of 10 is 1 / (1 + z*z/10) = 0.7225, for sensitivity and specificity."""
    options = JudgeOptions(resamples=60, prevalence=0.005)
    found = classified([0.9] * 10 + [0.1] * 10, [M] * 10 + ["normal"] * 10, options)
    low = 1 / (1 + 1.959964**2 / 10)
    assert low == pytest.approx(wilson(10, 10)[0], abs=1e-6)
    known = {"F1": 2 * low / (2 * low + 2 * (1 - low)), "MCC": 2 * low - 1,
             "positive predictive value at prevalence 0.005": 0.005 * low / (0.005 * low + 0.995 * (1 - low)),
             "negative predictive value at prevalence 0.005": 0.995 * low / (0.995 * low + 0.005 * (1 - low))}
    for name, limit in known.items():
        estimate = need(found, name)
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((1.0, limit, 1.0), abs=1e-6), name
        assert estimate.interval == TWO_SHARES
    ratio = need(found, "likelihood ratio -")
    assert (ratio.low, ratio.high) == pytest.approx((0.0, (1 - low) / low), abs=1e-6)
    assert f"at least {low / (1 - low):.3g}" in need(found, "likelihood ratio +").interval


def test_no_estimate_of_a_perfect_model_has_an_interval_of_no_width() -> None:
    labels = [M] * 10 + ["benign"] * 10 + ["normal"] * 10
    made = tables([(f"p{i}", label, [] if label == "normal" else [HOME],
                    [] if label == "normal" else [(label, 0.9, HOME)]) for i, label in enumerate(labels)])
    for found in (classified([0.9] * 10 + [0.1] * 20, labels), judge(*made.parts(), 0.5, FEW)):
        bare = [e for e in found.estimates if e.low == e.high and not e.interval.startswith("a count")]
        assert [(e.name, e.rule, e.value) for e in bare if "Brier" not in e.name and "net benefit" not in e.name] == []


def test_a_perfect_average_precision_has_the_limits_of_recall_and_precision() -> None:
    made = tables([(f"p{i}", M if i < 10 else "normal", [HOME] if i < 10 else [], [(M, 0.9, HOME)] if i < 10 else [])
                   for i in range(20)])
    found = need(judge(*made.parts(), 0.5, FEW), "average precision malignant")
    assert (found.value, found.low, found.high) == pytest.approx((1.0, wilson(10, 10)[0] ** 2, 1.0))
    area = need(judge(*made.parts(), 0.5, FEW), "AFROC area")
    assert (area.value, area.low, area.interval) == (1.0, wilson(10, 10)[0], "Wilson on 10 patients (no overlap)")


def test_one_lesion_that_nothing_found_says_little() -> None:
    made = tables([("p0", M, [HOME], []), ("p1", "normal", [], [])])
    found = need(judge(*made.parts(), 0.5, FEW), "average precision malignant")
    assert (found.value, found.low, found.high) == pytest.approx((0.0, *wilson(0, 1)))


def test_the_area_of_one_point_widens_where_one_share_alone_is_at_its_end() -> None:
    """One positive that is found, 24 of 26 negatives: sensitivity 1 of 1 says nearly nothing."""
    tn = np.r_[0.0, np.ones(24), 0.0, 0.0]
    patients = tuple(f"p{i}" for i in range(27))
    tp = np.r_[1.0, np.zeros(26)]
    counts = Counts(tp, np.zeros(27), 1 - tn - tp, tn, patients)
    point = counts.estimates(Resampling.of(patients, 50))[-1]
    ends = wilson(1, 1)[0], wilson(24, 26)
    assert point.low == pytest.approx(point.value - math.hypot(1 - ends[0], 24 / 26 - ends[1][0]) / 2)
    assert point.high == pytest.approx(point.value + (ends[1][1] - 24 / 26) / 2)


def test_draws_without_a_value_are_counted() -> None:
    """Two positives of twelve: about one draw in nine holds neither, and of these there is no correlation."""
    found = classified([0.9, 0.2, *[0.7] * 3, *[0.1] * 7], [M] * 2 + ["normal"] * 10, JudgeOptions(resamples=500))
    assert "draws without a value left out" in need(found, "MCC").interval


def test_without_a_variance_the_reason_stands_in_place_of_the_method() -> None:
    found = need(classified([0.9, 0.4, 0.3, 0.6], [M] * 3 + ["normal"]), "image AUC malignant")
    assert found.value == pytest.approx(1 / 3)
    assert math.isnan(found.low)
    assert found.interval == "no variance: fewer than 2 patients with negatives"


def test_models_that_agree_on_every_image_of_clustered_patients_are_not_known_to_be_equal() -> None:
    truth, patients = np.array([True, False] * 12), [f"p{i // 4}" for i in range(24)]
    scores = np.random.default_rng(0).random(24)
    pair = [Contender(name, s, truth) for name, s in (("a", scores), ("b", scores[::-1]))]
    found = compare(pair, Contest(truth, patients, M, Resampling.of(patients, 40)))
    gap = next(e for e in found if e.name.startswith("difference in sensitivity"))
    assert (gap.value, gap.low, gap.high) == (0.0, *tango(0, 0, 6))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "sensitivity", "specificity"), [(10, 0.95, 0.95), (20, 0.9, 0.99), (50, 0.97, 0.8)])
def test_measures_of_small_tables_cover(n: int, sensitivity: float, specificity: float) -> None:
    rng, held, share = np.random.default_rng(n), [], 0.05
    truth = share * sensitivity / (share * sensitivity + (1 - share) * (1 - specificity))
    for _ in range(150):
        yes, no = rng.random(n) < sensitivity, rng.random(n) >= specificity
        found = classified(np.where(np.r_[yes, no], 0.9, 0.1).tolist(), [M] * n + ["normal"] * n,
                           JudgeOptions(resamples=200, prevalence=share))
        value = need(found, "positive predictive value at prevalence 0.05")
        if math.isfinite(value.value):
            held.append(value.low <= truth <= value.high)
    assert np.mean(held) >= 0.92
