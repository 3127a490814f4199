"""The table at one operating point, its two counting rules, and the choice of the point."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.metrics.drawn_tables import HOME, Tables, random_tables, tables, ten_cases
from xaimed.errors import InputError
from xaimed.metrics.evidence import evidence
from xaimed.metrics.froc import Steps
from xaimed.metrics.judged import Judged, JudgeOptions
from xaimed.metrics.matching import match
from xaimed.metrics.operating import (
    AMONG,
    EXTRA,
    METRIC,
    Counts,
    choose_operating_point,
    counts,
    table,
    youden,
)
from xaimed.stats import Resampling, wilson


def judged(made: Tables, operating_point: float = 0.5) -> Judged:
    options = JudgeOptions(resamples=100)
    found = evidence(*made.parts())
    return Judged(found, operating_point, options, Resampling.of(found.patients, options.resamples))


def sums(found: Counts) -> tuple[float, ...]:
    return tuple(float(part.sum()) for part in (found.tp, found.fn, found.fp, found.tn))


def test_the_published_table_comes_out_of_its_counts() -> None:
    found = {e.name: e for e in table(tp=71, fn=4, fp=10, tn=87)}
    percent = {name: round(100 * e.value, 2) for name, e in found.items()}
    assert percent == {"accuracy": 91.86, "precision": 87.65, "sensitivity": 94.67, "specificity": 89.69}
    limits = {name: (round(100 * e.low, 1), round(100 * e.high, 1)) for name, e in found.items()}
    assert limits == {"accuracy": (86.8, 95.1), "precision": (78.7, 93.2), "sensitivity": (87.1, 97.9),
                      "specificity": (82.1, 94.3)}
    # Its AUC of 92.2 is the area under one point.
    assert round(50 * (found["sensitivity"].value + found["specificity"].value), 1) == 92.2


def test_the_published_table_needs_extra_negatives() -> None:
    """162 images and 10 false-positive boxes on normal images: only the flattering rule gives the four numbers."""
    mark = [("malignant", 0.9, HOME)]
    kinds = [("malignant", mark)] * 71 + [("malignant", [])] * 4 + [("normal", mark)] * 10 + [("normal", [])] * 77
    made = tables([(f"p{i:03d}", label, [HOME] if label == "malignant" else [], marks)
                   for i, (label, marks) in enumerate(kinds)])
    result = METRIC(judged(made))
    extra = {e.name: round(100 * e.value, 2) for e in result.estimates if e.rule == EXTRA}
    among = {e.name: round(100 * e.value, 2) for e in result.estimates if e.rule == AMONG}
    assert extra == {"accuracy": 91.86, "precision": 87.65, "sensitivity": 94.67, "specificity": 89.69,
                     "AUC of this one point": 92.18}
    assert among == {"accuracy": 91.36, "precision": 87.65, "sensitivity": 94.67, "specificity": 88.51,
                     "AUC of this one point": 91.59}
    accuracy = next(e for e in result.estimates if e.rule == AMONG and e.name == "accuracy")
    assert (accuracy.low, accuracy.high, accuracy.interval) == (*wilson(148, 162), "Wilson")


def test_ten_cases_by_hand_under_both_rules() -> None:
    assert sums(counts(judged(ten_cases()), EXTRA)) == (2, 3, 2, 5)
    assert sums(counts(judged(ten_cases()), AMONG)) == (2, 3, 2, 3)


def test_boxes_on_positive_images_are_extra_negatives_too() -> None:
    away = (50.0, 50.0, 60.0, 60.0)
    made = tables([("p0", "malignant", [HOME], [("malignant", 0.9, HOME), ("malignant", 0.8, HOME),
                                                ("malignant", 0.7, away), ("benign", 0.9, away)]),
                   ("p1", "normal", [], [])])
    assert sums(counts(judged(made), EXTRA)) == (1, 0, 1, 1)
    assert sums(counts(judged(made), AMONG)) == (1, 0, 0, 1)


def test_a_classifier_has_one_rule() -> None:
    made = tables([("p0", "malignant", [], []), ("p1", "normal", [], []), ("p2", "malignant", [], [])])
    made.predictions.loc[made.predictions["target"] == "malignant", "score"] = [0.9, 0.8, 0.2]
    result = METRIC(judged(made))
    assert {e.rule for e in result.estimates} == {AMONG}
    assert sums(counts(judged(made), AMONG)) == (1, 1, 1, 0)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_a_higher_point_never_raises_sensitivity_or_lowers_specificity(seed: int) -> None:
    made = random_tables(30, seed)
    before = (math.inf, math.inf)
    for point in (0.1, 0.3, 0.5, 0.7, 0.9):
        tp, _, fp, _ = sums(counts(judged(made, point), AMONG))
        assert tp <= before[0]
        assert fp <= before[1]
        before = (tp, fp)


@pytest.mark.parametrize(("target", "expected"), [(0.05, 0.875), (0.1, 0.55), (0.2, 0.45), (0.3, 0.15), (0.5, 0.1)])
def test_the_point_of_ten_cases_by_hand(target: float, expected: float) -> None:
    assert choose_operating_point(*ten_cases().parts(), target) == pytest.approx(expected)


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.25, 0.5, 1.0]))
@settings(max_examples=15, deadline=None)
def test_the_point_keeps_its_promise_and_no_lower_one_would(seed: int, target: float) -> None:
    made = random_tables(40, seed)
    point = choose_operating_point(*made.parts(), target)
    found = evidence(*made.parts())
    steps = Steps.of(match(found.lesions, found.marks, found.ignored, "centre in box"), found.located, found.located)
    assert (steps.false_score >= point).sum() <= target * 40
    lower = steps.false_score[steps.false_score < point]
    if len(lower):
        assert (steps.false_score >= lower.max()).sum() > target * 40


def test_no_box_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(InputError, match="0 boxes"):
        choose_operating_point(*tables([("p0", "malignant", [HOME], [])]).parts())


def test_youden_by_hand() -> None:
    scores, truth = np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])
    assert youden(scores, truth) in (0.35, 0.8)
    assert youden(np.array([0.1, 0.2, 0.8, 0.9]), truth) == 0.8
    with pytest.raises(InputError, match="0 negatives"):
        youden(scores, np.ones(4, bool))
