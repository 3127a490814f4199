"""The gap between groups: Tukey's factor for many groups, the plain one for two, and no alarm by selection."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import studentized_range

from tests.metrics.drawn_tables import Tables, random_tables
from xaimed.metrics.gap import simultaneous
from xaimed.metrics.judging import JudgeOptions, judge
from xaimed.stats import Array, Estimate, wilson


def cells(count: int, value: float = 0.8, half: float = 0.1) -> list[Estimate]:
    return [Estimate("x", value, value - half, value + half, group=f"site={i}") for i in range(count)]


def draws(count: int, times: int = 40_000) -> Array:
    return 0.8 + 0.05 * np.random.default_rng(0).standard_normal((count, times))


@pytest.mark.parametrize("count", [3, 8])
def test_the_factor_is_that_of_the_studentised_range(count: int) -> None:
    half = simultaneous(draws(count), cells(count))
    assert half == pytest.approx(0.05 * studentized_range.ppf(0.95, count, np.inf), rel=0.02)


def test_two_groups_have_the_plain_interval() -> None:
    assert simultaneous(draws(2), cells(2)) == pytest.approx(1.96 * 0.05 * math.sqrt(2), rel=0.02)


def test_a_group_of_which_every_draw_is_the_same_has_the_error_of_its_limits() -> None:
    drawn = draws(2)
    drawn[1] = 1.0
    low = wilson(10, 10)[0]
    one, other = cells(1)[0], Estimate("x", 1.0, low, 1.0, group="site=1")
    assert simultaneous(drawn, [one, other]) == pytest.approx(1.96 * math.hypot(0.05, (1 - low) / 1.96), rel=0.02)


def test_no_interval_where_a_group_is_empty_in_most_draws() -> None:
    drawn = draws(2, 100)
    drawn[0, :60] = np.nan
    assert math.isnan(simultaneous(drawn, cells(2)))


def alike(groups: int, seed: int) -> Tables:
    made = random_tables(480, seed, per_patient=1, marks=0.5)
    made.cases["group_site"] = [f"s{i % groups}" for i in range(480)]
    return Tables(made.cases.drop(columns=[c for c in made.cases if c == "group_view"]), made.truth, made.predictions)


@pytest.mark.slow
def test_eight_groups_that_are_alike_raise_few_alarms() -> None:
    alarms: dict[str, list[bool]] = {}
    for seed in range(60):
        options = JudgeOptions(resamples=200, hit_rules=("centre in box",))
        for e in judge(*alike(8, seed).parts(), 0.5, options).estimates:
            if e.name.startswith("gap between groups"):
                alarms.setdefault(e.name, []).append(e.low > 0)
    assert len(alarms) == 4
    for name, raised in alarms.items():
        assert np.mean(raised) <= 0.12, name
