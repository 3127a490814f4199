"""Comparison: paired tests against libraries, hand-worked tables and a likelihood maximised by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest
from MLstatkit import Delong_test
from scipy import optimize
from statsmodels.stats.multitest import multipletests

from xaimed.errors import InputError
from xaimed.metrics.comparison import Contender, Contest, LesionContest, compare, compare_lesions, paired
from xaimed.metrics.froc import Steps
from xaimed.metrics.noninferiority import holm, mcnemar, non_inferiority, tango
from xaimed.metrics.readers import RANDOM, Panel, read_panel
from xaimed.stats import Estimate, Resampling, delong_covariance, obuchowski_covariance

RNG = np.random.default_rng(3)
TRUTH = RNG.random(120) < 0.4
GOOD = np.clip(RNG.normal(0.4 + 0.3 * TRUTH, 0.2), 0, 1)
POOR = np.clip(RNG.normal(0.4 + 0.1 * TRUTH, 0.2), 0, 1)
ALONE = tuple(f"p{i:03d}" for i in range(120))


def contest(patients: tuple[str, ...] = ALONE) -> Contest:
    return Contest(TRUTH, patients, "malignant", Resampling.of(patients, 200))


def contenders() -> list[Contender]:
    return [Contender("good", GOOD, GOOD >= 0.5), Contender("poor", POOR, POOR >= 0.5)]


def named(found: list[Estimate]) -> dict[str, Estimate]:
    assert len({e.name for e in found}) == len(found)
    return {e.name: e for e in found}


def test_delong_is_that_of_mlstatkit() -> None:
    found = named(compare(contenders(), contest()))
    _, p = Delong_test(TRUTH.astype(int), GOOD, POOR)[:2]
    name = "difference in image AUC malignant: good - poor"
    assert found[f"p ({name})"].value == pytest.approx(float(p), rel=1e-6)
    assert found[name].interval == "paired DeLong"
    assert found[name].low < found[name].value < found[name].high


def test_a_cluster_a_row_gives_delong_and_copies_give_the_same() -> None:
    scores = np.stack([GOOD, POOR])
    areas, spread = delong_covariance(scores, TRUTH)
    clustered = obuchowski_covariance(scores, TRUTH, ALONE)
    np.testing.assert_allclose(clustered[0], areas)
    np.testing.assert_allclose(clustered[1], spread, rtol=1e-9)
    twice = obuchowski_covariance(np.tile(scores, 2), np.tile(TRUTH, 2), ALONE * 2)
    np.testing.assert_allclose(twice[1], spread, rtol=1e-9)


def test_with_several_images_a_patient_the_draws_are_of_patients() -> None:
    found = named(compare(contenders(), contest(tuple(f"p{i // 2}" for i in range(120)))))
    for measure in ("image AUC malignant", "sensitivity", "specificity", "Brier score"):
        assert found[f"difference in {measure}: good - poor"].interval == "patient bootstrap (200, seed 0)"


def test_a_model_against_itself_differs_in_nothing() -> None:
    same = [Contender(name, GOOD, GOOD >= 0.5) for name in "ab"]
    found = named(compare(same, contest()))
    for name, estimate in found.items():
        assert estimate.value == (1.0 if name.startswith("p (") else 0.0)


def test_mcnemar_by_hand() -> None:
    """2 against 8 discordant: twice (1 + 10) / 1024 below, and 45 / 1024 of what was seen; a tie is 1."""
    assert mcnemar(2, 8) == pytest.approx((2 * 11 + 45) / 1024)
    assert mcnemar(8, 2) == mcnemar(2, 8)
    assert mcnemar(3, 3) == mcnemar(0, 0) == 1.0


def profile(b: int, c: int, n: int, delta: float) -> float:
    """The score statistic at delta by maximising the likelihood of the table numerically."""
    def minus(q: float) -> float:
        p = q + delta
        rest = 1 - p - q
        return -sum(count * math.log(max(share, 1e-300)) for count, share in ((b, p), (c, q), (n - b - c, rest)))

    low, high = max(0.0, -delta) + 1e-12, (1 - delta) / 2 - 1e-12
    q = optimize.minimize_scalar(minus, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
    return (b - c - n * delta) / math.sqrt(n * (2 * q + delta * (1 - delta)))


@pytest.mark.parametrize(("b", "c", "n"), [(9, 4, 50), (1, 7, 44), (3, 3, 20)])
def test_tango_solves_the_score_equation(b: int, c: int, n: int) -> None:
    low, high = tango(b, c, n)
    assert low < (b - c) / n < high
    assert profile(b, c, n, low) == pytest.approx(1.959964, abs=1e-3)
    assert profile(b, c, n, high) == pytest.approx(-1.959964, abs=1e-3)
    mirrored = tango(c, b, n)
    assert mirrored == pytest.approx((-high, -low), abs=1e-9)


def test_tango_at_the_edges() -> None:
    """No discordant pair of n: the limits are those of z^2 / (n + z^2), not of width 0."""
    z2 = 1.959964**2
    assert tango(0, 0, 30) == pytest.approx((-z2 / (30 + z2), z2 / (30 + z2)), abs=1e-4)
    assert tango(10, 0, 10)[1] == 1.0
    with pytest.raises(InputError, match="discordant"):
        tango(5, 6, 10)


def test_holm_is_that_of_statsmodels() -> None:
    values = [0.04, 0.001, 0.03, 0.2, 0.03]
    assert holm(values) == pytest.approx(list(multipletests(values, method="holm")[1]))
    assert math.isnan(holm([math.nan, 0.01])[0])
    assert holm([math.nan, 0.01])[1] == 0.01


@pytest.mark.parametrize(("low", "high", "words"), [
    (-0.02, 0.05, "non-inferiority shown"), (-0.08, 0.02, "not shown"), (-0.2, -0.06, "inferior"),
    (0.01, 0.1, "superiority")])
def test_non_inferiority_reads_the_lower_limit(low: float, high: float, words: str) -> None:
    found = non_inferiority(Estimate("difference", (low + high) / 2, low, high), 0.05)
    assert words in found.rule
    assert "margin 0.05 as declared" in found.rule
    with pytest.raises(InputError, match="margin"):
        non_inferiority(found, 0.0)


def test_a_difference_that_no_draw_changes_has_no_interval_of_width_0() -> None:
    """Without a count of trials there is none; with it, Tango's for no discordant pair: z^2 / (n + z^2)."""
    draws = Resampling.of(ALONE, 50, 0)
    for trials in (0, 3):
        found, p = paired("nothing", lambda w: np.zeros(len(w)), ALONE, draws, trials)
        assert (found.value, p) == (0, 1)
        edge = 1.959964**2 / (3 + 1.959964**2) if trials else math.nan
        assert (found.low, found.high) == pytest.approx((-edge, edge), abs=1e-5, nan_ok=True)


def test_any_measure_can_be_compared_on_the_same_draws() -> None:
    change = GOOD - POOR
    estimate, p = paired("difference in mean score", lambda w: w @ change / w.sum(axis=1), ALONE,
                         Resampling.of(ALONE, 500))
    error = change.std(ddof=1) / math.sqrt(len(change))
    assert estimate.high - estimate.low == pytest.approx(2 * 1.96 * error, rel=0.15)
    assert 0 < p <= 1


def test_readers_by_hand() -> None:
    """Two positives, two negatives; the readers' AUCs are 1 and 0.75, the model's 0.75."""
    truth = np.array([True, True, False, False])
    readers = np.array([[0.9, 0.8, 0.2, 0.1], [0.9, 0.1, 0.8, 0.0]])
    model = np.array([0.9, 0.3, 0.5, 0.1])
    patients = ("a", "b", "c", "d")
    found = named([e for e in read_panel(Panel(readers, {"m": model}, Contest(truth, patients, "1",
                                                                           Resampling.of(patients, 50))))
                   if e.rule not in ("readers drawn too", RANDOM)])
    assert found["mean of 2 readers' image AUC 1"].value == pytest.approx((1 + 0.75) / 2)
    assert found["readers with a smaller AUC than m"].numerator == 0  # one is equal, one better
    assert found["difference in image AUC 1: m - mean of the readers"].value == pytest.approx(0.75 - 0.875)
    # average scores: 0.9, 0.45, 0.5, 0.05: one of four pairs is wrong
    assert found["image AUC 1 of the readers' average score"].value == pytest.approx(0.75)


def test_a_difference_that_cannot_vary_has_no_interval_and_shows_nothing() -> None:
    # Two different models that both rank every pair right: each area is 1, and nobody knows how sure that is.
    truth = np.array([True] * 3 + [False] * 4)
    first, second = np.where(truth, 0.9, 0.1), np.where(truth, 0.8, 0.2)
    scores = [Contender(name, values, values >= 0.5) for name, values in (("A", first), ("B", second))]
    patients = [f"p{i}" for i in range(7)]
    found = compare(scores, Contest(truth, patients, "malignant", Resampling.of(patients, 50)), margin=0.01)
    [gap] = [e for e in found if e.name.startswith("difference in image AUC")]
    assert np.isnan(gap.low)
    assert np.isnan(gap.high)
    [answer] = [e for e in found if e.name.startswith("non-inferiority")]
    assert answer.rule.endswith("NOT ASSESSED")


def stepped(hits: list[float], alarms: list[float], images: int) -> Steps:
    """A lesion and, as far as they go, a false alarm on each image."""
    return Steps(np.arange(len(hits)), np.array(hits), np.arange(len(alarms)), np.array(alarms), np.arange(images))


def test_lesion_curves_are_compared_where_both_reach() -> None:
    # Ten images and lesions. With one false alarm let in, "a" finds 8 of 10, "b" 5; "c" ends at 0.2 per image.
    a = stepped([0.9] * 8 + [0.1] * 2, [0.95, 0.5, 0.5, 0.5, 0.5], 10)
    b = stepped([0.9] * 5 + [0.1] * 5, [0.95, 0.5, 0.5, 0.5, 0.5], 10)
    c = stepped([0.9] * 10, [0.95, 0.5], 10)
    owners = [f"p{i}" for i in range(10)]
    contest = LesionContest({"a": a, "b": b, "c": c}, "centre in box", 10, owners, Resampling.of(owners, 50, 0))
    found = {e.name: e for e in compare_lesions(contest)}
    at = "difference in sensitivity at {} false positives per image: {}"
    assert found[at.format(0.1, "a - b")].value == pytest.approx(0.3)
    assert found[at.format(0.1, "b - c")].value == pytest.approx(-0.5)
    assert found[f"Holm p ({at.format(0.1, 'a - b')})"].interval == "two-sided p value, Holm over 3 pairs"
    assert at.format(0.25, "a - b") in found
    for pair in ("a - c", "b - c"):
        assert math.isnan(found[at.format(0.25, pair)].value)
        assert found[at.format(0.25, pair)].interval == "not reached: c ends at 0.2"
    assert found[at.format(1, "a - b")].interval == "not reached: a ends at 0.5, b ends at 0.5"
    assert {(e.unit, e.rule, e.denominator) for e in found.values()} == {
        ("lesion", "centre in box, p by patient bootstrap", 10.0)}
