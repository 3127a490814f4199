"""Calibration: known values, scikit-learn, and a fit that recovers what distorted the scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss

from tests.metrics.drawn_tables import random_tables
from xaimed.errors import InputError
from xaimed.metrics.calibration import (
    METRIC,
    calibrated,
    equal_mass,
    equal_width,
    errors,
    expected_error,
    fit_calibration,
    logit,
    reliability,
)
from xaimed.metrics.evidence import evidence
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.roc import Ranking
from xaimed.stats import Resampling, wilson


@pytest.mark.real
@pytest.mark.parametrize(("system", "known"), [("AI_GMIC_top5", 0.021), ("AI_frcnn", 0.315)])
def test_the_reader_study_gives_its_known_error(system: str, known: float, data_root: Path) -> None:
    table = pd.read_csv(data_root / "nyu-reader-study" / "results.csv")
    scores, truth = table[f"{system}_POM"].to_numpy(), table["label"].to_numpy() == 1
    assert round(expected_error(scores, truth, equal_width(scores, 15)), 3) == known


def test_the_expected_error_by_hand() -> None:
    scores, truth = np.array([0.1, 0.1, 0.9, 0.9]), np.array([False, True, True, True])
    # The lower bin: observed 0.5, said 0.1. The upper bin: observed 1, said 0.9.
    assert expected_error(scores, truth, equal_mass(scores, 2)) == pytest.approx(0.5 * 0.4 + 0.5 * 0.1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_bins_of_equal_mass_keep_equal_scores_together(values: list[float]) -> None:
    scores = np.array(values)
    bins = equal_mass(scores)
    assert set(bins) == set(range(int(bins.max()) + 1))
    order = np.argsort(scores, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    for value in set(values):
        assert len(set(bins[scores == value])) == 1


def test_bins_of_distinct_scores_hold_equally_many() -> None:
    assert np.bincount(equal_mass(np.random.default_rng(0).uniform(size=200))).tolist() == [20] * 10


def test_reliability_adds_up_and_brier_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    scores = rng.uniform(size=300)
    ranking = Ranking(scores, rng.uniform(size=300) < scores, [f"p{i}" for i in range(300)])
    columns = reliability(ranking)
    assert sum(columns["count"]) == 300
    observed = np.array(columns["observed"]) * np.array(columns["count"])
    assert observed.sum() == pytest.approx(ranking.positive.sum())
    assert (columns["low"][0], columns["high"][0]) == wilson(round(observed[0]), 30)
    ece, brier, _, clean = errors(ranking, Resampling.of(ranking.patients, 200))
    assert brier.value == pytest.approx(brier_score_loss(ranking.positive, scores))
    assert brier.low < brier.value < brier.high
    assert np.isnan(ece.low)
    assert ece.interval.startswith("none: biased upward")
    assert clean.low == 0 <= clean.value < ece.value


def test_a_fit_undoes_a_known_distortion() -> None:
    rng = np.random.default_rng(2)
    honest = rng.uniform(0.01, 0.99, 8000)
    truth = rng.uniform(size=8000) < honest
    distorted = calibrated(honest, 2.5, 1.0)
    slope, intercept = fit_calibration(distorted, truth)
    assert slope == pytest.approx(1 / 2.5, rel=0.08)
    assert intercept == pytest.approx(-1 / 2.5, abs=0.08)
    mended = calibrated(distorted, slope, intercept)
    before, after = (expected_error(s, truth, equal_mass(s)) for s in (distorted, mended))
    assert after < 0.03 < before


def test_the_fit_is_logistic_regression_on_the_logit() -> None:
    rng = np.random.default_rng(3)
    scores = rng.uniform(0.01, 0.99, 4000)
    truth = rng.uniform(size=4000) < scores**2
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(scores)[:, None], truth)
    slope, intercept = fit_calibration(scores, truth)
    assert (slope, intercept) == pytest.approx((theirs.coef_[0, 0], theirs.intercept_[0]), abs=0.01)


def test_temperature_has_no_intercept_and_separated_classes_stay_finite() -> None:
    scores, truth = np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])
    slope, intercept = fit_calibration(scores, truth, temperature=True)
    assert intercept == 0.0
    assert 0 < slope < 5
    assert all(np.isfinite(fit_calibration(np.array([0.0, 0.0, 1.0, 1.0]), truth)))
    with pytest.raises(InputError, match="0 positives"):
        fit_calibration(scores, np.zeros(4, bool))


def test_a_calibration_that_is_given_is_judged_beside_the_raw_score() -> None:
    found = evidence(*random_tables(60, 5).parts())
    options = JudgeOptions(resamples=50, calibration=(1.0, 0.0))
    result = METRIC(Judged(found, 0.5, options, Resampling.of(found.patients, 50)))
    briers = [e for e in result.estimates if e.name == "Brier score"]
    assert [e.rule for e in briers] == ["", "after calibration"]
    assert briers[0].value == pytest.approx(briers[1].value, abs=1e-5)
