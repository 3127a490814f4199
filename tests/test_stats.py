"""Intervals against other implementations, known tables, and what must hold for any data."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from MLstatkit import Delong_test
from scipy.stats import binomtest, sem
from scipy.stats import t as student
from sklearn.metrics import roc_auc_score
from statsmodels.stats.proportion import proportion_confint

from xaimed.errors import InputError
from xaimed.stats import (
    FEW,
    Estimate,
    Resampling,
    Results,
    auc,
    auc_interval,
    cluster_bootstrap,
    delong_covariance,
    mean_interval,
    obuchowski_variance,
    percentile,
    proportion,
    wilson,
)


def drawn(count: int, seed: int, ties: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth, rounded to `ties` decimals if asked."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(size=count) < 0.4
    truth[:2] = [True, False]
    scores = rng.normal(truth * 1.0, 1.0)
    return (np.round(scores, ties) if ties else scores), truth


@pytest.mark.parametrize(("k", "n"), [(0, 7), (1, 1), (71, 75), (87, 97), (5, 1000), (40, 40)])
def test_wilson_is_that_of_statsmodels_and_scipy(k: int, n: int) -> None:
    ours = wilson(k, n)
    assert ours == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    theirs = binomtest(k, n).proportion_ci(method="wilson")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_wilson_without_trials_is_nan_and_refuses_nonsense() -> None:
    assert all(math.isnan(v) for v in wilson(0, 0))
    with pytest.raises(InputError, match="3 successes of 2"):
        wilson(3, 2)


@given(st.integers(0, 10_000), st.integers(10, 80), st.integers(0, 2))
@settings(max_examples=25, deadline=None)
def test_auc_under_weights_is_the_auc_of_repeated_rows(seed: int, count: int, ties: int) -> None:
    scores, truth = drawn(count, seed, ties)
    weights = np.random.default_rng(seed + 1).integers(0, 4, (5, count)).astype(float)
    weights[:, :2] += 1
    for row, value in zip(weights, auc(scores, truth, weights), strict=True):
        times = row.astype(int)
        assert value == pytest.approx(roc_auc_score(np.repeat(truth, times), np.repeat(scores, times)), abs=1e-12)


def test_auc_counts_ties_half_and_needs_both_classes() -> None:
    assert auc(np.array([0.5, 0.5]), np.array([True, False]))[0] == 0.5
    assert math.isnan(auc(np.array([0.5, 0.7]), np.array([True, True]))[0])
    assert math.isnan(auc(np.zeros(0), np.zeros(0, bool))[0])


@pytest.mark.parametrize("ties", [0, 1])
def test_delong_is_that_of_mlstatkit(ties: int) -> None:
    one, truth = drawn(150, 3, ties)
    other = one + np.random.default_rng(4).normal(0, 1, 150)
    areas, spread = delong_covariance(np.stack([one, other]), truth)
    z = (areas[1] - areas[0]) / math.sqrt(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
    theirs = Delong_test(truth.astype(int), one, other)
    assert z == pytest.approx(float(theirs[0]), abs=1e-10)
    assert areas == pytest.approx([roc_auc_score(truth, one), roc_auc_score(truth, other)], abs=1e-12)


def test_delong_by_its_definition_over_all_pairs() -> None:
    scores, truth = drawn(30, 8, 1)
    kernel = (scores[truth][:, None] > scores[~truth][None]) + 0.5 * (scores[truth][:, None] == scores[~truth][None])
    yes, no = kernel.mean(1), kernel.mean(0)
    expected = yes.var(ddof=1) / len(yes) + no.var(ddof=1) / len(no)
    assert delong_covariance(scores[None], truth)[1][0, 0] == pytest.approx(expected, rel=1e-12)


def test_obuchowski_is_delong_without_clusters_and_wider_for_repeated_rows() -> None:
    scores, truth = drawn(80, 5)
    alone = obuchowski_variance(scores, truth, [str(i) for i in range(80)])
    assert alone == pytest.approx(float(delong_covariance(scores[None], truth)[1][0, 0]), rel=1e-12)
    twice = obuchowski_variance(np.tile(scores, 2), np.tile(truth, 2), [str(i) for i in range(80)] * 2)
    assert twice == pytest.approx(alone, rel=1e-12)
    naive = float(delong_covariance(np.tile(scores, 2)[None], np.tile(truth, 2))[1][0, 0])
    assert naive < 0.55 * alone


def test_obuchowski_by_its_definition_over_the_patients() -> None:
    """The sums of 1997, patient by patient, for patients with one to four images of either kind."""
    scores, truth = drawn(60, 9, 1)
    patients = [f"p{(7 * i) % 23}" for i in range(60)]
    yes, no = scores[truth], scores[~truth]

    def won(a: float, b: float) -> float:
        return float(a > b) + 0.5 * float(a == b)

    area = float(np.mean([[won(a, b) for b in no] for a in yes]))
    names = sorted(set(patients))
    diseased = [sum(np.mean([won(scores[i], b) for b in no]) - area for i in range(60)
                    if truth[i] and patients[i] == name) for name in names]
    healthy = [sum(np.mean([won(a, scores[i]) for a in yes]) - area for i in range(60)
                   if not truth[i] and patients[i] == name) for name in names]
    with_yes = len({p for p, t in zip(patients, truth, strict=True) if t})
    with_no = len({p for p, t in zip(patients, truth, strict=True) if not t})
    s10 = with_yes / ((with_yes - 1) * len(yes)) * sum(v**2 for v in diseased)
    s01 = with_no / ((with_no - 1) * len(no)) * sum(v**2 for v in healthy)
    s11 = len(names) / (len(names) - 1) * sum(a * b for a, b in zip(diseased, healthy, strict=True))
    expected = s10 / len(yes) + s01 / len(no) + 2 * s11 / (len(yes) * len(no))
    assert max(map(patients.count, names)) > 1
    assert obuchowski_variance(scores, truth, patients) == pytest.approx(expected, rel=1e-12)


@given(st.floats(0.02, 0.98), st.floats(1e-6, 0.05))
def test_the_logit_interval_stays_inside_and_holds_the_area(area: float, variance: float) -> None:
    low, high = auc_interval(area, variance)
    assert 0 <= low < area < high <= 1
    plain = auc_interval(area, variance, logit=False)
    assert 0 <= plain[0] < area < plain[1] <= 1


def test_no_variance_gives_no_normal_interval() -> None:
    assert all(math.isnan(v) for v in auc_interval(1.0, 0.0))


def test_every_patient_can_be_drawn_and_rows_sum_to_the_patients() -> None:
    draws = Resampling.of([f"p{i}" for i in range(7)], 500, 1)
    assert (draws.counts.sum(axis=1) == 7).all()
    # One library's bootstrap never draws the last row.
    assert draws.counts.mean(axis=0) == pytest.approx(np.ones(7), abs=0.15)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    scores, truth = drawn(40, seed)
    patients = [f"p{i // 3}" for i in range(40)]
    order = np.random.default_rng(seed).permutation(40)
    one = cluster_bootstrap(patients, lambda w: auc(scores, truth, w), 50, 2)
    other = cluster_bootstrap([patients[i] for i in order], lambda w: auc(scores[order], truth[order], w), 50, 2)
    np.testing.assert_allclose(one, other, atol=1e-12)


def test_doubling_the_rows_of_every_patient_does_not_narrow_the_interval() -> None:
    scores, truth = drawn(60, 2)
    patients = [f"p{i}" for i in range(60)]
    once = percentile(cluster_bootstrap(patients, lambda w: auc(scores, truth, w)))
    twice = percentile(cluster_bootstrap(patients * 2, lambda w: auc(np.tile(scores, 2), np.tile(truth, 2), w)))
    assert twice == pytest.approx(once, abs=1e-12)
    rows = [f"r{i}" for i in range(120)]
    naive = percentile(cluster_bootstrap(rows, lambda w: auc(np.tile(scores, 2), np.tile(truth, 2), w)))
    assert naive[1] - naive[0] < 0.85 * (once[1] - once[0])


def test_the_patient_bootstrap_covers_where_the_row_interval_does_not() -> None:
    rng = np.random.default_rng(0)
    patients = [f"p{i:02d}" for i in range(40) for _ in range(4)]
    covered = np.zeros(2)
    for trial in range(150):
        share = np.repeat(rng.beta(0.7 * 0.5, 0.3 * 0.5, 40), 4)
        hits = (rng.uniform(size=160) < share).astype(float)
        found = proportion("x", hits, np.ones(160), patients, Resampling.of(patients, 200, trial))
        covered += [found.low <= 0.7 <= found.high, wilson(hits.sum(), 160)[0] <= 0.7 <= wilson(hits.sum(), 160)[1]]
    assert covered[0] / 150 > 0.88
    assert covered[1] / 150 < 0.80


def test_proportion_takes_wilson_for_one_trial_a_patient_and_where_nothing_varies() -> None:
    patients = [f"p{i}" for i in range(20)]
    draws = Resampling.of(patients, 100)
    single = proportion("x", np.r_[np.ones(15), np.zeros(5)], np.ones(20), patients, draws)
    assert (single.low, single.high, single.interval) == (*wilson(15, 20), "Wilson")
    perfect = proportion("x", np.full(20, 2.0), np.full(20, 2.0), patients, draws)
    assert perfect.value == 1.0
    assert (perfect.low, perfect.interval) == (wilson(20, 20)[0], "Wilson on 20 patients")
    empty = proportion("x", np.zeros(20), np.zeros(20), patients, draws)
    assert math.isnan(empty.value)
    assert empty.denominator == 0


def test_results_survive_json_with_nan() -> None:
    there = Results((Estimate("a", math.nan, interval="not reached"), Estimate("b", 0.5, 0.1, 0.9, numerator=1.0)),
                    {"froc": {"fppi": [0.0, math.nan]}})
    text = json.dumps(there.to_json(), allow_nan=False)
    back = Results.from_json(json.loads(text))
    assert repr(back) == repr(there)
    with pytest.raises(InputError, match="unknown keys"):
        Estimate.from_json({"name": "a", "value": 1.0, "colour": "red"})
    with pytest.raises(InputError, match="infinite"):
        Estimate("a", math.inf).to_json()
    with pytest.raises(InputError, match="damaged"):
        Results.from_json({"estimates": 3})


def test_find_by_name_rule_and_group() -> None:
    there = Results((Estimate("a", 1.0, rule="r"), Estimate("a", 2.0, rule="s"), Estimate("a", 3.0, group="site=A")))
    assert there.find("a") == there.estimates[0]
    assert there.find("a", "s") == there.estimates[1]
    assert there.find("a", group="site=A") == there.estimates[2]
    assert there.find("b") is None


KNOWN = {"AI_GMIC_top5": 0.881, "AI_GLAM": 0.853, "AI_DMVCNN": 0.779, "AI_frcnn": 0.714,
         "AI_end2end_inbreast": 0.586, "AI_end2end_ddsm": 0.454}
LIMITS = {"AI_GMIC_top5": (0.837, 0.920), "AI_frcnn": (0.637, 0.783), "AI_end2end_ddsm": (0.380, 0.535)}


@pytest.mark.real
@pytest.mark.parametrize("system", KNOWN)
def test_the_reader_study_gives_its_known_areas(system: str, data_root: Path) -> None:
    table = pd.read_csv(data_root / "nyu-reader-study" / "results.csv")
    scores, truth = table[f"{system}_POM"].to_numpy(), table["label"].to_numpy() == 1
    area, spread = delong_covariance(scores[None], truth)
    assert round(float(area[0]), 3) == KNOWN[system]
    if system in LIMITS:
        exams = [str(v) for v in table["case_ID"]]
        drawn_limits = percentile(cluster_bootstrap(exams, lambda w: auc(scores, truth, w), 1000))
        assert drawn_limits == pytest.approx(LIMITS[system], abs=0.006)
        assert auc_interval(float(area[0]), float(spread[0, 0])) == pytest.approx(LIMITS[system], abs=0.006)


@pytest.mark.real
def test_the_reader_study_gives_its_known_readers(data_root: Path) -> None:
    table = pd.read_csv(data_root / "nyu-reader-study" / "results.csv")
    truth = table["label"].to_numpy() == 1
    readers = np.stack([table[f"Reader{i:02d}_POM"].to_numpy() for i in range(1, 15)])
    assert round(float(np.mean([auc(row, truth)[0] for row in readers])), 3) == 0.779
    assert round(float(auc(readers.mean(axis=0), truth)[0]), 3) == 0.895


def test_draws_in_blocks_are_those_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Resampling.of([f"p{i}" for i in range(37)], 50, 3).counts
    drawn = np.random.default_rng(3).integers(0, 37, (50, 37))
    assert (whole == [np.bincount(row, minlength=37) for row in drawn]).all()
    monkeypatch.setattr("xaimed.stats.CHUNK", 100)
    assert (Resampling.of([f"p{i}" for i in range(37)], 50, 3).counts == whole).all()


def test_draws_of_many_patients_need_little_more_than_their_counts() -> None:
    tracemalloc.start()
    counts = Resampling.of([f"p{i}" for i in range(40_000)], 500).counts
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < counts.nbytes + 150_000_000  # at once it was 20 bytes a count more, 480 MB


def test_the_interval_of_draws_names_those_without_a_value() -> None:
    draws = Resampling.of([f"p{i}" for i in range(10)], 4)
    assert draws.interval(np.array([1.0, 2.0, 3.0, 4.0]))[2] == draws.text
    assert draws.interval(np.array([1.0, np.nan, 3.0, 4.0]))[2] == f"{draws.text}, 1 draws without a value left out"
    assert draws.interval(np.array([np.nan, np.nan, np.nan, 4.0]))[2] == "none: 3 of 4 draws of patients have no value"


def test_few_patients_have_no_percentiles_of_draws() -> None:
    low, _, how = Resampling.of([f"p{i}" for i in range(FEW - 1)], 4).interval(np.array([1.0, 2.0, 3.0, 4.0]))
    assert math.isnan(low)
    assert how == "none: 9 patients, and a bootstrap of fewer than 10 is too narrow"


@pytest.mark.parametrize("count", [2, 3, 5, 8])
def test_the_bootstrap_of_few_patients_holds_the_mean_too_seldom_and_students_t_often_enough(count: int) -> None:
    """The coverage of normal means: 95 % is asked; the percentiles hold less than 90 % of them."""
    draw = np.random.default_rng(count)
    samples, patients = draw.normal(size=(1000, count)), [f"p{i}" for i in range(count)]
    draws = Resampling.of(patients, 200)
    limits = np.array([mean_interval(sample, patients, draws)[:2] for sample in samples])
    drawn = samples @ draws.counts.T / count
    low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
    assert ((low <= 0) & (high >= 0)).mean() < 0.90
    assert ((limits[:, 0] <= 0) & (limits[:, 1] >= 0)).mean() == pytest.approx(0.95, abs=0.02)


def test_the_interval_of_a_mean_of_few_patients_is_that_of_scipy() -> None:
    values, patients = np.array([0.2, 0.5, 0.9, math.nan]), ["a", "b", "c", "d"]
    known = student.interval(0.95, 2, values[:3].mean(), sem(values[:3]))
    found = mean_interval(values, patients, Resampling.of(patients, 20))
    assert found[:2] == pytest.approx(known, abs=1e-4)
    assert found[2] == "Student's t on 3 patients"
    assert mean_interval(values, patients, Resampling.of(patients, 20), (0.0, 1.0))[:2] == (0.0, 1.0)


def test_the_cases_of_a_patient_are_one_unit_of_a_mean() -> None:
    """Doubling every patient's cases changes nothing."""
    values, patients = np.array([0.2, 0.5, 0.9]), ["a", "b", "c"]
    once = mean_interval(values, patients, Resampling.of(patients, 20))
    twice = mean_interval(np.repeat(values, 2), [p for p in patients for _ in range(2)], Resampling.of(patients, 20))
    assert twice[:2] == pytest.approx(once[:2])


def test_values_that_are_all_alike_have_no_interval_but_as_shares() -> None:
    patients, ones = list("abcdefghijkl"), np.ones(12)
    assert math.isnan(mean_interval(ones, patients, Resampling.of(patients, 20))[0])
    assert mean_interval(ones, patients, Resampling.of(patients, 20), (0.0, 1.0))[:2] == wilson(12, 12)


def test_a_share_with_few_misses_has_wider_limits_than_one_with_fewer_and_not_narrower() -> None:
    """38 lesions of 15 patients: of 38 hits the lower limit is above that of 37, as it has to be."""
    patients = [f"p{i % 15}" for i in range(38)]
    draws = Resampling.of(patients, 200)
    every, one, ten = (proportion("x", (np.arange(38) >= lost).astype(float), np.ones(38), patients, draws)
                       for lost in (0, 1, 10))
    assert ten.low < one.low < every.low
    assert (one.interval, every.interval) == ("Wilson on 15 patients", "Wilson on 15 patients")
    assert ten.interval == draws.text
