"""Missing outputs in a comparison: what intention to diagnose says, and when nothing can be said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from xaimed.metrics.comparison import Contender, compare
from xaimed.stats import Array, Estimate
from xaimed.unanswered import INTENDED, Answers, Asked, compare_answers

YES, NO = 30, 30
TRUTH = np.arange(YES + NO) < YES


def asked(margin: float | None = None, bars: str = "") -> Asked:
    return Asked(TRUTH, [f"p{i}" for i in range(len(TRUTH))], "1", 200, 0, margin, bars)


def answers(name: str, scores: Array) -> Answers:
    return Answers(name, scores, np.isfinite(scores) & (np.nan_to_num(scores) >= 0.5))


def selective() -> tuple[Answers, Answers]:
    """A answers 18 of 30 positives, all right; B answers all and finds 13 of those 18, and 11 of the other 12."""
    rng = np.random.default_rng(0)
    a = np.where(TRUTH, rng.uniform(0.8, 1, 60), rng.uniform(0, 0.2, 60))
    a[:12], a[YES:YES + 2] = np.nan, np.nan
    b = np.where(TRUTH, rng.uniform(0.6, 0.9, 60), rng.uniform(0.1, 0.4, 60))
    b[0], b[12:17] = 0.3, 0.3
    return answers("A", a), answers("B", b)


def find(found: list[Estimate], start: str, rule: str = "") -> Estimate:
    return next(e for e in found if e.name.startswith(start) and rule in e.rule)


def test_a_model_that_answers_the_easy_cases_only_is_not_better() -> None:
    found = compare_answers(selective(), asked())
    kept, all_cases = (find(found, "difference in sensitivity", rule) for rule in ("mid-p", INTENDED))
    assert kept.value == pytest.approx(18 / 18 - 13 / 18)
    assert all_cases.value == pytest.approx(18 / 30 - 24 / 30)
    assert (all_cases.denominator, kept.denominator) == (30, 18)
    # A alone is right 5 times, B alone 11 times.
    p = find(found, "p (difference in sensitivity", INTENDED)
    assert p.value == pytest.approx(2 * binom.cdf(4, 16, 0.5) + binom.pmf(5, 16, 0.5))
    left = find(found, "cases left out")
    assert (left.name, left.numerator, left.denominator) == ("cases left out: without an output of both models", 14, 60)


def test_an_answer_on_non_inferiority_that_missing_outputs_could_turn_is_not_given() -> None:
    found = compare_answers(selective(), asked(margin=0.05))
    assert "non-inferiority NOT ASSESSED: 14 outputs of A and 0 of B are missing among 60" in find(
        found, "non-inferiority").rule


def test_an_answer_that_no_missing_output_can_turn_stands() -> None:
    rng = np.random.default_rng(1)
    good, poor = np.where(TRUTH, 0.9, 0.1) + rng.uniform(-0.05, 0.05, 60), rng.uniform(size=60)
    good[0] = np.nan
    better = compare_answers([answers("A", good), answers("B", poor)], asked(margin=0.05))
    assert find(better, "non-inferiority").rule.endswith("superiority")
    worse = compare_answers([answers("B", poor), answers("A", good)], asked(margin=0.05))
    assert find(worse, "non-inferiority").rule.endswith("non-inferiority inferior")


def test_where_all_is_answered_it_is_the_plain_comparison() -> None:
    scores = np.random.default_rng(2).uniform(size=(3, 60))
    everyone = [answers(name, own) for name, own in zip("ABC", scores, strict=True)]
    ask = asked(margin=0.1)
    assert compare_answers(everyone, ask) == compare(
        [Contender(a.name, a.scores, a.called) for a in everyone], ask.contest(np.ones(60, bool)), 0.1)


def test_the_operating_points_stand_in_the_rules_of_what_they_decide() -> None:
    found = compare_answers(selective(), asked(bars="positive from 0.5 up"))
    told = {e.name for e in found if "positive from 0.5 up" in e.rule}
    assert told == {e.name for e in found if "sensitivity" in e.name or "specificity" in e.name}


def test_no_case_that_all_answered_gives_nothing() -> None:
    nothing = np.full(60, np.nan)
    assert compare_answers([answers("A", nothing), answers("B", np.zeros(60))], asked()) == []
