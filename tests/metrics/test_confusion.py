"""Confusion, partial AUC, decision curve and calibration line: ten cases by hand, and libraries as oracles."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.metrics import brier_score_loss, f1_score, matthews_corrcoef, roc_auc_score

from tests.metrics.drawn_tables import box_row
from xaimed.metrics.calibration import calibrated, logit
from xaimed.metrics.calibration_line import lines
from xaimed.metrics.decision_curve import worths
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.metrics.partial_auc import partial_area, standardised
from xaimed.metrics.roc import Ranking
from xaimed.stats import Results, wilson

NONE = (np.nan,) * 4
SCORES = [0.9, 0.8, 0.7, 0.4, 0.6, 0.3, 0.2, 0.2, 0.1, 0.05]
TRUTH = [True] * 4 + [False] * 6


def classification(scores: list[float], truth: list[bool], options: JudgeOptions | None = None) -> Results:
    names = [f"c{i}" for i in range(len(scores))]
    labels = ["malignant" if yes else "normal" for yes in truth]
    cases = pd.DataFrame({"case": names, "patient": names, "label": labels})
    reference = pd.DataFrame([box_row(c, "t0", label, NONE) for c, label in zip(names, labels, strict=True)])
    found = pd.DataFrame([box_row(c, "malignant", "malignant", NONE) | {"score": s}
                          for c, s in zip(names, scores, strict=True)])
    return judge(cases, reference, found, 0.5, options or JudgeOptions(resamples=50))


def test_ten_cases_by_hand() -> None:
    """At 0.5: TP 3, FN 1, FP 1, TN 5."""
    found = classification(SCORES, TRUTH, JudgeOptions(resamples=50, prevalence=0.01))
    known = {
        "F1": 6 / 8, "MCC": (15 - 1) / 24, "likelihood ratio +": (3 / 4) / (1 / 6),
        "likelihood ratio -": (1 / 4) / (5 / 6),
        "negative predictive value": 5 / 6, "share called positive": 0.4,
        "positive predictive value at prevalence 0.01": 0.0075 / (0.0075 + 0.99 / 6),
        "negative predictive value at prevalence 0.01": 0.825 / (0.825 + 0.0025),
        "net benefit": (3 - 1) / 10, "net benefit over acting on all": 2 / 10 - (4 - 6) / 10,
    }
    for name, value in known.items():
        estimate = found.find(name)
        assert estimate is not None, name
        assert estimate.value == pytest.approx(value), name
        assert estimate.rule
    called = np.array(SCORES) >= 0.5
    assert known["F1"] == pytest.approx(f1_score(TRUTH, called))
    assert known["MCC"] == pytest.approx(matthews_corrcoef(TRUTH, called))


def test_the_parts_of_the_brier_score_add_up() -> None:
    found = classification(SCORES, TRUTH)
    names = ("reliability", "resolution", "uncertainty", "within bins")
    parts = {name: found.find(f"Brier score, {name}") for name in names}
    values = {name: e.value for name, e in parts.items() if e is not None}
    assert values["uncertainty"] == pytest.approx(0.24)
    total = values["reliability"] - values["resolution"] + values["uncertainty"] + values["within bins"]
    assert total == pytest.approx(brier_score_loss(TRUTH, SCORES))


def test_net_benefit_subtracts() -> None:
    """TP/n - FP/n * pt/(1-pt) at 0.2: 4 hits, 4 alarms (0.6, 0.3 and twice 0.2) of ten."""
    worth = worths(np.array(SCORES), np.array(TRUTH), np.array([0.2])).mean(axis=0)
    assert worth[0] == pytest.approx(0.4 - 0.4 * 0.25)


@pytest.mark.parametrize("limit", [0.05, 0.1, 0.37, 0.999])
def test_the_partial_area_is_that_of_scikit_learn(limit: float) -> None:
    rng = np.random.default_rng(5)
    scores, truth = rng.integers(0, 9, 80) / 9, rng.random(80) < 0.4
    ours = standardised(partial_area(scores, truth, limit), limit)[0]
    assert ours == pytest.approx(roc_auc_score(truth, scores, max_fpr=limit))
    counts = rng.integers(0, 3, (4, 80)).astype(float)
    drawn = partial_area(scores, truth, limit, counts)
    for row, value in zip(counts.astype(int), drawn, strict=True):
        again = partial_area(np.repeat(scores, row), np.repeat(truth, row), limit)[0]
        assert value == pytest.approx(again)


def test_the_partial_area_at_high_sensitivity_mirrors_the_curve() -> None:
    found = classification([*SCORES, 0.95], [*TRUTH, False])
    whole = found.find("partial AUC malignant (sensitivity from 0.8)")
    assert whole is not None
    # Above a sensitivity of 0.8 the curve passes at 3/7 (0.4 is called with 0.6, 0.95): area 0.2 * (1 - 2/7).
    assert whole.value == pytest.approx((1 + (0.2 * 5 / 7 - 0.02) / (0.2 - 0.02)) / 2)


@pytest.mark.parametrize(("turn", "share"), [(1, 1.0), (-1, 0.0)])
def test_the_partial_area_of_a_perfect_ranking_has_the_interval_of_the_whole_area(turn: int, share: float) -> None:
    found = classification([turn * s for s in (0.9, 0.8, 0.7, 0.4, 0.3, 0.2, 0.1)], [True] * 4 + [False] * 3)
    ends = wilson(share * 3, 3)  # three patients have no lesion, four have one
    for name, limit in (("false positive rate up to 0.1", 0.1), ("sensitivity from 0.8", 0.2)):
        part = found.find(f"partial AUC malignant ({name})")
        assert part is not None
        assert part.interval == "Wilson on 3 patients (no overlap)"
        by_hand = [(1 + (limit * p - limit**2 / 2) / (limit - limit**2 / 2)) / 2 for p in (share, *ends)]
        assert (part.value, part.low, part.high) == pytest.approx(by_hand)
        assert part.high - part.low > 0.2


def test_the_line_is_that_of_statsmodels() -> None:
    rng = np.random.default_rng(6)
    chance = rng.uniform(0.05, 0.95, 300)
    truth = rng.random(300) < calibrated(chance, 0.5, -0.3)
    patients = tuple(f"p{i // 3}" for i in range(300))
    found = {e.name: e for e in lines(Ranking(chance, truth, patients))}
    x = sm.add_constant(logit(chance))
    groups = np.repeat(np.arange(100), 3)
    fitted = sm.Logit(truth.astype(float), x).fit(disp=0, cov_type="cluster",
                                                  cov_kwds={"groups": groups, "use_correction": False})
    assert found["calibration slope"].value == pytest.approx(fitted.params[1], abs=1e-6)
    assert found["calibration intercept"].value == pytest.approx(fitted.params[0], abs=1e-6)
    width = found["calibration slope"].high - found["calibration slope"].low
    assert width == pytest.approx(2 * 1.959964 * fitted.bse[1] * np.sqrt(100 / 99), rel=1e-4)
    assert found["calibration slope"].low < 0.5 < found["calibration slope"].high
    assert found["calibration temperature"].value > 1
    large = sm.GLM(truth.astype(float), np.ones(300), family=sm.families.Binomial(), offset=logit(chance)).fit()
    assert found["calibration in the large"].value == pytest.approx(large.params[0], abs=1e-6)


def test_no_line_through_classes_that_do_not_overlap() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9])
    found = {e.name: e for e in lines(Ranking(scores, scores > 0.5, tuple("abcd")))}
    assert np.isnan(found["calibration slope"].value)
    assert "do not overlap" in found["calibration slope"].interval


def test_a_slope_that_scores_of_0_and_1_make_is_none() -> None:
    rng = np.random.default_rng(4)
    chance = rng.uniform(0.05, 0.95, 120)
    truth, patients = rng.random(120) < chance, tuple(f"p{i}" for i in range(120))
    wrong = np.where(np.arange(120) < 12, np.where(truth, 0.0, 1.0), chance)
    found = {e.name: e for e in lines(Ranking(wrong, truth, patients))}
    assert "not shown to be above 0" in found["calibration temperature"].interval
    for name in ("calibration slope", "calibration intercept"):
        assert np.isnan(found[name].value), name
        assert found[name].interval == "not defined: made by 12 scores of 0 or 1, whose logit has no bound"
        assert "12 scores kept in [1e-06, 1 - 1e-06]" in found[name].rule
    # Where such scores are right they pull nowhere, and the slope stays.
    sure = np.where(np.arange(120) < 12, np.where(truth, 1.0, 0.0), chance)
    kept, plain = (lines(Ranking(scores, truth, patients))[0] for scores in (sure, chance))
    assert kept.value == pytest.approx(plain.value, abs=plain.value - plain.low)
    assert kept.low > 0


def test_no_temperature_is_said_with_the_reason() -> None:
    rng = np.random.default_rng(5)
    scores, truth = rng.uniform(0.1, 0.9, 60), rng.random(60) < 0.5
    found = {e.name: e for e in lines(Ranking(scores, truth, tuple(f"p{i}" for i in range(60))))}
    assert np.isnan(found["calibration temperature"].value)
    assert "is not shown to be above 0" in found["calibration temperature"].interval


def test_no_part_of_the_brier_score_lies_outside_its_interval() -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        scores = rng.uniform(0, 1, 40)
        found = classification(scores.tolist(), (rng.random(40) < scores).tolist())
        for e in found.estimates:
            if e.name.startswith(("Brier", "ECE")) and e.low == e.low:
                assert e.low <= e.value <= e.high, e.name
