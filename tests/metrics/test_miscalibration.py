"""The calibration error freed of its bias: right scores, known errors, clusters, and coverage by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from xaimed.metrics.calibration import equal_mass, expected_error
from xaimed.metrics.miscalibration import NO_CHANCE, NO_CHANCES, Amount, amount, design_effect
from xaimed.metrics.roc import Ranking
from xaimed.stats import Array, Bools, Resampling


def found(scores: Array, positive: Bools, resamples: int = 200) -> Amount:
    names = [f"p{i}" for i in range(len(scores))]
    return amount(Ranking(scores, positive, names), equal_mass(scores), Resampling.of(names, resamples))


def simulated(shift: float, size: int, times: int) -> Array:
    """(times, 4) value, low, high and the plain error of sets whose scores are too low by `shift`."""
    rng, rows = np.random.default_rng(8), []
    for _ in range(times):
        scores = rng.beta(2, 3, size) * (1 - shift)
        positive = rng.random(size) < scores + shift
        one = found(scores, positive)
        rows.append((one.value, one.low, one.high, expected_error(scores, positive, equal_mass(scores))))
    return np.array(rows)


@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_the_bias_is_gone_and_the_interval_holds_the_truth(shift: float) -> None:
    rows = simulated(shift, 150, 40)
    assert abs(float(np.median(rows[:, 0])) - shift) < 0.035
    assert np.mean((rows[:, 1] <= shift) & (shift <= rows[:, 2])) >= 0.9
    assert (rows[:, 1] <= rows[:, 0]).all()
    assert (rows[:, 0] <= rows[:, 2]).all()
    if not shift:
        assert rows[:, 0].mean() < rows[:, 3].mean() / 2


def test_a_large_set_gives_the_error_itself() -> None:
    rng = np.random.default_rng(1)
    scores = rng.beta(2, 3, 40_000) * 0.9
    one = found(scores, rng.random(40_000) < scores + 0.1)
    assert one.value == pytest.approx(0.1, abs=0.01)
    assert one.high - one.low < 0.02


def test_images_that_are_alike_widen_the_interval() -> None:
    rng = np.random.default_rng(2)
    scores = rng.beta(2, 3, 100)
    positive = rng.random(100) < scores
    names = [f"p{i}" for i in range(100)]
    once = found(scores, positive)
    four, owners = np.repeat(scores, 4), np.repeat(names, 4).tolist()
    ranking = Ranking(four, np.repeat(positive, 4), owners)
    again = amount(ranking, equal_mass(four), Resampling.of(names, 200))
    assert (again.value, again.low, again.high) == pytest.approx((once.value, once.low, once.high), abs=0.02)
    assert design_effect(np.repeat(rng.normal(size=100), 4), np.zeros(400, np.int64), ranking) == pytest.approx(4)


def test_no_number_where_there_is_no_chance_or_no_probability() -> None:
    truth = np.arange(20) < 10
    assert found(truth.astype(np.float64), truth).how == NO_CHANCE
    assert found(truth.astype(np.float64) * 3, truth).how == NO_CHANCES


@pytest.mark.slow
@pytest.mark.parametrize("size", [60, 400])
@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1])
def test_coverage(size: int, shift: float) -> None:
    rows = simulated(shift, size, 1000)
    assert np.mean((rows[:, 1] <= shift) & (shift <= rows[:, 2])) >= 0.93
